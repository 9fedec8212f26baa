//! What a ledger is created with, and never changes afterwards.

use crate::gas::GAS_PER_BLOCK_MAX;
use crate::store::Commitment;
use crate::types::{Account, Address, Block, BlockBody, Bytes, Header, StateKey, U256, Write};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The rules of a ledger. They are kept beside it as they are written here, and block 0 commits to
/// them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)] // a rule that is misspelt must not be left out in silence
pub struct Genesis {
    /// EIP-155 chain identifier; signatures for another chain are refused.
    pub chain_id: u64,
    /// Time of block 0, in seconds since 1970.
    pub timestamp: u64,
    /// Price of a unit of gas in the smallest native unit. 0 makes transactions free.
    pub gas_price: u128,
    /// Who receives what is paid for gas.
    pub fee_recipient: Address,
    /// Most gas the transactions of a block may use.
    pub block_gas_limit: u64,
    /// Symbol of the native currency; its smallest unit is 10^-18.
    pub currency: String,
    /// Whether legacy transactions without a chain id are taken. They can be replayed on other
    /// chains.
    pub accept_unprotected: bool,
    /// Whether contracts may print and traps name functions. Changes no result and no gas.
    pub development: bool,
    /// Whether it is a toy: whoever holds it may change its state and send in anybody's name, see
    /// [`crate::Chain::adjust`]. Never for anything of value.
    #[serde(default)]
    pub sandbox: bool,
    /// Native balances to begin with, in the smallest unit.
    pub allocations: BTreeMap<Address, U256>,
}

impl Default for Genesis {
    fn default() -> Self {
        Genesis {
            chain_id: 4_277_009,
            timestamp: 0,
            gas_price: 0,
            fee_recipient: Address::ZERO,
            block_gas_limit: 100_000_000, // about two and a half seconds of work
            currency: "FLR".into(),
            accept_unprotected: false,
            development: false,
            sandbox: false,
            allocations: BTreeMap::new(),
        }
    }
}

/// Why a genesis cannot begin a ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Chain id 0 stands for none in signatures.
    #[error("the chain id is 0; choose any other number")]
    NoChainId,
    /// The block gas limit has no room for a payment, or more than can be added up.
    #[error("the block gas limit is {0}; it must be between {min} and {max}", min = MIN_BLOCK_GAS, max = GAS_PER_BLOCK_MAX)]
    BlockGas(u64),
    /// The gas price is more than a block's header can hold.
    #[error("the gas price is {0}; at most {max} is possible", max = u64::MAX)]
    GasPrice(u128),
    /// The allocations overflow.
    #[error("the allocations add up to more than 256 bits hold")]
    TooMuch,
    /// The currency's symbol is empty, long, or has characters other than letters and digits.
    #[error("the currency symbol is {0:?}; use 1 to 12 letters or digits")]
    Currency(String),
    /// The genesis is not such JSON as is kept; the parser's reason.
    #[error("the genesis cannot be read: {0}")]
    Unreadable(String),
    /// The genesis cannot be written as JSON; the reason.
    #[error("the genesis cannot be written: {0}")]
    Unwritable(String),
}

/// Room for one plain payment.
const MIN_BLOCK_GAS: u64 = 30_000;

impl Genesis {
    /// Checks every rule that the runtime relies on.
    ///
    /// # Errors
    /// The first rule that is not possible.
    pub fn check(&self) -> Result<(), GenesisError> {
        let symbol = &self.currency;
        if self.chain_id == 0 {
            Err(GenesisError::NoChainId)
        } else if !(MIN_BLOCK_GAS..=GAS_PER_BLOCK_MAX).contains(&self.block_gas_limit) {
            Err(GenesisError::BlockGas(self.block_gas_limit))
        } else if self.gas_price > u128::from(u64::MAX) {
            Err(GenesisError::GasPrice(self.gas_price)) // a header's base fee has 64 bits
        } else if symbol.is_empty()
            || symbol.len() > 12
            || !symbol.chars().all(|c| c.is_ascii_alphanumeric())
        {
            Err(GenesisError::Currency(symbol.clone()))
        } else {
            self.supply().map(drop).ok_or(GenesisError::TooMuch)
        }
    }

    /// The genesis as it is kept beside the ledger.
    ///
    /// # Errors
    /// [`GenesisError::Unwritable`], which a struct of strings and numbers never is.
    pub fn to_json(&self) -> Result<Vec<u8>, GenesisError> {
        serde_json::to_vec_pretty(self).map_err(|error| GenesisError::Unwritable(error.to_string()))
    }

    /// Reads what [`to_json`](Self::to_json) wrote, and checks it.
    ///
    /// # Errors
    /// [`GenesisError::Unreadable`] for anything else, unknown fields included, or what [`check`](Self::check) finds.
    pub fn from_json(json: &[u8]) -> Result<Self, GenesisError> {
        let genesis: Genesis = serde_json::from_slice(json)
            .map_err(|error| GenesisError::Unreadable(error.to_string()))?;
        genesis.check()?;
        Ok(genesis)
    }

    /// The sum of all allocations: all the native value there will ever be.
    pub fn supply(&self) -> Option<U256> {
        self.allocations.values().try_fold(U256::ZERO, |sum, &amount| sum.checked_add(amount))
    }

    /// The gas price as headers hold it.
    pub fn base_fee(&self) -> u64 {
        u64::try_from(self.gas_price).unwrap_or(u64::MAX) // `check` refuses more
    }

    /// The changes that block 0 makes to an empty state.
    pub fn writes(&self) -> Vec<Write> {
        let funded = self.allocations.iter().filter(|(_, balance)| !balance.is_zero());
        funded
            .map(|(&address, &balance)| {
                let account = Account { balance, ..Account::default() };
                Write {
                    key: StateKey::Account(address),
                    before: None,
                    after: Some(account.to_bytes()),
                }
            })
            .collect()
    }

    /// Block 0: the allocations, under a header whose extra data is the keccak-256 of the genesis
    /// as it is kept.
    pub fn block(&self, kept: &[u8]) -> Block {
        let writes = self.writes();
        let mut commitment = Commitment::default();
        commitment.apply(&writes);
        let header = Header {
            state_root: commitment.digest(),
            beneficiary: self.fee_recipient,
            gas_limit: self.block_gas_limit,
            timestamp: self.timestamp,
            base_fee_per_gas: Some(self.base_fee()),
            difficulty: U256::ZERO,
            extra_data: Bytes::copy_from_slice(crate::crypto::keccak256(kept).as_slice()),
            ..Header::default()
        };
        Block::new(header, BlockBody { writes: Arc::new(writes), ..BlockBody::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_a_typo_is_not() {
        let genesis = Genesis { currency: "EUR".into(), ..Genesis::default() };
        let json = genesis.to_json().expect("JSON");
        assert_eq!(Genesis::from_json(&json), Ok(genesis));
        let text = String::from_utf8(json).expect("text");
        let typo = text.replace("{\n", "{\n  \"gas_prize\": 7,\n");
        let Err(GenesisError::Unreadable(reason)) = Genesis::from_json(typo.as_bytes()) else {
            panic!("{typo} was read")
        };
        assert!(reason.contains("gas_prize"), "{reason}");
    }
}
