//! What is estimated is enough: a transaction with exactly the estimated gas does what the simulation said.

use crate::support::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::TxKind;

use florin_runtime::store::Durability;
use florin_runtime::types::*;
use florin_runtime::{CallRequest, Chain, EstimateError, Genesis};
use proptest::prelude::*;
use std::fmt::Write;

/// One thing that a contract does.
#[derive(Debug, Clone)]
enum Step {
    Set {
        key: u8,
        bytes: u16,
    },
    Remove {
        key: u8,
    },
    Log {
        topics: u8,
        bytes: u16,
    },
    Loop {
        rounds: u16,
    },
    Grow {
        pages: u8,
    },
    Pay {
        to: u8,
    },
    /// Calls the helper contract with a limit of gas; `must` halts if that fails.
    Call {
        gas: Option<u32>,
        must: bool,
    },
    /// Halts unless there is that much gas left.
    Demand {
        gas: u32,
    },
    /// Writes what the call can see of its surroundings, gas price included.
    Remember,
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0u8..4;
    prop_oneof![
        (key.clone(), 0u16..300).prop_map(|(key, bytes)| Step::Set { key, bytes }),
        key.prop_map(|key| Step::Remove { key }),
        (0u8..=4, 0u16..300).prop_map(|(topics, bytes)| Step::Log { topics, bytes }),
        any::<u16>().prop_map(|rounds| Step::Loop { rounds }),
        (0u8..4).prop_map(|pages| Step::Grow { pages }),
        any::<u8>().prop_map(|to| Step::Pay { to }),
        (proptest::option::of(0u32..60_000), any::<bool>())
            .prop_map(|(gas, must)| Step::Call { gas, must }),
        (0u32..400_000).prop_map(|gas| Step::Demand { gas }),
        Just(Step::Remember),
    ]
}

/// A contract that takes these steps. The address of the helper comes as input; 1,024 and on are zeros.
fn contract(steps: &[Step]) -> String {
    let mut body = String::new();
    for step in steps {
        let line = match step {
            Step::Set { key, bytes } => format!(
                "(call $set (i64.const {}) (i64.const {}))",
                slice(1024 + u64::from(*key), 1),
                slice(2048, u64::from(*bytes))
            ),
            Step::Remove { key } => {
                format!("(call $remove (i64.const {}))", slice(1024 + u64::from(*key), 1))
            }
            Step::Log { topics, bytes } => format!(
                "(call $log (i64.const {}) (i64.const {}))",
                slice(1024, u64::from(*topics) * 32),
                slice(2048, u64::from(*bytes))
            ),
            Step::Loop { rounds } => format!(
                "(local.set $i (i32.const {rounds}))
                 (block $done (loop $again
                    (br_if $done (i32.eqz (local.get $i)))
                    (local.set $i (i32.sub (local.get $i) (i32.const 1)))
                    (br $again)))"
            ),
            Step::Grow { pages } => format!("(drop (memory.grow (i32.const {pages})))"),
            Step::Pay { to } => format!(
                "(i32.store8 (i32.const 519) (i32.const {to}))
                 (i32.store8 (i32.const 575) (i32.const 1))
                 (drop (call $transfer (i32.const 500) (i32.const 544)))"
            ),
            Step::Call { gas, must } => {
                let gas = gas.map_or(-1, i64::from);
                let call = format!(
                    "(call $call (i32.const 0) (i32.const 1024) (i64.const 0) (i64.const {gas}))"
                );
                match must {
                    true => format!(
                        "(if (i64.ne (i64.shr_u {call} (i64.const 32)) (i64.const 0)) (then unreachable))"
                    ),
                    false => format!("(drop {call})"),
                }
            }
            Step::Demand { gas } => {
                format!("(if (i64.lt_u (call $gas_left) (i64.const {gas})) (then unreachable))")
            }
            Step::Remember => format!(
                "(call $context (i64.const {})) (call $set (i64.const {}) (i64.const {}))",
                slice(4096, 200),
                slice(1024, 1),
                slice(4096, 200)
            ),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(body, "{line}");
    }
    format!(
        r#"(module
            (import "florin1" "input" (func $input (param i32 i64) (result i32)))
            (import "florin1" "storage_set" (func $set (param i64 i64)))
            (import "florin1" "storage_remove" (func $remove (param i64)))
            (import "florin1" "log" (func $log (param i64 i64)))
            (import "florin1" "context" (func $context (param i64)))
            (import "florin1" "gas_left" (func $gas_left (result i64)))
            (import "florin1" "transfer" (func $transfer (param i32 i32) (result i64)))
            (import "florin1" "call" (func $call (param i32 i32 i64 i64) (result i64)))
            (memory (export "memory") 1)
            (func (export "call") (param i32) (result i32) (local $i i32)
                (drop (call $input (i32.const 0) (i64.const 20)))
                {body}
                (i32.const 0)))"#
    )
}

const fn slice(pointer: u64, length: u64) -> u64 {
    pointer << 32 | length
}

/// Signs and submits; the sender is always the same.
fn send(chain: &Chain, to: TxKind, value: u64, input: Vec<u8>, gas_limit: u64) -> Receipt {
    let sender = key(1);
    let nonce = chain.account(&address_of(&sender)).expect("an account").nonce;
    let value = U256::from(value);
    let tx = TxEip1559 { gas_limit, to, value, input: input.into(), ..payment(nonce, 0) };
    chain.submit(signed(tx, &sender), NOW).expect("it is admitted").receipt().clone()
}

fn deploy(chain: &Chain, text: &str) -> Address {
    let module = wat::parse_str(text).expect("valid text");
    let data = [&florin_abi::deploy::header(module.len() as u32)[..], &module].concat();
    let receipt = send(chain, TxKind::Create, 0, data, 3_000_000);
    receipt.created.unwrap_or_else(|| panic!("{:?}", receipt.outcome))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_estimated_gas_is_always_enough(
        steps in prop::collection::vec(step(), 0..8),
        helper in prop::collection::vec(step(), 0..4),
        value in 0u64..3,
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let rich = U256::from(10).pow(U256::from(18));
        let rules = Genesis { allocations: [(address_of(&key(1)), rich)].into(), ..genesis() };
        let chain = Chain::create(&dir.path().join("ledger"), &rules, Durability::Unsynced)
            .expect("a ledger");
        let helper = deploy(&chain, &contract(&helper));
        let to = deploy(&chain, &contract(&steps));
        let request = CallRequest {
            from: address_of(&key(1)),
            to: Some(to),
            value: U256::from(value),
            input: Bytes::copy_from_slice(helper.as_slice()),
            gas: Some(3_000_000),
        };
        let estimate = chain.estimate(&request, NOW);
        let input = helper.to_vec();
        match estimate {
            Ok(gas) => {
                let simulated = chain
                    .simulate(&CallRequest { gas: Some(gas), ..request }, NOW)
                    .expect("a simulation");
                let receipt = send(&chain, TxKind::Call(to), value, input, gas);
                prop_assert!(receipt.is_success(), "{gas} gas: {:?}", receipt.outcome);
                prop_assert_eq!(receipt.gas_used, simulated.receipt.gas_used);
                prop_assert_eq!(receipt.logs, simulated.receipt.logs);
                prop_assert_eq!(receipt.gas_price, simulated.receipt.gas_price);
            }
            Err(EstimateError::Fails(simulation)) => {
                let receipt = send(&chain, TxKind::Call(to), value, input, 3_000_000);
                prop_assert_eq!(receipt.outcome, simulation.receipt.outcome);
            }
            Err(EstimateError::Fault(fault)) => panic!("{fault}"),
        }
    }
}
