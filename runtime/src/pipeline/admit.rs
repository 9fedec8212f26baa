//! Whether an authenticated transaction may be in the next block: nonce, limits, balance, in this order.

use crate::error::{Fault, Rejection};
use crate::host::BlockEnv;
use crate::state::Overlay;
use crate::types::{Intent, U256};

/// Checks `intent` against the state before it and what gas the block has left. The outer error is a fault.
pub fn admit(
    overlay: &mut Overlay,
    block: &BlockEnv,
    gas_left: u64,
    intent: &Intent,
) -> Result<Result<(), Rejection>, Fault> {
    if let Err(rejection) = check_gas(block, gas_left, intent) {
        return Ok(Err(rejection));
    }
    let sender = intent.sender;
    let account = overlay.account(&sender)?;
    let (got, expected) = (intent.nonce, account.nonce);
    let rejection = if account.is_contract() {
        Rejection::SenderIsContract { sender }
    } else if got == u64::MAX {
        Rejection::NonceExhausted { sender }
    } else if got < expected {
        Rejection::NonceTooLow { sender, got, expected }
    } else if got > expected {
        Rejection::NonceTooHigh { sender, got, expected }
    } else {
        let balance = account.balance;
        match most(intent) {
            None => Rejection::CostOverflow,
            Some(needed) if needed > balance => {
                Rejection::InsufficientFunds { sender, balance, needed }
            }
            Some(_) => return Ok(Ok(())),
        }
    };
    Ok(Err(rejection))
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

/// The most a transaction can cost its sender.
fn most(intent: &Intent) -> Option<U256> {
    let gas = U256::from(intent.gas_limit).checked_mul(U256::from(intent.max_fee))?;
    gas.checked_add(intent.total_value()?)
}
