//! Payments over HTTP and WebSocket: a node (`servers`) and its clients (`clients`), beside the same
//! clients with a server that does nothing, and with anvil.
//!
//! Invariant: clients, requests and sockets are the same for all; whatever a client costs, it costs
//! everybody.

pub mod clients;
pub mod servers;

use crate::baselines::disk::settle;
use crate::measure::{Contender, Group, Row, Unit, Whose, each, percentile, race};
use crate::ours::ledger::Ledger;
use crate::workload::*;
use alloy_primitives::{Address, TxKind};
use anyhow::Result;
use clients::{Errand, Plan, Transport};
use florin_runtime::Chain;
use servers::Server;
use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant};

/// Payments over sockets, per second.
pub const RATES: &str = "node: transfers per second";
/// And how long one takes.
pub const LATENCIES: &str = "node: latency of a transfer";
/// How long it takes until a node answers.
pub const START: &str = "node: start";
/// Its memory under load. Only if it is asked for: it takes ten minutes.
pub const SOAK: &str = "soak: payments over sockets, and memory";

/// How long a node is left alone after ten thousand have gone.
const LEAVE: Duration = Duration::from_secs(1);
/// Files that a process has open beside those of subscribers.
const FILES: u64 = 2_000;

const SEND: &str = "eth_sendRawTransaction";
const SEND_SYNC: &str = "eth_sendRawTransactionSync";

/// Clients with an account each, who wait for the receipt of a payment before the next, by one
/// round trip.
const fn waiting(transport: Transport, connections: usize) -> Plan {
    let (method, final_answers) = (SEND_SYNC, true);
    Plan { transport, connections, window: 1, batch: 1, method, asks: true, final_answers }
}

/// Gateways that send for many accounts, without waiting.
const fn streaming(transport: Transport) -> Plan {
    let (window, batch) = match transport {
        Transport::Http => (1, 100),
        Transport::WebSocket => (100, 1),
    };
    let (connections, method, final_answers) = (50, SEND, true);
    Plan { transport, connections, window, batch, method, asks: false, final_answers }
}

/// A server, and what is known of the ledger behind it.
struct Site<'a> {
    people: &'a People,
    server: Server,
    token: Address,
    /// The next nonce of every sender.
    nonces: RefCell<Vec<u64>>,
}

impl<'a> Site<'a> {
    fn new(people: &'a People, server: Server, nonces: Vec<u64>) -> Self {
        let token = address_of(&people.admin).create(0);
        Site { people, server, token, nonces: RefCell::new(nonces) }
    }

    /// So many token transfers, divided among connections: a sender's are all sent by the same.
    fn errands(&self, round: u64, count: usize, plan: &Plan) -> Result<Vec<Errand>> {
        let mut payments = self.people.payments(round, count, Paid::Anybody);
        let all = self.people.scale.senders;
        let senders = if plan.asks { plan.connections.min(all) } else { all };
        payments.iter_mut().for_each(|(from, _)| *from %= senders);
        let token = self.token;
        let mut nonces = self.nonces.borrow_mut();
        let transfer = |to| (TxKind::Call(token), 0, transfer(to, 1));
        let signed = self.people.sign_all(&payments, &mut nonces, transfer)?;
        let mut errands = vec![Errand::default(); plan.connections];
        for (transaction, (from, _)) in signed.into_iter().zip(payments) {
            errands[from % plan.connections].transactions.push(transaction);
        }
        for (sender, address) in self.people.addresses[..senders].iter().enumerate() {
            errands[sender % plan.connections].senders.push(*address);
        }
        errands.retain(|errand| !errand.transactions.is_empty());
        Ok(errands)
    }

    fn load(&self, round: u64, count: usize, plan: &Plan) -> Result<clients::Load> {
        let errands = self.errands(round, count, plan)?;
        settle()?;
        clients::send(self.server.address, plan, errands)
    }
}

