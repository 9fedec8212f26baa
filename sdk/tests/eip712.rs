//! Typed messages hash and recover as Ethereum's own implementation says.
#![allow(missing_docs, reason = "tests are not documentation")]

mod world;

use alloy_sol_types::{SolStruct, eip712_domain, sol};
use florin_sdk::prelude::*;
use k256::ecdsa::SigningKey;
use world::{ALICE, World};

#[derive(Eip712, AbiType, Clone)]
pub struct Permit {
    pub owner: Address,
    pub spender: Address,
    pub value: U256,
    pub nonce: u64,
    pub valid_before: u64,
    pub memo: String,
    pub data: Bytes,
}

mod reference {
    super::sol! {
        struct Permit {
            address owner;
            address spender;
            uint256 value;
            uint64 nonce;
            uint64 validBefore;
            string memo;
            bytes data;
        }
    }
}

#[contract]
pub struct Signer {}

#[contract]
impl Signer {
    pub fn digest(&self, permit: Permit) -> (B256, B256) {
        let domain = Domain { name: "Signer", version: "2" };
        (domain.separator(), domain.digest(&permit))
    }

    pub fn recover(&self, hash: B256, signature: Bytes) -> Vec<Address> {
        recover_bytes(hash, &signature).into_iter().collect()
    }

    pub fn check(&self, signer: Address, hash: B256, signature: Bytes) -> bool {
        is_valid_signature(signer, hash, &signature)
    }
}

/// A wallet contract that accepts one signature.
#[contract]
pub struct Wallet {}

#[contract]
impl Wallet {
    pub fn is_valid_signature(&self, _hash: B256, signature: Bytes) -> FixedBytes<4> {
        if &signature[..] == b"open sesame" {
            FixedBytes([0x16, 0x26, 0xba, 0x7e])
        } else {
            FixedBytes::ZERO
        }
    }
}

fn permit() -> Permit {
    Permit {
        owner: ALICE,
        spender: Address::repeat_byte(9),
        value: U256::MAX,
        nonce: 3,
        valid_before: u64::MAX,
        memo: "invoice 7".into(),
        data: Bytes::from(*b"data"),
    }
}

#[test]
fn hashes_are_those_of_alloy() {
    let mut world = World::default();
    let signer = SignerClient::at(world.deploy(Signer::deploy()).unwrap());
    let (separator, digest) = world.call(ALICE, signer.digest(permit())).unwrap();
    let domain = eip712_domain! {
        name: "Signer", version: "2", chain_id: 1207, verifying_contract: Address::from(signer),
    };
    let Permit { owner, spender, value, nonce, valid_before, memo, data } = permit();
    let message = reference::Permit {
        owner,
        spender,
        value: value.into(),
        nonce,
        validBefore: valid_before,
        memo,
        data: data.0.into(),
    };
    assert_eq!(separator, domain.separator());
    assert_eq!(digest, message.eip712_signing_hash(&domain));
}

#[test]
fn malleable_and_malformed_signatures_are_refused() {
    let mut world = World::default();
    let contract = SignerClient::at(world.deploy(Signer::deploy()).unwrap());
    let key = SigningKey::from_slice(&[7; 32]).unwrap();
    let point = key.verifying_key().to_sec1_point(false);
    let signer = Address::from_raw_public_key(&point.as_bytes()[1..]);
    let hash = B256::repeat_byte(0x42);
    let (signature, _) = key.sign_prehash_recoverable(&hash.0);
    let signature = signature.normalize_s();
    let mut recover = |bytes: &[u8]| world.call(ALICE, contract.recover(hash, bytes)).unwrap();
    let with_v = |v: u8| [&signature.to_bytes()[..], &[v]].concat();
    let v = [27, 28].into_iter().find(|v| recover(&with_v(*v)) == [signer]).unwrap();
    assert_ne!(recover(&with_v(55 - v)), [signer]);

    let (r, s) = signature.split_scalars();
    let high = k256::ecdsa::Signature::from_scalars(r, -*s).unwrap();
    let flipped = [&high.to_bytes()[..], &[55 - v]].concat();
    let (short, long) = (with_v(v)[..64].to_vec(), [&with_v(v)[..], &[0]].concat());
    for bad in [with_v(0), with_v(1), with_v(29), flipped, short, long] {
        assert!(recover(&bad).is_empty(), "{bad:?}");
    }

    assert!(world.call(ALICE, contract.check(signer, hash, with_v(v))).unwrap());
    assert!(!world.call(ALICE, contract.check(ALICE, hash, with_v(v))).unwrap());
    let wallet = world.deploy(Wallet::deploy()).unwrap();
    assert!(world.call(ALICE, contract.check(wallet, hash, *b"open sesame")).unwrap());
    assert!(!world.call(ALICE, contract.check(wallet, hash, *b"close sesame")).unwrap());
}
