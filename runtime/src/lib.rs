//! The deterministic state machine of Florin.
mod audit;
mod chain;
mod config;
mod crypto;
mod error;
pub mod gas;
pub mod host;
pub mod limits;
pub mod pipeline;
mod query;
pub mod state;
pub mod store;
pub mod types;
pub mod vm;

pub use audit::Audit;
pub use chain::{Chain, Located, OpenError, SubmitError};
pub use config::{Genesis, GenesisError};
pub use error::{Fault, Rejection};
pub use query::{CallRequest, EstimateError, FoundLog, LogError, Simulation};
