//! `florin sign`: a signature for something that is no transaction, such as a permit.

use crate::{
    accounts::PasswordArgs,
    context::Context,
    output::{Report, fields},
    report::parse_hash,
};
use alloy_dyn_abi::TypedData;
use alloy_primitives::{Address, B256, Bytes, eip191_hash_message};
use alloy_signer::SignerSync;
use anyhow::{Context as _, Result};
use serde::Serialize;
use std::{fs, path::PathBuf};

/// Arguments of `florin sign`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Who signs: a name or an address
    who: String,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    password: PasswordArgs,
}

/// What is signed: one of these.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// A text, signed as wallets sign messages (EIP-191)
    message: Option<String>,
    /// Sign the typed data in this JSON file (EIP-712), as `eth_signTypedData_v4` takes it
    #[arg(long, value_name = "FILE")]
    typed_data: Option<PathBuf>,
    /// Sign this hash as it is; whoever made it knows what it stands for, you do not
    #[arg(long, value_name = "HASH", value_parser = parse_hash)]
    digest: Option<B256>,
}

#[derive(Serialize)]
struct Signed {
    signer: Address,
    digest: B256,
    signature: Bytes,
    v: u8,
    r: B256,
    s: B256,
}

impl Report for Signed {
    fn text(&self) -> String {
        fields([
            ("signer", self.signer.to_string()),
            ("digest", self.digest.to_string()),
            ("signature", self.signature.to_string()),
            ("v", self.v.to_string()),
            ("r", self.r.to_string()),
            ("s", self.s.to_string()),
        ])
    }
}

/// Signs. No ledger is needed for it.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let digest = args.what.digest()?;
    let signer = args.password.unlock(&context.book()?, &context.keystore(), &args.who)?;
    let signature = signer.sign_hash_sync(&digest)?;
    context.out.show(&Signed {
        signer: signer.address(),
        digest,
        signature: signature.as_bytes().into(),
        v: 27 + u8::from(signature.v()),
        r: signature.r().into(),
        s: signature.s().into(),
    })
}

impl What {
    /// The 32 bytes that are signed.
    fn digest(&self) -> Result<B256> {
        if let Some(path) = &self.typed_data {
            let read = || -> Result<B256> {
                let typed: TypedData = serde_json::from_slice(&fs::read(path)?)?;
                Ok(typed.eip712_signing_hash()?)
            };
            return read().with_context(|| format!("no typed data in {}", path.display()));
        }
        let message = || eip191_hash_message(self.message.as_deref().unwrap_or_default());
        Ok(self.digest.unwrap_or_else(message))
    }
}
