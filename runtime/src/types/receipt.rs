//! What a transaction did.

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use serde::{Deserialize, Serialize};

/// The result of a transaction that is in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Hash of the transaction.
    pub transaction: B256,
    /// Its envelope type (EIP-2718); 0 is legacy.
    pub kind: u8,
    /// The account that signed it.
    pub sender: Address,
    /// Whom it called; `None` created a contract.
    pub to: Option<Address>,
    /// Native value sent with it.
    pub value: U256,
    /// How it ended.
    pub outcome: Outcome,
    /// Gas paid for.
    pub gas_used: u64,
    /// Gas used by the block up to and including this transaction.
    pub cumulative_gas_used: u64,
    /// What each unit of gas cost, in the smallest native unit.
    pub gas_price: u128,
    /// The contract it created, if it did.
    pub created: Option<Address>,
    /// The logs it left; none unless it succeeded.
    pub logs: Vec<Log>,
    /// What the gas was used for.
    pub gas: GasReport,
}

impl Receipt {
    /// Whether the transaction took effect.
    pub fn is_success(&self) -> bool {
        matches!(self.outcome, Outcome::Success { .. })
    }
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It took effect.
    Success {
        /// What the call returned; for a creation, nothing.
        output: Bytes,
    },
    /// A contract refused it. Gas was charged for what ran; nothing else happened.
    Reverted {
        /// The reason, in Solidity's encoding: a custom error, `Error(string)` or `Panic(uint256)`.
        output: Bytes,
    },
    /// A contract failed. All gas was charged; nothing else happened.
    Halted {
        /// Why.
        halt: Halt,
    },
}

/// Why a call was stopped by the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Halt {
    /// The gas of the call was used up.
    #[error("out of gas")]
    OutOfGas,
    /// The contract's code trapped.
    #[error("trap: {kind}{}", .backtrace.iter().map(|f| format!("\n    at {f}")).collect::<String>())]
    Trap {
        /// What happened, in WebAssembly's terms.
        kind: String,
        /// Names of the functions that were running, innermost first; empty unless the ledger is
        /// for development.
        backtrace: Vec<String>,
    },
    /// The contract used a host function wrongly: an address outside its memory, a size above a
    /// limit.
    #[error("misused host function: {0}")]
    Misuse(String),
    /// The contract tried to change state in a static call.
    #[error("state change in a static call ({0})")]
    StaticViolation(String),
    /// What the transaction did would take too much room in its block.
    #[error(
        "its changes, logs and result take {bytes} bytes of a block; at most {limit} are allowed"
    )]
    TooLarge {
        /// What they take.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

/// What the gas of a transaction was used for. The parts add up to the receipt's gas; what is left
/// of a call that halted, and so lost all its gas, is `forfeited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GasReport {
    /// Charged before execution: the transaction itself, its bytes, a creation (Ethereum's
    /// intrinsic gas).
    pub intrinsic: u64,
    /// WebAssembly instructions and starting of instances.
    pub compute: u64,
    /// Memory, at the start and grown, and the table at the start.
    pub memory: u64,
    /// Host functions of input, output, context, hashing and signatures.
    pub host: u64,
    /// Reading and writing storage.
    pub storage: u64,
    /// Logs.
    pub logs: u64,
    /// Moving value, calling and creating.
    pub calls: u64,
    /// Checking, compiling and keeping new code.
    pub code: u64,
    /// Gas lost because a call halted.
    pub forfeited: u64,
}

impl GasReport {
    /// The parts with their names, in the order of the fields.
    pub fn parts(&self) -> [(&'static str, u64); 9] {
        let GasReport { intrinsic, compute, memory, host, storage, logs, calls, code, forfeited } =
            *self;
        [
            ("intrinsic", intrinsic),
            ("compute", compute),
            ("memory", memory),
            ("host", host),
            ("storage", storage),
            ("logs", logs),
            ("calls", calls),
            ("code", code),
            ("forfeited", forfeited),
        ]
    }
}
