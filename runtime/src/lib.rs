//! The deterministic state machine of Florin.
pub mod types;
