//! The ways in which things end other than well: three types, never mixed.
//!
//! - [`Rejection`]: the transaction is not in a block and left no trace.
//! - `Outcome::Reverted` and `Outcome::Halted` (in [`crate::types`]): it is in a block, paid its gas and did nothing else.
//! - [`Fault`]: the host is broken; it stops and says so, and nothing half-done is visible.

use crate::types::{Address, U256};

/// Why a transaction was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the messages say it
pub enum Rejection {
    #[error("the transaction is {bytes} bytes long; at most {limit} are taken")]
    Oversized { bytes: usize, limit: usize },
    #[error("the transaction cannot be decoded: {0}")]
    Malformed(String),
    #[error("transactions of type {0} are not taken; send type 0, 1 or 2")]
    UnsupportedType(u8),
    #[error("the transaction is for chain {got}, this is chain {expected}")]
    WrongChain { got: u64, expected: u64 },
    #[error(
        "the transaction has no chain id, so it could be replayed on other chains; sign it with EIP-155, or let the \
         genesis accept unprotected transactions"
    )]
    Unprotected,
    #[error(
        "the signature's s is in the upper half of the curve order (EIP-2), so it could be altered"
    )]
    MalleableSignature,
    #[error("the signature is invalid: no key could have made it")]
    BadSignature,
    #[error("{sender} is a contract; contracts do not sign transactions (EIP-3607)")]
    SenderIsContract { sender: Address },
    #[error("the nonce is {got}, but {sender} has already used it; the next is {expected}")]
    NonceTooLow { sender: Address, got: u64, expected: u64 },
    #[error("the nonce is {got}, but the next of {sender} is {expected}")]
    NonceTooHigh { sender: Address, got: u64, expected: u64 },
    #[error("the nonce of {sender} has reached its limit (EIP-2681)")]
    NonceExhausted { sender: Address },
    #[error(
        "the gas limit {limit} is below the {needed} that the transaction costs before it runs"
    )]
    IntrinsicGas { limit: u64, needed: u64 },
    #[error("the gas limit {limit} is above that of a block, {block}")]
    GasAboveBlock { limit: u64, block: u64 },
    #[error("the block has only {left} gas left; send the transaction again for the next one")]
    BlockFull { left: u64 },
    #[error(
        "the block has room for only {left} more bytes; send the transaction again for the next one"
    )]
    BlockTooLarge { left: usize },
    #[error("the transaction offers {offered} per gas, the price is {price}")]
    FeeTooLow { offered: u128, price: u128 },
    #[error("the priority fee {tip} is above the maximum fee {max}")]
    TipAboveFee { tip: u128, max: u128 },
    #[error("{account} has {balance}, but what it may have to pay comes to {needed}")]
    InsufficientFunds { account: Address, balance: U256, needed: U256 },
    #[error("the nonce is of sequence {key}; only sequence 0 is there")]
    UnknownNonceKey { key: U256 },
    #[error(
        "the transaction is valid from {from} until before {until}, but the block's time is {time}"
    )]
    OutsideWindow { from: u64, until: u64, time: u64 },
    #[error("value and gas of the transaction overflow 256 bits")]
    CostOverflow,
}

/// The host cannot go on. What was acknowledged before stays true.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The WebAssembly engine failed in a way that no contract can cause.
    #[error("the WebAssembly engine failed: {0}")]
    Engine(String),
    /// The store failed or is damaged.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A rule that the code relies on does not hold.
    #[error("internal error: {0}; please report it")]
    Bug(&'static str),
}
