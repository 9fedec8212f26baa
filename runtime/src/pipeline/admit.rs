//! Whether an authenticated transaction may be in the next block: gas, validity, nonce, funds, in
//! this order.

use crate::error::{Fault, Rejection};
use crate::host::BlockEnv;
use crate::state::Overlay;
use crate::types::{Account, Intent, U256};
use std::ops::Range;

/// Checks `intent` against the state before it and what gas the block has left. The outer error is
/// a fault.
pub fn admit(
    overlay: &mut Overlay,
    block: &BlockEnv,
    gas_left: u64,
    intent: &Intent,
) -> Result<Result<(), Rejection>, Fault> {
    if let Err(rejection) = check_gas(block, gas_left, intent) {
        return Ok(Err(rejection));
    }
    if let Err(rejection) = check_validity(block, intent) {
        return Ok(Err(rejection));
    }
    let account = overlay.account(&intent.sender)?;
    if let Err(rejection) = check_sender(&account, intent) {
        return Ok(Err(rejection));
    }
    let payer = match intent.payer == intent.sender {
        true => account,
        false => overlay.account(&intent.payer)?,
    };
    Ok(check_funds(&account, &payer, intent))
}

/// Whether it is valid in this block, whatever the state.
fn check_validity(block: &BlockEnv, intent: &Intent) -> Result<(), Rejection> {
    let (key, now) = (intent.nonce_key, block.timestamp);
    if !key.is_zero() {
        return Err(Rejection::UnknownNonceKey { key }); // an account has one sequence so far
    }
    match intent.window {
        Some(Range { start, end }) if !(start..end).contains(&now) => {
            Err(Rejection::OutsideWindow { from: start, until: end, now })
        }
        _ => Ok(()),
    }
}

fn check_sender(account: &Account, intent: &Intent) -> Result<(), Rejection> {
    let (sender, got, expected) = (intent.sender, intent.nonce, account.nonce);
    if account.is_contract() && !intent.unsigned {
        Err(Rejection::SenderIsContract { sender })
    } else if got == u64::MAX {
        Err(Rejection::NonceExhausted { sender })
    } else if got < expected {
        Err(Rejection::NonceTooLow { sender, got, expected })
    } else if got > expected {
        Err(Rejection::NonceTooHigh { sender, got, expected })
    } else {
        Ok(())
    }
}

/// Whether the payer has the most that the gas can cost, and the sender the value besides.
fn check_funds(sender: &Account, payer: &Account, intent: &Intent) -> Result<(), Rejection> {
    let overflow = Rejection::CostOverflow;
    let gas = U256::from(intent.gas_limit).checked_mul(U256::from(intent.max_fee));
    let (Some(gas), Some(value)) = (gas, intent.total_value()) else { return Err(overflow) };
    let afford = |account, balance, needed| match needed > balance {
        true => Err(Rejection::InsufficientFunds { account, balance, needed }),
        false => Ok(()),
    };
    if intent.payer == intent.sender {
        let needed = gas.checked_add(value).ok_or(overflow)?;
        return afford(intent.sender, sender.balance, needed);
    }
    afford(intent.payer, payer.balance, gas)?;
    afford(intent.sender, sender.balance, value)
}

fn check_gas(block: &BlockEnv, gas_left: u64, intent: &Intent) -> Result<(), Rejection> {
    let (limit, needed) = (intent.gas_limit, intent.intrinsic_gas);
    let (offered, price) = (intent.max_fee, block.gas_price);
    if limit < needed {
        Err(Rejection::IntrinsicGas { limit, needed })
    } else if limit > block.gas_limit {
        Err(Rejection::GasAboveBlock { limit, block: block.gas_limit })
    } else if limit > gas_left {
        Err(Rejection::BlockFull { left: gas_left })
    } else if offered < price {
        Err(Rejection::FeeTooLow { offered, price })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gas;
    use crate::state::StateView;
    use crate::types::{Address, B256, Bytes, Call};
    use std::sync::Arc;

    const SENDER: Address = Address::repeat_byte(1);
    const SPONSOR: Address = Address::repeat_byte(2);
    /// What the gas of [`payment`] costs at most.
    const FEE: u64 = gas::TRANSACTION * 10;

    /// The balances of sender and sponsor.
    struct Balances(u64, u64);

    impl StateView for Balances {
        fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
            let balance = U256::from(if *address == SENDER { self.0 } else { self.1 });
            Ok(Some(Account { balance, ..Account::default() }))
        }
        fn storage(&self, _: &Address, _: &[u8]) -> Result<Option<Bytes>, Fault> {
            Ok(None)
        }
        fn code(&self, _: &B256) -> Result<Option<Bytes>, Fault> {
            Ok(None)
        }
    }

    fn payment(payer: Address) -> Intent {
        let call = Call { to: Some(SPONSOR), value: U256::from(5), input: Bytes::new() };
        Intent {
            hash: B256::ZERO,
            kind: 2,
            sender: SENDER,
            payer,
            nonce_key: U256::ZERO,
            nonce: 0,
            window: None,
            calls: vec![call],
            gas_limit: gas::TRANSACTION,
            intrinsic_gas: gas::TRANSACTION,
            max_fee: 10,
            max_priority_fee: 0,
            unsigned: false,
        }
    }

    fn admitted(balances: Balances, intent: &Intent) -> Result<(), Rejection> {
        let block = BlockEnv {
            chain_id: 1,
            number: 1,
            timestamp: 1_000,
            gas_price: 10,
            gas_limit: 1_000_000,
            fee_recipient: Address::ZERO,
        };
        let mut overlay = Overlay::new(Arc::new(balances));
        admit(&mut overlay, &block, block.gas_limit, intent).expect("no fault")
    }

    #[test]
    fn the_payer_pays_for_the_gas_and_the_sender_for_the_value() {
        let lacks = |account, balance: u64, needed: u64| {
            let (balance, needed) = (U256::from(balance), U256::from(needed));
            Err(Rejection::InsufficientFunds { account, balance, needed })
        };
        let (own, sponsored) = (payment(SENDER), payment(SPONSOR));
        assert_eq!(admitted(Balances(FEE + 5, 0), &own), Ok(()));
        assert_eq!(admitted(Balances(FEE + 4, 9), &own), lacks(SENDER, FEE + 4, FEE + 5));
        assert_eq!(admitted(Balances(5, FEE), &sponsored), Ok(()));
        assert_eq!(admitted(Balances(4, FEE), &sponsored), lacks(SENDER, 4, 5));
        let poor = admitted(Balances(FEE + 5, FEE - 1), &sponsored);
        assert_eq!(poor, lacks(SPONSOR, FEE - 1, FEE));
    }

    #[test]
    fn the_window_ends_before_its_end() {
        for (window, holds) in [
            (1_000..1_001, true),
            (0..u64::MAX, true),
            (0..1_000, false),
            (1_001..2_000, false),
            (1_000..1_000, false),
        ] {
            let intent = Intent { window: Some(window.clone()), ..payment(SENDER) };
            let (from, until, now) = (window.start, window.end, 1_000);
            let expected =
                if holds { Ok(()) } else { Err(Rejection::OutsideWindow { from, until, now }) };
            assert_eq!(admitted(Balances(u64::MAX, 0), &intent), expected);
        }
    }

    #[test]
    fn other_sequences_of_nonces_are_refused() {
        let key = U256::from(7);
        let intent = Intent { nonce_key: key, ..payment(SENDER) };
        let refused = admitted(Balances(u64::MAX, 0), &intent);
        assert_eq!(refused, Err(Rejection::UnknownNonceKey { key }));
    }
}
