//! A panic tells the same on a ledger and in a debugger: one table, run on the real module and
//! natively.

use florin_probe::{Panic, Probe, ProbeClient};
use florin_sdk::prelude::*;
use florin_sdk::testing::{Chain, Code};

/// Each way to panic, and Solidity's code for it.
const TABLE: [(Panic, u8); 23] = [
    (Panic::Add, 0x11),
    (Panic::Subtract, 0x11),
    (Panic::Multiply, 0x11),
    (Panic::Negate, 0x11),
    (Panic::Shift, 0x11),
    (Panic::AmountOverflows, 0x11),
    (Panic::Divide, 0x12),
    (Panic::Remainder, 0x12),
    (Panic::AmountDividedByZero, 0x12),
    (Panic::Index, 0x32),
    (Panic::IndexOfVec, 0x32),
    (Panic::Range, 0x32),
    (Panic::RangeReversed, 0x32),
    (Panic::ListIndex, 0x32),
    (Panic::Assert, 0x01),
    (Panic::AssertEqual, 0x01),
    (Panic::Static, 0x01),
    (Panic::Formatted, 0x01),
    (Panic::UnwrapNone, 0x01),
    (Panic::UnwrapError, 0x01),
    (Panic::ExpectError, 0x01),
    (Panic::Unreachable, 0x01),
    (Panic::DifferentLengths, 0x01),
];

/// The code that a call panicked with.
fn code<R: std::fmt::Debug>(result: Result<R, CallError>) -> u8 {
    match result {
        Err(CallError::Reverted(data)) if data.len() == 36 => {
            assert_eq!(data[..35], [&[0x4e, 0x48, 0x7b, 0x71][..], &[0; 31]].concat());
            data[35]
        }
        other => panic!("no Panic(uint256): {other:?}"),
    }
}

#[test]
fn a_panic_has_one_code_everywhere() {
    for form in [Code::Release, Code::Native] {
        let mut chain = Chain::new().running(form);
        let alice = chain.account("alice");
        let probe: ProbeClient = chain.deploy(&alice, Probe::deploy(0));
        let codes = TABLE
            .map(|(manner, _)| (manner, code(chain.try_view_as(&alice, probe.panic(manner, 1)))));
        assert_eq!(codes, TABLE, "{form:?}");
    }
}

#[test]
fn a_development_build_tells_message_file_and_line() {
    let mut chain = Chain::new().running(Code::Development);
    let alice = chain.account("alice");
    let probe: ProbeClient = chain.deploy(&alice, Probe::deploy(0));
    let source = include_str!("../guests/probe/src/lib.rs");
    for (manner, message, line) in [
        (Panic::Formatted, "1 is not 0", "Panic::Formatted =>"),
        (Panic::Add, "attempt to add with overflow", "Panic::Add =>"),
        (Panic::Index, "index out of bounds: the len is 3 but the index is 3", "Panic::Index =>"),
    ] {
        let line = source.lines().position(|text| text.contains(line)).expect("its line") + 1;
        let data = chain.send(&alice, probe.panic(manner, 1)).reverts();
        let text = florin_sdk::abi::decode::<String>(&data[4..]).expect("Error(string)");
        assert_eq!(data[..4], [0x08, 0xc3, 0x79, 0xa0]);
        assert_eq!(text, format!("{message}, at tests/guests/probe/src/lib.rs:{line}"));
    }
}
