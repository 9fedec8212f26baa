//! `florin completions`: a completion script for a shell.

use super::Cli;
use crate::context::Context;
use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

/// Arguments of `florin completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut Cli::command(), "florin", &mut script);
    context.out.raw(&script)
}
