//! A large ledger: how long opening it takes after its process was killed, how much memory and disk
//! it takes, and that the disk it takes levels off however often the same accounts change. `just
//! growth` runs it, optimised; it is no part of the tests because it takes minutes.
//!
//! The accounts are created in order of key, which sled takes fastest; what follows, and is
//! measured, is in no order. Whoever makes a ledger and whoever checks it follow the same plan.

use crate::support::CONFIG;
use florin_runtime::{
    store::{Commitment, Options, Store},
    types::{Account, Address, Block, BlockBody, Header, StateKey, U256, Write},
};
use std::{path::Path, process::Command, sync::Arc, time::Instant};

const CHILD: &str = "FLORIN_GROWTH_DIR";
/// Accounts of the ledger.
const ACCOUNTS: &str = "FLORIN_GROWTH_ACCOUNTS";
/// Changes of accounts drawn from all, after all are there.
const CHANGES: &str = "FLORIN_GROWTH_CHANGES";
/// MiB of memory that the ledger may use for its state.
const MEMORY: &str = "FLORIN_GROWTH_MEMORY";
/// Accounts that a block changes.
const BLOCK: u64 = 10_000;
/// Seconds that opening may take after a kill: as a second for a million accounts and five for ten.
fn seconds_allowed(accounts: u64) -> f64 {
    1.0 + 4.0 * (accounts.saturating_sub(1_000_000) as f64 / 9e6)
}
/// Accounts that change again and again where the size of the state is watched.
const WATCHED: u64 = 200_000;
/// So often each of them changes, on average, in each half of the time.
const HALF: u64 = 60;
/// Bytes of disk that the state of one of them may take at most: some 60 are alive, of which the file
/// may take twice as much and 16 MiB more; a tenth beyond that, since it is shortened afterwards.
const MOST_BYTES: u64 = (2 * 60 + (16 << 20) / WATCHED) * 11 / 10;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

fn options() -> Options {
    let memory = setting(MEMORY, (Options::MEMORY >> 20) as u64) as usize;
    Options { memory: memory << 20, ..Options::default() }
}

/// Who exists, and how often each has changed.
struct Plan {
    nonces: Vec<u8>,
    random: u64,
}

impl Plan {
    fn new(accounts: u64) -> Self {
        Plan { nonces: vec![0; accounts as usize], random: 1 }
    }

    /// Addresses are spread evenly, and in the order of their numbers.
    fn address(&self, n: usize) -> Address {
        let mut address = Address::from_word(alloy_primitives::keccak256(n.to_be_bytes()));
        let place = n as u64 * (u64::MAX / self.nonces.len() as u64);
        address[..8].copy_from_slice(&place.to_be_bytes());
        address
    }

    fn account(&self, n: usize) -> Option<Account> {
        let nonce = self.nonces[n];
        let balance = U256::from(1_000_000_000);
        (nonce > 0).then(|| Account { nonce: nonce.into(), balance, ..Account::default() })
    }

    /// The accounts that each block creates, in order.
    fn creations(&self) -> impl Iterator<Item = Vec<usize>> + use<> {
        let all = self.nonces.len();
        let block = BLOCK as usize;
        (0..all).step_by(block).map(move |first| (first..(first + block).min(all)).collect())
    }

    /// Accounts for a block to change, drawn from all.
    fn draw(&mut self) -> Vec<usize> {
        let mut numbers: Vec<_> = (0..BLOCK)
            .map(|_| {
                // Xorshift: two plans draw the same.
                self.random ^= self.random << 13;
                self.random ^= self.random >> 7;
                self.random ^= self.random << 17;
                self.random as usize % self.nonces.len()
            })
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The writes that change these accounts.
    fn change(&mut self, numbers: Vec<usize>) -> Vec<Write> {
        let mut write = |n: usize| {
            let value = |plan: &Plan| plan.account(n).map(|account| account.to_bytes());
            let before = value(self);
            self.nonces[n] += 1;
            Write { key: StateKey::Account(self.address(n)), before, after: value(self) }
        };
        numbers.into_iter().map(&mut write).collect()
    }
}

/// A ledger that is made as planned.
struct Ledger {
    store: Store,
    head: Block,
    sum: Commitment,
}

impl Ledger {
    fn new(dir: &Path, options: Options) -> Self {
        let sum = Commitment::default();
        let header = Header { state_root: sum.digest(), ..Header::default() };
        let head = Block::new(header, BlockBody::default());
        let store = Store::create(dir, &head, CONFIG, options).unwrap();
        Ledger { store, head, sum }
    }

