//! `florin gas`: what gas is used for, by method of each contract.

use crate::{
    context::Context,
    output::{Report, table},
    report::gas_parts,
    session::Session,
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
#[derive(Default, Serialize)]
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
    /// The method without its parameters, unless it is overloaded.
    #[serde(skip)]
    brief: String,
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
            let percent = parts.iter().map(|(part, gas)| (part, **gas * 100 / total));
            let parts: Vec<_> = percent
                .filter(|(_, percent)| *percent > 0)
                .map(|(part, percent)| format!("{part} {percent}%"))
                .collect();
            [
                row.name.clone(),
                row.brief.clone(),
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

/// What a transaction did first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Called {
    Deploy,
    /// Paid somebody who has no code.
    Pay,
    /// Called a contract, with a selector unless the input was too short for one.
    Method(Address, Option<Selector>),
}

/// Shows the gas by method.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let session = Session::open(context)?;
    let last = session.ledger.head()?.number;
    let mut receipts: HashMap<Called, Vec<Receipt>> = HashMap::new();
    for number in (last + 1).saturating_sub(args.blocks)..=last {
        let block = session.ledger.block(number)?.context("a block is missing")?;
        for (bytes, receipt) in block.body.transactions.iter().zip(block.body.receipts) {
            receipts.entry(called(bytes, &receipt, &session)?).or_default().push(receipt);
        }
    }
    let mut rows = vec![];
    for (called, receipts) in receipts {
        let (contract, name, [method, brief]) = match called {
            Called::Deploy => (None, "-".to_owned(), ["deploy"; 2].map(str::to_owned)),
            Called::Pay => (None, "-".to_owned(), ["transfer of value"; 2].map(str::to_owned)),
            Called::Method(to, selector) => {
                (Some(to), session.book.show(to), method(to, selector, &session))
            }
        };
        rows.push(Row { contract, name, method, brief, ..row(&receipts) });
    }
    rows.sort_by(|a, b| (&a.name, &a.method).cmp(&(&b.name, &b.method)));
    context.out.show(&Rows(rows))
}

fn called(bytes: &[u8], receipt: &Receipt, session: &Session<'_>) -> Result<Called> {
    let Some(to) = receipt.to else { return Ok(Called::Deploy) };
    if session.ledger.code(to)?.is_none() {
        return Ok(Called::Pay);
    }
    let envelope = TxEnvelope::decode_2718_exact(bytes)?;
    Ok(Called::Method(to, envelope.input().first_chunk::<4>().map(Selector::from)))
}

/// The signature of a method, and its name alone if the contract has no other of that name.
fn method(to: Address, selector: Option<Selector>, session: &Session<'_>) -> [String; 2] {
    let Some(selector) = selector else { return ["receive"; 2].map(str::to_owned) };
    let contract = session.known(to);
    let abi = contract.as_deref().map(|contract| &contract.abi);
    let method = abi.and_then(|abi| abi.functions().find(|method| method.selector() == selector));
    let (Some(abi), Some(method)) = (abi, method) else {
        return [selector.to_string(), selector.to_string()];
    };
    let is_alone = abi.function(&method.name).is_some_and(|methods| methods.len() == 1);
    let signature = method.signature();
    let brief = if is_alone { method.name.clone() } else { signature.clone() };
    [signature, brief]
}

/// The middle of what is sorted; of an even count, halfway between the two in the middle.
fn median(sorted: &[u64]) -> u64 {
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    at(sorted.len().saturating_sub(1) / 2).midpoint(at(sorted.len() / 2))
}

/// The numbers of a row.
fn row(receipts: &[Receipt]) -> Row {
    let mut gas: Vec<u64> = receipts.iter().map(|receipt| receipt.gas_used).collect();
    gas.sort_unstable();
    let mut parts = BTreeMap::new();
    for (part, units) in receipts.iter().flat_map(|receipt| gas_parts(&receipt.gas)) {
        *parts.entry(part).or_default() += units;
    }
    Row {
        calls: receipts.len(),
        failed: receipts.iter().filter(|receipt| !receipt.is_success()).count(),
        least: gas.first().copied().unwrap_or_default(),
        median: median(&gas),
        most: gas.last().copied().unwrap_or_default(),
        parts,
        ..Row::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!([median(&[]), median(&[5]), median(&[1, 4]), median(&[1, 2, 9])], [0, 5, 2, 2]);
    }
}
