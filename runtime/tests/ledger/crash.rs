//! The process is killed while it takes payments, again and again on the same ledger. Whatever it
//! acknowledged is there afterwards, whole and true, and still is when the ledger was killed often.

use super::support::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::TxKind;
use florin_runtime::senders::Source;
use florin_runtime::sequencer::{Answer, Submission};
use florin_runtime::store::{Durability, Options};
use florin_runtime::types::*;
use florin_runtime::{Chain, Genesis};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Names the ledger to a child process that is to be killed.
const CHILD: &str = "FLORIN_CRASH_LEDGER";
/// How many times to kill; the full proof takes 1,000 or more.
const ROUNDS: &str = "FLORIN_KILL_ROUNDS";
const ROUNDS_BY_DEFAULT: u64 = 12;
/// A fresh ledger is taken after so many, because opening one and looking at all of it takes longer
/// the more it went through.
const ROUNDS_PER_LEDGER: usize = 50;

/// A contract that counts its calls under key "n" and logs each.
const COUNTER: &str = include_str!("counter.wat");

fn free_genesis() -> Genesis {
    let allocations = (1..=4).map(|seed| (address_of(&key(seed)), U256::from(u64::MAX)));
    Genesis { chain_id: CHAIN_ID, allocations: allocations.collect(), ..Genesis::default() }
}

fn counter() -> Address {
    address_of(&key(1)).create(0)
}

fn prepare(path: &Path) {
    let chain = Chain::create(path, &free_genesis(), Durability::Synced).expect("a ledger");
    let input = deployment(COUNTER);
    let deploy = TxEip1559 { to: TxKind::Create, input, gas_limit: 5_000_000, ..payment(0, 0) };
    let located = chain.submit(signed(deploy, &key(1)), NOW).expect("a receipt");
    assert_eq!(located.receipt().created, Some(counter()));
}

/// Takes payments until killed: blocks of several transactions by all senders, each acknowledged on
/// stdout when durable.
fn take_payments(path: &Path) -> ! {
    // Small, so that checkpoints and new files of the journal are under way all the time.
    let options = Options { durability: Durability::Synced, memory: 64 << 10, segment: 64 << 10 };
    let chain = Chain::open(path, options, &mut |_, _| {}).expect("the ledger opens");
    let keys: Vec<_> = (1..=4).map(key).collect();
    let mut nonces: Vec<u64> =
        keys.iter().map(|key| chain.account(&address_of(key)).expect("an account").nonce).collect();
    let sequencer = chain.sequencer(|| NOW).expect("threads");
    let mut outstanding = Vec::new();
    for round in 0u64.. {
        let mut transactions = Vec::new();
        for (sender, key) in keys.iter().enumerate() {
            for _ in 0..=(round % 3) {
                let to = if sender % 2 == 0 { counter() } else { BOB };
                let value = if sender % 2 == 0 { 0 } else { 1 };
                let tx = TxEip1559 {
                    to: TxKind::Call(to),
                    gas_limit: 100_000,
                    ..payment(nonces[sender], value)
                };
                nonces[sender] += 1;
                transactions.push((signed(tx, key), address_of(key)));
            }
        }
        if round % 8 == 7 {
            // Whoever makes blocks by itself has to know the nonces.
            outstanding.drain(..).for_each(|answered: Receiver<()>| {
                answered.recv().expect("an answer");
            });
            let transactions = transactions.into_iter().map(|(bytes, _)| bytes).collect();
            let sealed = chain.seal(transactions, NOW).expect("a block");
            sealed.block.expect("a block").body.receipts.iter().for_each(acknowledge);
            continue;
        }
        for (transaction, sender) in transactions {
            let hint = Some(sender);
            let submission = Submission { transaction, hint, source: Source::default() };
            let (tell, answered) = channel();
            let done = move |answer: Answer| {
                acknowledge(answer.expect("a receipt").receipt());
                tell.send(()).expect("it is waited for");
            };
            sequencer.submit(submission, Box::new(done));
            outstanding.push(answered);
        }
    }
    unreachable!("the loop ends with the process")
}

