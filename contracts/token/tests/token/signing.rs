//! What owners sign, hashed by another implementation of EIP-712 than the token's own.

use crate::World;
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain, sol};
use florin_sdk::prelude::*;
use florin_sdk::testing::Account;

sol! {
    struct Permit {
        address owner;
        address spender;
        uint256 value;
        uint256 nonce;
        uint256 deadline;
    }
    #[derive(Copy)]
    struct TransferWithAuthorization {
        address from;
        address to;
        uint256 value;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
    }
    struct ReceiveWithAuthorization {
        address from;
        address to;
        uint256 value;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
    }
    struct CancelAuthorization {
        address authorizer;
        bytes32 nonce;
    }
}

impl World {
    /// The token's domain.
    pub fn domain(&self) -> Eip712Domain {
        eip712_domain! {
            name: "Test Euro",
            version: "1",
            chain_id: self.chain.ledger().genesis().chain_id,
            verifying_contract: self.token.into(),
        }
    }

    /// The hash that is signed for a message.
    pub fn digest(&self, message: &impl SolStruct) -> B256 {
        message.eip712_signing_hash(&self.domain())
    }

    /// A signature over a message: v, r, s.
    pub fn sign(&self, signer: &Account, message: &impl SolStruct) -> (u8, B256, B256) {
        signer.sign_hash(self.digest(message))
    }

    /// A signature over a message, in 65 bytes.
    pub fn sign_bytes(&self, signer: &Account, message: &impl SolStruct) -> Bytes {
        joined(self.sign(signer, message))
    }
}

/// A signature in 65 bytes: r, s, v.
pub fn joined((v, r, s): (u8, B256, B256)) -> Bytes {
    Bytes([&r.0[..], &s.0, &[v]].concat())
}

/// The other signature over the same hash by the same key, which is refused for being malleable: s is the order less s.
pub fn twin((v, r, s): (u8, B256, B256)) -> (u8, B256, B256) {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36,
        0x41, 0x41,
    ];
    let s = U256::from_be_bytes(ORDER) - U256::from_be_bytes(s.0);
    (27 + 28 - v, r, B256::new(s.to_be_bytes()))
}
