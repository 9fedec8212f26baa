//! An account: what the ledger knows of an address.

use alloy_primitives::{B256, Bytes, U256};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

/// keccak-256 of nothing: the code hash of an account without code (as in Ethereum).
pub const NO_CODE: B256 = alloy_primitives::KECCAK256_EMPTY;

/// Nonce, native balance and code of an address. An address that was never touched has the default
/// account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Transactions sent, or for a contract, one more than the contracts it created.
    pub nonce: u64,
    /// Native balance in the smallest unit.
    pub balance: U256,
    /// keccak-256 of the contract's module.
    pub code_hash: B256,
}

impl Default for Account {
    fn default() -> Self {
        Account { nonce: 0, balance: U256::ZERO, code_hash: NO_CODE }
    }
}

impl Account {
    /// Whether the account has code.
    pub fn is_contract(&self) -> bool {
        self.code_hash != NO_CODE
    }

    /// Whether the account is as if never touched (EIP-161); such accounts are not kept.
    pub fn is_empty(&self) -> bool {
        *self == Account::default()
    }

    /// The canonical encoding, which the state commitment covers: RLP of nonce, balance and, for a
    /// contract, the code hash.
    pub fn to_bytes(self) -> Bytes {
        let code_hash = self.is_contract().then_some(self.code_hash);
        let stored = Stored { nonce: self.nonce, balance: self.balance, code_hash };
        Bytes::from(alloy_rlp::encode(stored))
    }

    /// Decodes what [`to_bytes`](Self::to_bytes) wrote; `None` for anything else.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let Stored { nonce, balance, code_hash } = Stored::decode(&mut bytes).ok()?;
        let account = Account { nonce, balance, code_hash: code_hash.unwrap_or(NO_CODE) };
        (bytes.is_empty() && code_hash != Some(NO_CODE)).then_some(account)
    }
}

#[derive(RlpEncodable, RlpDecodable)]
#[rlp(trailing)]
struct Stored {
    nonce: u64,
    balance: U256,
    code_hash: Option<B256>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_is_exact() {
        for code_hash in [NO_CODE, B256::repeat_byte(7)] {
            for (nonce, balance) in [(0, U256::ZERO), (u64::MAX, U256::MAX), (1, U256::from(256))] {
                let account = Account { nonce, balance, code_hash };
                let bytes = account.to_bytes();
                assert_eq!(Account::from_bytes(&bytes), Some(account));
                assert_eq!(Account::from_bytes(&bytes[..bytes.len() - 1]), None);
                assert_eq!(Account::from_bytes(&[&bytes[..], &[0]].concat()), None);
            }
        }
    }
}