/// A way to send, and its rows.
struct Way {
    plan: Plan,
    name: &'static str,
    work: &'static [&'static str],
    /// The rows of a node and of the server that does nothing.
    ids: [&'static str; 2],
    /// The rows of its latencies: p50 and p99.
    percentiles: Option<[&'static str; 2]>,
}

const WAYS: [Way; 4] = [
    Way {
        plan: waiting(Transport::Http, 500),
        name: "500 clients who wait, HTTP",
        work: WAITING,
        ids: ["node-waiting-http", "nothing-waiting-http"],
        percentiles: Some(["node-waiting-http-p50", "node-waiting-http-p99"]),
    },
    Way {
        plan: waiting(Transport::WebSocket, 500),
        name: "500 clients who wait, WebSocket",
        work: WAITING,
        ids: ["node-waiting-ws", "nothing-waiting-ws"],
        percentiles: Some(["node-waiting-ws-p50", "node-waiting-ws-p99"]),
    },
    Way {
        plan: streaming(Transport::Http),
        name: "50 gateways, HTTP, batches of 100",
        work: STREAMING,
        ids: ["node-gateways-http", "nothing-gateways-http"],
        percentiles: None,
    },
    Way {
        plan: streaming(Transport::WebSocket),
        name: "50 gateways, WebSocket, 100 each",
        work: STREAMING,
        ids: ["node-gateways-ws", "nothing-gateways-ws"],
        percentiles: None,
    },
];

/// One client who has the node for itself.
const ALONE: Way = Way {
    plan: waiting(Transport::Http, 1),
    name: "one client alone, HTTP",
    work: WAITING,
    ids: ["node-alone", "nothing-alone"],
    percentiles: Some(["node-alone-p50", "node-alone-p99"]),
};

/// Accounts that anvil has: each of its blocks copies all of them, so with as many as everybody else
/// has it would not answer in time.
const ANVIL_ACCOUNTS: usize = 1_000;

/// A way to run anvil.
struct Anvil {
    id: &'static str,
    name: &'static str,
    options: &'static [&'static str],
    plan: Plan,
    /// Parts of [`Scale::anvil_transfers`] in a sample.
    parts: usize,
    work: &'static [&'static str],
}

const ANVIL: [Anvil; 2] = [
    Anvil {
        id: "anvil-waiting",
        name: "anvil, 500 clients who wait, HTTP",
        options: &[],
        plan: waiting(Transport::Http, 500),
        parts: 10,
        work: ANVIL_DEFAULT,
    },
    Anvil {
        id: "anvil-gateways",
        name: "anvil, 50 gateways, HTTP, batches of 100",
        options: &["--block-time", "1", "--prune-history", "--disable-pool-balance-checks"],
        plan: Plan { final_answers: false, ..streaming(Transport::Http) },
        parts: 200,
        work: ANVIL_BEST,
    },
];

/// A node in a process of its own.
fn node<'a>(people: &'a People, dir: &Path) -> Result<Site<'a>> {
    let dir = dir.join("served");
    std::fs::create_dir_all(&dir)?;
    let nonces = Ledger::new(people, &dir)?.close()?;
    Ok(Site::new(people, Server::node(&dir.join("ledger"))?, nonces))
}

