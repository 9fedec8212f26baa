//! The nouns of the runtime, free of behaviour: what goes in, what comes out, what is kept.

mod account;
mod block;
mod intent;
mod receipt;
mod write;

pub use account::{Account, NO_CODE};
pub use alloy_consensus::Header;
pub use alloy_eips::eip2930::AccessList;
pub use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256};
pub use block::{Block, BlockBody};
pub use intent::{Call, Intent};
pub use receipt::{GasReport, Halt, Outcome, Receipt};
pub use write::{StateKey, StateKeyRef, Write};
