//! The deterministic state machine of Florin.
pub mod store;
pub mod types;
