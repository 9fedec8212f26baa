//! Roles, minting and burning, the pause, and upgrades.

use crate::signing::{CancelAuthorization, Permit};
use crate::{World, authorizations, units};
use florin_common::erc20::{Erc20Error, Transfer};
use florin_common::pausable::{PAUSER_ROLE, PausableError, Paused, Unpaused};
use florin_common::roles::{DEFAULT_ADMIN_ROLE, RoleGranted, RoleRevoked, RolesError};
use florin_common::supply::{BURNER_ROLE, MINTER_ROLE};
use florin_sdk::alloy_primitives::keccak256;
use florin_sdk::prelude::{Address, B256, Bytes, U256};
use florin_token::{Token, Upgraded};

fn unauthorized(account: impl Into<Address>, needed_role: B256) -> RolesError {
    RolesError::AccessControlUnauthorizedAccount { account: account.into(), needed_role }
}

#[test]
fn roles_are_named_as_elsewhere() {
    let w = World::new();
    assert_eq!(w.chain.view(w.token.default_admin_role()), B256::ZERO);
    assert_eq!(w.chain.view(w.token.minter_role()), keccak256("MINTER_ROLE"));
    assert_eq!(w.chain.view(w.token.burner_role()), keccak256("BURNER_ROLE"));
    assert_eq!(w.chain.view(w.token.pauser_role()), keccak256("PAUSER_ROLE"));
    assert_eq!(w.chain.view(w.token.get_role_admin(MINTER_ROLE)), DEFAULT_ADMIN_ROLE);
    for role in [DEFAULT_ADMIN_ROLE, MINTER_ROLE, BURNER_ROLE, PAUSER_ROLE] {
        assert!(w.chain.view(w.token.has_role(role, &w.issuer)));
        assert!(!w.chain.view(w.token.has_role(role, &w.alice)));
    }
}

#[test]
fn a_role_is_given_and_taken_by_its_admin() {
    let mut w = World::new();
    let (role, account, sender) = (MINTER_ROLE, w.alice.address(), w.issuer.address());
    w.chain
        .send(&w.alice, w.token.grant_role(role, account))
        .reverts_with(unauthorized(account, DEFAULT_ADMIN_ROLE));

    let sent = w.chain.send(&w.issuer, w.token.grant_role(role, account));
    assert_eq!(sent.events::<RoleGranted>(), [RoleGranted { role, account, sender }]);
    sent.succeeds();
    let again = w.chain.send(&w.issuer, w.token.grant_role(role, account));
    assert_eq!(again.events::<RoleGranted>(), []);
    again.succeeds();
    w.chain.send(&w.alice, w.token.mint(account, units(1))).succeeds();

    w.chain
        .send(&w.alice, w.token.revoke_role(role, sender))
        .reverts_with(unauthorized(account, DEFAULT_ADMIN_ROLE));
    let sent = w.chain.send(&w.issuer, w.token.revoke_role(role, account));
    assert_eq!(sent.events::<RoleRevoked>(), [RoleRevoked { role, account, sender }]);
    sent.succeeds();
    w.chain
        .send(&w.alice, w.token.mint(account, units(1)))
        .reverts_with(unauthorized(account, role));
}

#[test]
fn a_role_is_given_back_with_a_confirmation() {
    let mut w = World::new();
    w.chain
        .send(&w.issuer, w.token.renounce_role(DEFAULT_ADMIN_ROLE, &w.alice))
        .reverts_with(RolesError::AccessControlBadConfirmation);
    w.chain.send(&w.issuer, w.token.renounce_role(DEFAULT_ADMIN_ROLE, &w.issuer)).succeeds();
    w.chain
        .send(&w.issuer, w.token.grant_role(MINTER_ROLE, &w.alice))
        .reverts_with(unauthorized(&w.issuer, DEFAULT_ADMIN_ROLE));
}

#[test]
fn minters_mint_and_burners_burn() {
    let mut w = World::new();
    let (issuer, alice) = (w.issuer.address(), w.alice.address());
    let sent = w.chain.send(&w.issuer, w.token.mint(alice, units(500)));
    let made = Transfer { from: Address::ZERO, to: alice, value: units(500) };
    assert_eq!(sent.events::<Transfer>(), [made]);
    sent.succeeds();
    assert_eq!(w.chain.view(w.token.total_supply()), units(10_500));

    w.chain.send(&w.alice, w.token.burn(units(1))).reverts_with(unauthorized(alice, BURNER_ROLE));
    let sent = w.chain.send(&w.issuer, w.token.burn(units(2_000)));
    let gone = Transfer { from: issuer, to: Address::ZERO, value: units(2_000) };
    assert_eq!(sent.events::<Transfer>(), [gone]);
    sent.succeeds();

    // A burner cannot burn what is not its own, unless it may spend it.
    w.chain.send(&w.issuer, w.token.burn_from(alice, units(100))).reverts_with(
        Erc20Error::ERC20InsufficientAllowance {
            spender: issuer,
            allowance: units(0),
            needed: units(100),
        },
    );
    w.chain.send(&w.alice, w.token.approve(issuer, units(100))).succeeds();
    w.chain.send(&w.issuer, w.token.burn_from(alice, units(100))).succeeds();
    assert_eq!(w.chain.view(w.token.allowance(alice, issuer)), units(0));
    assert_eq!(w.balance(alice), units(1_400));
    assert_eq!(w.chain.view(w.token.total_supply()), units(8_400));

    w.chain
        .send(&w.issuer, w.token.mint(Address::ZERO, units(1)))
        .reverts_with(Erc20Error::ERC20InvalidReceiver { receiver: Address::ZERO });
}

