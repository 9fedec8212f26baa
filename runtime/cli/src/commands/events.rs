//! `florin events`: what contracts announced.

use crate::{
    context::Context,
    output::{Report, table},
    report::Emitted,
    session::Session,
    time,
};
use alloy_primitives::B256;
use anyhow::{Result, bail, ensure};
use florin_runtime::store::LogFilter;
use serde::Serialize;

/// Blocks that are searched if no range is given: what one query may span.
const RANGE: u64 = florin_runtime::limits::LOG_QUERY_BLOCKS;

/// Arguments of `florin events`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The contract: a name or an address; all contracts if left out
    contract: Option<String>,
    /// Only events of this name
    #[arg(long, value_name = "NAME", requires = "contract")]
    event: Option<String>,
    /// First block
    #[arg(long, value_name = "NUMBER")]
    from_block: Option<u64>,
    /// Last block
    #[arg(long, value_name = "NUMBER")]
    to_block: Option<u64>,
}

#[derive(Serialize)]
struct Row {
    block: u64,
    timestamp: u64,
    transaction: B256,
    log_index: u64,
    #[serde(flatten)]
    emitted: Emitted,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Events(Vec<Row>);

impl Report for Events {
    fn text(&self) -> String {
        let rows = self.0.iter().map(|row| {
            let text = row.emitted.text().to_owned();
            [row.block.to_string(), time::display(row.timestamp), text]
        });
        table(["block", "time", "event"], rows)
    }
}

/// Shows the events in order.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let session = Session::open(context)?;
    let to = args.to_block.unwrap_or(session.ledger.head()?.number);
    let from = args.from_block.unwrap_or(to.saturating_sub(RANGE - 1));
    ensure!(
        from <= to || args.to_block.is_none(),
        "--from-block {from} comes after --to-block {to}"
    );
    let mut filter = LogFilter { from, to, ..LogFilter::default() };
    if let Some(who) = &args.contract {
        let contract = session.contract(who)?;
        filter.addresses.push(contract.address);
        if let Some(name) = &args.event {
            let events = contract.abi.events().filter(|event| event.name == *name);
            filter.topics[0] = events.map(|event| event.selector()).collect();
            if filter.topics[0].is_empty() {
                let names: Vec<_> = contract.abi.events.keys().map(String::as_str).collect();
                bail!("{who} has no event `{name}`; it has {}", names.join(", "));
            }
        }
    }
    let found = session.ledger.logs(&filter)?;
    if found.is_empty() {
        context.out.note(format!("nothing of the kind from block {from} to {to}"));
    }
    let rows = found.into_iter().map(|found| Row {
        block: found.block,
        timestamp: found.timestamp,
        transaction: found.transaction,
        log_index: found.log_index,
        emitted: Emitted::of(&found.log, &session),
    });
    context.out.show(&Events(rows.collect()))
}