    fn commit(&mut self, writes: Vec<Write>) {
        self.sum.apply(&writes);
        let header = Header {
            number: self.head.header.number + 1,
            parent_hash: self.head.hash,
            state_root: self.sum.digest(),
            ..Header::default()
        };
        self.head =
            Block::new(header, BlockBody { writes: Arc::new(writes), ..BlockBody::default() });
        self.store.commit(&self.head).unwrap();
    }
}

fn accounts() -> u64 {
    setting(ACCOUNTS, 1_000_000)
}

fn changes() -> u64 {
    setting(CHANGES, 1_000_000)
}

/// Makes the ledger, in a process that ends without closing it.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let (mut ledger, mut plan) = (Ledger::new(Path::new(&dir), options()), Plan::new(accounts()));
    let started = Instant::now();
    for numbers in plan.creations() {
        ledger.commit(plan.change(numbers));
    }
    let created = started.elapsed();
    println!("created in {:.1} s, {}", created.as_secs_f64(), memory());
    for _ in 0..changes() / BLOCK {
        let numbers = plan.draw();
        ledger.commit(plan.change(numbers));
    }
    let changed = (started.elapsed() - created).as_secs_f64();
    println!("changed {} in {changed:.1} s, {}", changes(), memory());
    std::process::abort();
}

/// What this process holds, and held at most.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines =
        status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"));
    lines.collect::<Vec<_>>().join(", ").replace('\t', " ")
}

/// Bytes that a directory takes on disk.
fn disk(dir: &Path) -> u64 {
    let output = Command::new("du").args(["-s", "-B1"]).arg(dir).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split('\t').next().unwrap().parse().unwrap()
}

#[test]
#[ignore = "takes minutes; `just growth` runs it"]
fn a_large_ledger_opens_soon_after_its_process_was_killed() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = std::env::current_exe().unwrap();
    let made = Command::new(program)
        .args(["growth::child", "--exact", "--nocapture"])
        .env(CHILD, dir.path())
        .status()
        .unwrap();
    assert!(!made.success(), "it aborts");
    for again in ["", " again"] {
        let started = Instant::now();
        let store = Store::open(dir.path(), options(), &mut |_, _| {}).unwrap();
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{} accounts: opened{again} in {seconds:.2} s, {}, state {} MB, journal {} MB",
            accounts(),
            memory(),
            disk(&dir.path().join("state")) >> 20,
            disk(&dir.path().join("journal")) >> 20,
        );
        assert!(seconds <= seconds_allowed(accounts()), "it took {seconds:.2} s");
        let mut plan = Plan::new(accounts());
        plan.nonces.fill(1);
        for _ in 0..changes() / BLOCK {
            plan.draw().into_iter().for_each(|n| plan.nonces[n] += 1);
        }
        assert_eq!(store.counts().accounts, accounts());
        for n in (0..plan.nonces.len()).step_by(997) {
            assert_eq!(store.account(&plan.address(n)).unwrap(), plan.account(n), "account {n}");
        }
    }
}

#[test]
#[ignore = "takes minutes; `just growth` runs it"]
fn the_state_does_not_grow_when_the_same_accounts_change_again_and_again() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    // So little memory that whatever changes is written soon, and not once for many changes.
    let options = Options { memory: 8 << 20, ..Options::default() };
    let (mut ledger, mut plan) = (Ledger::new(dir.path(), options), Plan::new(WATCHED));
    for numbers in plan.creations() {
        ledger.commit(plan.change(numbers));
    }
    let mut change = |times: u64| {
        (0..times)
            .map(|_| {
                for _ in 0..WATCHED / BLOCK {
                    let numbers = plan.draw();
                    ledger.commit(plan.change(numbers));
                }
                disk(&dir.path().join("state"))
            })
            .collect::<Vec<_>>()
    };
    let sizes = change(2 * HALF);
    println!("{WATCHED} accounts, each changed {} times: state {sizes:?} bytes", 2 * HALF);
    assert!(sizes.iter().all(|&bytes| bytes <= WATCHED * MOST_BYTES), "it takes too much");
    // It goes up and down; where it turns stays.
    let (first, second) = sizes.split_at(HALF as usize);
    let least = |sizes: &[u64]| sizes.iter().copied().min().unwrap_or_default();
    assert!(least(second) <= least(first) / 2 * 3, "it grows");
}
