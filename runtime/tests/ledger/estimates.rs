//! What is estimated is enough: a transaction with exactly the estimated gas does what the
//! simulation said.

use crate::support::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::TxKind;

use florin_runtime::store::Durability;
use florin_runtime::types::*;
use florin_runtime::{CallRequest, Chain, EstimateError, Genesis, Rejection, SubmitError};
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
    /// Logs what the caller has left while the call runs.
    LogBalance,
    /// Halts unless the caller has that much left.
    DemandBalance {
        amount: u32,
    },
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
        Just(Step::LogBalance),
        (0u32..MOST as u32 * 11).prop_map(|amount| Step::DemandBalance { amount }),
    ]
}

/// Puts the balance of the caller at 4,400.
const BALANCE: &str = "(call $context (i64.const 0x0000_1000_0000_00c8))
    (call $balance (i32.const 4116) (i32.const 4400))";
/// The most gas that is asked for.
const MOST: u64 = 3_000_000;

/// A contract that takes these steps. The address of the helper comes as input; 1,024 and on are
/// zeros.
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
            Step::LogBalance => {
                format!("{BALANCE} (call $log (i64.const 0) (i64.const {}))", slice(4400, 32))
            }
            // The last eight bytes, big-endian; more than that is plenty.
            Step::DemandBalance { amount } => format!(
                "{BALANCE}
                 (if (i32.and (i64.eqz (i64.load (i32.const 4416)))
                              (i32.lt_u (call $swap (i32.load (i32.const 4428))) (i32.const {amount})))
                    (then unreachable))"
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
            (import "florin1" "balance" (func $balance (param i32 i32)))
            (memory (export "memory") 1)
            (func $swap (param i32) (result i32)
                (i32.or (i32.rotl (i32.and (local.get 0) (i32.const 0x00ff00ff)) (i32.const 24))
                        (i32.rotl (i32.and (local.get 0) (i32.const 0xff00ff00)) (i32.const 8))))
            (func (export "call") (param i32) (result i32) (local $i i32)
                (drop (call $input (i32.const 0) (i64.const 20)))
                {body}
                (i32.const 0)))"#
    )
}

const fn slice(pointer: u64, length: u64) -> u64 {
    pointer << 32 | length
}

/// Signs and submits for the account with a key.
fn send(
    chain: &Chain,
    seed: u8,
    to: TxKind,
    value: u64,
    input: &[u8],
    gas_limit: u64,
) -> Result<Receipt, SubmitError> {
    let sender = key(seed);
    let nonce = chain.account(&address_of(&sender)).expect("an account").nonce;
    let (value, input) = (U256::from(value), Bytes::copy_from_slice(input));
    let tx = TxEip1559 { gas_limit, to, value, input, ..payment(nonce, 0) };
    Ok(chain.submit(signed(tx, &sender), NOW)?.receipt().clone())
}

fn deploy(chain: &Chain, text: &str) -> Address {
    let receipt =
        send(chain, 1, TxKind::Create, 0, &deployment(text), MOST).expect("it is admitted");
    receipt.created.unwrap_or_else(|| panic!("{:?}", receipt.outcome))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_estimated_gas_is_always_enough(
        steps in prop::collection::vec(step(), 0..8),
        helper in prop::collection::vec(step(), 0..4),
        value in 0u64..3,
        // From nothing to a little more than the most gas costs at a price of ten.
        poor in prop_oneof![0u64..500_000, 0..MOST * 11],
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let rich = U256::from(10).pow(U256::from(18));
        let balances = [(address_of(&key(1)), rich), (address_of(&key(2)), U256::from(poor))];
        let rules = Genesis { allocations: balances.into(), ..genesis() };
        let chain = Chain::create(&dir.path().join("ledger"), &rules, Durability::Unsynced)
            .expect("a ledger");
        let helper = deploy(&chain, &contract(&helper));
        let to = deploy(&chain, &contract(&steps));
        for (seed, balance) in [(2, U256::from(poor)), (1, rich)] {
            let request = CallRequest {
                from: address_of(&key(seed)),
                to: Some(to),
                value: U256::from(value),
                input: Bytes::copy_from_slice(helper.as_slice()),
                gas: Some(MOST),
                gas_price: Some(rules.gas_price),
                ..CallRequest::default()
            };
            let send = |gas| send(&chain, seed, TxKind::Call(to), value, helper.as_slice(), gas);
            match chain.estimate(&request, NOW) {
                Ok(gas) => {
                    let request = CallRequest { gas: Some(gas), ..request };
                    let simulated = chain.simulate(&request, NOW).expect("a simulation").receipt;
                    let receipt = send(gas).expect("it is admitted");
                    prop_assert!(receipt.is_success(), "{gas} gas: {:?}", receipt.outcome);
                    prop_assert_eq!(receipt.gas_used, simulated.gas_used);
                    prop_assert_eq!(receipt.logs, simulated.logs);
                    prop_assert_eq!(receipt.gas_price, simulated.gas_price);
                }
                Err(EstimateError::Fails(simulation)) => {
                    // With all that the sender can pay.
                    let affordable = (balance - U256::from(value)) / U256::from(rules.gas_price);
                    let gas = affordable.min(U256::from(MOST)).to();
                    let receipt = send(gas).expect("it is admitted");
                    prop_assert_eq!(receipt.outcome, simulation.receipt.outcome);
                }
                Err(EstimateError::Rejected(rejection)) => {
                    let Err(SubmitError::Rejected(really)) = send(MOST) else {
                        panic!("not rejected")
                    };
                    for rejection in [rejection, really] {
                        let poor = matches!(rejection, Rejection::InsufficientFunds { .. });
                        prop_assert!(poor, "{}", rejection);
                    }
                }
                Err(EstimateError::Fault(fault)) => panic!("{fault}"),
            }
        }
    }
}

#[test]
fn what_would_not_be_taken_has_no_estimate() {
    let dir = tempfile::tempdir().expect("a directory");
    let rules = Genesis { block_gas_limit: 40_000, ..genesis() };
    let chain =
        Chain::create(&dir.path().join("ledger"), &rules, Durability::Unsynced).expect("a ledger");
    let from = address_of(&key(1));
    let payment = CallRequest { from, to: Some(BOB), ..CallRequest::default() };
    let creation = CallRequest { to: None, ..payment.clone() };
    let cheap = CallRequest { gas: Some(1), ..payment.clone() };
    let below = |limit, needed| Rejection::IntrinsicGas { limit, needed };
    let offer = CallRequest { gas_price: Some(9), ..payment.clone() };
    let broke = CallRequest { from: BOB, gas_price: Some(10), ..payment.clone() };
    let (balance, needed) = (U256::ZERO, U256::from(210_000));
    let refused = [
        (cheap, below(1, 21_000)),
        (creation, below(40_000, 53_000)),
        (offer, Rejection::FeeTooLow { offered: 9, price: 10 }),
        (broke, Rejection::InsufficientFunds { account: BOB, balance, needed }),
    ];
    for (request, expected) in refused {
        let Err(EstimateError::Rejected(rejection)) = chain.estimate(&request, NOW) else {
            panic!("{request:?} is estimated")
        };
        assert_eq!(rejection, expected);
        let Err(SubmitError::Rejected(rejection)) = chain.simulate(&request, NOW) else {
            panic!("{request:?} is simulated")
        };
        assert_eq!(rejection, expected);
    }
    // Whoever only asks needs no money.
    let asked = CallRequest { from: BOB, ..payment };
    assert_eq!(chain.estimate(&asked, NOW).expect("an estimate"), 21_000);
}
