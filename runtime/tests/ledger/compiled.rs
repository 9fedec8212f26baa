//! Compiled code on disk: used after a restart, never believed when it is not this ledger's own,
//! never needed.

use crate::support::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::{TxKind, keccak256};
use florin_abi::deploy::{self, Deployment};
use florin_runtime::gas::{FUEL_PER_GAS, LOAD_BYTE, LOADED_BYTES};
use florin_runtime::limits::{
    BLOCK_MODULES, CALLED_ACCOUNTS, NEW_MODULES_IN_MEMORY, TRANSACTION_MODULES,
};
use florin_runtime::senders::Source;
use florin_runtime::sequencer::Submission;
use florin_runtime::store::Durability;
use florin_runtime::types::*;
use florin_runtime::vm::Admission;
use florin_runtime::{CallRequest, Chain, Fault, Genesis, Located, Rejection};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Returns the three bytes of its data segment, which makes it need an image of its memory.
const CONTRACT: &str = r#"(module
    (import "florin1" "output" (func $output (param i64)))
    (memory (export "memory") 1)
    (data (i32.const 16) "abc")
    (func (export "call") (param i32) (result i32)
        (call $output (i64.const 0x10_0000_0003)) (i32.const 0)))"#;

/// A ledger with the contract on it.
fn deployed(dir: &Path) -> Address {
    let rich = U256::from(10).pow(U256::from(18));
    let rules = Genesis { allocations: [(address_of(&key(1)), rich)].into(), ..genesis() };
    let chain = Chain::create(dir, &rules, Durability::Unsynced).expect("a ledger");
    let (to, input) = (TxKind::Create, deployment(CONTRACT));
    let tx = TxEip1559 { gas_limit: 500_000, to, input, ..payment(0, 0) };
    let located = chain.submit(signed(tx, &key(1)), NOW).expect("it is admitted");
    located.receipt().created.expect("a contract")
}

/// What the contract answers to a transaction after a restart, and how many modules were compiled.
fn answer(dir: &Path, contract: Address) -> (Vec<u8>, u64) {
    let chain = open(dir);
    let nonce = chain.account(&address_of(&key(1))).expect("an account").nonce;
    let tx = TxEip1559 { gas_limit: 500_000, to: TxKind::Call(contract), ..payment(nonce, 0) };
    let located = chain.submit(signed(tx, &key(1)), NOW).expect("it is admitted");
    (output(&located).to_vec(), chain.vm().compiled())
}

fn output(located: &Located) -> &Bytes {
    let Outcome::Success { output } = &located.receipt().outcome else {
        panic!("{:?}", located.receipt().outcome)
    };
    output
}

const LOADED: (&[u8], u64) = (b"abc", 0);
const MADE: (&[u8], u64) = (b"abc", 1);

fn is((output, compiled): (Vec<u8>, u64), expected: (&[u8], u64)) -> bool {
    (&output[..], compiled) == expected
}

/// The files of compiled code, with what is in them.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let list = fs::read_dir(dir.join("compiled")).expect("the folder").map(|entry| {
        let entry = entry.expect("an entry");
        (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("a file"))
    });
    list.filter(|(name, _)| name != "key").collect()
}

#[test]
fn it_is_made_once_and_made_again_when_it_is_damaged_or_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = dir.path().join("ledger");
    let contract = deployed(&ledger);
    let made = files(&ledger);
    assert_eq!(made.len(), 2, "{:?}", made.keys());
    assert!(is(answer(&ledger, contract), LOADED));
    assert_eq!(files(&ledger), made);
    for name in made.keys() {
        let path = ledger.join("compiled").join(name);
        for place in [0, 35, made[name].len() - 1] {
            let mut damaged = made[name].clone();
            damaged[place] ^= 1;
            fs::write(&path, damaged).expect("written");
            assert!(is(answer(&ledger, contract), MADE), "{name}, byte {place}");
            assert_eq!(files(&ledger), made, "{name}, byte {place}: made again");
        }
    }
    fs::write(ledger.join("compiled").join("left.12-3.tmp"), b"x").expect("written");
    fs::remove_file(ledger.join("compiled").join("key")).expect("removed");
    assert!(is(answer(&ledger, contract), MADE));
    let under_another_key = files(&ledger);
    assert_eq!(under_another_key.len(), 2, "what is of no use is removed");
    assert_ne!(under_another_key, made, "made again under the new key");
    fs::remove_dir_all(ledger.join("compiled")).expect("removed");
    assert!(is(answer(&ledger, contract), MADE));
}

