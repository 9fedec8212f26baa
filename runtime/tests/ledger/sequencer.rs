//! Transactions through the sequencer: each gets one answer, in order, durable, and the blocks say
//! what they would have said without it.

use super::support::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::TxKind;
use florin_runtime::senders::Source;
use florin_runtime::sequencer::{Answer, Sequencer, Submission};
use florin_runtime::store::Durability;
use florin_runtime::types::*;
use florin_runtime::{Chain, Genesis, Rejection, SubmitError};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

const SENDERS: u8 = 6;
const RICH: u64 = 1_000_000_000_000;
const BLOCK_GAS: u64 = 5_000_000;
/// Far longer than any answer takes.
const LONG: Duration = Duration::from_secs(30);

fn rules(gas_limit: u64) -> Genesis {
    let allocations = (1..=SENDERS).map(|seed| (address_of(&key(seed)), U256::from(RICH)));
    Genesis { allocations: allocations.collect(), block_gas_limit: gas_limit, ..genesis() }
}

fn ledger(dir: &Path, gas_limit: u64) -> Chain {
    Chain::create(dir, &rules(gas_limit), Durability::Unsynced).expect("a new ledger")
}

fn from(transaction: Bytes, hint: Option<Address>) -> Submission {
    Submission { transaction, hint, source: Source::default() }
}

/// Submits everything at once; the answers come in the order of the transactions.
fn submit_all(sequencer: &Sequencer, submissions: Vec<Submission>) -> Vec<Receiver<Answer>> {
    let submit = |submission| {
        let (answer, answered) = channel();
        sequencer.submit(submission, Box::new(move |given| answer.send(given).expect("wanted")));
        answered
    };
    submissions.into_iter().map(submit).collect()
}

/// A clock that tells no time, so that nothing is executed, until what comes with it is dropped.
fn held() -> (Sender<()>, impl Fn() -> u64 + Send + Sync) {
    let (begin, may_begin) = channel();
    let may_begin = Mutex::new(may_begin);
    let clock = move || {
        let _ = may_begin.lock().expect("no panic").recv(); // the second block finds nobody there
        NOW
    };
    (begin, clock)
}

/// What to submit.
#[derive(Debug, Clone)]
enum Step {
    /// The next payment of a sender, with a hint or not, right or wrong.
    Pay {
        sender: u8,
        value: u64,
        hint: Option<u8>,
    },
    /// One that cannot be admitted, because it is far ahead or because of its sender's balance.
    Early {
        sender: u8,
    },
    TooMuch {
        sender: u8,
    },
    /// Bytes that are no transaction.
    Noise(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let sender = 1..=SENDERS;
    prop_oneof![
        6 => (sender.clone(), 1..1000u64, proptest::option::of(1..=SENDERS))
            .prop_map(|(sender, value, hint)| Step::Pay { sender, value, hint }),
        1 => sender.clone().prop_map(|sender| Step::Early { sender }),
        1 => sender.prop_map(|sender| Step::TooMuch { sender }),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Step::Noise),
    ]
}

/// The transactions of some steps, and whether each is good. So many fit into a block.
fn transactions(steps: &[Step], room: u64) -> Vec<(Submission, bool)> {
    let gas_limit = BLOCK_GAS / room;
    let payment = |nonce, value| TxEip1559 { gas_limit, ..payment(nonce, value) };
    let mut nonces = [0; SENDERS as usize + 1];
    let mut make = |step: &Step| match step {
        Step::Pay { sender, value, hint } => {
            let nonce = &mut nonces[usize::from(*sender)];
            let tx = signed(payment(*nonce, *value), &key(*sender));
            *nonce += 1;
            (from(tx, hint.map(|seed| address_of(&key(seed)))), true)
        }
        Step::Early { sender } => {
            let nonce = nonces[usize::from(*sender)] + 1_000;
            (from(signed(payment(nonce, 1), &key(*sender)), None), false)
        }
        Step::TooMuch { sender } => {
            let nonce = nonces[usize::from(*sender)];
            (from(signed(payment(nonce, RICH), &key(*sender)), None), false)
        }
        Step::Noise(bytes) => (from(bytes.clone().into(), None), false),
    };
    steps.iter().map(&mut make).collect()
}

