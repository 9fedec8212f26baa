//! `florin account`: keys, and names for addresses.

mod export;
mod import;
mod list;
mod new;
mod show;

use crate::{
    context::Context,
    output::{Report, fields},
};
use alloy_primitives::Address;
use anyhow::Result;
use clap::Subcommand;
use serde::Serialize;

/// Subcommands of `florin account`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a new key under a password, and give it a name
    New(new::Args),
    /// Bring in a key (private key, BIP-39 phrase or keystore file), or name an address
    Import(import::Args),
    /// List the known names and keys
    List(list::Args),
    /// Show one account
    Show(show::Args),
    /// Print the keystore file of an account, or its private key
    Export(export::Args),
}

/// Runs a subcommand.
pub fn run(command: Command, context: &Context) -> Result<()> {
    match command {
        Command::New(args) => new::run(args, context),
        Command::Import(args) => import::run(args, context),
        Command::List(args) => list::run(args, context),
        Command::Show(args) => show::run(args, context),
        Command::Export(args) => export::run(args, context),
    }
}

/// An entry of the address book, or a key without one.
#[derive(Debug, Serialize)]
struct Account {
    name: Option<String>,
    address: Address,
    /// Whether the ledger's folder has its key.
    key: bool,
}

impl Account {
    fn key_in_words(&self) -> &'static str {
        if self.key { "yes" } else { "no" }
    }
}

impl Report for Account {
    fn text(&self) -> String {
        fields([
            ("name", self.name.as_deref().unwrap_or("-")),
            ("address", &self.address.to_string()),
            ("key", self.key_in_words()),
        ])
    }
}
