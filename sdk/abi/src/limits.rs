//! The sizes that guest and host agree on, each with its reason. The host checks them; the SDK
//! refuses at compile time what it can see would exceed them.

/// Longest storage key in bytes. A key is a field prefix and a few fixed-size parts; long names
/// belong in values.
pub const KEY_BYTES: u32 = 256;
/// Longest storage value in bytes. A value is read and written whole, so it must stay cheap to copy
/// and to journal.
pub const VALUE_BYTES: u32 = 64 * 1024;
/// Longest input of a nested call and longest return or revert data, in bytes: a batch of several
/// thousand payments.
pub const DATA_BYTES: u32 = 1024 * 1024;
/// Most topics in one log: Ethereum's, which clients rely on.
pub const TOPICS: u32 = 4;
/// Longest data of one log, in bytes.
pub const LOG_BYTES: u32 = 64 * 1024;
/// Longest debug message, in bytes; a longer one is cut.
pub const DEBUG_BYTES: u32 = 4 * 1024;
/// Largest module, in bytes: seven times the bundled token, and compiled in about half a second.
pub const MODULE_BYTES: u32 = 512 * 1024;
