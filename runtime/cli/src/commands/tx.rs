//! `florin tx`: a transaction and what it did.

use crate::{
    context::Context,
    report::{Transaction, parse_hash},
    session::Session,
};
use alloy_primitives::B256;
use anyhow::Result;

/// Arguments of `florin tx`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The hash of the transaction; the last one if left out
    #[arg(value_parser = parse_hash)]
    hash: Option<B256>,
}

/// Shows the transaction. That it failed is no failure of this command.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let session = Session::open(context)?;
    let located = session.ledger.transaction(args.hash)?;
    context.out.show(&Transaction::of(&located, &session)?)
}
