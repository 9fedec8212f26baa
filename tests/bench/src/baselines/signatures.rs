//! Recovery of public keys, and nothing else: k256, the crate that Florin uses, and libsecp256k1,
//! the C library of Bitcoin Core.

use crate::measure::{Contender, Row, Whose, each, on_threads};
use crate::workload::{People, cores};
use alloy_primitives::keccak256;
use anyhow::Result;
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use secp256k1::Message;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId as CRecoveryId};
use std::hint::black_box;
use std::time::Instant;

/// A signature that was parsed, as each library wants it.
struct Signed {
    hash: [u8; 32],
    rust: (Signature, RecoveryId),
    c: (Message, RecoverableSignature),
}

/// The identifier of a row, its name, the number of threads, the work, and who does it.
type Rows =
    [(&'static str, &'static str, usize, &'static [&'static str], fn(&Signed) -> Result<()>)];

pub fn contenders(people: &People) -> Result<Vec<Contender<'static>>> {
    of(
        people,
        &[
            ("k256", "k256 recover", 1, K256, recover_rust),
            ("k256-all", "k256 recover", cores(), ALL, recover_rust),
            ("libsecp256k1", "libsecp256k1 recover", 1, LIBSECP256K1, recover_c),
            ("libsecp256k1-all", "libsecp256k1 recover", cores(), ALL, recover_c),
        ],
    )
}

/// Those on all cores once more, to take turns with what a ledger does.
pub fn beside(people: &People) -> Result<Vec<Contender<'static>>> {
    of(
        people,
        &[
            ("k256-beside", "k256 recover", cores(), BESIDE, recover_rust),
            ("libsecp256k1-beside", "libsecp256k1 recover", cores(), BESIDE, recover_c),
        ],
    )
}

fn of(people: &People, rows: &Rows) -> Result<Vec<Contender<'static>>> {
    let count = people.scale.signatures;
    let sign = |i: usize| {
        let hash = keccak256(i.to_be_bytes()).0;
        let rust = people.admin.sign_prehash_recoverable(&hash);
        let c = RecoverableSignature::from_compact(
            &rust.0.to_bytes(),
            CRecoveryId::from_u8_masked(rust.1.to_byte()),
        )?;
        Ok(Signed { hash, rust, c: (Message::from_digest(hash), c) })
    };
    let signed: &[Signed] = (0..count).map(sign).collect::<Result<Vec<_>>>()?.leak();
    let contender = |&(id, name, threads, work, recover): &_| {
        let plural = if threads == 1 { "" } else { "s" };
        let name = format!("{name}, {threads} thread{plural}");
        Contender::new(Row::new(id, Whose::Baseline, name, work), move |_| {
            let start = Instant::now();
            on_threads(threads, |_| signed.iter().try_for_each(recover))?;
            Ok(each(start.elapsed(), threads * signed.len()))
        })
    };
    Ok(rows.iter().map(contender).collect())
}

fn recover_rust(signed: &Signed) -> Result<()> {
    let (signature, id) = &signed.rust;
    black_box(VerifyingKey::recover_from_prehash(&signed.hash, signature, *id)?);
    Ok(())
}

fn recover_c(signed: &Signed) -> Result<()> {
    let (message, signature) = &signed.c;
    black_box(signature.recover_ecdsa(*message)?);
    Ok(())
}

const K256: &[&str] =
    &["hash and parsed signature to public key; no hashing, no address, no check of s"];
const LIBSECP256K1: &[&str] = &["the same by the C library, through the crate secp256k1"];
const ALL: &[&str] = &["the same on all cores at once; time is the wall's, divided by all of them"];
const BESIDE: &[&str] = &["the same once more, taking turns with the rows of this group"];
