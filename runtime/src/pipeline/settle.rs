//! Gas is paid for before a transaction runs, and what it did not use is given back after.
//!
//! Invariant: buying and settling together move exactly `gas used × price` from payer to fee
//! recipient, whatever happened between.

use crate::error::Fault;
use crate::state::Overlay;
use crate::types::{Account, Address, Intent, U256};

fn price_of(gas: u64, price: u128) -> Result<U256, Fault> {
    // 64 by 128 bits cannot overflow 256.
    U256::from(gas).checked_mul(U256::from(price)).ok_or(Fault::Bug("a gas cost overflowed"))
}

/// Takes the price of all the gas the transaction may use from its payer, and uses up its nonce.
/// The caller has checked that the payer has it.
pub fn buy(overlay: &mut Overlay, intent: &Intent, price: u128) -> Result<(), Fault> {
    let cost = price_of(intent.gas_limit, price)?;
    overlay.update(&intent.payer, |payer| {
        let rest = payer.balance.checked_sub(cost);
        Ok(Account { balance: rest.ok_or(Fault::Bug("gas was not affordable"))?, ..payer })
    })?;
    overlay.update(&intent.sender, |sender| {
        let nonce = sender.nonce.checked_add(1).ok_or(Fault::Bug("a nonce had no successor"))?;
        Ok(Account { nonce, ..sender })
    })
}

/// Gives back what was not used and pays the fee recipient for the rest.
pub fn settle(
    overlay: &mut Overlay,
    intent: &Intent,
    price: u128,
    gas_used: u64,
    recipient: &Address,
) -> Result<(), Fault> {
    let unused = intent
        .gas_limit
        .checked_sub(gas_used)
        .ok_or(Fault::Bug("more gas was used than bought"))?;
    overlay.credit(&intent.payer, price_of(unused, price)?)?;
    overlay.credit(recipient, price_of(gas_used, price)?)
}
