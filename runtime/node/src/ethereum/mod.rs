//! Florin's nouns in Ethereum's words, as the execution-apis specification and geth have them.
//!
//! Invariant: nothing here asks the ledger or decides anything; what goes in decides what comes out.
//! Only `erc6492` asks the simulator that it is given.

mod block;
pub mod erc6492;
mod error;
mod log;
mod request;
mod trace;
mod transaction;

pub use block::{block, header, size};
pub use error::{
    HALTED, LIMIT_EXCEEDED, REVERTED, answer_of, fails, fault, history, invalid, log_query,
    not_found, not_supported, server, submission,
};
pub use log::{filter_of, log, logs_of};
pub use request::{blocks_of, call_request, patch};
pub use trace::{call_frames, host_frames, prestate};
pub use transaction::{parked, receipt, transaction};
