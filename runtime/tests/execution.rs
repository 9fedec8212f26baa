//! One transaction at a time over a state in memory: what hostile and ordinary modules do to it.

mod common;

use common::{Bench, SENDER};
use florin_runtime::gas::{FUEL_PER_GAS, STORAGE_READ_BYTE};
use florin_runtime::types::*;

/// A module whose `call` is `body`, with a page of memory and every host function that the tests
/// use.
fn contract(body: &str) -> String {
    format!(
        r#"(module
            (import "florin1" "storage_set" (func $set (param i64 i64)))
            (import "florin1" "storage_remove" (func $remove (param i64)))
            (import "florin1" "storage_get" (func $get (param i64 i64) (result i32)))
            (import "florin1" "output" (func $output (param i64)))
            (import "florin1" "input" (func $input (param i32 i64) (result i32)))
            (import "florin1" "log" (func $log (param i64 i64)))
            (import "florin1" "call" (func $call (param i32 i32 i64 i64) (result i64)))
            (import "florin1" "context" (func $context (param i64)))
            (import "florin1" "keccak256" (func $keccak (param i64 i32)))
            (memory (export "memory") 1)
            (table 4 funcref)
            {body})"#
    )
}

fn run_body(instructions: &str) -> String {
    contract(&format!(r#"(func $main (export "call") (param i32) (result i32) {instructions})"#))
}

fn reason(receipt: &Receipt) -> String {
    match &receipt.outcome {
        Outcome::Success { .. } => "success".into(),
        Outcome::Reverted { output } => {
            let text = <alloy_sol_types::Revert as alloy_sol_types::SolError>::abi_decode(output);
            text.map(|revert| revert.reason).unwrap_or_else(|_| format!("{output}"))
        }
        Outcome::Halted { halt } => halt.to_string(),
    }
}

#[test]
fn a_plain_payment_costs_21000() {
    let mut bench = Bench::new();
    let receipt = bench.run(Some(Address::repeat_byte(0x22)), 5, vec![], 21_000).receipt;
    assert!(receipt.is_success());
    assert_eq!(receipt.gas_used, 21_000);
}

#[test]
fn a_replaced_or_removed_value_is_paid_for() {
    let mut bench = Bench::new();
    // Keeps as many zeros as the input is long; for none, removes what is there.
    let body = "(if (local.get 0)
            (then (call $set (i64.const 0) (i64.extend_i32_u (local.get 0))))
            (else (call $remove (i64.const 0))))
        (i32.const 0)";
    let address = bench.deployed(&run_body(body));
    let mut storage = |length| bench.call(address, vec![0; length], 100_000).gas.storage;
    for length in [1, 0] {
        let [dear, cheap] = [1_001, 1].map(|former| (storage(former), storage(length)).1);
        assert_eq!(dear - cheap, 1_000 * STORAGE_READ_BYTE / FUEL_PER_GAS);
    }
}

#[test]
fn storage_and_output_work() {
    let mut bench = Bench::new();
    // storage[""] = memory[0..3]; output(storage[""])
    let body = r#"
        (i32.store (i32.const 0) (i32.const 0x636261))
        (call $set (i64.const 0) (i64.const 3))
        (drop (call $get (i64.const 0) (i64.const 0x10_0000_0003)))
        (call $output (i64.const 0x10_0000_0003))
        (i32.const 0)"#;
    let address = bench.deployed(&run_body(body));
    let receipt = bench.call(address, vec![], 100_000);
    assert_eq!(receipt.outcome, Outcome::Success { output: Bytes::from_static(b"abc") });
}

#[test]
fn a_method_is_not_called_where_there_is_no_code() {
    // Calls an account without code, with an input as long as the contract's own, and returns what
    // `call` returned.
    let body = r#"
        (i64.store (i32.const 400) (call $call (i32.const 500) (i32.const 200)
            (i64.or (i64.const 0x12c_0000_0000) (i64.extend_i32_u (local.get 0))) (i64.const -1)))
        (call $output (i64.const 0x190_0000_0008))
        (i32.const 0)"#;
    let mut bench = Bench::new();
    let address = bench.deployed(&run_body(body));
    for (input, status) in [(vec![], 0), (vec![0; 4], 1)] {
        let receipt = bench.run(Some(address), 0, input, 1_000_000).receipt;
        let Outcome::Success { output } = receipt.outcome else { panic!("{:?}", receipt.outcome) };
        let packed = u64::from_le_bytes(output.as_ref().try_into().expect("eight bytes"));
        assert_eq!(packed >> 32, status);
    }
}

#[test]
fn hostile_code_halts_or_reverts_and_pays() {
    let halting = [
        ("endless loop", "(loop (br 0)) (i32.const 0)", "out of gas"),
        ("unbounded recursion", "(call $main (i32.const 0))", "trap: call stack exhausted"),
        ("unreachable", "(unreachable)", "trap: unreachable code reached"),
        (
            "division by zero",
            "(i32.div_u (i32.const 1) (i32.const 0))",
            "trap: integer division by zero",
        ),
        ("load beyond memory", "(i32.load (i32.const 65536))", "trap: out of bounds memory access"),
        (
            "null table entry",
            "(call_indirect (result i32) (i32.const 3))",
            "trap: indirect call of nothing",
        ),
        (
            "key beyond memory",
            "(call $set (i64.const 0xffff_0000_0020) (i64.const 0)) (i32.const 0)",
            "misused host function: storage key: 32 bytes at 0xffff are outside the memory",
        ),
        (
            "key too long",
            "(call $set (i64.const 257) (i64.const 0)) (i32.const 0)",
            "misused host function: storage key of 257 bytes; at most 256 are allowed",
        ),
        ("lying length", "(call $output (i64.const 0x1_0000_ffff)) (i32.const 0)", "success"),
        ("length of 4 GiB", "(call $output (i64.const 0xffff_ffff)) (i32.const 0)", "out of gas"),
        (
            "storage flood",
            "(loop (call $set (i64.const 4) (i64.const 0x0000_0000_0000_8000)) (br 0)) (i32.const 0)",
            "out of gas",
        ),
        (
            "log flood",
            "(loop (call $log (i64.const 32) (i64.const 1000)) (br 0)) (i32.const 0)",
            "out of gas",
        ),
        (
            "fills of the whole memory",
            "(loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br 0)) (i32.const 0)",
            "out of gas",
        ),
        (
            "memory bomb",
            "(loop (drop (memory.grow (i32.const 255))) (br 0)) (i32.const 0)",
            "out of gas",
        ),
        (
            "calls into the engine that do nothing",
            "(loop (drop (memory.grow (i32.const 0))) (br 0)) (i32.const 0)",
            "out of gas",
        ),
        (
            "table bomb",
            "(loop (drop (table.grow (ref.null func) (i32.const 8000))) (br 0)) (i32.const 0)",
            "out of gas",
        ),
    ];
    for (name, body, expected) in halting {
        let mut bench = Bench::new();
        let address = bench.deployed(&run_body(body));
        let receipt = bench.call(address, vec![], 1_000_000);
        assert_eq!(reason(&receipt), expected, "{name}");
        if expected != "success" {
            assert_eq!(receipt.gas_used, 1_000_000, "{name}: a halted call pays for all its gas");
        }
        assert!(
            bench.run(Some(SENDER), 1, vec![], 21_000).receipt.is_success(),
            "{name}: life goes on"
        );
    }
}

#[test]
fn modules_that_are_not_contracts_are_refused_by_name() {
    let module = |text: &str| format!("(module {text})");
    let call = r#"(func (export "call") (param i32) (result i32) (i32.const 0))"#;
    let memory = r#"(memory (export "memory") 1)"#;
    let many_locals = format!(
        "{memory} (func (export \"call\") (param i32) (result i32) (local {}) (i32.const 0))",
        "i32 ".repeat(5000)
    );
    let huge = format!(
        "{memory} (func (export \"call\") (param i32) (result i32) {} (i32.const 0))",
        "(drop (i32.const 100000))".repeat(12_000)
    );
    let cases = [
        (module(&format!("{memory} {call} (func $s) (start $s)")), "start function"),
        (
            module(&format!("(import \"env\" \"print\" (func)) {memory} {call}")),
            "imports `env.print`",
        ),
        (
            module(&format!("(import \"florin1\" \"print\" (func)) {memory} {call}")),
            "imports `florin1.print`",
        ),
        (
            module(&format!("(import \"florin1\" \"output\" (func (param i32))) {memory} {call}")),
            "wrong type",
        ),
        (
            module(&format!("(import \"florin1\" \"output\" (memory 1)) {memory} {call}")),
            "other than a function",
        ),
        (
            module(&format!("{memory} {call} (func $rate (result f64) (f64.const 1))")),
            "floating-point",
        ),
        (module(&format!("{memory} {call} (func $rate (drop (f32.const 1)))")), "floating-point"),
        (module(&format!("{memory} {call} (func $rate (local f64))")), "floating-point"),
        (module(&format!("{memory} {call} (func (param v128))")), "valid module"),
        (module(&format!("(memory (export \"memory\") i64 1) {call}")), "64-bit"),
        (module(&format!("(memory (export \"memory\") 257) {call}")), "initial memory"),
        (module(&format!("{memory} (memory 1) {call}")), "memor"),
        (module(&format!("{memory} {call} (table 1000000 funcref)")), "initial size of the table"),
        (
            module(&format!("{memory} {call} (table 1 funcref) (table 1 funcref)")),
            "number of tables",
        ),
        (module(memory), "does not export `call`"),
        (module(call), "does not export a memory"),
        (module(&format!("{memory} (func (export \"call\"))")), "not a function from i32 to i32"),
        (
            module(&format!("{memory} {call} (table 9 funcref) (func $f) (elem func $f $f)")),
            "not an active list",
        ),
        (
            module(&format!(
                "{memory} {call} (table 9 funcref) (func $f) (elem (i32.const 0) funcref (ref.func $f))"
            )),
            "not an active list",
        ),
        (
            module(&format!(
                "{memory} {call} (table 9 funcref) (func $f) (elem (i32.const 8) $f $f)"
            )),
            "inside the table",
        ),
        (
            module(&format!(
                "{memory} {call} (table 9 funcref) (func $f) (elem (i32.const 0) $f) (elem (i32.const 1) $f)"
            )),
            "number of element segments",
        ),
        (module(&format!("{memory} {call} (data (i32.const 65535) \"ab\")")), "initial memory"),
        (module(&format!("{memory} {call} (data (i32.const -1) \"ab\")")), "initial memory"),
        (
            module(&format!(
                "{} {memory} {call}",
                r#"(import "florin1" "gas_left" (func (result i64)))"#.repeat(2)
            )),
            "imports `florin1.gas_left` twice",
        ),
        (
            module(&format!(
                "{} {memory} {call}",
                r#"(import "florin1" "gas_left" (func (result i64)))"#.repeat(100)
            )),
            "number of imports",
        ),
        (
            module(&format!(
                "{memory} {call} (func (block (result i32 i32 i32 i32 i32) unreachable) drop drop drop drop drop)"
            )),
            "parameters and results of a block of function 1",
        ),
        (
            module(&format!("{memory} {call} (func {} {})", "(loop ".repeat(33), ")".repeat(33))),
            "the nesting of loops of function 1 is 33; at most 32",
        ),
        (
            module(&format!("{memory} {call} (func {})", "(loop)".repeat(257))),
            "the number of loops of function 1 is 257",
        ),
        (
            module(&format!("{memory} {call} (func {})", "(block)".repeat(5000))),
            "the number of branches of function 1",
        ),
        (module(&many_locals), "local variables of function 0 (`call`)"),
        (module(&huge), "size in bytes of function 0 (`call`)"),
    ];
    for (text, expected) in cases {
        let mut bench = Bench::new();
        let receipt = bench.deploy(&text).receipt;
        assert!(
            reason(&receipt).contains(expected),
            "{}: {}",
            &text[..text.len().min(200)],
            reason(&receipt)
        );
        assert_eq!(receipt.created, None);
    }
}

#[test]
fn damaged_modules_are_refused() {
    let module = wat::parse_str(run_body("(i32.const 0)")).expect("valid text");
    let duplicate = {
        // The text format refuses duplicate exports, so the second name is changed in the binary.
        let text =
            run_body("(i32.const 0)").replace("(table 4 funcref)", r#"(func (export "cbll"))"#);
        let mut bytes = wat::parse_str(text).expect("valid text");
        let at = bytes.windows(4).position(|window| window == b"cbll").expect("the export");
        bytes[at + 1] = b'a';
        bytes
    };
    let mut bench = Bench::new();
    let mut is_refused = |bytes: &[u8]| {
        let header = florin_abi::deploy::header(bytes.len() as u32);
        let receipt = bench.run(None, 0, [&header[..], bytes].concat(), 50_000_000).receipt;
        reason(&receipt).starts_with("code refused: ")
    };
    assert!(is_refused(&duplicate));
    // The names at its end may be cut off whole; anything else that is missing is missed.
    let accepted: Vec<usize> =
        (0..module.len()).filter(|&length| !is_refused(&module[..length])).collect();
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    for seed in 0u8..200 {
        let noise: Vec<u8> =
            (0u8..200).map(|i| i.wrapping_mul(seed).wrapping_add(seed ^ i)).collect();
        assert!(is_refused(&[b"\0asm\x01\0\0\0", &noise[..]].concat()));
        assert!(is_refused(&noise));
    }
}

#[test]
fn a_contract_may_call_itself_to_the_limit_only_if_it_says_so() {
    // call(self): context gives the own address at 0; value at 200 is zero; the input at 300 is
    // what came in.
    let body = r#"(func (export "call") (param $length i32) (result i32)
        (call $context (i64.const 0x0000_0000_0000_0014))
        (drop (call $input (i32.const 0) (i64.const 0x12c_0000_0004)))
        (i64.const 0)
        (drop (call $call (i32.const 0) (i32.const 200)
            (i64.or (i64.const 0x12c_0000_0000) (i64.extend_i32_u (local.get $length))) (i64.const -1)))
        drop
        (i32.const 0))"#;
    let strict = contract(body);
    let lenient =
        |list: &str| contract(&format!(r#"(@custom "florin.reentrant" "{list}") {body}"#));
    let (method, payment) = (lenient(r"\01\02\03\04"), lenient(r"\00\00\00\00"));
    // Four zeros in the list stand for the empty input, and no selector is four zeros.
    for (text, input, calls) in [
        (&strict, &[1, 2, 3, 4][..], 2),
        (&strict, &[], 2),
        (&method, &[1, 2, 3, 4], 65),
        (&method, &[1, 2, 3], 2),
        (&method, &[], 2),
        (&payment, &[], 65),
        (&payment, &[0, 0, 0, 0], 2),
        (&payment, &[0], 2),
    ] {
        let mut bench = Bench::new();
        let address = bench.deployed(text);
        // Test threads have small stacks; so has this one.
        let executed = std::thread::scope(|scope| {
            let builder = std::thread::Builder::new().stack_size(1 << 20);
            let bench = &mut bench;
            let run = move || bench.run(Some(address), 0, input.to_vec(), 100_000_000);
            builder.spawn_scoped(scope, run).expect("a thread").join().expect("no crash")
        });
        assert!(executed.receipt.is_success());
        assert_eq!(executed.trace.len(), calls, "the last of them was refused");
        assert!(matches!(executed.trace[calls - 1].outcome, Some(Outcome::Reverted { .. })));
    }
}

#[test]
fn what_the_receipt_keeps_is_paid_for() {
    let mut bench = Bench::new();
    let address = bench.deployed(&run_body("(call $output (i64.const 60000)) (i32.const 0)"));
    let used = bench.call(address, vec![], 1_000_000).gas_used;
    assert!(used > 21_000 + 4 * 60_000, "{used}");
    // Inside, the same is a copy.
    let calls = contract(
        r#"(func (export "call") (param i32) (result i32)
            (drop (call $input (i32.const 0) (i64.const 20)))
            (drop (call $call (i32.const 0) (i32.const 200) (i64.const 0) (i64.const -1)))
            (i32.const 0))"#,
    );
    let outer = bench.deployed(&calls);
    let used = bench.call(outer, address.to_vec(), 1_000_000).gas_used;
    assert!(used < 21_000 + 20 * 16 + 10_000, "{used}");
}

#[test]
fn calls_of_one_transaction_share_a_bound_of_memory() {
    // Grows by 64 KiB times the first byte of the input, and calls itself; counts the calls in
    // storage.
    let body = r#"(@custom "florin.reentrant" "\01\02\03\04") (func (export "call") (param i32) (result i32)
        (call $context (i64.const 0x0000_0000_0000_0014))
        (i32.store (i32.const 300) (i32.const 0x04030201))
        (if (i32.eq (memory.grow (i32.const 127)) (i32.const -1)) (then unreachable))
        (drop (call $call (i32.const 0) (i32.const 200) (i64.const 0x12c_0000_0004) (i64.const -1)))
        (i32.const 0))"#;
    let mut bench = Bench::new();
    let address = bench.deployed(&contract(body));
    let executed = bench.run(Some(address), 0, vec![1, 2, 3, 4], 100_000_000);
    // Eight calls of 8 MiB each fill 64 MiB; the ninth halts, and its caller goes on.
    assert_eq!(executed.trace.len(), 9);
    assert!(matches!(executed.trace[8].outcome, Some(Outcome::Halted { .. })));
    assert!(executed.receipt.is_success());
    // What ended gave its memory back.
    let again = bench.run(Some(address), 0, vec![1, 2, 3, 4], 100_000_000);
    assert_eq!(again.trace.len(), 9);
}
