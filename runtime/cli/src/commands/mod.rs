//! The tree of commands.

pub mod account;
pub mod build;
pub mod completions;
pub mod inspect;
pub mod new;

use crate::context::{Context, Global};
use anyhow::Result;
use clap::{Parser, Subcommand};

/// Smart-contract payments: create a ledger, deploy contracts, pay, watch, audit.
#[derive(Debug, Parser)]
#[command(name = "florin", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keys, and names for addresses
    #[command(subcommand)]
    Account(account::Command),
    /// Start a contract of one's own: a crate that builds and tests at once
    New(new::Args),
    /// Compile a contract crate to an artefact
    Build(build::Args),
    /// Show what a contract is: methods, events, errors, layout, hash, size
    Inspect(inspect::Args),
    /// Print a script that completes commands in a shell
    Completions(completions::Args),
}

/// Runs a command.
pub fn run(command: Command, context: &Context) -> Result<()> {
    match command {
        Command::Account(command) => account::run(command, context),
        Command::New(args) => new::run(args, context),
        Command::Build(args) => build::run(args, context),
        Command::Inspect(args) => inspect::run(args, context),
        Command::Completions(args) => completions::run(args, context),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_tree_is_consistent() {
        Cli::command().debug_assert();
    }
}
