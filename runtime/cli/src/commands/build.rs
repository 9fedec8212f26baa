//! `florin build`: from a contract crate to an artefact.

use crate::{
    context::Context,
    output::{Report, fields, table},
};
use alloy_primitives::B256;
use anyhow::{Context as _, Result, bail};
use florin_build::{Artefact, BuildError, Mode, Options, Package, Progress};
use florin_runtime::vm;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Arguments of `florin build`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder of the contract crate
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The package, if the folder is a workspace with several
    #[arg(long, short)]
    package: Option<String>,
    /// Build for development: panics tell message, file and line
    #[arg(long)]
    dev: bool,
    /// Where to put the artefact; by default `target/florin`
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Show what the module's bytes are, function by function
    #[arg(long)]
    size: bool,
}

#[derive(Serialize)]
struct Built {
    name: String,
    wasm: PathBuf,
    json: PathBuf,
    bytes: usize,
    code_hash: B256,
    #[serde(skip_serializing_if = "Option::is_none")]
    sizes: Option<Vec<(String, usize)>>,
}

impl Report for Built {
    fn text(&self) -> String {
        let built = fields([
            ("contract", &self.name),
            ("module", &self.wasm.display().to_string()),
            ("artefact", &self.json.display().to_string()),
            ("size", &format!("{} bytes", self.bytes)),
            ("code hash", &self.code_hash.to_string()),
        ]);
        let Some(sizes) = &self.sizes else { return built };
        let rows = sizes.iter().map(|(name, bytes)| [bytes.to_string(), name.clone()]);
        format!("{built}\n{}", table(["bytes", "function"], rows))
    }
}

/// Builds, and saves the artefact.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let mode = if args.dev { Mode::Development } else { Mode::Release };
    let artefact = build(&args.path, args.package.as_deref(), mode, context)?;
    let out = match args.out {
        Some(out) => out,
        None => Package::find(&args.path, args.package.as_deref())?.target_dir.join("florin"),
    };
    let [wasm, json] = artefact.save(out)?;
    context.out.show(&Built {
        bytes: artefact.wasm.len(),
        code_hash: artefact.code_hash(),
        sizes: args.size.then_some(artefact.sizes),
        name: artefact.name,
        wasm,
        json,
    })
}

/// Builds a crate, showing progress and the compiler's warnings. If it does not compile, the
/// compiler has said why by then.
pub fn build(
    path: &Path,
    package: Option<&str>,
    mode: Mode,
    context: &Context,
) -> Result<Artefact> {
    let working = context.out.working("building");
    let progress = |progress: Progress<'_>| match progress {
        Progress::Step(step) => working.step(step),
        Progress::Compiler(line) => working.line(line),
    };
    let package = package.map(str::to_owned);
    let options = Options { package, mode, progress: &progress, ..Options::new(path) };
    match florin_build::build(&options) {
        // All that the compiler said stands above the error already.
        Err(BuildError::Compile { package, .. }) if !context.out.quiet && !context.out.json => {
            bail!("{package} does not compile")
        }
        built => {
            let artefact = built?;
            check(&artefact).with_context(|| format!("no ledger takes {}", artefact.name))?;
            Ok(artefact)
        }
    }
}

/// Whether a ledger takes the module. The message about one that was built just now names the
/// function.
pub fn check(artefact: &Artefact) -> Result<()> {
    vm::check(&artefact.named()).map_err(anyhow::Error::msg)
}
