//! `florin replay`: executes the whole history again.

use crate::{context::Context, exit::Exit, ledger::Ledger, output::Report};
use anyhow::Result;
use serde::Serialize;

/// Arguments of `florin replay`.
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Serialize)]
struct Replayed {
    blocks: u64,
    difference: Option<String>,
}

impl Report for Replayed {
    fn text(&self) -> String {
        match &self.difference {
            None => format!("{} blocks executed again; every one is the same", self.blocks),
            Some(difference) => format!("block {}: {difference}", self.blocks),
        }
    }
}

/// Replays; a difference ends the program with a code of its own.
pub fn run(_: Args, context: &Context) -> Result<()> {
    let ledger = Ledger::open(&context.dir, &context.out)?;
    let (blocks, difference) = ledger.replay(&context.out)?;
    let replayed = Replayed { blocks, difference };
    context.out.show(&replayed)?;
    match replayed.difference {
        None => Ok(()),
        Some(_) => Err(Exit::Damaged.because("executed again, the history is different")),
    }
}
