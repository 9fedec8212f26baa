//! `florin account list`: all names and keys.

use super::Account;
use crate::{
    context::Context,
    output::{Report, table},
};
use anyhow::Result;
use serde::Serialize;

/// Arguments of `florin account list`.
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Serialize)]
#[serde(transparent)]
struct List(Vec<Account>);

impl Report for List {
    fn text(&self) -> String {
        if self.0.is_empty() {
            return "no accounts yet; make one with `florin account new NAME`".to_owned();
        }
        let rows = self.0.iter().map(|account| {
            let name = account.name.clone().unwrap_or_else(|| "-".to_owned());
            [name, account.address.to_string(), account.key_in_words().to_owned()]
        });
        table(["name", "address", "key"], rows)
    }
}

/// Lists the address book, then the keys that no name is known for.
pub fn run(_: Args, context: &Context) -> Result<()> {
    let (book, keys) = (context.book()?, context.keystore().addresses()?);
    let named = book.entries().map(|(name, address)| Account {
        name: Some(name.to_owned()),
        address,
        key: keys.contains(&address),
    });
    let nameless = keys.iter().filter(|key| book.name(**key).is_none());
    let nameless = nameless.map(|key| Account { name: None, address: *key, key: true });
    context.out.show(&List(named.chain(nameless).collect()))
}
