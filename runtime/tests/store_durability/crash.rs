//! SIGKILL at any moment loses nothing that was acknowledged.

use crate::support::{Model, Random, SMALL, open};
use florin_runtime::{
    store::{Durability, Options, Store},
    types::B256,
};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

const CHILD_DIR: &str = "FLORIN_KILL_DIR";
const SEED: u64 = 21;
/// After so many, a fresh ledger: to check all of it every time stays affordable.
const ROUNDS_PER_LEDGER: usize = 10;

/// The process that is killed: not a test by itself, it commits blocks for ever if told where.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let dir = Path::new(&dir);
    // Small, so that checkpoints and new files of the journal are under way all the time.
    let options = Options { durability: Durability::Synced, segment: 40 << 10, ..SMALL };
    let store = Store::open(dir, options, &mut |_, _| {}).unwrap();
    let mut model = Model::up_to(SEED, store.head().number);
    loop {
        let block = model.extend();
        store.commit(&block).unwrap();
        // One write, so that a line is there whole or not at all.
        let line = format!("\nacknowledged {} {}\n", block.header.number, block.hash);
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
}

/// The command that runs [`child`] on a directory.
pub fn child_command(dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["crash::child", "--exact", "--nocapture"]).env(CHILD_DIR, dir);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// The acknowledgement in a line of a child's output.
pub fn parse(line: &str) -> Option<(u64, B256)> {
    let mut words = line.strip_prefix("acknowledged ")?.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    let rounds = std::env::var("FLORIN_KILL_ROUNDS").ok().and_then(|n| n.parse().ok());
    let rounds: u64 = rounds.unwrap_or(20);
    let mut random = Random(rounds);
    let mut acknowledged = 0;
    for first in (0..rounds).step_by(ROUNDS_PER_LEDGER) {
        let dir = tempfile::tempdir().unwrap();
        Model::new(SEED).create(dir.path()).close().unwrap();
        let mut blocks: Vec<(u64, B256)> = Vec::new();
        for round in first..rounds.min(first + ROUNDS_PER_LEDGER as u64) {
            // Sometimes while it is still opening; otherwise after some blocks and a moment.
            let wait_for = if round % 5 == 4 { 0 } else { 1 + random.below(100) as usize };
            blocks.extend(commit_and_kill(dir.path(), wait_for, random.below(20_000)));
            let store = open(dir.path()).unwrap_or_else(|error| panic!("round {round}: {error}"));
            check(&store, &blocks);
        }
        acknowledged += blocks.len();
    }
    assert!(acknowledged as u64 > rounds, "the children got to commit");
}

/// Runs a child until it has acknowledged some blocks and a moment longer; what it acknowledged
/// until it died.
fn commit_and_kill(dir: &Path, wait_for: usize, micros: u64) -> Vec<(u64, B256)> {
    let mut child = child_command(dir).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut blocks = output.lines().map_while(Result::ok).filter_map(|line| parse(&line));
    let mut acknowledged: Vec<_> = blocks.by_ref().take(wait_for).collect();
    std::thread::sleep(Duration::from_micros(micros));
    child.kill().unwrap();
    let end = child.wait().unwrap();
    assert_eq!(end.signal(), Some(9), "it ended by itself: {end}");
    acknowledged.extend(blocks);
    acknowledged
}

fn check(store: &Store, acknowledged: &[(u64, B256)]) {
    let head = store.head().number;
    if let Some((last, _)) = acknowledged.last() {
        assert!(*last <= head, "block {last} was acknowledged, the head is {head}");
    }
    let model = Model::up_to(SEED, head);
    for (number, hash) in acknowledged {
        assert_eq!(model.blocks[*number as usize].hash, *hash);
    }
    model.assert_equals(store);
    assert_eq!(store.verify(&mut |_, _| {}).unwrap().findings, vec![]);
}
