//! A token for payments: ERC-20 with permits (EIP-2612), signed transfers (EIP-3009), references
//! for invoices, minting and burning by role, and a pause. `docs/contracts/token.md` states its
//! rules.
//!
//! Invariant: while the contract is paused no balance changes; allowances and signatures can still
//! be withdrawn.
#![no_std]

use florin_common::eip3009::{Eip3009, Eip3009Client, Eip3009State};
use florin_common::eip5267::{Eip5267, Eip5267Client};
use florin_common::erc20::{Erc20, Erc20Client, Erc20Error, Erc20State};
use florin_common::memo::{Memo, MemoClient};
use florin_common::pausable::{PAUSER_ROLE, Pausable, PausableClient, PausableState};
use florin_common::permit::{Permit, PermitClient, PermitState};
use florin_common::roles::{DEFAULT_ADMIN_ROLE, Roles, RolesClient, RolesError, RolesState};
use florin_common::supply::{BURNER_ROLE, MINTER_ROLE, Supply, SupplyClient};
use florin_sdk::prelude::*;

/// The token.
#[contract(Erc20, Eip5267, Permit, Eip3009, Memo, Roles, Supply, Pausable, events(Upgraded))]
pub struct Token {
    erc20: Erc20State,
    permit: PermitState,
    eip3009: Eip3009State,
    roles: RolesState,
    pausable: PausableState,
}

/// The contract's code was replaced.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct Upgraded {
    /// The keccak-256 of the deployment data that replaced it.
    #[indexed]
    pub code: B256,
}

#[contract]
impl Token {
    /// Gives all roles and the first `supply` of tokens to `admin`.
    #[constructor]
    pub fn new(
        &mut self,
        name: String,
        symbol: String,
        decimals: u8,
        admin: Address,
        supply: U256,
    ) -> Result<(), Erc20Error> {
        self.erc20.init(&name, &symbol, decimals);
        for role in [DEFAULT_ADMIN_ROLE, MINTER_ROLE, BURNER_ROLE, PAUSER_ROLE] {
            self.roles.grant(role, admin);
        }
        self.mint_tokens(admin, supply)
    }

    /// Replaces the contract's code by that in `code`: deployment data, as an artefact's `bytecode`
    /// holds it. For holders of the admin role.
    pub fn upgrade(&mut self, code: Bytes) -> Result<(), RolesError> {
        self.roles.only(DEFAULT_ADMIN_ROLE)?;
        emit(Upgraded { code: keccak256(&code) });
        florin_sdk::deploy::upgrade(&code);
        Ok(())
    }
}

impl Erc20 for Token {
    fn before_update(&mut self, _from: Address, _to: Address, _value: U256) {
        self.pausable.when_not_paused();
    }
}
impl Eip5267 for Token {}
impl Permit for Token {}
impl Eip3009 for Token {}
impl Memo for Token {}
impl Roles for Token {}
impl Supply for Token {}
impl Pausable for Token {}
