//! `florin account new`: a new key.

use super::Account;
use crate::{accounts::PasswordArgs, context::Context, files};
use alloy_signer_local::PrivateKeySigner;
use anyhow::Result;

/// Arguments of `florin account new`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to call the account
    name: String,
    #[command(flatten)]
    password: PasswordArgs,
}

/// Makes the key, then the name: a key without a name can still be found, by its address.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let mut book = context.book()?;
    book.check_new(&args.name)?;
    let password = args.password.new_one(&args.name)?;
    let signer = PrivateKeySigner::random_with(&mut rand::rngs::OsRng);
    files::private_dir(&context.dir)?;
    context.keystore().add(&signer, &password)?;
    book.add(&args.name, signer.address())?;
    context.out.show(&Account { name: Some(args.name), address: signer.address(), key: true })
}
