//! `florin audit`: whether the ledger is what it says.

use crate::{
    context::Context,
    exit::Exit,
    ledger::Ledger,
    output::{Report, fields},
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
    storage_entries: u64,
    modules: u64,
    /// The sum of all native balances, in the smallest unit; none if not all of them can be read.
    sum_of_balances: Option<String>,
    findings: Vec<String>,
    #[serde(skip)]
    sum_text: String,
}

impl Report for Audited {
    fn text(&self) -> String {
        let checked = fields([
            ("blocks", self.blocks.to_string()),
            ("transactions", self.transactions.to_string()),
            ("logs", self.logs.to_string()),
            ("accounts", self.accounts.to_string()),
            ("storage entries", self.storage_entries.to_string()),
            ("modules", self.modules.to_string()),
            ("sum of balances", self.sum_text.clone()),
        ]);
        match self.findings.as_slice() {
            [] => format!("{checked}\nEvery hash, signature, index and balance is right."),
            findings => format!("{checked}\n{}", findings.join("\n")),
        }
    }
}

/// Audits; damage ends the program with a code of its own.
pub fn run(_: Args, context: &Context) -> Result<()> {
    let ledger = Ledger::open(&context.dir, &context.out)?;
    // What the ledger is does not depend on what people call it.
    if let Err(error) = context.book() {
        context.out.warn(format!("{error:#}"));
    }
    let audit = ledger.audit(&context.out)?;
    // The balances are added up once everything could be read.
    let sum = audit.storage.findings.is_empty().then_some(audit.supply);
    let storage = audit.storage.findings.iter().map(ToString::to_string);
    let audited = Audited {
        clean: audit.is_clean(),
        blocks: audit.storage.blocks,
        transactions: audit.storage.counts.transactions,
        logs: audit.storage.counts.logs,
        accounts: audit.storage.counts.accounts,
        storage_entries: audit.storage.counts.storage,
        modules: audit.storage.counts.code,
        sum_of_balances: sum.map(|sum| sum.to_string()),
        sum_text: sum.map_or("not checked".to_owned(), |sum| ledger.native().display(sum)),
        findings: storage.chain(audit.findings.iter().cloned()).collect(),
    };
    context.out.show(&audited)?;
    match audited.findings.len() {
        0 => Ok(()),
        1 => Err(Exit::Damaged.because("the ledger is damaged: 1 finding")),
        count => Err(Exit::Damaged.because(format!("the ledger is damaged: {count} findings"))),
    }
}
