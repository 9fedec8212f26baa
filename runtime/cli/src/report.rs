//! What a transaction did, as every command that sends or shows one tells it.

use crate::{
    abi::{Event, Named, Reason, labelled, name_values, shortened},
    exit::Exit,
    output::{Report, fields},
    session::Session,
    time,
};
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_dyn_abi::{FunctionExt, JsonAbiExt};
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, U256};
use anyhow::{Context as _, Result};
use florin_runtime::{
    Located,
    types::{GasReport, Halt, Log, Outcome},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a transaction did.
#[derive(Debug, Serialize)]
pub struct Transaction {
    /// Its hash.
    pub hash: B256,
    block: u64,
    block_hash: B256,
    index: usize,
    timestamp: u64,
    /// `success`, `reverted` or `halted`.
    status: &'static str,
    from: Address,
    to: Option<Address>,
    /// The contract it created.
    pub created: Option<Address>,
    value: String,
    nonce: u64,
    gas_limit: u64,
    gas_used: u64,
    gas_price: String,
    fee: String,
    /// The method it called, if the contract tells.
    method: Option<String>,
    arguments: Vec<Named>,
    results: Vec<Named>,
    output: Bytes,
    input: Bytes,
    events: Vec<Emitted>,
    /// Why it reverted.
    reason: Option<Reason>,
    /// Why it halted.
    halt: Option<Halt>,
    gas: BTreeMap<&'static str, u64>,
    #[serde(skip)]
    words: Words,
}

/// The parts that need the address book, for people.
#[derive(Debug, Default)]
struct Words {
    from: String,
    to: String,
    created: Option<String>,
    value: Option<String>,
    fee: String,
}

/// A log, and the event it is.
#[derive(Debug, Serialize)]
pub struct Emitted {
    contract: Address,
    topics: Vec<B256>,
    data: Bytes,
    #[serde(flatten)]
    event: Option<Event>,
    #[serde(skip)]
    text: String,
}

impl Emitted {
    /// Decodes a log by the ABI of the contract that left it.
    pub fn of(log: &Log, session: &Session<'_>) -> Self {
        let event = session.event(log);
        let (topics, data) = (log.topics().to_vec(), log.data.data.clone());
        let what = match &event {
            Some(event) => event.text(),
            None => format!("log with topics {topics:?} and data {}", shortened(&data)),
        };
        let text = format!("{} {what}", session.book.show(log.address));
        Emitted { contract: log.address, topics, data, event, text }
    }

    /// `shop Paid(from: alice, amount: 5)`.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Transaction {
    /// Reads a transaction and its receipt from their block.
    pub fn of(located: &Located, session: &Session<'_>) -> Result<Self> {
        let (block, receipt) = (&located.block, located.receipt());
        let envelope = TxEnvelope::decode_2718_exact(&block.body.transactions[located.index])
            .context("the transaction cannot be decoded")?;
        let native = session.ledger.native();
        let called = Called::of(&envelope, &receipt.outcome, session).unwrap_or_default();
        let fee = U256::from(receipt.gas_used) * U256::from(receipt.gas_price);
        let (status, output, reason, halt) = match &receipt.outcome {
            Outcome::Success { output } => ("success", output.clone(), None, None),
            Outcome::Reverted { output } => {
                let reason = session.reason_of(receipt.to, envelope.input(), output);
                ("reverted", output.clone(), Some(reason), None)
            }
            Outcome::Halted { halt } => ("halted", Bytes::new(), None, Some(halt.clone())),
        };
        let events = receipt.logs.iter().map(|log| Emitted::of(log, session));
        let show = |address| session.book.show(address);
        Ok(Transaction {
            hash: receipt.transaction,
            block: block.header.number,
            block_hash: block.hash,
            index: located.index,
            timestamp: block.header.timestamp,
            status,
            from: receipt.sender,
            to: receipt.to,
            created: receipt.created,
            value: receipt.value.to_string(),
            nonce: envelope.nonce(),
            gas_limit: envelope.gas_limit(),
            gas_used: receipt.gas_used,
            gas_price: receipt.gas_price.to_string(),
            fee: fee.to_string(),
            method: called.method,
            arguments: called.arguments,
            results: called.results,
            output,
            input: envelope.input().clone(),
            events: events.collect(),
            reason,
            halt,
            gas: gas_parts(&receipt.gas),
            words: Words {
                from: show(receipt.sender),
                to: receipt.to.map_or_else(|| "a new contract".to_owned(), show),
                created: receipt.created.map(|created| match session.book.name(created) {
                    Some(name) => format!("{name}, at {created}"),
                    None => created.to_string(),
                }),
                value: (!receipt.value.is_zero()).then(|| native.display(receipt.value)),
                fee: native.display(fee),
            },
        })
    }

    /// Shows what came of a transaction that was sent; an error with the right exit code if it took
    /// no effect. Whatever cannot be shown, the error says that it was sealed: sent again, it
    /// would pay twice.
    pub fn told(located: &Located, session: &Session<'_>) -> Result<()> {
        let sealed = || {
            let (receipt, block) = (located.receipt(), located.block.header.number);
            let effect = if receipt.is_success() { "took effect" } else { "took no effect" };
            format!("transaction {} {effect} in block {block}", receipt.transaction)
        };
        let sent = Transaction::of(located, session).with_context(sealed)?;
        session.context.out.show(&sent).with_context(sealed)?;
        sent.check()
    }

    /// An error with the right exit code if the transaction took no effect.
    fn check(&self) -> Result<()> {
        match self.failure() {
            None => Ok(()),
            Some(why) => {
                Err(Exit::Reverted.because(format!("{} {}: {why}", self.hash, self.status)))
            }
        }
    }

    fn failure(&self) -> Option<String> {
        let reason = self.reason.as_ref().map(|reason| reason.message.clone());
        reason.or_else(|| self.halt.as_ref().map(Halt::to_string))
    }
}

/// Parses the hash of a transaction or a block.
pub fn parse_hash(text: &str) -> Result<B256> {
    let hash = text.parse().ok().filter(|_| text.starts_with("0x"));
    hash.with_context(|| format!("`{text}` is no hash: 0x and 64 hexadecimal digits"))
}

/// What of a receipt's gas went where, without what is nothing.
pub fn gas_parts(gas: &GasReport) -> BTreeMap<&'static str, u64> {
    gas.parts().into_iter().filter(|(_, units)| *units > 0).collect()
}

