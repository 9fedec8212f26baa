//! What growth costs: the same payments on a small and on a large ledger, and how soon a large one
//! opens after its process was killed.
//!
//! The large ledgers begin like the small one. Then the other accounts, and as many balances of the
//! token, are committed to the store in order of key, as blocks without transactions: signing ten
//! million of them would take an hour, and it is what comes after that is measured.
//!
//! Invariant: whoever is timed leaves nothing to be done in another's time: a turn begins when
//! nothing goes on, and ends when nothing does.

use super::ledger::Ledger;
use crate::baselines::disk::settle;
use crate::measure::{Contender, Row, Whose, race, seconds_each};
use crate::network::clients::height;
use crate::network::servers::Server;
use crate::workload::*;
use alloy_primitives::Address;
use anyhow::{Context, Result, ensure};
use florin_runtime::Chain;
use florin_runtime::store::Store;
use florin_runtime::types::{Block, BlockBody, Bytes, Header, StateKey, U256, Write};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tells a process of this program that it is to open a ledger: what to do, number of accounts,
/// directory.
const CHILD: &str = "FLORIN_BENCH_GROWTH";
/// What a child does: transfers until it is killed.
const PAY: &str = "pay";
/// What a child does: opens the ledger, and says how long that took and how much memory.
const OPEN: &str = "open";
/// Entries that a block creates.
const BLOCK: usize = 10_000;
/// One in so many entries is changed when all are there, in steps of so many.
const CHANGED: usize = 2;
const STEP: u64 = 7_368_787;
/// Transfers of a turn, in times of those of other benchmarks, before the clock starts and while it
/// runs: first until a checkpoint goes on in the background, then for two more.
const BEFORE: usize = 5;
const TIMED: usize = 10;
/// Rounds at most: signing for one takes a minute.
const ROUNDS: u64 = 3;
/// Time between two looks at whether this process is doing anything, beyond the second after which
/// an idle ledger writes its checkpoint.
const LOOK: Duration = Duration::from_millis(1_200);
/// Less of a core than this in the time of a look is nothing.
const NOTHING: f64 = 0.05;

/// A ledger of so many accounts, which a child may open.
struct Large {
    dir: PathBuf,
    accounts: usize,
}

impl Large {
    /// Makes one: everybody has some of the native currency and of the token.
    fn new(few: &People, many: &People, dir: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&dir)?;
        let ledger = Ledger::new(few, &dir)?;
        let (token, one) = (ledger.token, few.addresses[few.addresses.len() - 1]);
        ledger.close()?;
        let store = Store::open(&dir.join("ledger"), few.scale.options(), &mut |_, _| {})?;
        let account = store.account(&one)?.context("an account")?.to_bytes();
        let (key, balance) = balance_of_one(&store, &token, &one)?;
        let mut others = many.addresses[few.addresses.len()..].to_vec();
        others.sort_unstable();
        let accounts = |of: &Address| StateKey::Account(*of);
        let balances = |of: &Address| StateKey::Storage(token, key(of));
        let create = |key, value: &Bytes| Write { key, before: None, after: Some(value.clone()) };
        commit_all(&store, &others, |of| create(accounts(of), &account))?;
        commit_all(&store, &others, |of| create(balances(of), &balance))?;
        // Until as much waits to be written into pages as does at any time later.
        let mut richer = store.account(&others[0])?.context("an account")?;
        richer.balance += U256::ONE;
        let richer = richer.to_bytes();
        let mut other = balance.to_vec();
        *other.last_mut().context("a balance")? ^= 1;
        let change = |key, before: &Bytes, after: &Bytes| {
            let (before, after) = (Some(before.clone()), Some(after.clone()));
            Write { key, before, after }
        };
        let other = other.into();
        let drawn: Vec<_> = (0..others.len() / CHANGED)
            .map(|n| others[(n as u64 * STEP % others.len() as u64) as usize])
            .collect();
        let (some, more) = drawn.split_at(drawn.len() / 2);
        commit_all(&store, some, |of| change(accounts(of), &account, &richer))?;
        commit_all(&store, more, |of| change(balances(of), &balance, &other))?;
        store.close()?;
        Ok(Large { dir, accounts: many.addresses.len() })
    }

    /// Has a child of this process do something with it.
    fn child(&self, what: &str) -> Result<std::process::Output> {
        let argument = format!("{what} {} {}", self.accounts, self.dir.display());
        let mut command = Command::new(std::env::current_exe()?);
        command.args(std::env::args_os().skip(1)); // for the scale
        Ok(command.env(CHILD, argument).stderr(std::process::Stdio::inherit()).output()?)
    }

    /// How long it takes until a node answers whose process was killed.
    fn start(&self) -> Contender<'_> {
        let name = format!("Florin: node, {} accounts", self.accounts);
        Contender::new(Row::new("start-large", Whose::Ours, name, STARTED), move |_| {
            let killed = self.child(PAY)?;
            ensure!(!killed.status.success(), "it was not killed");
            let start = Instant::now();
            let server = Server::node(&self.dir.join("ledger"))?;
            height(server.address)?;
            Ok(start.elapsed().as_secs_f64())
        })
    }

    fn bytes(&self, part: &str) -> Result<u64> {
        let path = self.dir.join("ledger").join(part);
        let output = Command::new("du").args(["-s", "-B1"]).arg(path).output()?.stdout;
        let text = String::from_utf8(output)?;
        Ok(text.split_whitespace().next().context("du says a size")?.parse()?)
    }

    /// How long opening it takes after its process was killed under load.
    fn opening<'a>(&'a self, id: &'static str, memory: &'a Cell<u64>) -> Contender<'a> {
        let row = Row::new(id, Whose::Ours, format!("Florin: {} accounts", self.accounts), OPENING);
        Contender::new(row, move |_| {
            let killed = self.child(PAY)?;
            ensure!(!killed.status.success(), "it was not killed");
            let opened = String::from_utf8(self.child(OPEN)?.stdout)?;
            let (seconds, bytes) = opened.trim().split_once(' ').context("what a child says")?;
            memory.set(memory.get().max(bytes.parse()?));
            Ok(seconds.parse()?)
        })
    }
}