#[test]
fn code_that_came_with_a_copied_ledger_is_not_believed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, copy) = (dir.path().join("ledger"), dir.path().join("copy"));
    let contract = deployed(&ledger);
    copy_folder(&ledger, &copy);
    let came = files(&copy);
    assert!(is(answer(&copy, contract), MADE));
    let code = |files: &BTreeMap<String, Vec<u8>>| {
        files.iter().find(|(name, _)| name.ends_with("cwasm")).expect("code").1.clone()
    };
    assert_eq!(code(&files(&copy)), code(&came), "the compiler makes the same code");
    assert_ne!(files(&copy), came, "but it was made again and sealed for this place");
}

#[test]
fn simulated_creations_leave_nothing_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = dir.path().join("ledger");
    let contract = deployed(&ledger);
    let before = files(&ledger);
    let chain = open(&ledger);
    for salt in 0..40 {
        let text = CONTRACT.replace("abc", &format!("{salt:03}"));
        let request = CallRequest { input: deployment(&text), ..CallRequest::default() };
        let simulation = chain.simulate(&request, NOW).expect("a simulation");
        assert!(simulation.receipt.created.is_some(), "{:?}", simulation.receipt.outcome);
    }
    drop(chain);
    assert_eq!(files(&ledger), before);
    assert!(is(answer(&ledger, contract), LOADED));
}

/// The deployment of a contract like the others, but for what it returns.
fn variant(number: usize) -> Bytes {
    deployment(&CONTRACT.replace("abc", &format!("{number:03}")))
}

/// Calls the contracts whose addresses are its input, one after the other.
const CALLER: &str = r#"(module
    (import "florin1" "input" (func $input (param i32 i64) (result i32)))
    (import "florin1" "static_call" (func $call (param i32 i64 i64) (result i64)))
    (memory (export "memory") 1)
    (func (export "call") (param $length i32) (result i32) (local $i i32)
        (drop (call $input (i32.const 0) (i64.extend_i32_u (local.get $length))))
        (loop $again
            (if (i64.ne (call $call (local.get $i) (i64.const 0) (i64.const -1)) (i64.const 3))
                (then unreachable))
            (br_if $again (i32.lt_u
                (local.tee $i (i32.add (local.get $i) (i32.const 20))) (local.get $length))))
        (i32.const 0)))"#;

