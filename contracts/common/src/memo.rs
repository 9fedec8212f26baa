//! Transfers with a reference of 32 bytes, named as in TIP-20: the payee finds its invoice in the
//! log.

use crate::erc20::{Erc20, Erc20Error};
use florin_sdk::prelude::*;

/// Tokens have moved, with a reference. Follows the Transfer of the same tokens.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct TransferWithMemo {
    /// Who had them.
    #[indexed]
    pub from: Address,
    /// Who has them.
    #[indexed]
    pub to: Address,
    /// How many, in the smallest unit.
    pub amount: U256,
    /// The reference.
    #[indexed]
    pub memo: B256,
}

/// Transfers with a reference. As in TIP-20, one of the two returns a bool.
#[interface(events(TransferWithMemo))]
pub trait Memo: Erc20 {
    /// Moves the caller's tokens.
    fn transfer_with_memo(
        &mut self,
        to: Address,
        amount: U256,
        memo: B256,
    ) -> Result<(), Erc20Error> {
        let from = caller();
        self.transfer(to, amount)?;
        emit(TransferWithMemo { from, to, amount, memo });
        Ok(())
    }

    /// Moves tokens that the caller may spend.
    fn transfer_from_with_memo(
        &mut self,
        from: Address,
        to: Address,
        amount: U256,
        memo: B256,
    ) -> Result<bool, Erc20Error> {
        self.transfer_from(from, to, amount)?;
        emit(TransferWithMemo { from, to, amount, memo });
        Ok(true)
    }
}
