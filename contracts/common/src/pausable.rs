//! A pause: an emergency brake, by the names and events of OpenZeppelin's Pausable.
//!
//! What stands still is the contract's choice: it asks [`PausableState::when_not_paused`] there.

use crate::roles::{RolesError, RolesState, role};
use florin_sdk::prelude::*;

/// Who has it may pause and resume.
pub const PAUSER_ROLE: B256 = role("PAUSER_ROLE");

/// Whether the contract is paused.
#[storage]
pub struct PausableState {
    paused: Item<bool>,
}

/// The contract was paused.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// By whom.
    pub account: Address,
}

/// The contract goes on.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct Unpaused {
    /// By whose leave.
    pub account: Address,
}

/// Why something is refused.
#[derive(Error, Debug, Clone, PartialEq, Eq)]
pub enum PausableError {
    /// The contract is paused.
    EnforcedPause,
    /// The contract is not paused.
    ExpectedPause,
    /// The caller may not.
    #[error(transparent)]
    Roles(RolesError),
}

impl PausableState {
    /// Reverts while the contract is paused.
    pub fn when_not_paused(&self) {
        if self.paused.get() {
            revert(PausableError::EnforcedPause);
        }
    }
}

/// A pause.
#[interface(events(Paused, Unpaused))]
pub trait Pausable: Has<PausableState> + Has<RolesState> {
    /// Who has this role may pause and resume.
    #[selector(name = "PAUSER_ROLE")]
    fn pauser_role(&self) -> B256 {
        PAUSER_ROLE
    }

    /// Whether the contract is paused.
    fn paused(&self) -> bool {
        let state: &PausableState = self.state();
        state.paused.get()
    }

    /// Pauses the contract. For pausers.
    fn pause(&mut self) -> Result<(), PausableError> {
        let roles: &RolesState = self.state();
        roles.only(PAUSER_ROLE)?;
        ensure!(!self.paused(), PausableError::EnforcedPause);
        let state: &mut PausableState = self.state_mut();
        state.paused.save(&true);
        emit(Paused { account: caller() });
        Ok(())
    }

    /// Lets the contract go on. For pausers.
    fn unpause(&mut self) -> Result<(), PausableError> {
        let roles: &RolesState = self.state();
        roles.only(PAUSER_ROLE)?;
        ensure!(self.paused(), PausableError::ExpectedPause);
        let state: &mut PausableState = self.state_mut();
        state.paused.save(&false);
        emit(Unpaused { account: caller() });
        Ok(())
    }
}
