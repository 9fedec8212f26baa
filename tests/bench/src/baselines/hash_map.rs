//! A transfer with nothing around it: balances in a hash map.

use crate::measure::{Contender, Row, Whose, seconds_each};
use crate::workload::{FUNDS, Paid, People};
use alloy_primitives::{Address, U256};
use anyhow::ensure;
use std::collections::HashMap;

pub fn contender(people: &People) -> Contender<'_> {
    let mut balances: HashMap<Address, U256> =
        people.addresses.iter().map(|account| (*account, U256::from(FUNDS))).collect();
    let row = Row::new("hash-map", Whose::Baseline, "Rust over a hash map", WORK);
    Contender::new(row, move |round| {
        let payments = people.payments(round, people.scale.senders, Paid::Anybody);
        seconds_each(payments.len(), || {
            for (from, to) in payments {
                let (from, to) = (&people.addresses[from], people.addresses[to]);
                ensure!(transfer(&mut balances, from, to, U256::ONE), "a payer has too little");
            }
            Ok(())
        })
    })
}

/// Whether the payer had enough.
fn transfer(
    balances: &mut HashMap<Address, U256>,
    from: &Address,
    to: Address,
    value: U256,
) -> bool {
    let Some(balance) = balances.get_mut(from) else { return false };
    let Some(left) = balance.checked_sub(value) else { return false };
    *balance = left;
    *balances.entry(to).or_default() += value;
    true
}

const WORK: &[&str] = &[
    "balance checked, two balances of 256 bits changed in the standard library's HashMap;",
    "no signature, nonce, gas, log, receipt or undo",
];