/// Creates contracts from the deployment data in its input: as many as the first byte says, each
/// from data whose last byte is one more. Returns how many of them it could.
const FACTORY: &str = r#"(module
    (import "florin1" "input" (func $input (param i32 i64) (result i32)))
    (import "florin1" "output" (func $output (param i64)))
    (import "florin1" "create" (func $create (param i32 i64 i64 i32) (result i64)))
    (memory (export "memory") 1)
    (func (export "call") (param $length i32) (result i32) (local $i i32) (local $last i32)
        (drop (call $input (i32.const 0) (i64.extend_i32_u (local.get $length))))
        (local.set $last (i32.sub (local.get $length) (i32.const 1)))
        (local.set $i (i32.load8_u (i32.const 0)))
        (loop $again
            (if (i64.eqz (call $create (i32.const 60000)
                    (i64.or (i64.const 0x1_0000_0000) (i64.extend_i32_u (local.get $last)))
                    (i64.const 0) (i32.const 61000)))
                (then (i32.store8 (i32.const 62000)
                    (i32.add (i32.load8_u (i32.const 62000)) (i32.const 1)))))
            (i32.store8 (local.get $last)
                (i32.add (i32.load8_u (local.get $last)) (i32.const 1)))
            (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
        (call $output (i64.const 0xf230_0000_0001))
        (i32.const 0)))"#;

/// A ledger whose blocks have room for it all, and transactions of its owner.
fn workshop(dir: &Path) -> (Chain, impl FnMut(TxKind, Bytes) -> Bytes + use<>) {
    let rich = U256::from(10).pow(U256::from(18));
    let rules = Genesis { allocations: [(address_of(&key(1)), rich)].into(), ..genesis() };
    let chain = Chain::create(dir, &rules, Durability::Unsynced).expect("a ledger");
    let mut nonces = 0..;
    let transaction = move |to, input| {
        let nonce = nonces.next().expect("they do not end");
        signed(TxEip1559 { gas_limit: 9_000_000, to, input, ..payment(nonce, 0) }, &key(1))
    };
    (chain, transaction)
}

#[test]
fn modules_of_a_block_are_compiled_once_however_they_are_called() {
    let dir = tempfile::tempdir().expect("a directory");
    let (chain, mut transaction) = workshop(&dir.path().join("ledger"));
    let own = address_of(&key(1));
    let modules = BLOCK_MODULES - TRANSACTION_MODULES;
    assert!(modules > NEW_MODULES_IN_MEMORY + 1, "else this shows nothing");
    let mut block = vec![transaction(TxKind::Create, deployment(CALLER))];
    block.extend((1..modules).map(|number| transaction(TxKind::Create, variant(number))));
    let children: Vec<u8> = (1..modules).flat_map(|nonce| own.create(nonce as u64).0.0).collect();
    for _ in 0..3 {
        let calls = Bytes::from(children.repeat(5));
        block.push(transaction(TxKind::Call(own.create(0)), calls));
    }
    let sealed = chain.seal(block, NOW).expect("no fault");
    let block = sealed.block.expect("a block");
    assert_eq!(block.body.receipts.len(), modules + 3, "{:?}", sealed.results);
    assert!(block.body.receipts.iter().all(Receipt::is_success));
    assert_eq!(chain.vm().compiled(), modules as u64);
    // Among those that are durable, too.
    let again = transaction(TxKind::Call(own.create(0)), children.into());
    assert!(chain.submit(again, NOW).expect("it is admitted").receipt().is_success());
    assert_eq!(chain.vm().compiled(), modules as u64);
}

#[test]
fn a_transaction_and_a_block_bring_so_many_modules_and_no_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let (chain, mut transaction) = workshop(&dir.path().join("ledger"));
    let own = address_of(&key(1));
    let factory = transaction(TxKind::Create, deployment(FACTORY));
    chain.submit(factory, NOW).expect("it is admitted");
    let asked = TRANSACTION_MODULES as u8 + 3;
    let order = Bytes::from([&[asked][..], &variant(0)].concat());
    let made = chain.submit(transaction(TxKind::Call(own.create(0)), order), NOW);
    let made = made.expect("it is admitted");
    assert_eq!(output(&made)[..], [TRANSACTION_MODULES as u8]);
    // A block takes none more when the next could bring too many.
    let most = BLOCK_MODULES - TRANSACTION_MODULES + 1;
    let block = (0..BLOCK_MODULES).map(|number| transaction(TxKind::Create, variant(100 + number)));
    let sealed = chain.seal(block.collect(), NOW).expect("no fault");
    let taken = sealed.results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(taken, most);
    let refusal = sealed.results[most].as_ref().expect_err("the block is full");
    assert!(matches!(refusal, Rejection::BlockFull { .. }), "{refusal}");
}

