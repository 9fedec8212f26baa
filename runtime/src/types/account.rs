//! An account: what the ledger knows of an address.

use alloy_primitives::{B256, U256};
use serde::{Deserialize, Serialize};

/// keccak-256 of nothing: the code hash of an account without code (as in Ethereum).
pub const NO_CODE: B256 = alloy_primitives::KECCAK256_EMPTY;

/// Nonce, native balance and code of an address. An address that was never touched has the default account.
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
}
