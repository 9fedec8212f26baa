//! The deterministic state machine of Florin.
pub mod config;
mod crypto;
pub mod error;
pub mod gas;
pub mod host;
pub mod limits;
pub mod pipeline;
pub mod state;
pub mod types;
pub mod vm;
/// placeholder
pub mod store {
    /// placeholder
    #[derive(Debug, thiserror::Error)]
    #[error("store")]
    pub struct StoreError;
}
