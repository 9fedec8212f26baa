//! `florin`: one binary to create a ledger, deploy contracts, pay, watch and audit.
//!
//! The folder `commands` is the tree of commands: a command is its arguments and a `run`. What they
//! share is beside it: `output` (the two channels), `exit` (the exit codes), `ledger` (the only
//! door to the runtime), `accounts` (keys and the address book), `abi` (arguments and results in
//! the contract's own terms), and `session`, which brings these together.

mod abi;
mod accounts;
mod allocator;
mod amount;
mod commands;
mod context;
mod exit;
mod files;
mod ledger;
mod output;
mod remote;
mod report;
mod session;
mod source;
mod time;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = commands::Cli::parse();
    let context = context::Context::new(cli.global, cli.command.folder());
    match commands::run(cli.command, &context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            context.out.error(&error);
            ExitCode::from(exit::Exit::of(&error) as u8)
        }
    }
}