#[test]
fn the_supply_cannot_overflow() {
    let mut w = World::new();
    let rest = U256::MAX - units(10_000);
    w.chain.send(&w.issuer, w.token.mint(&w.bob, rest)).succeeds();
    assert_eq!(w.chain.view(w.token.total_supply()), U256::MAX);
    let panic = w.chain.send(&w.issuer, w.token.mint(&w.bob, units(1))).reverts();
    assert_eq!((&panic[..4], panic[35]), (&[0x4e, 0x48, 0x7b, 0x71][..], 0x11), "Panic(0x11)");
    assert_eq!(w.balance(&w.bob), rest);
}

#[test]
fn a_pause_stops_every_balance_and_nothing_else() {
    let mut w = World::new();
    let account = w.issuer.address();
    w.chain.send(&w.alice, w.token.pause()).reverts_with(unauthorized(&w.alice, PAUSER_ROLE));
    w.chain.send(&w.alice, w.token.approve(&w.bob, units(10))).succeeds();
    w.chain.send(&w.alice, w.token.approve(&w.issuer, units(10))).succeeds();
    w.chain.send(&w.issuer, w.token.unpause()).reverts_with(PausableError::ExpectedPause);
    let sent = w.chain.send(&w.issuer, w.token.pause());
    assert_eq!(sent.events::<Paused>(), [Paused { account }]);
    sent.succeeds();
    assert!(w.chain.view(w.token.paused()));
    w.chain.send(&w.issuer, w.token.pause()).reverts_with(PausableError::EnforcedPause);

    let (token, one, to) = (w.token, units(1), w.bob.address());
    let alice = w.alice.address();
    let refused = || PausableError::EnforcedPause;
    w.chain.send(&w.alice, token.transfer(to, one)).reverts_with(refused());
    w.chain.send(&w.bob, token.transfer_from(alice, to, one)).reverts_with(refused());
    w.chain.send(&w.alice, token.transfer_with_memo(to, one, B256::ZERO)).reverts_with(refused());
    let memo = token.transfer_from_with_memo(alice, to, one, B256::ZERO);
    w.chain.send(&w.bob, memo).reverts_with(refused());
    for authorized in authorizations::each_form(&w) {
        w.chain.send(&w.bob, authorized).reverts_with(refused());
    }
    w.chain.send(&w.issuer, token.mint(to, one)).reverts_with(refused());
    w.chain.send(&w.issuer, token.burn(one)).reverts_with(refused());
    w.chain.send(&w.issuer, token.burn_from(alice, one)).reverts_with(refused());

    // Owners can still take back what they gave.
    w.chain.send(&w.alice, token.approve(&w.bob, units(0))).succeeds();
    let (deadline, value) = (U256::MAX, units(0));
    let permit = Permit {
        owner: alice,
        spender: to,
        value: value.into(),
        nonce: units(0).into(),
        deadline: deadline.into(),
    };
    let (v, r, s) = w.sign(&w.alice, &permit);
    w.chain.send(&w.carol, token.permit(alice, to, value, deadline, v, r, s)).succeeds();
    let nonce = B256::repeat_byte(1);
    let (v, r, s) = w.sign(&w.alice, &CancelAuthorization { authorizer: alice, nonce });
    w.chain.send(&w.carol, token.cancel_authorization(alice, nonce, v, r, s)).succeeds();

    let sent = w.chain.send(&w.issuer, token.unpause());
    assert_eq!(sent.events::<Unpaused>(), [Unpaused { account }]);
    sent.succeeds();
    w.chain.send(&w.alice, token.transfer(to, one)).succeeds();
}

#[test]
fn the_admin_upgrades_the_code_and_the_balances_stay() {
    let mut w = World::new();
    let code = Bytes(w.chain.bytecode::<Token>());
    w.chain
        .send(&w.alice, w.token.upgrade(code.clone()))
        .reverts_with(unauthorized(&w.alice, DEFAULT_ADMIN_ROLE));
    let sent = w.chain.send(&w.issuer, w.token.upgrade(code.clone()));
    assert_eq!(sent.events::<Upgraded>(), [Upgraded { code: keccak256(&code[..]) }]);
    sent.succeeds();
    assert_eq!(w.balance(&w.alice), units(1_000));
    w.chain.send(&w.alice, w.token.transfer(&w.bob, units(1))).succeeds();

    // What is no code is no upgrade, and the contract goes on as it was.
    w.chain.send(&w.issuer, w.token.upgrade(Bytes(b"not a module".to_vec()))).reverts_or_halts();
    w.chain.send(&w.alice, w.token.transfer(&w.bob, units(1))).succeeds();
    assert_eq!(w.balance(&w.bob), units(2));
}

/// An outcome that is no success, whether the contract or the host has refused.
trait Refusal {
    fn reverts_or_halts(self);
}

impl<R> Refusal for florin_sdk::testing::Sent<R> {
    fn reverts_or_halts(self) {
        assert!(!self.receipt().is_success(), "it should have failed:\n{}", self.trace());
    }
}