/// Rates and latencies of a node, beside what limits them and what else there is.
pub fn groups(people: &People, dir: &Path, rounds: u64) -> Result<[Group; 3]> {
    let scale = people.scale;
    let inside = dir.join("inside");
    std::fs::create_dir_all(&inside)?;
    let inside = Ledger::new(people, &inside)?;
    let node = node(people, dir)?;
    let subscribed = subscribed(&node)?;
    let fresh = || vec![0; scale.senders];
    let nothing = Site::new(people, Server::nothing()?, fresh());
    let (node, nothing, times) = (&node, &nothing, &RefCell::new(Vec::new()));

    let few = People::new(Scale {
        senders: scale.senders.min(ANVIL_ACCOUNTS),
        accounts: scale.accounts.min(ANVIL_ACCOUNTS),
        ..scale
    })?;
    let mut missing = Vec::new();
    let mut contenders = inside.beside();
    for way in &ANVIL {
        let row = Row::new(way.id, Whose::Baseline, way.name, way.work);
        let count = scale.anvil_transfers * way.parts;
        match Server::anvil(&few, dir, way.options) {
            Ok(server) => {
                let site = Site::new(&few, server, fresh());
                contenders.push(Contender::new(row, move |round| {
                    Ok(each(site.load(round, count, &way.plan)?.elapsed, count))
                }));
            }
            Err(error) => missing.push(Row { missing: Some(format!("{error:#}")), ..row }),
        }
    }
    for way in &WAYS {
        let ([id, against], count) = (way.ids, scale.node_transfers);
        let row = Row::new(against, Whose::Baseline, format!("no methods: {}", way.name), NOTHING);
        contenders.push(Contender::new(row, move |round| {
            Ok(each(nothing.load(round, count, &way.plan)?.elapsed, count))
        }));
        let row = Row::new(id, Whose::Ours, format!("Florin: {}", way.name), way.work);
        contenders.push(Contender::new(row.against(against), move |round| {
            let load = node.load(round, count, &way.plan)?;
            times.borrow_mut().push((round, way, load.latencies));
            Ok(each(load.elapsed, count))
        }));
    }
    if subscribed.missing.is_some() {
        missing.push(subscribed);
    } else {
        let count = scale.node_transfers;
        contenders.push(Contender::new(subscribed, move |round| {
            let subscribers = clients::subscribe(node.server.address, scale.subscribers)?;
            let load = node.load(round, count, &WAYS[2].plan)?;
            leave(subscribers);
            Ok(each(load.elapsed, count))
        }));
    }
    let rows = missing.into_iter().chain(race(rounds, contenders)?).collect();

    for round in 0..=rounds {
        let load = node.load(round, scale.singles, &ALONE.plan)?;
        times.borrow_mut().push((round, &ALONE, load.latencies));
    }
    let latencies = percentiles(&times.borrow());
    Ok([
        Group { title: RATES, unit: Unit::Rate, rows },
        Group { title: LATENCIES, unit: Unit::Time, rows: latencies },
        Group { title: START, unit: Unit::Time, rows: race(rounds, vec![start(people, dir)?])? },
    ])
}

/// The row of payments beside clients who only listen; what they take of the memory of a fresh node.
fn subscribed(node: &Site<'_>) -> Result<Row> {
    let (count, way) = (node.people.scale.subscribers, &WAYS[2]);
    let row = Row::new("node-subscribed", Whose::Ours, format!("Florin: {}", way.name), SUBSCRIBED);
    let mut row = row.against(way.ids[0]);
    // Two ends of each are files, one in either process.
    let files = rlimit::increase_nofile_limit(u64::MAX)?;
    if files < count as u64 + FILES {
        let missing = format!("{files} files may be open (`ulimit -n`)");
        return Ok(Row { missing: Some(missing), ..row });
    }
    let before = node.server.memory()?;
    let subscribers = clients::subscribe(node.server.address, count)?;
    let each_has = node.server.memory()?.saturating_sub(before) / count as u64;
    row.name += &format!("; {count} subscribers, {} KiB each", each_has >> 10);
    leave(subscribers);
    Ok(row)
}

/// Lets subscribers go, and the node notice.
fn leave(subscribers: clients::Subscribers) {
    drop(subscribers);
    std::thread::sleep(LEAVE);
}

/// How long it takes until a new node answers.
fn start<'a>(people: &'a People, dir: &'a Path) -> Result<Contender<'a>> {
    let row = Row::new("start-fresh", Whose::Ours, "Florin: node on a fresh ledger", STARTED);
    Ok(Contender::new(row, move |round| {
        let ledger = dir.join(format!("fresh-{round}"));
        Chain::create(&ledger, &people.genesis(), people.scale.options())?.close()?;
        let start = Instant::now();
        let server = Server::node(&ledger)?;
        clients::height(server.address)?;
        Ok(start.elapsed().as_secs_f64())
    }))
}

