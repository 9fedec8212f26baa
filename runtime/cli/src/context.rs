//! What every command is given: the ledger's folder and a way to talk.

use crate::{
    accounts::{Book, Keystore},
    output::Output,
};
use anyhow::Result;
use std::path::PathBuf;

/// Where help lists them.
const HEADING: &str = "Options of every command";

/// Options that every command takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// The folder of the ledger; `florin-ledger` if left out, `florin-demo` for the demo
    #[arg(long, global = true, value_name = "FOLDER", env = "FLORIN_DIR", help_heading = HEADING)]
    dir: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long, global = true, help_heading = HEADING)]
    json: bool,
    /// Print nothing but the result, warnings and errors
    #[arg(long, short, global = true, help_heading = HEADING)]
    quiet: bool,
}

/// What every command is given.
pub struct Context {
    /// The folder of the ledger.
    pub dir: PathBuf,
    /// Whether somebody named it.
    pub dir_is_given: bool,
    /// The way to talk.
    pub out: Output,
}

impl Context {
    /// From the options of the command line, and the folder of the command if they name none.
    pub fn new(Global { dir, json, quiet }: Global, folder: &str) -> Self {
        let dir_is_given = dir.is_some();
        let dir = dir.unwrap_or_else(|| folder.into());
        Context { dir, dir_is_given, out: Output { json, quiet } }
    }

    /// The names of addresses.
    pub fn book(&self) -> Result<Book> {
        Book::open(&self.dir)
    }

    /// The keys.
    pub fn keystore(&self) -> Keystore {
        Keystore::open(&self.dir)
    }
}
