//! Calls within calls, over the real host: what is undone, who may come back, and which address a
//! contract gets.

mod common;

use alloy_primitives::keccak256;
use common::{Bench, SENDER};
use florin_runtime::types::*;

/// Who receives the fees of every block here.
const FEES: Address = Address::repeat_byte(0xfe);

/// A contract with the host functions that the tests use, and `body` for its `call`. At 0 its own
/// address and caller; the input is at 512, zeros from 4,096 on.
fn contract(sections: &str, body: &str) -> String {
    format!(
        r#"(module {sections}
            (import "florin1" "storage_set" (func $set (param i64 i64)))
            (import "florin1" "input" (func $input (param i32 i64) (result i32)))
            (import "florin1" "output" (func $output (param i64)))
            (import "florin1" "returned" (func $returned (param i32 i64) (result i32)))
            (import "florin1" "log" (func $log (param i64 i64)))
            (import "florin1" "context" (func $context (param i64)))
            (import "florin1" "call" (func $call (param i32 i32 i64 i64) (result i64)))
            (import "florin1" "create" (func $create (param i32 i64 i64 i32) (result i64)))
            (memory (export "memory") 1)
            (func (export "call") (param $length i32) (result i32) (local $status i64)
                (call $context (i64.const 40))
                (drop (call $input (i32.const 0) {all}))
                {body}))"#,
        all = slice(512, 1024)
    )
}

fn slice(pointer: u64, length: u64) -> String {
    format!("(i64.const {})", pointer << 32 | length)
}

/// Calls the address at the beginning of the input with the rest of it, passing one unit of value
/// on.
const PASS_ON: &str = "(i32.store8 (i32.const 8223) (i32.const 1))
    (local.set $status (call $call (i32.const 512) (i32.const 8192)
        (i64.or (i64.const 0x214_0000_0000)
            (i64.extend_i32_u (i32.sub (local.get $length) (i32.const 20))))
        (i64.const -1)))";

/// Marks that it was here in storage and a log.
fn leave_marks() -> String {
    format!(
        "(call $set {} {}) (call $log {} {})",
        slice(0, 1),
        slice(0, 20),
        slice(0, 0),
        slice(0, 20)
    )
}

fn account(bench: &mut Bench, of: Address) -> Account {
    bench.overlay.as_mut().expect("an overlay").account(&of).expect("no fault")
}

fn balance(bench: &mut Bench, of: Address) -> U256 {
    account(bench, of).balance
}

fn storage(bench: &mut Bench, of: Address, key: &[u8]) -> Option<Bytes> {
    bench.overlay.as_mut().expect("an overlay").storage(&of, key).expect("no fault").cloned()
}

#[test]
fn what_a_reverted_call_did_is_undone_value_and_logs_included() {
    let mut bench = Bench::new();
    let fails = |end: &str| contract("", &format!("{} {end}", leave_marks()));
    // Marks itself, calls, and marks itself again; what the callee does is up to it.
    let outer = contract("", &format!("{m} {PASS_ON} {m} (i32.const 0)", m = leave_marks()));
    let outer = bench.deployed(&outer);
    for (end, succeeds) in
        [("(i32.const 0)", true), ("(i32.const 1)", false), ("unreachable", false)]
    {
        let inner = bench.deployed(&fails(end));
        let executed = bench.run(Some(outer), 5, inner.to_vec(), 1_000_000);
        assert!(executed.receipt.is_success(), "{end}");
        let by: Vec<_> = executed.receipt.logs.iter().map(|log| log.address).collect();
        let expected = if succeeds { vec![outer, inner, outer] } else { vec![outer, outer] };
        assert_eq!(by, expected, "{end}");
        assert_eq!(balance(&mut bench, inner), U256::from(u64::from(succeeds)), "{end}");
        assert_eq!(storage(&mut bench, inner, &[outer.0[0]]), None);
        assert_eq!(storage(&mut bench, inner, &inner.0[..1]).is_some(), succeeds, "{end}");
    }
    // And an outer one that fails takes the inner's success with it.
    let outer = contract("", &format!("{} {PASS_ON} (i32.const 1)", leave_marks()));
    let (outer, inner) = (bench.deployed(&outer), bench.deployed(&fails("(i32.const 0)")));
    let executed = bench.run(Some(outer), 5, inner.to_vec(), 1_000_000);
    assert!(matches!(executed.receipt.outcome, Outcome::Reverted { .. }));
    assert_eq!(executed.receipt.logs, []);
    assert_eq!((balance(&mut bench, outer), balance(&mut bench, inner)), (U256::ZERO, U256::ZERO));
    assert_eq!(storage(&mut bench, inner, &inner.0[..1]), None);
}

/// Lets payments without data enter while the contract is running.
const OPEN: &str = r#"(@custom "florin.reentrant" "\00\00\00\00")"#;

/// A contract that passes on as long as there is an address, then logs.
fn chained(sections: &str) -> String {
    let log = format!("(call $log {} {})", slice(0, 0), slice(512, 1));
    let body = format!(
        "(if (i32.ge_u (local.get $length) (i32.const 20)) (then {PASS_ON}))
         {log}
         (i32.wrap_i64 (i64.shr_u (local.get $status) (i64.const 32)))"
    );
    contract(sections, &body)
}