/// A node that is kept busy, and what becomes of its memory.
pub fn soak(people: &People, dir: &Path) -> Result<Group> {
    let node = node(people, &dir.join("soak"))?;
    let (count, plan) = (people.scale.node_transfers, &WAYS[1].plan);
    let mut row = Row::new("soak", Whose::Ours, "", SOAKED);
    let mut memory = Vec::new();
    for round in 0..people.scale.soak_rounds {
        row.samples.push(each(node.load(round, count, plan)?.elapsed, count));
        let bytes = node.server.memory()? as f64;
        eprintln!("round {round}: {:.1} MB", bytes / 1e6);
        memory.push((round as f64 * count as f64, bytes));
    }
    // What is filled once is full after the first half.
    let late = &memory[memory.len() / 2..];
    let all = people.scale.soak_rounds as usize * count;
    let last = memory.last().map_or(0.0, |(_, bytes)| *bytes);
    row.name = format!(
        "Florin: {}; {all} payments, {:.0} MB at the end, {:.1} bytes more for each of the second half",
        WAYS[1].name,
        last / 1e6,
        slope(late)
    );
    Ok(Group { title: SOAK, unit: Unit::Rate, rows: vec![row] })
}

/// The slope of the line that fits best (least squares).
fn slope(points: &[(f64, f64)]) -> f64 {
    let mean =
        |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(|(x, _)| *x), mean(|(_, y)| *y));
    let both: f64 = points.iter().map(|(a, b)| (a - x) * (b - y)).sum();
    let squares: f64 = points.iter().map(|(a, _)| (a - x).powi(2)).sum();
    both / squares
}

/// Percentiles of the rounds that count.
fn percentiles(times: &[(u64, &'static Way, Vec<f64>)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for way in WAYS.iter().chain([&ALONE]) {
        let Some(ids) = way.percentiles else { continue };
        for (id, (name, percent)) in ids.into_iter().zip([("p50", 50.0), ("p99", 99.0)]) {
            let of_way = times.iter().filter(|(round, of, _)| *round > 0 && of.ids == way.ids);
            let samples = of_way.filter_map(|(_, _, times)| percentile(times, percent)).collect();
            let row = Row::new(id, Whose::Ours, format!("Florin: {}, {name}", way.name), TIMES);
            rows.push(Row { samples, ..row });
        }
    }
    rows
}

const WAITING: &[&str] = &[
    "clients with an account each: `eth_sendRawTransactionSync`, and when the receipt is there the",
    "next; all of `token-hinted`, sockets, HTTP or frames, JSON both ways; clients and node share the",
    "cores; each client asked for its account's nonce when it connected, as wallets do",
];
const STREAMING: &[&str] = &[
    "clients that send for 200 accounts each by `eth_sendRawTransaction`, answered when the payment",
    "is durable; all of `token`, sockets, HTTP or frames, JSON both ways; no hints",
];
const SUBSCRIBED: &[&str] = &[
    "the same while so many clients are connected by WebSocket, each subscribed to logs that never",
    "come; memory is what they took when the node was fresh",
];
const STARTED: &[&str] = &[
    "a new process opens a ledger with the genesis of everybody here and serves it, until it has",
    "answered `eth_blockNumber`",
];
const SOAKED: &[&str] =
    &["round after round of clients who wait; memory is the node's resident set after each"];
const NOTHING: &[&str] = &[
    "the same requests to jsonrpsee's server with methods that read their parameter and answer with",
    "as many bytes, and do nothing else: what the transport allows",
];
const ANVIL_DEFAULT: &[&str] = &[
    "anvil as it comes (a block as soon as there is a transaction, state in memory), with OpenZeppelin's",
    "ERC-20 and 1,000 accounts in all: the same clients, each waiting for its receipt",
];
const ANVIL_BEST: &[&str] =
    &["anvil with a block a second and no history; until the last transaction is in a block"];
const TIMES: &[&str] =
    &["from the first byte of the request to the durable receipt; percentile of each round"];