/// The key that the token keeps a balance under, as a function of the account, and the balance of
/// one account. Only the token knows; but the key ends with the account.
fn balance_of_one(
    store: &Store,
    token: &Address,
    one: &Address,
) -> Result<(impl Fn(&Address) -> Bytes, Bytes)> {
    let mut after: Option<Bytes> = None;
    loop {
        let page = store.storage_page(token, after.as_ref().map(|key| &key[..]), 1_000)?;
        let (last, _) = page.last().context("the token has no such balance")?;
        after = Some(last.clone());
        let found = page.into_iter().find(|(key, _)| key.ends_with(one.as_slice()));
        if let Some((key, value)) = found {
            let prefix = key.slice(..key.len() - one.len());
            return Ok((move |of: &Address| [&prefix[..], of.as_slice()].concat().into(), value));
        }
    }
}

/// Commits a write for each, in blocks without transactions.
fn commit_all(store: &Store, of: &[Address], write: impl Fn(&Address) -> Write) -> Result<()> {
    for some in of.chunks(BLOCK) {
        let mut writes: Vec<_> = some.iter().map(&write).collect();
        writes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let (head, mut sum) = (store.head(), store.commitment());
        sum.apply(&writes);
        let header = Header {
            number: head.number + 1,
            parent_hash: head.hash(),
            state_root: sum.digest(),
            timestamp: head.timestamp,
            ..Header::default()
        };
        store.commit(&Block::new(
            header,
            BlockBody { writes: Arc::new(writes), ..BlockBody::default() },
        ))?;
    }
    Ok(())
}

/// Ledgers of a million and of ten million accounts (or what the scale says), beside a small one.
pub struct Growth<'a> {
    few: &'a People,
    dir: &'a Path,
    large: Large,
    largest: Large,
    most: People,
}

impl<'a> Growth<'a> {
    pub fn new(few: &'a People, dir: &'a Path) -> Result<Self> {
        let [more, most] = few.scale.growth;
        let many = |accounts| People::new(Scale { accounts, ..few.scale });
        let most = many(most)?;
        let large = Large::new(few, &many(more)?, dir.join("large"))?;
        let largest = Large::new(few, &most, dir.join("largest"))?;
        Ok(Growth { few, dir, large, largest, most })
    }

