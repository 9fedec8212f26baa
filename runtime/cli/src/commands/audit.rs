//! `florin audit`: whether the ledger is what it says.

use crate::{
    context::Context,
    exit::Exit,
    output::{Report, fields},
    session::Session,
};
use anyhow::Result;
use serde::Serialize;

/// Arguments of `florin audit`.
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Serialize)]
struct Audited {
    clean: bool,
    blocks: u64,
    transactions: u64,
    logs: u64,
    accounts: u64,
    storage: u64,
    contracts: u64,
    /// The sum of all native balances, in the smallest unit.
    supply: String,
    findings: Vec<String>,
    #[serde(skip)]
    supply_text: String,
}

impl Report for Audited {
    fn text(&self) -> String {
        let checked = fields([
            ("blocks", self.blocks.to_string()),
            ("transactions", self.transactions.to_string()),
            ("logs", self.logs.to_string()),
            ("accounts", self.accounts.to_string()),
            ("storage entries", self.storage.to_string()),
            ("modules", self.contracts.to_string()),
            ("sum of balances", self.supply_text.clone()),
        ]);
        match self.findings.as_slice() {
            [] => format!("{checked}\nEvery hash, signature, index and balance is right."),
            findings => format!("{checked}\n{}", findings.join("\n")),
        }
    }
}

/// Audits; damage ends the program with a code of its own.
pub fn run(_: Args, context: &Context) -> Result<()> {
    let session = Session::open(context)?;
    let audit = session.ledger.audit(&context.out)?;
    let storage = audit.storage.findings.iter().map(ToString::to_string);
    let audited = Audited {
        clean: audit.is_clean(),
        blocks: audit.storage.blocks,
        transactions: audit.storage.counts.transactions,
        logs: audit.storage.counts.logs,
        accounts: audit.storage.counts.accounts,
        storage: audit.storage.counts.storage,
        contracts: audit.storage.counts.code,
        supply: audit.supply.to_string(),
        supply_text: session.ledger.native().display(audit.supply),
        findings: storage.chain(audit.findings.iter().cloned()).collect(),
    };
    context.out.show(&audited)?;
    match audited.findings.len() {
        0 => Ok(()),
        count => Err(Exit::Damaged.because(format!("the ledger is damaged: {count} findings"))),
    }
}