#[test]
fn a_contract_is_not_entered_again_through_others() {
    for (sections, enters) in [("", false), (OPEN, true)] {
        let mut bench = Bench::new();
        let a = bench.deployed(&chained(sections));
        let (b, c) = (bench.deployed(&chained("")), bench.deployed(&chained("")));
        // A calls B, which calls C, which calls A; the last call has no data.
        let route = [b, c, a].concat();
        let executed = bench.run(Some(a), 9, route.clone(), 5_000_000);
        assert_eq!(executed.receipt.is_success(), enters, "{:?}", executed.receipt.outcome);
        let targets: Vec<_> = executed.trace.iter().map(|call| call.target).collect();
        assert_eq!(targets, [a, b, c, a]);
        let refused = matches!(executed.trace[3].outcome, Some(Outcome::Reverted { .. }));
        assert_eq!(refused, !enters);
        if enters {
            // Each call shows its own log, though the first and the last are of one contract.
            let logs: Vec<_> = executed.trace.iter().map(|call| call.logs.len()).collect();
            assert_eq!(logs, [1, 1, 1, 1]);
            assert_eq!(executed.trace[0].logs[0].data.data.as_ref(), &b.0[..1]);
            assert_eq!(executed.receipt.logs.len(), 4);
        }
        // One that is not on the stack may be called twice in a row.
        let again = bench.run(Some(a), 9, [b, c].concat(), 5_000_000);
        assert!(again.receipt.is_success());
    }
}

/// Creates a contract from the input (first byte: whether there is a salt, then 32 bytes of salt,
/// then the data) and returns the status and the new address.
fn factory() -> String {
    let body = format!(
        "(i64.store (i32.const 2048) (call $create (i32.const 8192)
            (i64.or (i64.const 0x221_0000_0000)
                (i64.extend_i32_u (i32.sub (local.get $length) (i32.const 33))))
            (if (result i64) (i32.load8_u (i32.const 512)) (then {salt}) (else (i64.const 0)))
            (i32.const 2056)))
         (call $output {result})
         (i32.const 0)",
        salt = slice(513, 32),
        result = slice(2048, 28),
    );
    contract("", &body)
}

fn create(bench: &mut Bench, factory: Address, salt: Option<B256>, data: &[u8]) -> (u64, Address) {
    let start = [&[u8::from(salt.is_some())][..], salt.unwrap_or_default().as_slice()].concat();
    let input = [&start[..], data].concat();
    let receipt = bench.call(factory, input, 50_000_000);
    let Outcome::Success { output } = receipt.outcome else { panic!("{:?}", receipt.outcome) };
    let status = u64::from_le_bytes(output[..8].try_into().expect("eight bytes"));
    (status >> 32, Address::from_slice(&output[8..28]))
}

#[test]
fn created_contracts_are_where_ethereum_puts_them_and_only_once() {
    let mut bench = Bench::new();
    let factory = bench.deployed(&factory());
    let child = wat::parse_str(contract("", "(i32.const 0)")).expect("valid text");
    let whole = [&florin_abi::deploy::header(child.len() as u32)[..], &child].concat();
    let by_hash = [&[0xef, 0xf1, 2][..], keccak256(&child).as_slice()].concat();
    let (salt, nothing) = (B256::repeat_byte(5), (1, Address::ZERO));

    let unknown = create(&mut bench, factory, None, &by_hash);
    assert_eq!(unknown, nothing, "nobody has brought the module yet");
    // The refusal came before the nonce was used; a contract's first is 1 (EIP-161).
    for (nonce, data) in [(1, &whole), (2, &by_hash)] {
        let expected = factory.create(nonce);
        assert_eq!(create(&mut bench, factory, None, data), (0, expected));
        assert_eq!(account(&mut bench, expected).code_hash, keccak256(&child));
    }
    for data in [&whole, &by_hash] {
        let expected = factory.create2(salt, keccak256(data));
        assert_eq!(create(&mut bench, factory, Some(salt), data), (0, expected));
        let nonce = account(&mut bench, factory).nonce;
        let again = create(&mut bench, factory, Some(salt), data);
        assert_eq!(again.0, 1, "the address is taken (EIP-684)");
        assert_eq!(
            account(&mut bench, factory).nonce,
            nonce + 1,
            "and the attempt has used a nonce"
        );
    }
    // Money that was there before is no obstacle.
    let early = factory.create2(B256::ZERO, keccak256(&whole));
    assert!(bench.run(Some(early), 3, vec![], 21_000).receipt.is_success());
    assert_eq!(create(&mut bench, factory, Some(B256::ZERO), &whole), (0, early));
    assert_eq!(balance(&mut bench, early), U256::from(3));
    // A transaction creates by hash as well.
    let receipt = bench.run(None, 0, by_hash, 1_000_000).receipt;
    assert_eq!(
        account(&mut bench, receipt.created.expect("a contract")).code_hash,
        keccak256(&child)
    );
}

#[test]
fn paying_oneself_moves_nothing_but_the_fee() {
    let mut bench = Bench::new();
    let before = balance(&mut bench, SENDER);
    assert!(bench.run(Some(SENDER), 1_000, vec![], 21_000).receipt.is_success());
    let fee = U256::from(21_000 * 3);
    assert_eq!(balance(&mut bench, SENDER), before - fee);
    assert_eq!(balance(&mut bench, FEES), fee);
    // A contract that pays itself, too.
    let own = bench.deployed(&chained(OPEN));
    let executed = bench.run(Some(own), 5, own.to_vec(), 3_000_000);
    assert!(executed.receipt.is_success());
    assert_eq!(executed.trace.len(), 2);
    assert_eq!(balance(&mut bench, own), U256::from(5));
}

#[test]
fn who_receives_the_fees_may_send_as_well() {
    let mut bench = Bench::paid_by(FEES);
    let before = balance(&mut bench, FEES);
    let receipt = bench.run(Some(SENDER), 7, vec![], 21_000).receipt;
    assert!(receipt.is_success());
    assert_eq!(receipt.sender, FEES);
    assert_eq!(balance(&mut bench, FEES), before - U256::from(7), "the fee comes back");
}