/// The receipts of a ledger, in order, without what depends on where blocks end.
fn history(chain: &Chain) -> Vec<(Bytes, Receipt)> {
    let blocks = (1..=chain.head().number).map(|number| {
        let block = chain.block(number).expect("a read").expect("a block");
        block.body.transactions.into_iter().zip(block.body.receipts)
    });
    let alone = |(bytes, receipt): (Bytes, Receipt)| {
        (bytes, Receipt { cumulative_gas_used: receipt.gas_used, ..receipt })
    };
    blocks.flatten().map(alone).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_blocks_of_one_would_do(
        steps in proptest::collection::vec(step(), 1..120),
        room in 1..40u64,
        reopen_every in 1..60usize,
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        let transactions = transactions(&steps, room);
        let chain = ledger(&one, BLOCK_GAS);
        let sequencer = chain.sequencer(|| NOW).expect("threads");
        let submissions = transactions.iter().map(|(submission, _)| submission.clone());
        let answers = submit_all(&sequencer, submissions.collect());
        for (answer, (submission, good)) in answers.iter().zip(&transactions) {
            match answer.recv().expect("an answer") {
                Ok(located) => {
                    prop_assert!(good);
                    let bytes = &located.block.body.transactions[located.index];
                    prop_assert_eq!(bytes, &submission.transaction);
                    let hash = &located.receipt().transaction;
                    let found = chain.transaction(hash).expect("a read").expect("durable");
                    prop_assert_eq!(found, located);
                }
                Err(SubmitError::Rejected(_)) => prop_assert!(!good),
                Err(fault) => prop_assert!(false, "{}", fault),
            }
            prop_assert!(answer.recv().is_err(), "one answer only");
        }
        drop(sequencer);
        let mut reference = ledger(&other, BLOCK_GAS);
        for (number, (submission, good)) in transactions.into_iter().enumerate() {
            prop_assert_eq!(reference.submit(submission.transaction, NOW).is_ok(), good);
            if number % reopen_every == 0 {
                drop(reference); // what it knew, of state and senders, is gone
                reference = open(&other);
            }
        }
        prop_assert_eq!(history(&chain), history(&reference));
        let roots = [&chain, &reference].map(|chain| chain.head().state_root);
        prop_assert_eq!(roots[0], roots[1]);
        let audit = chain.audit(&mut |_, _| {}).expect("an audit");
        prop_assert!(audit.is_clean(), "{:?}", audit);
        prop_assert_eq!(chain.replay(&mut |_, _| {}).expect("a replay").1, None);
    }
}

#[test]
fn what_was_submitted_is_answered_before_it_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = ledger(dir.path(), 30_000_000);
    let sequencer = chain.sequencer(|| NOW).expect("threads");
    let payments = (0..200).map(|nonce| from(signed(payment(nonce, 1), &key(1)), None)).collect();
    let answers = submit_all(&sequencer, payments);
    drop(sequencer);
    for answer in answers {
        assert!(answer.try_recv().expect("an answer").expect("a receipt").receipt().is_success());
    }
    assert_eq!(chain.account(&BOB).expect("an account").balance, U256::from(200));
}

#[test]
fn neighbours_that_passed_each_other_are_executed_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = ledger(dir.path(), 30_000_000);
    let (begin, clock) = held();
    let sequencer = chain.sequencer(clock).expect("threads");
    let nonces = (0..100).flat_map(|pair| [2 * pair + 1, 2 * pair]);
    let swapped = nonces.map(|nonce| from(signed(payment(nonce, 1), &key(1)), None));
    let alone = from(signed(payment(0, 1), &key(2)), None);
    let far = from(signed(payment(1_000, 1), &key(1)), None);
    let submissions = [alone, far].into_iter().chain(swapped).collect();
    let mut answers = submit_all(&sequencer, submissions).into_iter();
    drop(begin);
    let mut answer = || answers.next().map(|answer| answer.recv_timeout(LONG).expect("an answer"));
    assert!(answer().expect("the one alone").is_ok());
    let far = answer().expect("the one far ahead");
    let Err(SubmitError::Rejected(Rejection::NonceTooHigh { .. })) = far else { panic!("{far:?}") };
    for located in std::iter::from_fn(answer) {
        assert!(located.expect("a receipt").receipt().is_success());
    }
    assert_eq!(chain.account(&BOB).expect("an account").balance, U256::from(201));
    drop(sequencer);
    assert_eq!(chain.replay(&mut |_, _| {}).expect("a replay").1, None);
}

