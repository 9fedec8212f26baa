//! SIGKILL at any moment loses nothing that was acknowledged.

use crate::support::{Model, Random, open};
use florin_runtime::{
    store::{Durability, Store},
    types::B256,
};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

const CHILD_DIR: &str = "FLORIN_KILL_DIR";
const SEED: u64 = 21;

/// The process that is killed: not a test by itself, it commits blocks for ever if told where.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let dir = Path::new(&dir);
    let store = Store::open(dir, Durability::Synced, &mut |_, _| {}).unwrap();
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
    let dir = tempfile::tempdir().unwrap();
    Model::new(SEED).create(dir.path()).close().unwrap();
    let mut random = Random(rounds);
    let mut acknowledged: Vec<(u64, B256)> = Vec::new();
    for round in 0..rounds {
        let mut child = child_command(dir.path()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        // Sometimes while it is still opening; otherwise after some blocks and a moment.
        let wait_for = if round % 5 == 4 { 0 } else { 1 + random.below(100) as usize };
        let mut lines = output.lines().map_while(Result::ok);
        acknowledged.extend(lines.by_ref().filter_map(|line| parse(&line)).take(wait_for));
        std::thread::sleep(Duration::from_micros(random.below(20_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(lines.filter_map(|line| parse(&line)));

        let store = open(dir.path()).unwrap_or_else(|error| panic!("round {round}: {error}"));
        let head = store.head().number;
        assert!(acknowledged.last().is_none_or(|(last, _)| *last <= head), "round {round}");
        for (number, hash) in &acknowledged {
            let block = store.block(*number).unwrap().expect("an acknowledged block");
            assert_eq!((block.hash, block.header.hash_slow()), (*hash, *hash));
        }
        if round % 5 == 0 || round + 1 == rounds {
            Model::up_to(SEED, head).assert_equals(&store);
            assert_eq!(store.verify(&mut |_, _| {}).unwrap().findings, vec![]);
        }
    }
    assert!(acknowledged.len() as u64 > rounds, "the children got to commit");
}
