//! `florin account import`: a key from elsewhere, or a name for somebody else's address.

use super::Account;
use crate::{
    accounts::{PasswordArgs, Secret, ask, parse_address},
    context::Context,
    files,
};
use anyhow::{Context as _, Result};
use std::{fs, io, path::PathBuf};

/// Arguments of `florin account import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to call the account
    name: String,
    /// Read the private key, the BIP-39 phrase or the keystore file from here instead of asking
    /// for it; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Which account of a BIP-39 phrase: the last part of m/44'/60'/0'/0/INDEX
    #[arg(long, default_value_t = 0)]
    index: u32,
    /// Only name this address; its key stays elsewhere
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["file", "index", "password_file"])]
    address: Option<String>,
    #[command(flatten)]
    password: PasswordArgs,
}

/// Stores the key, then the name.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let mut book = context.book()?;
    book.check_new(&args.name)?;
    files::private_dir(&context.dir)?;
    let (address, key) = match &args.address {
        Some(text) => {
            let address = parse_address(text)?;
            (address, context.keystore().has(address)?)
        }
        None => {
            let keys = context.keystore();
            let address = match Secret::parse(&secret(&args)?, args.index)? {
                Secret::Key(signer) => {
                    keys.add(&signer, &args.password.new_one(&args.name)?)?;
                    signer.address()
                }
                Secret::File(json) => {
                    keys.add_file(json, &args.password.existing("the keystore file")?)?
                }
            };
            (address, true)
        }
    };
    book.add(&args.name, address)?;
    context.out.show(&Account { name: Some(args.name), address, key })
}

fn secret(args: &Args) -> Result<String> {
    match &args.file {
        None => ask("Private key or BIP-39 phrase (not shown): "),
        Some(path) if path.as_os_str() == "-" => {
            io::read_to_string(io::stdin()).context("cannot read standard input")
        }
        Some(path) => {
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        }
    }
}
