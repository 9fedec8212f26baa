//! `florin restore`: makes a ledger from a backup.

use crate::{
    accounts,
    context::Context,
    files, ledger,
    output::{Report, fields},
    session::Session,
};
use anyhow::Result;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `florin restore`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder that `florin backup` made; the ledger is made in --dir, which must not exist
    backup: PathBuf,
}

#[derive(Serialize)]
struct Restored {
    folder: PathBuf,
    block: u64,
}

impl Report for Restored {
    fn text(&self) -> String {
        let folder = self.folder.display().to_string();
        fields([("ledger", folder), ("up to block", self.block.to_string())])
    }
}

/// Restores, and opens the result to be sure.
pub fn run(args: Args, context: &Context) -> Result<()> {
    files::whole_dir(&context.dir, |unfinished| {
        ledger::restore(&args.backup, unfinished, &context.out)?;
        accounts::copy(&args.backup, unfinished, true)
    })?;
    let block = Session::open(context)?.ledger.head()?.number;
    context.out.show(&Restored { folder: context.dir.clone(), block })
}
