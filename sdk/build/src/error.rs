//! Why a build failed, each cause with its remedy.

use std::path::PathBuf;

/// Why a build failed, or an artefact could not be read or written. Each message is whole: causes
/// are in it, and not in [`source`](std::error::Error::source) too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no crate where one was expected.
    #[error(
        "no contract crate at {0}: give the folder of its Cargo.toml, or make one with `florin new`"
    )]
    NoCrate(PathBuf),
    /// A workspace has several packages, and none or an unknown one was named.
    #[error("which package of {dir}? It has {}", .packages.join(", "))]
    WhichPackage {
        /// The workspace.
        dir: PathBuf,
        /// Its packages that have a library.
        packages: Vec<String>,
    },
    /// A tool of the Rust toolchain could not be started.
    #[error("cannot run `{tool}` ({cause}); Rust is installed by https://rustup.rs")]
    Tool {
        /// The program.
        tool: String,
        /// Why.
        cause: std::io::Error,
    },
    /// cargo could not make sense of the manifest.
    #[error("cargo cannot read {dir}:\n{output}")]
    Manifest {
        /// The folder.
        dir: PathBuf,
        /// What cargo said.
        output: String,
    },
    /// The wasm target is missing and could not be added.
    #[error(
        "the toolchain has no wasm target and it could not be added; run \
         `rustup target add wasm32-unknown-unknown`{output}"
    )]
    NoTarget {
        /// What rustup said.
        output: String,
    },
    /// The crate does not compile.
    #[error("{package} does not compile\n{output}")]
    Compile {
        /// The package.
        package: String,
        /// Everything the compiler said.
        output: String,
    },
    /// cargo was content but made no module.
    #[error("{package} compiled to no module: a contract is a library crate (src/lib.rs)")]
    NoModule {
        /// The package.
        package: String,
    },
    /// The module is not a contract.
    #[error(
        "the module has no export `{0}`, so it is no contract: put #[contract] on a struct and on \
         its impl"
    )]
    NotAContract(&'static str),
    /// The module is larger than a ledger takes.
    #[error(
        "the module has {bytes} bytes, and a ledger takes at most {}; `florin build --size` shows \
         what they are",
        florin_abi::limits::MODULE_BYTES
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The bytes are not a WebAssembly module.
    #[error("not a WebAssembly module: {0}")]
    Module(wasmparser::BinaryReaderError),
    /// A custom section does not hold what it should.
    #[error("the section {section} of the module is damaged: {reason}")]
    Section {
        /// The section's name.
        section: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not an artefact.
    #[error("{path} is no artefact of Florin: {reason}")]
    Artefact {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
}

impl BuildError {
    /// Names the file in an I/O error.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |cause| BuildError::File { path, cause }
    }
}

impl From<wasmparser::BinaryReaderError> for BuildError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        BuildError::Module(error)
    }
}
