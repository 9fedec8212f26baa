//! `florin repair`: builds the state of a ledger again from its history.

use crate::{context::Context, ledger, output::Report};
use anyhow::Result;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `florin repair`.
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Serialize)]
struct Repaired {
    folder: PathBuf,
}

impl Report for Repaired {
    fn text(&self) -> String {
        format!("the state in {} was built again from the journal", self.folder.display())
    }
}

/// Repairs.
pub fn run(_: Args, context: &Context) -> Result<()> {
    ledger::repair(&context.dir, &context.out)?;
    context.out.show(&Repaired { folder: context.dir.clone() })
}
