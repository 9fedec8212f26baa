//! An account that is a contract: what its owner signs, it has signed (ERC-1271). It makes others
//! of its kind, so that signatures of those that are not there yet can be verified (ERC-6492).
#![no_std]
#![allow(missing_docs, reason = "its methods are their names")]

use florin_sdk::prelude::*;

const VALID: FixedBytes<4> = FixedBytes([0x16, 0x26, 0xba, 0x7e]);
const INVALID: FixedBytes<4> = FixedBytes([0xff; 4]);

#[contract]
pub struct Account {
    owner: Item<Address>,
}

#[contract]
impl Account {
    #[constructor]
    pub fn new(&mut self, owner: Address) {
        self.owner.save(&owner);
    }

    pub fn is_valid_signature(&self, hash: B256, signature: Bytes) -> FixedBytes<4> {
        if recover_bytes(hash, &signature) == Some(self.owner.get()) { VALID } else { INVALID }
    }

    /// Makes an account of the code with this keccak-256.
    pub fn make(&mut self, code: B256, owner: Address, salt: B256) -> Result<Address, CallError> {
        Account::deploy(owner).create2(code, salt)
    }

    /// Gives itself to whom its owner signed for, whoever brings the signature: for signatures that
    /// are valid after a call.
    pub fn hand_over(&mut self, owner: Address, signature: Bytes) {
        let signed = recover_bytes(keccak256(owner.as_slice()), &signature);
        assert!(signed == Some(self.owner.get()), "not signed by the owner");
        self.owner.save(&owner);
    }
}