/// Says that a transaction is durable: one write, so that a line is there whole or not at all.
fn acknowledge(receipt: &Receipt) {
    let line = format!("\n{} {}\n", receipt.transaction, receipt.gas_used);
    std::io::stdout().write_all(line.as_bytes()).expect("somebody listens");
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    if let Some(path) = std::env::var_os(CHILD) {
        take_payments(Path::new(&path));
    }
    let rounds =
        std::env::var(ROUNDS).ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS_BY_DEFAULT);
    // xorshift; the point of the kill has to be arbitrary, not unpredictable.
    let mut seed = u64::from(std::process::id());
    let mut delay = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        Duration::from_micros(2_000 + seed % 60_000)
    };
    let (mut acknowledged, mut blocks) = (0, 0);
    for first in (0..rounds).step_by(ROUNDS_PER_LEDGER) {
        let delays = (first..rounds).take(ROUNDS_PER_LEDGER).map(|_| delay());
        let of_ledger = kill_again_and_again(delays);
        acknowledged += of_ledger.0;
        blocks += of_ledger.1;
        println!("{acknowledged} acknowledged transactions, none lost");
    }
    assert!(acknowledged > 0, "no round lived long enough to acknowledge anything");
    println!(
        "{rounds} kills, {acknowledged} acknowledged transactions, {blocks} blocks: none lost"
    );
}

/// Kills a process that has a ledger after each delay, and looks at the ledger each time; the
/// transactions that it acknowledged, and the blocks.
fn kill_again_and_again(delays: impl Iterator<Item = Duration>) -> (usize, u64) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("ledger");
    prepare(&path);
    let mut acknowledged = Vec::new();
    for (round, delay) in delays.enumerate() {
        let lately = kill_after(&path, delay);
        let chain = open(&path);
        check_receipts(&chain, &lately, round);
        check_state(&chain);
        acknowledged.extend(lately);
    }
    let chain = open(&path);
    check_receipts(&chain, &acknowledged, usize::MAX);
    let audit = chain.audit(&mut |_, _| {}).expect("an audit");
    assert!(audit.is_clean(), "{audit:?}");
    let (blocks, difference) = chain.replay(&mut |_, _| {}).expect("a replay");
    assert_eq!(difference, None);
    (acknowledged.len(), blocks)
}

/// What was acknowledged is there.
fn check_receipts(chain: &Chain, acknowledged: &[(B256, u64)], round: usize) {
    for (hash, gas_used) in acknowledged {
        let found = chain.transaction(hash).expect("a read");
        let found = found.unwrap_or_else(|| panic!("round {round}: {hash} is lost"));
        assert!(found.receipt().is_success());
        assert_eq!(found.receipt().gas_used, *gas_used);
    }
}

/// Starts a child, lets it acknowledge something, kills it after `delay`; returns what it
/// acknowledged.
fn kill_after(path: &Path, delay: Duration) -> Vec<(B256, u64)> {
    let test = "crash::nothing_acknowledged_is_lost_when_the_process_is_killed";
    let program = std::env::current_exe().expect("the test's own path");
    let mut child = Command::new(program)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut acknowledged = Vec::new();
    let mut killer = None;
    for line in lines {
        let Ok(line) = line else { break };
        let Some((hash, gas)) = line.split_once(' ') else { continue };
        let (Ok(hash), Ok(gas)) = (hash.parse(), gas.parse()) else { continue };
        acknowledged.push((hash, gas));
        // The clock starts with the first acknowledgement: before it, there is nothing to lose.
        if killer.is_none() {
            let id = child.id().to_string();
            killer = Some(std::thread::spawn(move || {
                std::thread::sleep(delay);
                Command::new("kill").args(["-9", &id]).status().expect("a kill");
            }));
        }
    }
    if let Some(killer) = killer {
        killer.join().expect("the killer");
    }
    let end = child.wait().expect("the child's end");
    assert_eq!(end.signal(), Some(9), "it ended by itself: {end}");
    acknowledged
}

/// What the state must be, whatever was cut off: the counter counts its calls, BOB has what was
/// paid, value is conserved.
fn check_state(chain: &Chain) {
    let nonce = |seed: u8| chain.account(&address_of(&key(seed))).expect("an account").nonce;
    let calls = nonce(1) - 1 + nonce(3);
    let counted = chain
        .storage(&counter(), b"n")
        .expect("a read")
        .map_or(0, |value| u64::from_le_bytes(value.as_ref().try_into().expect("eight bytes")));
    assert_eq!(counted, calls, "the counter and the nonces disagree");
    let paid = nonce(2) + nonce(4);
    assert_eq!(chain.account(&BOB).expect("an account").balance, U256::from(paid));
}
