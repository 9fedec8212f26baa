//! `florin account export`: a key for use elsewhere.

use crate::{accounts::PasswordArgs, context::Context, output::Report};
use alloy_primitives::{B256, hex};
use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

/// Arguments of `florin account export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A name or an address
    who: String,
    /// Print the private key itself instead of the keystore file
    #[arg(long)]
    private_key: bool,
    #[command(flatten)]
    password: PasswordArgs,
}

#[derive(Serialize)]
#[serde(transparent)]
struct File(Value);

impl Report for File {
    fn text(&self) -> String {
        self.0.to_string()
    }
}

#[derive(Serialize)]
struct PrivateKey {
    private_key: B256,
}

impl Report for PrivateKey {
    fn text(&self) -> String {
        hex::encode_prefixed(self.private_key)
    }
}

/// Prints the keystore file, which is of use only with its password, or the key itself.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let (book, keys) = (context.book()?, context.keystore());
    if !args.private_key {
        return context.out.show(&File(keys.export(book.resolve(&args.who)?)?));
    }
    let signer = args.password.unlock(&book, &keys, &args.who)?;
    context.out.warn(format!("whoever sees this key owns everything {} has", args.who));
    context.out.show(&PrivateKey { private_key: signer.to_bytes() })
}
