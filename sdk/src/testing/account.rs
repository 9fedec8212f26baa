//! Accounts of tests: a name, and the key that follows from it.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, keccak256};
use k256::ecdsa::SigningKey;

/// Somebody who can sign. Wherever an address is expected, an account will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    secret: [u8; 32],
}

impl Account {
    /// The account that holds what the other accounts are given.
    pub(super) const BANK: Account = Account { secret: [0x42; 32] };

    /// The account of a name.
    pub(super) fn named(name: &str) -> Self {
        Account { secret: keccak256(name.as_bytes()).0 }
    }

    fn key(&self) -> SigningKey {
        SigningKey::from_slice(&self.secret)
            .expect("a hash is as good as never outside the curve's order")
    }

    /// Its address.
    pub fn address(&self) -> Address {
        let point = self.key().verifying_key().to_sec1_point(false);
        Address::from_raw_public_key(&point.as_bytes()[1..])
    }

    /// Signs a hash, such as that of EIP-712 typed data: v (27 or 28), r, s.
    pub fn sign_hash(&self, hash: impl Into<B256>) -> (u8, B256, B256) {
        let signature = self.signature(hash.into());
        (27 + u8::from(signature.v()), signature.r().into(), signature.s().into())
    }

    fn signature(&self, hash: B256) -> Signature {
        let (signature, recovery) = self.key().sign_prehash_recoverable(hash.as_slice());
        Signature::from_bytes_and_parity(&signature.to_bytes(), recovery.is_y_odd())
    }

    /// Signs a transaction.
    pub(super) fn sign(&self, transaction: TxEip1559) -> Bytes {
        let signature = self.signature(transaction.signature_hash());
        TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
    }
}

impl From<&Account> for Address {
    fn from(account: &Account) -> Self {
        account.address()
    }
}

impl From<Account> for Address {
    fn from(account: Account) -> Self {
        account.address()
    }
}