#[test]
fn blocks_of_others_go_between() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = ledger(dir.path(), 30_000_000);
    let sequencer = chain.sequencer(|| NOW).expect("threads");
    std::thread::scope(|scope| {
        for sender in 1..=3 {
            let sequencer = &sequencer;
            scope.spawn(move || {
                for nonce in 0..30 {
                    let submission = from(signed(payment(nonce, 1), &key(sender)), None);
                    sequencer.submit_and_wait(submission).expect("a receipt");
                }
            });
        }
        for nonce in 0..30 {
            chain.submit(signed(payment(nonce, 1), &key(4)), NOW).expect("a receipt");
        }
    });
    assert_eq!(chain.account(&BOB).expect("an account").balance, U256::from(120));
    drop(sequencer);
    assert_eq!(chain.replay(&mut |_, _| {}).expect("a replay").1, None);
}

#[test]
fn nobody_is_forgotten_whoever_does_the_work() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = ledger(dir.path(), 30_000_000);
    let sequencer = chain.sequencer(|| NOW).expect("threads");
    std::thread::scope(|scope| {
        for sender in 1..=SENDERS {
            let sequencer = &sequencer;
            scope.spawn(move || {
                for nonce in 0..150 {
                    let payment = from(signed(payment(nonce, 1), &key(sender)), None);
                    // Those who wait do steps of the others too, and leave when theirs is done.
                    if sender.is_multiple_of(2) {
                        sequencer.submit_and_wait(payment).expect("a receipt");
                    } else {
                        let answer = submit_all(sequencer, vec![payment]).remove(0);
                        answer.recv_timeout(LONG).expect("an answer").expect("a receipt");
                    }
                }
            });
        }
    });
    let paid = U256::from(150 * u64::from(SENDERS));
    assert_eq!(chain.account(&BOB).expect("an account").balance, paid);
}

#[test]
fn what_a_full_block_leaves_over_is_in_the_next() {
    // Room for one payment: the last one finds its block full, and nothing comes after it.
    let dir = tempfile::tempdir().expect("a directory");
    let chain = ledger(dir.path(), BLOCK_GAS);
    let sequencer = chain.sequencer(|| NOW).expect("threads");
    let greedy = |nonce| TxEip1559 { gas_limit: BLOCK_GAS, ..payment(nonce, 1) };
    let payments = (0..20).map(|nonce| from(signed(greedy(nonce), &key(1)), None)).collect();
    for answer in submit_all(&sequencer, payments) {
        answer.recv_timeout(LONG).expect("an answer").expect("a receipt");
    }
    assert_eq!(chain.head().number, 20);
}

#[test]
fn a_transaction_that_fits_no_block_is_told_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = ledger(dir.path(), BLOCK_GAS);
    let sequencer = chain.sequencer(|| NOW).expect("threads");
    let large = TxEip1559 { gas_limit: BLOCK_GAS + 1, ..payment(0, 1) };
    let answer = sequencer.submit_and_wait(from(signed(large, &key(1)), None));
    assert!(
        matches!(answer, Err(SubmitError::Rejected(Rejection::GasAboveBlock { .. }))),
        "{answer:?}"
    );
}

#[test]
fn a_full_queue_answers_at_once_and_loses_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = ledger(dir.path(), 30_000_000);
    let sequencer = chain.sequencer(|| NOW).expect("threads");
    // Larger than anything that is taken, so they only cost room while they wait.
    let noise = || from(vec![2; 8 << 20].into(), None);
    let answers = submit_all(&sequencer, (0..40).map(|_| noise()).collect());
    let (mut full, mut other) = (0, 0);
    for answer in answers {
        match answer.recv().expect("an answer") {
            Err(SubmitError::Rejected(Rejection::QueueFull)) => full += 1,
            Err(SubmitError::Rejected(Rejection::Oversized { .. })) => other += 1,
            answer => panic!("{answer:?}"),
        }
    }
    assert!(full + other == 40 && other > 0, "{full} were told that it is full");
    let payment = from(signed(payment(0, 1), &key(1)), None);
    sequencer.submit_and_wait(payment).expect("there is room again");
}

