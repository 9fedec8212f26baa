//! From a contract crate to an artefact that can be deployed.
//!
//! ```no_run
//! let options = florin_build::Options::new("contracts/token");
//! let artefact = florin_build::build(&options)?;
//! artefact.save("artefacts")?;
//! # Ok::<(), florin_build::BuildError>(())
//! ```
//!
//! [`build`] runs cargo with the contract profile, whatever the profile of the crate's own workspace
//! says, and then puts the module in its final form: only the exports and custom sections that
//! Florin knows, plus the build information. The phases are the files: `package` (which crate is
//! meant), `compile` (cargo), `module` (the bytes), `artefact` (the result and its two files).
//!
//! Invariant: the same source, toolchain and mode give the same bytes on every machine; nothing in
//! a module tells where or when it was built.

mod abi_text;
mod artefact;
mod compile;
mod error;
mod module;
mod package;
mod sizes;

use std::path::PathBuf;

pub use artefact::{Artefact, BuildInfo, abi};
pub use error::BuildError;
pub use package::Package;
pub use sizes::sizes;

/// The target that contracts are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// For whom a contract is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// For use: smallest and fastest; a panic is reported by its Solidity panic code alone.
    #[default]
    Release,
    /// For development: with `--cfg florin_dev`, so that a panic is reported with its message, file
    /// and line, and with function names for backtraces.
    Development,
}

/// What to build, and how.
pub struct Options<'a> {
    /// A folder in or above which the `Cargo.toml` of the contract is.
    pub manifest_dir: PathBuf,
    /// The package, if the folder is a workspace with several.
    pub package: Option<String>,
    /// For whom.
    pub mode: Mode,
    /// Where cargo works; by default `florin` in the target folder of the workspace, so that a
    /// build inside `cargo test` never waits for the lock that its own parent holds.
    pub target_dir: Option<PathBuf>,
    /// Hears of each step while the build goes on.
    pub progress: &'a dyn Fn(Progress<'_>),
}

/// What a build tells while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A step began, in a few words.
    Step(&'a str),
    /// A line that the compiler printed; warnings come this way. Errors do too, and are also in
    /// [`BuildError::Compile`].
    Compiler(&'a str),
}

impl Options<'_> {
    /// A release build of the crate in `manifest_dir` that reports nothing.
    pub fn new(manifest_dir: impl Into<PathBuf>) -> Self {
        Options {
            manifest_dir: manifest_dir.into(),
            package: None,
            mode: Mode::Release,
            target_dir: None,
            progress: &|_| {},
        }
    }
}

/// Compiles a contract crate to an artefact.
///
/// If the toolchain lacks the wasm target, it is added through rustup.
///
/// # Errors
/// If there is no such crate, if it does not compile, or if what it compiles to is not a contract.
pub fn build(options: &Options<'_>) -> Result<Artefact, BuildError> {
    let package = Package::find(&options.manifest_dir, options.package.as_deref())?;
    let compiled = compile::compile(&package, options)?;
    let info = BuildInfo {
        package: package.name,
        version: package.version,
        rustc: compiled.rustc,
        sdk: compiled.sdk,
        mode: options.mode,
    };
    let wasm = module::finish(&compiled.module, &info)?;
    let mut artefact = Artefact::from_wasm(wasm)?;
    artefact.names = module::names(&compiled.module)?;
    artefact.sizes = sizes(&module::named(&artefact.wasm, &artefact.names))?;
    Ok(artefact)
}