#[test]
fn a_contract_by_hash_is_not_compiled_again_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = dir.path().join("ledger");
    deployed(&ledger);
    let chain = open(&ledger);
    let (to, input) = (TxKind::Create, by_hash(&deployment(CONTRACT)));
    let tx = TxEip1559 { gas_limit: 500_000, to, input, ..payment(1, 0) };
    let located = chain.submit(signed(tx, &key(1)), NOW).expect("it is admitted");
    assert!(located.receipt().is_success(), "{:?}", located.receipt().outcome);
    assert_eq!(chain.vm().compiled(), 0);
}

/// Replaces its code by what its input says.
const UPGRADER: &str = r#"(module
    (import "florin1" "input" (func $input (param i32 i64) (result i32)))
    (import "florin1" "upgrade" (func $upgrade (param i64)))
    (memory (export "memory") 1)
    (func (export "call") (param $length i32) (result i32)
        (drop (call $input (i32.const 0) (i64.extend_i32_u (local.get $length))))
        (call $upgrade (i64.extend_i32_u (local.get $length)))
        (i32.const 0)))"#;

/// The deployment of a contract from a module that is on the ledger, or in the block.
fn by_hash(deployed: &[u8]) -> Bytes {
    let Some(Deployment::Module { module, .. }) = deploy::parse(deployed) else {
        panic!("not a deployment")
    };
    [&deploy::MAGIC[..], &[2], keccak256(module).as_slice()].concat().into()
}

#[test]
fn a_module_is_compiled_once_though_blocks_that_need_it_wait_for_the_disk() {
    let dir = tempfile::tempdir().expect("a directory");
    let (chain, mut transaction) = workshop(&dir.path().join("ledger"));
    let own = address_of(&key(1));
    // Each module comes to the ledger in a way of its own and is called at once.
    let mut transactions = Vec::new();
    let mut modules = 0;
    while modules < 3 * BLOCK_MODULES {
        let nonce = transactions.len() as u64;
        let new = variant(modules);
        let ways = match modules % 3 {
            0 => vec![(TxKind::Create, new.clone()), (TxKind::Create, by_hash(&new))],
            1 => vec![(TxKind::Create, new.clone()), (TxKind::Create, new.clone())],
            _ => {
                let text = UPGRADER.replace(
                    "(i32.const 0)))",
                    &format!("(i32.const 0)) (func (result i32) (i32.const {modules})))"),
                );
                modules += 1;
                vec![(TxKind::Create, deployment(&text)), (TxKind::Call(own.create(nonce)), new)]
            }
        };
        modules += 1;
        transactions.extend(ways.into_iter().map(|(to, input)| transaction(to, input)));
        let call = transaction(TxKind::Call(own.create(nonce)), Bytes::new());
        transactions.push(call);
    }
    let count = transactions.len();
    let sequencer = chain.sequencer(|| NOW).expect("threads");
    let (answer, answers) = channel();
    for transaction in transactions {
        let submission = Submission { transaction, hint: None, source: Source::default() };
        let answer = answer.clone();
        sequencer.submit(submission, Box::new(move |given| answer.send(given).expect("wanted")));
    }
    let mut blocks = BTreeSet::new();
    for _ in 0..count {
        let located = answers.recv().expect("an answer").expect("it is admitted");
        assert!(located.receipt().is_success(), "{:?}", located.receipt().outcome);
        blocks.insert(located.block.header.number);
    }
    assert!(blocks.len() > 2, "{blocks:?}");
    assert_eq!(chain.vm().compiled(), modules as u64);
}

