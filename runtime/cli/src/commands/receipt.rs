//! `florin receipt`: the receipt of a transaction, as Ethereum's tools know it.

use crate::{
    context::Context,
    output::{Report, fields},
    report::{Emitted, gas_parts, parse_hash},
    session::Session,
};
use alloy_primitives::{Address, B256};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;

/// Arguments of `florin receipt`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The hash of the transaction; the last one if left out
    #[arg(value_parser = parse_hash)]
    hash: Option<B256>,
}

#[derive(Serialize)]
struct Receipt {
    hash: B256,
    block: u64,
    kind: u8,
    success: bool,
    gas_used: u64,
    cumulative_gas_used: u64,
    gas_price: String,
    gas: BTreeMap<&'static str, u64>,
    created: Option<Address>,
    logs: Vec<Emitted>,
}

impl Report for Receipt {
    fn text(&self) -> String {
        let mut rows = vec![
            ("transaction", self.hash.to_string()),
            ("block", self.block.to_string()),
            ("type", self.kind.to_string()),
            ("success", if self.success { "yes" } else { "no" }.to_owned()),
            ("gas used", self.gas_used.to_string()),
            ("gas of block so far", self.cumulative_gas_used.to_string()),
            ("gas price", format!("{} wei", self.gas_price)),
        ];
        let parts = self.gas.iter().map(|(part, units)| format!("{part} {units}\n"));
        rows.push(("gas used by", parts.collect::<String>().trim_end().to_owned()));
        rows.extend(self.created.map(|created| ("created", created.to_string())));
        let logs = self.logs.iter().map(Emitted::text).collect::<Vec<_>>().join("\n");
        rows.extend(Some(("logs", logs)).filter(|(_, logs)| !logs.is_empty()));
        fields(rows)
    }
}

/// Shows the receipt.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let session = Session::open(context)?;
    let located = session.ledger.transaction(args.hash)?;
    let receipt = located.receipt();
    let logs = receipt.logs.iter().map(|log| Emitted::of(log, &session));
    context.out.show(&Receipt {
        hash: receipt.transaction,
        block: located.block.header.number,
        kind: receipt.kind,
        success: receipt.is_success(),
        gas_used: receipt.gas_used,
        cumulative_gas_used: receipt.cumulative_gas_used,
        gas_price: receipt.gas_price.to_string(),
        gas: gas_parts(&receipt.gas),
        created: receipt.created,
        logs: logs.collect(),
    })
}
