//! A supply that grows and shrinks: minting and burning by role.
//!
//! Invariant: nobody's tokens are burned without that account's doing: a burner burns its own, or
//! what it may spend.

use crate::erc20::{Erc20, Erc20Error};
use crate::roles::{RolesError, RolesState, role};
use florin_sdk::prelude::*;

/// Who has it may make tokens.
pub const MINTER_ROLE: B256 = role("MINTER_ROLE");
/// Who has it may destroy tokens.
pub const BURNER_ROLE: B256 = role("BURNER_ROLE");

/// Why tokens were not made or destroyed.
#[derive(Error, Debug, Clone, PartialEq, Eq)]
pub enum SupplyError {
    /// The caller may not.
    #[error(transparent)]
    Roles(RolesError),
    /// The token refuses.
    #[error(transparent)]
    Erc20(Erc20Error),
}

/// Minting and burning.
#[interface]
pub trait Supply: Erc20 + Has<RolesState> {
    /// Who has this role may make tokens.
    #[selector(name = "MINTER_ROLE")]
    fn minter_role(&self) -> B256 {
        MINTER_ROLE
    }

    /// Who has this role may destroy tokens.
    #[selector(name = "BURNER_ROLE")]
    fn burner_role(&self) -> B256 {
        BURNER_ROLE
    }

    /// Makes tokens. For minters.
    fn mint(&mut self, to: Address, value: U256) -> Result<(), SupplyError> {
        let roles: &RolesState = self.state();
        roles.only(MINTER_ROLE)?;
        self.mint_tokens(to, value)?;
        Ok(())
    }

    /// Destroys tokens of the caller's. For burners.
    fn burn(&mut self, value: U256) -> Result<(), SupplyError> {
        let roles: &RolesState = self.state();
        roles.only(BURNER_ROLE)?;
        self.burn_tokens(caller(), value)?;
        Ok(())
    }

    /// Destroys tokens that the caller may spend. For burners.
    fn burn_from(&mut self, account: Address, value: U256) -> Result<(), SupplyError> {
        let roles: &RolesState = self.state();
        roles.only(BURNER_ROLE)?;
        self.spend_allowance(account, caller(), value)?;
        self.burn_tokens(account, value)?;
        Ok(())
    }
}
