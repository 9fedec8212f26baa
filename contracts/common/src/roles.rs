//! Roles: who may do what, by the names and events of OpenZeppelin's AccessControl.
//!
//! A role is the keccak-256 of its name. The holders of the role zero grant and revoke all roles.
//!
//! Invariant: RoleGranted and RoleRevoked tell every change, and nothing else.

use florin_sdk::contract::topic;
use florin_sdk::prelude::*;

/// The role that administers all others, and itself.
pub const DEFAULT_ADMIN_ROLE: B256 = B256::ZERO;

/// The role of this name.
pub const fn role(name: &str) -> B256 {
    B256::new(topic(name))
}

/// Who has which role.
#[storage]
pub struct RolesState {
    members: Map<(B256, Address), bool>,
}

/// An account has got a role.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct RoleGranted {
    /// Which role.
    #[indexed]
    pub role: B256,
    /// Who has got it.
    #[indexed]
    pub account: Address,
    /// Who gave it.
    #[indexed]
    pub sender: Address,
}

/// An account has lost a role.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct RoleRevoked {
    /// Which role.
    #[indexed]
    pub role: B256,
    /// Who has lost it.
    #[indexed]
    pub account: Address,
    /// Who took it; the account itself if it renounced.
    #[indexed]
    pub sender: Address,
}

/// Why somebody may not.
#[derive(Error, Debug, Clone, PartialEq, Eq)]
pub enum RolesError {
    /// The caller lacks a role.
    AccessControlUnauthorizedAccount {
        /// The caller.
        account: Address,
        /// The role.
        needed_role: B256,
    },
    /// Who renounces must name itself, so that nobody renounces by a slip.
    AccessControlBadConfirmation,
}

impl RolesState {
    /// Whether an account has a role.
    pub fn has(&self, role: B256, account: Address) -> bool {
        self.members.get(&(role, account))
    }

    /// Refuses a caller without a role.
    pub fn only(&self, needed_role: B256) -> Result<(), RolesError> {
        let account = caller();
        ensure!(
            self.has(needed_role, account),
            RolesError::AccessControlUnauthorizedAccount { account, needed_role }
        );
        Ok(())
    }

    /// Gives a role, without asking who wants it. For the constructor.
    pub fn grant(&mut self, role: B256, account: Address) {
        if !self.has(role, account) {
            self.members.save(&(role, account), &true);
            emit(RoleGranted { role, account, sender: caller() });
        }
    }

    /// Takes a role, without asking who wants it.
    pub fn revoke(&mut self, role: B256, account: Address) {
        if self.has(role, account) {
            self.members.remove(&(role, account));
            emit(RoleRevoked { role, account, sender: caller() });
        }
    }
}

/// Roles, as OpenZeppelin's AccessControl shows them.
#[interface(events(RoleGranted, RoleRevoked))]
pub trait Roles: Has<RolesState> {
    /// The role that administers all others: zero.
    #[selector(name = "DEFAULT_ADMIN_ROLE")]
    fn default_admin_role(&self) -> B256 {
        DEFAULT_ADMIN_ROLE
    }

    /// Whether an account has a role.
    fn has_role(&self, role: B256, account: Address) -> bool {
        self.state().has(role, account)
    }

    /// The role that administers a role, whichever that is.
    fn get_role_admin(&self, _role: B256) -> B256 {
        DEFAULT_ADMIN_ROLE
    }

    /// Gives a role. For administrators.
    fn grant_role(&mut self, role: B256, account: Address) -> Result<(), RolesError> {
        self.state().only(DEFAULT_ADMIN_ROLE)?;
        self.state_mut().grant(role, account);
        Ok(())
    }

    /// Takes a role. For administrators.
    fn revoke_role(&mut self, role: B256, account: Address) -> Result<(), RolesError> {
        self.state().only(DEFAULT_ADMIN_ROLE)?;
        self.state_mut().revoke(role, account);
        Ok(())
    }

    /// Gives a role of the caller's own back. The caller names itself, as a confirmation.
    fn renounce_role(
        &mut self,
        role: B256,
        caller_confirmation: Address,
    ) -> Result<(), RolesError> {
        ensure!(caller_confirmation == caller(), RolesError::AccessControlBadConfirmation);
        self.state_mut().revoke(role, caller_confirmation);
        Ok(())
    }
}
