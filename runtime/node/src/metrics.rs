//! What is counted and measured, for Prometheus (`/metrics` of the administrative interface).
//!
//! Invariant: the number of series is bounded: a label is a name of the node's own.

use crate::node::Ledger;
use florin_runtime::sequencer::Load;
use florin_runtime::store::Memory;
use florin_runtime::types::Block;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::collections::HashSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A method, and whether it had a result.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: &'static str,
}

/// How a sender was found out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Sender {
    found: &'static str,
}

/// A part of the state in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Part {
    part: &'static str,
}

/// Everything that is measured.
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Histogram>,
    blocks: Counter,
    transactions: Family<Status, Counter>,
    gas: Counter,
    block_transactions: Histogram,
    commits: Histogram,
    parked: Gauge,
    queue: Gauge,
    queue_bytes: Gauge,
    senders: Family<Sender, Counter>,
    state: Family<Part, Gauge>,
    state_missed: Counter,
    head: Gauge,
    numbers: AtomicU64,
    /// Names that labels may have.
    names: OnceLock<HashSet<&'static str>>,
}

/// Lets a counter follow a ledger's own, but not back: another ledger, after a node for development
/// went back in time, counts anew.
fn catch_up(counter: &Counter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}

/// From a tenth of a millisecond to half a minute.
fn latency() -> Histogram {
    Histogram::new(exponential_buckets(0.000_1, 2.0, 19))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("florin"),
            requests: Family::new_with_constructor(latency),
            blocks: Counter::default(),
            transactions: Family::default(),
            gas: Counter::default(),
            block_transactions: Histogram::new(exponential_buckets(1.0, 4.0, 9)),
            commits: latency(),
            parked: Gauge::default(),
            queue: Gauge::default(),
            queue_bytes: Gauge::default(),
            senders: Family::default(),
            state: Family::default(),
            state_missed: Counter::default(),
            head: Gauge::default(),
            numbers: AtomicU64::new(1),
            names: OnceLock::new(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        let help = "How long requests took, by method and result";
        registry.register_with_unit("request", help, Unit::Seconds, self.requests.clone());
        registry.register("blocks", "Blocks made since the start", self.blocks.clone());
        let help = "Transactions in these blocks, by what became of them";
        registry.register("transactions", help, self.transactions.clone());
        registry.register("gas", "Gas that they used", self.gas.clone());
        let help = "Transactions in a block";
        registry.register("block_transactions", help, self.block_transactions.clone());
        let help = "How long it took to make blocks durable";
        registry.register_with_unit("commit", help, Unit::Seconds, self.commits.clone());
        let help = "Transactions on their way into blocks";
        registry.register("queue_transactions", help, self.queue.clone());
        let help = "Bytes of the transactions on their way into blocks";
        registry.register("queue_bytes", help, self.queue_bytes.clone());
        let help = "Senders that were authenticated, by a key that was remembered or by recovery";
        registry.register("senders", help, self.senders.clone());
        let help = "State in memory: what changed and is not in the tree yet, and what is as there";
        registry.register_with_unit("state", help, Unit::Bytes, self.state.clone());
        let help = "Reads of the state that were not answered from memory";
        registry.register("state_missed", help, self.state_missed.clone());
        let help = "Transactions that wait for an earlier nonce or for a block";
        registry.register("parked_transactions", help, self.parked.clone());
        registry.register("head", "Number of the last block", self.head.clone());
    }

    /// A number for a request, by which logs tell it from others.
    pub fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// The names of methods that are told apart.
    pub fn name(&self, names: impl Iterator<Item = &'static str>) {
        self.names.get_or_init(|| names.collect());
    }

    /// A request was answered.
    pub fn answered(&self, method: &str, is_error: bool, took: Duration) {
        let known = self.names.get().and_then(|names| names.get(method));
        let method = known.copied().unwrap_or("unknown");
        let result = if is_error { "error" } else { "ok" };
        self.requests.get_or_create(&Answered { method, result }).observe(took.as_secs_f64());
    }

    /// A block was made, and took so long to become durable.
    pub fn sealed(&self, block: &Block, took: Duration) {
        self.blocks.inc();
        self.commits.observe(took.as_secs_f64());
        self.gas.inc_by(block.header.gas_used);
        self.block_transactions.observe(block.body.receipts.len() as f64);
        let succeeded = block.body.receipts.iter().filter(|receipt| receipt.is_success()).count();
        let failed = block.body.receipts.len() - succeeded;
        for (status, count) in [("success", succeeded), ("failed", failed)] {
            self.transactions.get_or_create(&Status { status }).inc_by(count as u64);
        }
        self.head.set(block.header.number as i64);
    }

    /// Everything, as Prometheus reads it.
    pub fn text(&self, ledger: &Ledger, head: u64) -> String {
        let Load { transactions, bytes, known, recovered } = ledger.pool.load();
        let Memory { changed, clean, missed } = ledger.chain.memory();
        for (part, bytes) in [("changed", changed), ("clean", clean)] {
            self.state.get_or_create(&Part { part }).set(bytes as i64);
        }
        catch_up(&self.state_missed, missed);
        self.parked.set(ledger.pool.len() as i64);
        self.queue.set(transactions as i64);
        self.queue_bytes.set(bytes as i64);
        for (found, count) in [("known", known), ("recovered", recovered)] {
            catch_up(&self.senders.get_or_create(&Sender { found }), count);
        }
        self.head.set(head as i64);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
