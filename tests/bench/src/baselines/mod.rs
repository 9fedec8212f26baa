//! What Florin is measured beside. Each does the same transfers of the same people as far as it
//! can, in the way that is fastest for it, and says what it leaves out.

pub mod disk;
pub mod evm;
pub mod hash_map;
pub mod postgres;
pub mod signatures;
pub mod wasm;
