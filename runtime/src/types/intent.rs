//! A transaction as the ledger understands it, whatever envelope it came in.
//!
//! Today's Ethereum envelopes fill it with one call, the sender as payer, nonce key 0 and no
//! window. Batches, sponsored fees, parallel nonces and time windows are further envelopes that
//! fill the same fields.

use super::{Address, B256, Bytes, U256};

/// An authenticated intent: who wants what, and what it may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Hash of the signed transaction.
    pub hash: B256,
    /// Envelope type (EIP-2718); 0 is legacy.
    pub kind: u8,
    /// Who signed.
    pub sender: Address,
    /// Who pays for gas.
    pub payer: Address,
    /// Which of the sender's sequences the nonce belongs to.
    pub nonce_key: U256,
    /// Position in that sequence.
    pub nonce: u64,
    /// The block times between which it is valid, if it says so.
    pub window: Option<std::ops::Range<u64>>,
    /// What to do, in order, all or nothing.
    pub calls: Vec<Call>,
    /// Most gas it may use.
    pub gas_limit: u64,
    /// Gas it costs before it runs.
    pub intrinsic_gas: u64,
    /// Most it pays for a unit of gas.
    pub max_fee: u128,
    /// Most of that which it offers above the ledger's price.
    pub max_priority_fee: u128,
    /// Nobody signed it: it is a simulation's, or on a sandbox. Then its sender may be a contract.
    pub unsigned: bool,
}

/// One call of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Whom to call; `None` creates a contract.
    pub to: Option<Address>,
    /// Native value to send along.
    pub value: U256,
    /// Input of the call, or deployment data.
    pub input: Bytes,
}

impl Intent {
    /// The same by somebody who did not sign it.
    pub(crate) fn in_the_name_of(self, sender: Address) -> Self {
        Intent { sender, payer: sender, unsigned: true, ..self }
    }

    /// What a unit of gas costs this transaction when the ledger's price is `price` (EIP-1559).
    pub fn effective_gas_price(&self, price: u128) -> u128 {
        self.max_fee.min(price.saturating_add(self.max_priority_fee))
    }

    /// Native value that all its calls send; `None` if it overflows.
    pub fn total_value(&self) -> Option<U256> {
        self.calls.iter().try_fold(U256::ZERO, |sum, call| sum.checked_add(call.value))
    }
}