/// A contract like the others, with so much data besides.
fn large(bytes: usize) -> Bytes {
    deployment(
        &CONTRACT
            .replace(r#"(export "memory") 1"#, r#"(export "memory") 2"#)
            .replace(r#""abc""#, &format!("\"abc{}\"", "x".repeat(bytes))),
    )
}

#[test]
fn the_code_of_a_large_module_is_paid_for_before_it_is_loaded() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("ledger");
    let (chain, mut transaction) = workshop(&path);
    let contract = |number| address_of(&key(1)).create(number);
    let (caller, small, big, others) =
        (contract(0), contract(1), contract(2), 3..CALLED_ACCOUNTS as u64 + 3);
    let data = large(LOADED_BYTES as usize + 30_000);
    let small_data = large(9);
    for data in [&deployment(CALLER), &small_data, &data]
        .into_iter()
        .chain(others.clone().map(|_| &small_data))
    {
        chain.submit(transaction(TxKind::Create, data.clone()), NOW).expect("it is admitted");
    }
    let module = chain.code(&big).expect("no fault").expect("its code");
    let price = LOAD_BYTE * (module.len() as u64 - LOADED_BYTES) / FUEL_PER_GAS;
    assert!(price > 3_000, "else this shows little");

    // Whatever is in memory, and nothing is after a restart, the price is the same.
    let mut chain = chain;
    for compiled in [3, 0] {
        let mut run = |to, input| {
            let located = chain.submit(transaction(to, input), NOW).expect("it is admitted");
            assert!(located.receipt().is_success(), "{:?}", located.receipt().outcome);
            located.receipt().gas
        };
        let mut differences = |to: &dyn Fn(Address) -> (TxKind, Bytes)| {
            let [small, big] = [small, big].map(|contract| {
                let (to, input) = to(contract);
                let gas = run(to, input);
                gas.calls + gas.code
            });
            big - small
        };
        let list =
            |contracts: Vec<Address>| contracts.iter().flat_map(|contract| contract.0.0).collect();
        let again = |contract| {
            let others = others.clone().map(|number| address_of(&key(1)).create(number));
            [contract].into_iter().chain(others).chain([contract]).collect()
        };
        let direct = differences(&|contract| (TxKind::Call(contract), Bytes::new()));
        let nested = differences(&|contract| (TxKind::Call(caller), list(vec![contract; 3])));
        let forgotten = differences(&|contract| (TxKind::Call(caller), list(again(contract))));
        let created = differences(&|contract| {
            (TxKind::Create, by_hash(if contract == big { &data } else { &small_data }))
        });
        let close = |difference: u64, times: u64| difference.abs_diff(times * price) <= times;
        assert!(
            close(direct, 1) && close(nested, 1) && close(created, 1),
            "{direct} {nested} {created}"
        );
        assert!(close(forgotten, 2), "{forgotten}");
        assert_eq!(chain.vm().compiled(), compiled);
        drop(chain);
        chain = open(&path);
    }
    // Who cannot pay for it does not have it loaded.
    let nonce = chain.account(&address_of(&key(1))).expect("an account").nonce;
    let gas_limit = 21_000 + price - 1;
    let tx = TxEip1559 { gas_limit, to: TxKind::Call(big), ..payment(nonce, 0) };
    let located = chain.submit(signed(tx, &key(1)), NOW).expect("it is admitted");
    assert_eq!(located.receipt().outcome, Outcome::Halted { halt: Halt::OutOfGas });
    assert_eq!(located.receipt().gas_used, gas_limit);
    assert!(!chain.vm().is_known(&keccak256(&module)));
    assert_eq!(chain.replay(&mut |_, _| {}).expect("a replay").1, None);
}

#[test]
fn what_is_in_memory_changes_no_price() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("ledger");
    let (mut chain, mut transaction) = workshop(&path);
    let own = address_of(&key(1));
    let contracts = 0..CALLED_ACCOUNTS;
    for number in contracts.clone() {
        chain.submit(transaction(TxKind::Create, variant(number)), NOW).expect("it is admitted");
    }
    // As many programs as a transaction has at hand, one of them its own, and then the last again.
    let calls: Vec<u8> = contracts
        .chain([CALLED_ACCOUNTS - 1])
        .flat_map(|number| own.create(number as u64).0.0)
        .collect();
    let at_birth = CALLER.replace(r#"(export "call")"#, r#"(export "deploy") (export "call")"#);
    let creation: Bytes = [&deployment(&at_birth)[..], &calls].concat().into();
    // A module that is in memory, and not on the ledger.
    let failing = at_birth.replace(
        r#"(export "memory") 1)"#,
        &format!(
            r#"(export "memory") 2) (data (i32.const 0) "{}")"#,
            "x".repeat(LOADED_BYTES as usize + 30_000)
        ),
    );
    let failing = deployment(&failing.replace("(local $i i32)", "(local $i i32) unreachable"));
    let steps = [
        (transaction(TxKind::Create, creation), true),
        (transaction(TxKind::Create, failing.clone()), false),
        (transaction(TxKind::Create, by_hash(&failing)), false),
    ];
    // Here nothing is in memory; in the replay, all that was there before.
    for (step, succeeds) in steps {
        drop(chain);
        chain = open(&path);
        let located = chain.submit(step, NOW).expect("it is admitted");
        assert_eq!(located.receipt().is_success(), succeeds, "{:?}", located.receipt().outcome);
    }
    drop(chain);
    assert_eq!(open(&path).replay(&mut |_, _| {}).expect("a replay").1, None);
}

#[test]
fn who_cannot_pay_for_a_call_does_not_make_the_next_one_cheaper() {
    let dir = tempfile::tempdir().expect("a directory");
    let (chain, mut transaction) = workshop(&dir.path().join("ledger"));
    // Whatever comes of it, the first call gets little gas.
    let caller = CALLER
        .replace(
            "(i64.const -1))",
            "(select (i64.const 1500) (i64.const -1) (i32.eqz (local.get $i))))",
        )
        .replace("(i64.ne", "(i64.eq")
        .replace("(i64.const 3))", "(i64.const 99))");
    let mut run = |to, input| {
        let located = chain.submit(transaction(to, input), NOW).expect("it is admitted");
        assert!(located.receipt().is_success(), "{:?}", located.receipt().outcome);
        located
    };
    let mut create = |data| run(TxKind::Create, data).receipt().created.expect("a contract");
    let caller = create(deployment(&caller));
    let [small, big] = [9, LOADED_BYTES as usize + 30_000].map(|bytes| {
        let target = create(large(bytes));
        let bytes: String = target.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let poor = format!(
            r#"(module
            (import "florin1" "static_call" (func $call (param i32 i64 i64) (result i64)))
            (memory (export "memory") 1)
            (data (i32.const 0) "{bytes}")
            (func (export "call") (param i32) (result i32)
                (drop (call $call (i32.const 0) (i64.const 0) (i64.const -1))) (i32.const 0)))"#
        );
        [create(deployment(&poor)), target]
    });
    let [small, big] = [small, big].map(|list| {
        let input: Vec<u8> = list.iter().flat_map(|contract| contract.0.0).collect();
        run(TxKind::Call(caller), input.into()).receipt().gas.calls
    });
    let price = LOAD_BYTE * 30_000 / FUEL_PER_GAS;
    assert!(big > small + price, "{small} {big}");
}

#[test]
fn simulations_compile_only_as_long_as_they_have_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let (chain, _) = workshop(&dir.path().join("ledger"));
    let module = Bytes::from(wat::parse_str(CONTRACT).expect("valid text"));
    let hash = keccak256(&module);
    let permit = || chain.vm().admit_simulation();
    let late = permit().until(Some(Instant::now())).admit(&hash, &module);
    assert!(matches!(late, Err(Admission::Fault(Fault::OutOfTime))));
    assert!(
        permit()
            .until(Some(Instant::now() + Duration::from_secs(600)))
            .admit(&hash, &module)
            .is_ok()
    );
    assert!(permit().until(Some(Instant::now())).admit(&hash, &module).is_ok(), "it is there");
    assert_eq!(chain.vm().compiled(), 1);
    assert!(!chain.vm().is_known(&hash), "no block has it");
    chain.vm().admit(&hash, &module).expect("it is admitted");
    assert!(chain.vm().is_known(&hash));
    assert_eq!(chain.vm().compiled(), 1, "a block takes what a simulation made");
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy_folder(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("copied")),
        }
    }
}
