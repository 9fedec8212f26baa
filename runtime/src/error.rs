//! The ways in which things end other than well: three types, never mixed.
//!
//! - [`Rejection`]: the transaction is not in a block and left no trace.
//! - `Outcome::Reverted` and `Outcome::Halted` (in [`crate::types`]): it is in a block, paid its gas and did nothing else.
//! - [`Fault`]: the host is broken; it stops and says so, and nothing half-done is visible.

use crate::limits::{QUEUE_BYTES, QUEUE_TRANSACTIONS};
use crate::store::StoreError;
use crate::types::{Address, U256};

/// Why a transaction was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It is longer than is taken.
    #[error("the transaction is {bytes} bytes long; at most {limit} are taken")]
    Oversized {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// It is no transaction; the decoder's reason.
    #[error("the transaction cannot be decoded: {0}")]
    Malformed(String),
    /// It is an envelope of another type (EIP-2718).
    #[error("transactions of type {0} are not taken; send type 0, 1 or 2")]
    UnsupportedType(u8),
    /// It was signed for another chain (EIP-155).
    #[error("the transaction is for chain {got}, this is chain {expected}")]
    WrongChain {
        /// The chain that it names.
        got: u64,
        /// This chain.
        expected: u64,
    },
    /// It names no chain.
    #[error(
        "the transaction has no chain id, so it could be replayed on other chains; sign it with EIP-155, or let the \
         genesis accept unprotected transactions"
    )]
    Unprotected,
    /// Its signature has a twin that is as valid (EIP-2).
    #[error(
        "the signature's s is in the upper half of the curve order (EIP-2), so it could be altered"
    )]
    MalleableSignature,
    /// No key could have made its signature.
    #[error("the signature is invalid: no key could have made it")]
    BadSignature,
    /// Its sender has code (EIP-3607).
    #[error("{sender} is a contract; contracts do not sign transactions (EIP-3607)")]
    SenderIsContract {
        /// The sender.
        sender: Address,
    },
    /// Its nonce was used before.
    #[error("the nonce is {got}, but {sender} has already used it; the next is {expected}")]
    NonceTooLow {
        /// The sender.
        sender: Address,
        /// Its nonce.
        got: u64,
        /// The sender's next.
        expected: u64,
    },
    /// Its nonce leaves a gap.
    #[error("the nonce is {got}, but the next of {sender} is {expected}")]
    NonceTooHigh {
        /// The sender.
        sender: Address,
        /// Its nonce.
        got: u64,
        /// The sender's next.
        expected: u64,
    },
    /// Its sender can send no more (EIP-2681).
    #[error("the nonce of {sender} has reached its limit (EIP-2681)")]
    NonceExhausted {
        /// The sender.
        sender: Address,
    },
    /// Its gas does not even pay for itself and its bytes.
    #[error(
        "the gas limit {limit} is below the {needed} that the transaction costs before it runs"
    )]
    IntrinsicGas {
        /// Its gas limit.
        limit: u64,
        /// What it costs before it runs.
        needed: u64,
    },
    /// It wants more gas than any block has.
    #[error("the gas limit {limit} is above that of a block, {block}")]
    GasAboveBlock {
        /// Its gas limit.
        limit: u64,
        /// The block's.
        block: u64,
    },
    /// It wants more gas than is left in this block: nothing, if it has as many transactions or new
    /// modules as it may.
    #[error("the block has only {left} gas left; send the transaction again for the next one")]
    BlockFull {
        /// Gas that is left.
        left: u64,
    },
    /// What it may do might not fit into this block.
    #[error(
        "the block has room for only {left} more bytes; send the transaction again for the next one"
    )]
    BlockTooLarge {
        /// Bytes that are left.
        left: usize,
    },
    /// Too much is on its way already.
    #[error(
        "{QUEUE_TRANSACTIONS} transactions, or {QUEUE_BYTES} bytes of them, wait already; send the \
         transaction again later"
    )]
    QueueFull,
    /// It offers less than gas costs.
    #[error("the transaction offers {offered} per gas, the price is {price}")]
    FeeTooLow {
        /// The most it pays for a unit.
        offered: u128,
        /// The ledger's price.
        price: u128,
    },
    /// Its priority fee exceeds its maximum fee (EIP-1559).
    #[error("the priority fee {tip} is above the maximum fee {max}")]
    TipAboveFee {
        /// The priority fee.
        tip: u128,
        /// The maximum fee.
        max: u128,
    },
    /// Its sender does not have the value, or its payer the gas.
    #[error(
        "{account} has {balance}, but the value it sends and the most the gas may cost it come to {needed}"
    )]
    InsufficientFunds {
        /// Who has too little.
        account: Address,
        /// What it has.
        balance: U256,
        /// The most it may have to pay.
        needed: U256,
    },
    /// Its nonce is of a sequence that is not there.
    #[error("the nonce is of sequence {key}; only sequence 0 is there")]
    UnknownNonceKey {
        /// The sequence.
        key: U256,
    },
    /// It is not valid at this time.
    #[error(
        "the transaction is valid from {from} until before {until}, but the block's time is {now}"
    )]
    OutsideWindow {
        /// When it begins to be, in seconds since 1970.
        from: u64,
        /// When it no longer is.
        until: u64,
        /// The block's time.
        now: u64,
    },
    /// What it may cost does not fit into 256 bits.
    #[error("value and gas of the transaction overflow 256 bits")]
    CostOverflow,
    /// It was to be simulated, and there was no time left for that.
    #[error("there is no time left to execute it")]
    OutOfTime,
}

/// The host cannot go on. What was acknowledged before stays true.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The WebAssembly engine failed in a way that no contract can cause.
    #[error("the WebAssembly engine failed: {0}")]
    Engine(String),
    /// The store failed or is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A rule that the code relies on does not hold.
    #[error("internal error: {0}; please report it")]
    Bug(&'static str),
    /// A simulation would have to compile a module, and may take no more time for that.
    #[error("there is no time left to compile a module")]
    OutOfTime,
}

impl Fault {
    /// The same, for one more of those who have to be told.
    pub(crate) fn again(&self) -> Self {
        let cause = match self {
            Fault::Store(StoreError::Stopped { cause }) => cause.clone(),
            other => other.to_string(),
        };
        Fault::Store(StoreError::Stopped { cause })
    }
}
