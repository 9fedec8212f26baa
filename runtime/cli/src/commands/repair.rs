//! `florin repair`: builds the state of a ledger again from its history.

use crate::{context::Context, ledger, output::Report};
use alloy_primitives::B256;
use anyhow::Result;
use florin_runtime::store::Rebuilt;
use serde::Serialize;
use std::path::PathBuf;

/// Said where the witnesses of what was acknowledged are damaged too.
const DOUBT: &str = "What followed could not be read and was cleared. \
    It may have been a block that was acknowledged:\n\
    compare this block with the last one that you know of, from a receipt or a backup.";

/// Arguments of `florin repair`.
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Serialize)]
struct Repaired {
    folder: PathBuf,
    block: u64,
    hash: B256,
    /// Whether a later block may have been acknowledged.
    doubtful: bool,
}

impl Report for Repaired {
    fn text(&self) -> String {
        let Repaired { folder, block, hash, doubtful } = self;
        let folder = folder.display();
        let built = format!(
            "the state in {folder} was built again from the journal, up to block {block}, {hash}"
        );
        match doubtful {
            false => built,
            true => format!("{built}\n{DOUBT}"),
        }
    }
}

/// Repairs.
pub fn run(_: Args, context: &Context) -> Result<()> {
    let Rebuilt { number: block, hash, doubtful } = ledger::repair(&context.dir, &context.out)?;
    context.out.show(&Repaired { folder: context.dir.clone(), block, hash, doubtful })
}
