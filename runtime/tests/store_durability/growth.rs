//! A large ledger: how long opening it takes after its process was killed, how much memory and disk
//! it takes. `just growth` runs it, optimised; it is no part of the tests because it takes minutes.

use crate::support::CONFIG;
use florin_runtime::{
    store::{Commitment, Durability, Store},
    types::{Account, Address, B256, Block, BlockBody, Header, StateKey, U256, Write},
};
use std::{collections::BTreeMap, path::Path, process::Command, time::Instant};

const CHILD: &str = "FLORIN_GROWTH_DIR";
/// Accounts of the ledger.
const ACCOUNTS: &str = "FLORIN_GROWTH_ACCOUNTS";
/// Accounts that a block creates.
const BLOCK: u64 = 10_000;
/// Accounts that pay after all are there, again and again.
const PAYERS: u64 = 20_000;

fn accounts() -> u64 {
    std::env::var(ACCOUNTS).ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000)
}

fn address(n: u64) -> Address {
    Address::from_word(alloy_primitives::keccak256(n.to_be_bytes()))
}

fn account(nonce: u64) -> Account {
    Account { nonce, balance: U256::from(1_000_000_000), ..Account::default() }
}

/// The next block: some accounts, from one nonce to another.
fn block(
    parent: &Block,
    sum: &mut Commitment,
    numbers: impl Iterator<Item = u64>,
    to: u64,
) -> Block {
    let writes: BTreeMap<_, _> = numbers.map(|n| (StateKey::Account(address(n)), n)).collect();
    let value = |nonce| Some(account(nonce).to_bytes());
    let write =
        |key| Write { key, before: (to > 1).then(|| value(to - 1)).flatten(), after: value(to) };
    let writes: Vec<_> = writes.into_keys().map(write).collect();
    sum.apply(&writes);
    let header = Header {
        number: parent.header.number + 1,
        parent_hash: parent.hash,
        state_root: sum.digest(),
        ..Header::default()
    };
    Block::new(header, BlockBody { writes, ..BlockBody::default() })
}

/// Makes the ledger, in a process that ends without closing it.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let mut sum = Commitment::default();
    let header = Header { state_root: sum.digest(), ..Header::default() };
    let mut parent = Block::new(header, BlockBody::default());
    let store = Store::create(Path::new(&dir), &parent, CONFIG, Durability::Synced).unwrap();
    let started = Instant::now();
    for first in (1..=accounts()).step_by(BLOCK as usize) {
        parent = block(&parent, &mut sum, first..(first + BLOCK).min(accounts() + 1), 1);
        store.commit(&parent).unwrap();
    }
    let spread = accounts() / PAYERS;
    for nonce in 2..=12 {
        parent = block(&parent, &mut sum, (1..=PAYERS).map(|n| n * spread), nonce);
        store.commit(&parent).unwrap();
    }
    println!("made in {:.1} s, {}", started.elapsed().as_secs_f64(), memory());
    std::process::abort();
}

/// What this process holds.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.unwrap_or("memory unknown").replace('\t', " ")
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
    let started = Instant::now();
    let store = Store::open(dir.path(), Durability::Synced, &mut |_, _| {}).unwrap();
    let opened = started.elapsed();
    assert_eq!(store.counts().accounts, accounts());
    let spread = accounts() / PAYERS;
    for n in (1..=accounts()).step_by(997) {
        let nonce = if n % spread == 0 && n / spread <= PAYERS { 12 } else { 1 };
        assert_eq!(store.account(&address(n)).unwrap(), Some(account(nonce)), "account {n}");
    }
    assert_ne!(store.head().hash(), B256::ZERO);
    let size = |name: &str| {
        let output = Command::new("du").arg("-sh").arg(dir.path().join(name)).output().unwrap();
        String::from_utf8_lossy(&output.stdout).split('\t').next().unwrap_or("?").to_owned()
    };
    println!(
        "{} accounts: opened in {:.2} s, {}, state {}, journal {}",
        accounts(),
        opened.as_secs_f64(),
        memory(),
        size("state"),
        size("journal")
    );
}
