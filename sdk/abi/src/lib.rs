//! The interface between a Florin contract and its host.
//!
//! One table, [`host_functions!`], is the only source of the interface: the guest's imports (in
//! `florin-sdk`), the host's linking (in `florin-runtime`) and `docs/ABI.md` are all generated from
//! it. What stands here is frozen by the name of the import module, [`IMPORT_MODULE`]: a contract
//! built against `florin1` must load for as long as Florin exists, so functions are added, never
//! changed.
//!
//! Invariant: this crate has no dependencies and holds no behaviour, only names, numbers and
//! layouts.
#![no_std]

mod context;
mod table;

pub mod deploy;
pub mod limits;

pub use context::{CONTEXT_BYTES, Context};
pub use table::{FUNCTIONS, HostFunction, NativeHost, Param, Pointer, Slice};

/// The WebAssembly import module that holds every host function; the number is the version of the
/// interface.
pub const IMPORT_MODULE: &str = "florin1";

/// The names a contract's module exports.
pub mod exports {
    /// The linear memory, exactly one per module.
    pub const MEMORY: &str = "memory";
    /// `(input length: i32) -> i32`: runs a call. 0 commits and anything else reverts; the data
    /// given to `output` becomes the return data or the revert data.
    pub const CALL: &str = "call";
    /// Like [`CALL`], run once when the contract is created, with the constructor's arguments as
    /// input. Optional.
    pub const DEPLOY: &str = "deploy";
    /// Like [`CALL`], run once by the new code when it replaces code with the storage layout that
    /// the section [`MIGRATES`](super::sections::MIGRATES) names. Optional.
    pub const MIGRATE: &str = "migrate";
}

/// The custom sections that travel in a contract's module.
pub mod sections {
    /// The contract's Solidity ABI: as JSON, as `solc --abi` prints it, or shorter, as text with a
    /// line for each entry (`function name() view returns (string)`). JSON begins with `[`.
    pub const ABI: &str = "florin.abi";
    /// How the module was built, as JSON: package, version, toolchain, SDK.
    pub const BUILD: &str = "florin.build";
    /// The storage layout: one line per field, `path: type`, in order of declaration. An upgrade
    /// must keep every line of the code it replaces or bring a `migrate` export.
    pub const LAYOUT: &str = "florin.layout";
    /// The keccak-256 of the [`LAYOUT`] that the `migrate` export is for. A module with that export
    /// replaces only code of this layout, and then it runs, or of its own, and then it does not.
    pub const MIGRATES: &str = "florin.migrates";
    /// The concatenated 4-byte selectors of the methods that may be entered while the contract is
    /// on the call stack. Four zeros stand for a call without input, and for nothing else.
    pub const REENTRANT: &str = "florin.reentrant";
}

/// How a nested call, transfer or creation ended: the high 32 bits of what those host functions
/// return. The low 32 bits are the length of the returned data, which `returned` copies out.
pub mod status {
    /// It ran to its end; its effects stand.
    pub const SUCCESS: u32 = 0;
    /// It reverted, or was refused before it began; its effects are undone and the returned data is
    /// the reason.
    pub const REVERTED: u32 = 1;
    /// It trapped or ran out of gas; its effects are undone and all gas given to it is spent.
    pub const HALTED: u32 = 2;
}

/// What `storage_get` returns for a key that holds nothing.
pub const ABSENT: u32 = u32::MAX;
/// The value of `gas` in a nested call that means "all that may be passed on" (all but one 64th,
/// EIP-150).
pub const ALL_GAS: u64 = u64::MAX;
