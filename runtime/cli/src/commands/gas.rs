//! `florin gas`: what gas is used for, by method of each contract.

use crate::{
    context::Context,
    output::{Report, table},
    report::gas_parts,
    session::{Contract, Session},
};
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, Selector};
use anyhow::{Context as _, Result};
use florin_runtime::types::Receipt;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Arguments of `florin gas`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many of the last blocks to look at
    #[arg(long, default_value_t = 1000)]
    blocks: u64,
}

/// The gas of all calls of one method.
#[derive(Serialize)]
struct Row {
    contract: Option<Address>,
    method: String,
    calls: usize,
    failed: usize,
    least: u64,
    median: u64,
    most: u64,
    /// What the gas was used for, added up over the calls.
    parts: BTreeMap<&'static str, u64>,
    #[serde(skip)]
    name: String,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Rows(Vec<Row>);

impl Report for Rows {
    fn text(&self) -> String {
        let rows = self.0.iter().map(|row| {
            let total = row.parts.values().sum::<u64>().max(1);
            let mut parts: Vec<_> = row.parts.iter().collect();
            parts.sort_by(|a, b| b.1.cmp(a.1));
            let parts: Vec<_> = parts
                .iter()
                .map(|(part, gas)| format!("{part} {}%", **gas * 100 / total))
                .collect();
            [
                row.name.clone(),
                row.method.clone(),
                row.calls.to_string(),
                row.failed.to_string(),
                row.least.to_string(),
                row.median.to_string(),
                row.most.to_string(),
                parts.join(", "),
            ]
        });
        let header =
            ["contract", "method", "calls", "failed", "least", "median", "most", "used for"];
        table(header, rows)
    }
}

/// Whom a transaction called, and with which selector.
type Called = (Option<Address>, Option<Selector>);

/// Shows the gas by method.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let session = Session::open(context)?;
    let last = session.ledger.head().number;
    let mut receipts: HashMap<Called, Vec<Receipt>> = HashMap::new();
    for number in (last + 1).saturating_sub(args.blocks)..=last {
        let block = session.ledger.block(number)?.context("a block is missing")?;
        for (bytes, receipt) in block.body.transactions.iter().zip(block.body.receipts) {
            let input = TxEnvelope::decode_2718_exact(bytes)?.input().clone();
            let selector = input.first_chunk::<4>().filter(|_| receipt.to.is_some());
            let called = (receipt.to, selector.map(Selector::from));
            receipts.entry(called).or_default().push(receipt);
        }
    }
    let mut rows = vec![];
    for ((to, selector), receipts) in receipts {
        let contract = to.map(|to| session.contract_at(to)).transpose()?.flatten();
        let name = to.map_or_else(|| "(new contracts)".to_owned(), |to| session.book.show(to));
        rows.push(row(to, name, method(to, selector, contract.as_ref()), &receipts));
    }
    rows.sort_by(|a, b| (&a.name, &a.method).cmp(&(&b.name, &b.method)));
    context.out.show(&Rows(rows))
}

fn method(to: Option<Address>, selector: Option<Selector>, contract: Option<&Contract>) -> String {
    let Some(selector) = selector.filter(|_| contract.is_some()) else {
        return if to.is_none() { "deploy" } else { "transfer of value" }.to_owned();
    };
    let mut methods = contract.iter().flat_map(|contract| contract.abi.functions());
    let known = methods.find(|method| method.selector() == selector);
    known.map_or_else(|| selector.to_string(), |method| method.signature())
}

fn row(contract: Option<Address>, name: String, method: String, receipts: &[Receipt]) -> Row {
    let mut gas: Vec<u64> = receipts.iter().map(|receipt| receipt.gas_used).collect();
    gas.sort_unstable();
    let mut parts = BTreeMap::new();
    for (part, units) in receipts.iter().flat_map(|receipt| gas_parts(&receipt.gas)) {
        *parts.entry(part).or_default() += units;
    }
    Row {
        contract,
        method,
        calls: receipts.len(),
        failed: receipts.iter().filter(|receipt| !receipt.is_success()).count(),
        least: gas.first().copied().unwrap_or_default(),
        median: gas.get(gas.len() / 2).copied().unwrap_or_default(),
        most: gas.last().copied().unwrap_or_default(),
        parts,
        name,
    }
}