    /// Transfers per second on the small ledger and on the largest, in turns.
    pub fn rates(&self, rounds: u64) -> Result<Vec<Row>> {
        let small = self.dir.join("small");
        std::fs::create_dir_all(&small)?;
        let small = Ledger::new(self.few, &small)?;
        let largest = Ledger::open(&self.most, &self.largest.dir)?;
        let rows = [
            (
                Row::new("few-token", Whose::Ours, "Florin: token, few accounts", TOKEN),
                &small,
                false,
            ),
            (
                Row::new("many-token", Whose::Ours, "Florin: token, many", TOKEN)
                    .against("few-token"),
                &largest,
                false,
            ),
            (
                Row::new("few-native", Whose::Ours, "Florin: native, few accounts", NATIVE),
                &small,
                true,
            ),
            (
                Row::new("many-native", Whose::Ours, "Florin: native, many", NATIVE)
                    .against("few-native"),
                &largest,
                true,
            ),
        ];
        let contenders = rows.map(|(row, ledger, native)| {
            Contender::new(row, move |round| {
                let count = self.few.scale.ledger_transfers;
                let all = (BEFORE + TIMED) * count;
                let mut signed = ledger.signed(round, all, Paid::Anybody, native, true)?;
                let timed = signed.split_off(BEFORE * count);
                settle()?;
                ledger.pay(signed)?;
                let sample = seconds_each(timed.len(), || ledger.pay(timed));
                wait_for_quiet()?;
                sample
            })
        });
        race(rounds.min(ROUNDS), contenders.into())
    }

    /// Seconds until a ledger is open whose process was killed.
    pub fn openings(&self, rounds: u64) -> Result<Vec<Row>> {
        let memory = [Cell::new(0), Cell::new(0)];
        let all = [("open-large", &self.large), ("open-largest", &self.largest)];
        let contenders = all.iter().zip(&memory);
        let contenders =
            contenders.map(|((id, large), memory)| large.opening(id, memory)).collect();
        let mut contenders: Vec<_> = contenders;
        contenders.push(self.large.start());
        let mut rows = race(rounds, contenders)?;
        for ((row, (_, large)), memory) in rows.iter_mut().zip(&all).zip(&memory) {
            let megabytes = |bytes: u64| bytes / 1_000_000;
            row.name += &format!(
                ", {} MB of memory, {} MB of state, {} MB of journal",
                megabytes(memory.get()),
                megabytes(large.bytes("state")?),
                megabytes(large.bytes("journal")?)
            );
        }
        Ok(rows)
    }
}

/// What a process is to do that was started by [`Large::child`]; `false` if it was not.
pub fn child(scale: Scale) -> Result<bool> {
    let Ok(argument) = std::env::var(CHILD) else { return Ok(false) };
    let mut words = argument.splitn(3, ' ');
    let mut word = || words.next().context("three words");
    let (what, accounts, dir) = (word()?, word()?.parse()?, PathBuf::from(word()?));
    if what == OPEN {
        let start = Instant::now();
        let chain = Chain::open(&dir.join("ledger"), scale.options(), &mut |_, _| {})?;
        let elapsed = start.elapsed().as_secs_f64();
        println!("{elapsed} {}", most_memory()?);
        drop(chain);
        return Ok(true);
    }
    let people = People::new(Scale { accounts, ..scale })?;
    let ledger = Ledger::open(&people, &dir)?;
    ledger.pay(ledger.signed(0, scale.ledger_transfers, Paid::Anybody, false, true)?)?;
    ledger.pay(ledger.signed(0, scale.ledger_transfers, Paid::Anybody, true, true)?)?;
    std::process::abort();
}

/// The most memory that this process ever had, in bytes.
fn most_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: u64 = line.context("VmHWM")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}

/// Waits until no thread of this process does anything.
fn wait_for_quiet() -> Result<()> {
    loop {
        let before = processor_seconds()?;
        std::thread::sleep(LOOK);
        if processor_seconds()? - before < NOTHING {
            return Ok(());
        }
    }
}

/// Processor time of this process.
fn processor_seconds() -> Result<f64> {
    /// Linux counts in hundredths for everybody.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("the name of the program")?;
    let ticks = |place| fields.split_whitespace().nth(place).and_then(|n| n.parse::<f64>().ok());
    Ok((ticks(11).context("utime")? + ticks(12).context("stime")?) / TICKS)
}

const TOKEN: &[&str] = &["hinted token transfers as above, receivers drawn from all accounts"];
const NATIVE: &[&str] = &["the same for payments of native currency"];
const STARTED: &[&str] = &["the same for a node, until it has answered `eth_blockNumber`"];
const OPENING: &[&str] = &[
    "`Chain::open` in a new process after another paid, and was killed by a signal; memory is",
    "the new process's largest, sizes are of the ledger's folders at the end",
];
