//! The tree of commands.

pub mod account;
pub mod audit;
pub mod backup;
pub mod balance;
pub mod block;
pub mod build;
pub mod call;
pub mod completions;
pub mod demo;
pub mod deploy;
pub mod events;
pub mod gas;
pub mod init;
pub mod inspect;
pub mod new;
pub mod node;
pub mod receipt;
pub mod repair;
pub mod replay;
pub mod restore;
pub mod send;
pub mod sign;
pub mod status;
pub mod transfer;
pub mod tx;
pub mod upgrade;

use crate::context::{Context, Global};
use anyhow::{Result, ensure};
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
    /// Create a ledger
    Init(init::Args),
    /// Keys, and names for addresses
    #[command(subcommand)]
    Account(account::Command),
    /// Show who has how much, in native currency or a token
    Balance(balance::Args),
    /// Pay native currency or a token
    Transfer(transfer::Args),
    /// Start a contract of one's own: a crate that builds and tests at once
    New(new::Args),
    /// Compile a contract crate to an artefact
    Build(build::Args),
    /// Put a contract on the ledger
    Deploy(deploy::Args),
    /// Replace the code of a contract that allows it
    Upgrade(upgrade::Args),
    /// Call a method of a contract in a transaction
    Send(send::Args),
    /// Ask a contract, without a transaction
    Call(call::Args),
    /// Sign typed data (a permit), a message or a hash, without a transaction
    Sign(sign::Args),
    /// Show a transaction and what it did
    Tx(tx::Args),
    /// Show the receipt of a transaction
    Receipt(receipt::Args),
    /// Show a block and its transactions
    Block(block::Args),
    /// Show what contracts announced
    Events(events::Args),
    /// Show what a contract is: methods, events, errors, layout, hash, size
    Inspect(inspect::Args),
    /// Show what gas was used for, by method of each contract
    Gas(gas::Args),
    /// Serve the ledger to wallets, libraries and tools (JSON-RPC)
    Node(node::Args),
    /// Show how the node is that has the ledger open
    Status(status::Args),
    /// Check every hash, signature, index and balance on disk
    Audit(audit::Args),
    /// Execute the whole history again and compare
    Replay(replay::Args),
    /// Build the state again from the history
    Repair(repair::Args),
    /// Copy the ledger, with its names and keys
    Backup(backup::Args),
    /// Make a ledger from a backup
    Restore(restore::Args),
    /// Watch it work: build the bundled contracts, create a ledger, deploy, pay, audit
    Demo(demo::Args),
    /// Print a script that completes commands in a shell
    Completions(completions::Args),
}

impl Command {
    /// The folder of the ledger that it is about, unless --dir names another.
    pub fn folder(&self) -> &'static str {
        match self {
            Command::Demo(_) => demo::FOLDER,
            _ => "florin-ledger",
        }
    }
}

/// Runs a command.
pub fn run(command: Command, context: &Context) -> Result<()> {
    ensure!(
        !context.dir.is_file(),
        "{} is a file; --dir takes the folder of a ledger",
        context.dir.display()
    );
    match command {
        Command::Init(args) => init::run(args, context),
        Command::Account(args) => account::run(args, context),
        Command::Balance(args) => balance::run(args, context),
        Command::Transfer(args) => transfer::run(args, context),
        Command::New(args) => new::run(args, context),
        Command::Build(args) => build::run(args, context),
        Command::Deploy(args) => deploy::run(args, context),
        Command::Upgrade(args) => upgrade::run(args, context),
        Command::Send(args) => send::run(args, context),
        Command::Call(args) => call::run(args, context),
        Command::Sign(args) => sign::run(args, context),
        Command::Tx(args) => tx::run(args, context),
        Command::Receipt(args) => receipt::run(args, context),
        Command::Block(args) => block::run(args, context),
        Command::Events(args) => events::run(args, context),
        Command::Inspect(args) => inspect::run(args, context),
        Command::Gas(args) => gas::run(args, context),
        Command::Node(args) => node::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Audit(args) => audit::run(args, context),
        Command::Replay(args) => replay::run(args, context),
        Command::Repair(args) => repair::run(args, context),
        Command::Backup(args) => backup::run(args, context),
        Command::Restore(args) => restore::run(args, context),
        Command::Demo(args) => demo::run(args, context),
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
