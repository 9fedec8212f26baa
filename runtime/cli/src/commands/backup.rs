//! `florin backup`: copies a ledger, with its names and (encrypted) keys.

use crate::{
    accounts,
    context::Context,
    files,
    ledger::Ledger,
    output::{Report, fields},
};
use alloy_primitives::B256;
use anyhow::Result;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `florin backup`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder to make, which must not exist
    to: PathBuf,
    /// Leave out the keys
    #[arg(long)]
    no_keys: bool,
}

#[derive(Serialize)]
struct BackedUp {
    folder: PathBuf,
    block: u64,
    hash: B256,
    keys: bool,
}

impl Report for BackedUp {
    fn text(&self) -> String {
        fields([
            ("backup", self.folder.display().to_string()),
            ("up to block", format!("{}, {}", self.block, self.hash)),
            ("keys", if self.keys { "included, under their passwords" } else { "left out" }.into()),
        ])
    }
}

/// Backs up. A backup without its keys would look complete, so history, names and keys appear at
/// once.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let ledger = Ledger::open(&context.dir, &context.out)?;
    let (block, hash) = files::whole_dir(&args.to, |unfinished| {
        let copied = ledger.backup(unfinished, &context.out)?;
        accounts::copy(&context.dir, unfinished, !args.no_keys)?;
        Ok(copied)
    })?;
    context.out.show(&BackedUp { folder: args.to, block, hash, keys: !args.no_keys })
}