#[test]
fn contracts_are_created_and_called_in_blocks_that_are_not_durable_yet() {
    const COUNTER: &str = include_str!("counter.wat");
    let dir = tempfile::tempdir().expect("a directory");
    let chain = ledger(dir.path(), 300_000_000);
    let sequencer = chain.sequencer(|| NOW).expect("threads");
    let (input, gas_limit) = (deployment(COUNTER), 5_000_000);
    let deploy = TxEip1559 { to: TxKind::Create, input, gas_limit, ..payment(0, 0) };
    let counter = address_of(&key(1)).create(0);
    let to = TxKind::Call(counter);
    let call = |nonce| TxEip1559 { to, gas_limit: 100_000, ..payment(nonce, 0) };
    let calls = (1..100).map(|nonce| signed(call(nonce), &key(1)));
    let all = std::iter::once(signed(deploy, &key(1))).chain(calls);
    for answer in submit_all(&sequencer, all.map(|tx| from(tx, None)).collect()) {
        let located = answer.recv().expect("an answer").expect("a receipt");
        assert!(located.receipt().is_success(), "{:?}", located.receipt());
    }
    let counted = chain.storage(&counter, b"n").expect("a read").expect("a count");
    assert_eq!(counted[..], 99u64.to_le_bytes());
    drop(sequencer);
    assert_eq!(chain.replay(&mut |_, _| {}).expect("a replay").1, None);
}

#[test]
fn what_passed_a_deployment_waits_until_it_is_compiled() {
    const COUNTER: &str = include_str!("counter.wat");
    let dir = tempfile::tempdir().expect("a directory");
    let chain = ledger(dir.path(), 300_000_000);
    let (begin, clock) = held();
    let sequencer = chain.sequencer(clock).expect("threads");
    let (input, gas_limit) = (deployment(COUNTER), 5_000_000);
    let deploy = TxEip1559 { to: TxKind::Create, input, gas_limit, ..payment(0, 0) };
    let to = TxKind::Call(address_of(&key(1)).create(0));
    let call = |nonce| TxEip1559 { to, gas_limit: 100_000, ..payment(nonce, 0) };
    let passed =
        [signed(payment(0, 1), &key(2)), signed(call(2), &key(1)), signed(call(1), &key(1))];
    let all = passed.into_iter().chain([signed(deploy, &key(1))]);
    let answers = submit_all(&sequencer, all.map(|tx| from(tx, None)).collect());
    drop(begin);
    for answer in answers {
        let located = answer.recv_timeout(LONG).expect("an answer").expect("a receipt");
        assert!(located.receipt().is_success(), "{:?}", located.receipt());
    }
}

#[test]
fn payments_do_not_wait_for_a_module_to_be_compiled() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = ledger(dir.path(), 300_000_000);
    let sequencer = chain.sequencer(|| NOW).expect("threads");
    let deploy = |nonce, text: &str| {
        let (input, gas_limit) = (deployment(text), 100_000_000);
        let tx = TxEip1559 { to: TxKind::Create, input, gas_limit, ..payment(nonce, 0) };
        signed(tx, &key(1))
    };
    // So large that compiling it takes longer than everything else here.
    let function = "(func (param i64) (result i64)
        (i64.mul (i64.add (local.get 0) (i64.const 3)) (i64.xor (local.get 0) (i64.const 5))))";
    let large = include_str!("counter.wat").trim_end().strip_suffix(')').expect("a module");
    let large = format!("{large} {})", function.repeat(4_000));
    // One that is good, one that is refused, and one more payment of the same sender.
    let floats = "(module (func (export \"call\") (param i32) (result i32)
        (i32.trunc_f32_s (f32.const 1))))";
    let all = vec![
        deploy(0, &large),
        deploy(1, floats),
        signed(payment(2, 1), &key(1)),
        signed(payment(0, 1), &key(2)),
    ];
    let answers = submit_all(&sequencer, all.into_iter().map(|tx| from(tx, None)).collect());
    let located: Vec<_> = answers
        .iter()
        .map(|answer| answer.recv().expect("an answer").expect("a receipt"))
        .collect();
    let success: Vec<_> = located.iter().map(|located| located.receipt().is_success()).collect();
    assert_eq!(success, [true, false, true, true]);
    let blocks: Vec<_> = located.iter().map(|located| located.block.header.number).collect();
    assert!(blocks[3] < blocks[0] && blocks[..3].is_sorted(), "{blocks:?}");
}

#[test]
fn whatever_panics_in_it_is_told_to_all_who_wait() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = ledger(dir.path(), 30_000_000);
    let sequencer = chain.sequencer(|| panic!("the clock stopped")).expect("threads");
    for nonce in 0..2 {
        let answer = sequencer.submit_and_wait(from(signed(payment(nonce, 1), &key(1)), None));
        assert!(matches!(answer, Err(SubmitError::Fault(_))), "{answer:?}");
    }
    drop(sequencer);
    assert_eq!(chain.head().number, 0);
}
