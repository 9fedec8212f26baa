//! `florin account show`: one account.

use super::Account;
use crate::context::Context;
use anyhow::Result;

/// Arguments of `florin account show`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A name or an address
    who: String,
}

/// Shows the account.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let book = context.book()?;
    let address = book.resolve(&args.who)?;
    let key = context.keystore().has(address)?;
    context.out.show(&Account { name: book.name(address).map(str::to_owned), address, key })
}
