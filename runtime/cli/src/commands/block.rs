//! `florin block`: a block and its transactions.

use crate::{
    context::Context,
    output::{Report, fields, table},
    report::parse_hash,
    session::Session,
    time,
};
use alloy_primitives::{Address, B256};
use anyhow::{Context as _, Result, bail};
use serde::Serialize;

/// Arguments of `florin block`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A number, a hash, or `latest`
    #[arg(default_value = "latest")]
    which: String,
}

#[derive(Serialize)]
struct Block {
    number: u64,
    hash: B256,
    parent: B256,
    timestamp: u64,
    gas_used: u64,
    gas_limit: u64,
    state_root: B256,
    transactions_root: B256,
    receipts_root: B256,
    transactions: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    hash: B256,
    from: Address,
    to: Option<Address>,
    success: bool,
    gas_used: u64,
    #[serde(skip)]
    words: [String; 2],
}

impl Report for Block {
    fn text(&self) -> String {
        let block = fields([
            ("block", self.number.to_string()),
            ("hash", self.hash.to_string()),
            ("parent", self.parent.to_string()),
            ("time", time::display(self.timestamp)),
            ("gas", format!("{} of {}", self.gas_used, self.gas_limit)),
            ("state", self.state_root.to_string()),
        ]);
        if self.transactions.is_empty() {
            return format!("{block}\nno transactions");
        }
        let rows = self.transactions.iter().map(|row| {
            let [from, to] = row.words.clone();
            let status = if row.success { "success" } else { "failed" };
            [row.hash.to_string(), from, to, status.to_owned(), row.gas_used.to_string()]
        });
        format!("{block}\n{}", table(["transaction", "from", "to", "status", "gas"], rows))
    }
}

/// Shows the block.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let session = Session::open(context)?;
    let Session { ledger, book, .. } = &session;
    let found = match args.which.as_str() {
        "latest" => ledger.block(ledger.head()?.number)?,
        hash if hash.starts_with("0x") => ledger.block_by_hash(parse_hash(hash)?)?,
        number => match number.parse() {
            Ok(number) => ledger.block(number)?,
            Err(_) => bail!("`{number}` is no number, hash or `latest`"),
        },
    };
    let last = ledger.head()?.number;
    let block = found
        .with_context(|| format!("there is no block {}; the last one is {last}", args.which))?;
    let rows = block.body.receipts.iter().map(|receipt| Row {
        hash: receipt.transaction,
        from: receipt.sender,
        to: receipt.to,
        success: receipt.is_success(),
        gas_used: receipt.gas_used,
        words: [
            book.show(receipt.sender),
            receipt.to.map_or_else(|| "a new contract".to_owned(), |to| book.show(to)),
        ],
    });
    context.out.show(&Block {
        number: block.header.number,
        hash: block.hash,
        parent: block.header.parent_hash,
        timestamp: block.header.timestamp,
        gas_used: block.header.gas_used,
        gas_limit: block.header.gas_limit,
        state_root: block.header.state_root,
        transactions_root: block.header.transactions_root,
        receipts_root: block.header.receipts_root,
        transactions: rows.collect(),
    })
}