/// `storage 20000, compute 312`, largest first.
fn gas_text(parts: &BTreeMap<&'static str, u64>) -> String {
    let mut parts: Vec<_> = parts.iter().collect();
    parts.sort_by(|a, b| b.1.cmp(a.1));
    parts.iter().map(|(part, units)| format!("{part} {units}")).collect::<Vec<_>>().join(", ")
}

impl Report for Transaction {
    fn text(&self) -> String {
        let Words { from, to, created, value, fee } = &self.words;
        let mut rows = vec![
            ("transaction", self.hash.to_string()),
            ("block", format!("{}, {}", self.block, time::display(self.timestamp))),
            ("from", from.clone()),
            ("to", to.clone()),
        ];
        if let Some(method) = &self.method {
            rows.push(("call", format!("{method}{}", labelled(&self.arguments))));
        }
        rows.extend(value.clone().map(|value| ("value", value)));
        rows.push(match self.failure() {
            Some(why) => ("status", format!("{}: {why}", self.status)),
            None => ("status", self.status.to_owned()),
        });
        rows.extend(created.clone().map(|created| ("created", created)));
        if !self.results.is_empty() {
            let results = self.results.iter().map(Named::labelled).collect::<Vec<_>>();
            rows.push(("result", results.join("\n")));
        }
        rows.push(("gas", format!("{} of {}, for {fee}", self.gas_used, self.gas_limit)));
        if self.halt.is_some() {
            rows.push(("gas used by", gas_text(&self.gas)));
        }
        if !self.events.is_empty() {
            let events: Vec<_> = self.events.iter().map(Emitted::text).collect();
            rows.push(("events", events.join("\n")));
        }
        fields(rows)
    }
}

/// The call in a transaction, by the ABI of the contract that was called.
#[derive(Default)]
struct Called {
    method: Option<String>,
    arguments: Vec<Named>,
    results: Vec<Named>,
}

impl Called {
    /// The call, if the contract that was called tells what its input means.
    fn of(envelope: &TxEnvelope, outcome: &Outcome, session: &Session<'_>) -> Option<Self> {
        let (selector, body) = envelope.input().split_first_chunk::<4>()?;
        let contract = session.known(envelope.to()?)?;
        let method = contract.abi.functions().find(|method| method.selector() == *selector)?;
        let terms = session.terms(Some(&contract));
        let name = |parameters: &[_], values: Vec<_>| {
            name_values(&method.name, parameters, &values, &terms)
        };
        let arguments = method.abi_decode_input(body).unwrap_or_default();
        let results = match outcome {
            Outcome::Success { output } => method.abi_decode_output(output).unwrap_or_default(),
            _ => vec![],
        };
        Some(Called {
            method: Some(method.name.clone()),
            arguments: name(&method.inputs, arguments),
            results: name(&method.outputs, results),
        })
    }
}
