//! Random actors do random things to the token and to a model of it in a few lines of Rust: both must do the same, down
//! to the revert data, and the supply must be the sum of the balances at every step.

use crate::signing::TransferWithAuthorization;
use crate::{World, units};
use florin_common::eip3009::Eip3009Error;
use florin_common::erc20::Erc20Error;
use florin_common::pausable::{PAUSER_ROLE, PausableError};
use florin_common::roles::RolesError;
use florin_common::supply::{BURNER_ROLE, MINTER_ROLE};
use florin_sdk::prelude::*;
use florin_sdk::testing::Account;
use florin_token::{Token, TokenClient};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;

/// Who takes part: the issuer, then two others.
const ACTORS: usize = 3;

/// What somebody does. Numbers of actors, and small amounts, so that enough of it works.
#[derive(Debug, Clone, Copy)]
enum Step {
    Transfer { to: usize, value: u64 },
    Approve { spender: usize, value: u64 },
    TransferFrom { from: usize, to: usize, value: u64 },
    Mint { to: usize, value: u64 },
    Burn { value: u64 },
    BurnFrom { from: usize, value: u64 },
    Authorized { from: usize, to: usize, value: u64, nonce: u8 },
    Pause,
    Unpause,
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..ACTORS;
    let value = || prop_oneof![8 => 0..400u64, 1 => Just(u64::MAX)];
    prop_oneof![
        4 => (who(), value()).prop_map(|(to, value)| Step::Transfer { to, value }),
        3 => (who(), value()).prop_map(|(spender, value)| Step::Approve { spender, value }),
        4 => (who(), who(), value())
            .prop_map(|(from, to, value)| Step::TransferFrom { from, to, value }),
        2 => (who(), value()).prop_map(|(to, value)| Step::Mint { to, value }),
        1 => value().prop_map(|value| Step::Burn { value }),
        2 => (who(), value()).prop_map(|(from, value)| Step::BurnFrom { from, value }),
        4 => (who(), who(), value(), 0..3u8)
            .prop_map(|(from, to, value, nonce)| Step::Authorized { from, to, value, nonce }),
        1 => Just(Step::Pause),
        2 => Just(Step::Unpause),
    ]
}

/// What the token should be.
#[derive(Default, Clone)]
struct Model {
    actors: Vec<Address>,
    balances: BTreeMap<usize, U256>,
    allowances: BTreeMap<(usize, usize), U256>,
    spent: Vec<(usize, u8)>,
    supply: U256,
    paused: bool,
}

/// Revert data.
type Refused = Vec<u8>;

impl Model {
    fn balance(&self, of: usize) -> U256 {
        self.balances.get(&of).copied().unwrap_or_default()
    }

    fn allowance(&self, owner: usize, spender: usize) -> U256 {
        self.allowances.get(&(owner, spender)).copied().unwrap_or_default()
    }

    /// Moves from one to another, or to and from nobody.
    fn shift(
        &mut self,
        from: Option<usize>,
        to: Option<usize>,
        value: U256,
    ) -> Result<(), Refused> {
        if self.paused {
            return Err(PausableError::EnforcedPause.encode());
        }
        if let Some(from) = from {
            let (sender, balance) = (self.actors[from], self.balance(from));
            if balance < value {
                let error = Erc20Error::ERC20InsufficientBalance { sender, balance, needed: value };
                return Err(error.encode());
            }
            self.balances.insert(from, balance - value);
        } else {
            self.supply += value;
        }
        match to {
            Some(to) => drop(self.balances.insert(to, self.balance(to) + value)),
            None => self.supply -= value,
        }
        Ok(())
    }

    fn spend(&mut self, owner: usize, by: usize, needed: U256) -> Result<(), Refused> {
        let (spender, allowance) = (self.actors[by], self.allowance(owner, by));
        if allowance < needed {
            let error = Erc20Error::ERC20InsufficientAllowance { spender, allowance, needed };
            return Err(error.encode());
        }
        if allowance != U256::MAX {
            self.allowances.insert((owner, by), allowance - needed);
        }
        Ok(())
    }

    fn only(&self, by: usize, needed_role: B256) -> Result<(), Refused> {
        let account = self.actors[by];
        let error = RolesError::AccessControlUnauthorizedAccount { account, needed_role };
        if by == 0 { Ok(()) } else { Err(error.encode()) }
    }

    fn pause(&mut self, by: usize, paused: bool) -> Result<(), Refused> {
        self.only(by, PAUSER_ROLE)?;
        let error =
            if paused { PausableError::EnforcedPause } else { PausableError::ExpectedPause };
        if self.paused == paused {
            return Err(error.encode());
        }
        self.paused = paused;
        Ok(())
    }

    /// A step that is refused changes nothing.
    fn apply(&mut self, by: usize, step: Step) -> Result<(), Refused> {
        let mut next = self.clone();
        next.take(by, step)?;
        *self = next;
        Ok(())
    }

    fn take(&mut self, by: usize, step: Step) -> Result<(), Refused> {
        match step {
            Step::Transfer { to, value } => self.shift(Some(by), Some(to), wide(value)),
            Step::Approve { spender, value } => {
                self.allowances.insert((by, spender), wide(value));
                Ok(())
            }
            Step::TransferFrom { from, to, value } => {
                self.spend(from, by, wide(value))?;
                self.shift(Some(from), Some(to), wide(value))
            }
            Step::Mint { to, value } => {
                self.only(by, MINTER_ROLE)?;
                self.shift(None, Some(to), wide(value))
            }
            Step::Burn { value } => {
                self.only(by, BURNER_ROLE)?;
                self.shift(Some(by), None, wide(value))
            }
            Step::BurnFrom { from, value } => {
                self.only(by, BURNER_ROLE)?;
                self.spend(from, by, wide(value))?;
                self.shift(Some(from), None, wide(value))
            }
            Step::Authorized { from, to, value, nonce } => {
                if self.spent.contains(&(from, nonce)) {
                    let (authorizer, nonce) = (self.actors[from], B256::repeat_byte(nonce));
                    return Err(
                        Eip3009Error::AuthorizationAlreadyUsed { authorizer, nonce }.encode()
                    );
                }
                self.shift(Some(from), Some(to), wide(value))?;
                self.spent.push((from, nonce));
                Ok(())
            }
            Step::Pause => self.pause(by, true),
            Step::Unpause => self.pause(by, false),
        }
    }
}

/// An amount; the largest of the small ones stands for the largest there is.
fn wide(value: u64) -> U256 {
    if value == u64::MAX { U256::MAX } else { units(value) }
}

/// The step as a transaction: what it reverted with, if it did.
fn send(w: &mut World, actors: &[Account], by: usize, step: Step) -> Result<(), Refused> {
    let token = w.token;
    let from = &actors[by];
    match step {
        Step::Transfer { to, value } => {
            done(w.chain.send(from, token.transfer(&actors[to], wide(value))))
        }
        Step::Approve { spender, value } => {
            done(w.chain.send(from, token.approve(&actors[spender], wide(value))))
        }
        Step::TransferFrom { from: owner, to, value } => {
            let call = token.transfer_from(&actors[owner], &actors[to], wide(value));
            done(w.chain.send(from, call))
        }
        Step::Mint { to, value } => done(w.chain.send(from, token.mint(&actors[to], wide(value)))),
        Step::Burn { value } => done(w.chain.send(from, token.burn(wide(value)))),
        Step::BurnFrom { from: owner, value } => {
            done(w.chain.send(from, token.burn_from(&actors[owner], wide(value))))
        }
        Step::Authorized { from: owner, to, value, nonce } => {
            let m = TransferWithAuthorization {
                from: actors[owner].address(),
                to: actors[to].address(),
                value: wide(value).into(),
                validAfter: units(0).into(),
                validBefore: U256::MAX.into(),
                nonce: B256::repeat_byte(nonce),
            };
            let signature = w.sign_bytes(&actors[owner], &m);
            let (after, before) = (m.validAfter, m.validBefore);
            let call = token.transfer_with_authorization_bytes(
                m.from, m.to, m.value, after, before, m.nonce, signature,
            );
            done(w.chain.send(from, call))
        }
        Step::Pause => done(w.chain.send(from, token.pause())),
        Step::Unpause => done(w.chain.send(from, token.unpause())),
    }
}

fn done<R>(sent: florin_sdk::testing::Sent<R>) -> Result<(), Refused> {
    if sent.receipt().is_success() { Ok(()) } else { Err(sent.reverts()) }
}

/// The chain serves all cases; each has a token of its own.
#[test]
fn the_token_is_its_model() {
    let mut w = World::new();
    let actors = [w.issuer.clone(), w.alice.clone(), w.bob.clone()];
    let w = std::cell::RefCell::new(&mut w);
    let steps = prop::collection::vec((0..ACTORS, step()), 1..40);
    let config = Config { cases: 32, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&steps, |steps| {
            let w = &mut **w.borrow_mut();
            let new = Token::deploy("Test Euro", "TEUR", 6, &actors[0], units(1_000));
            w.token = w.chain.deploy::<_, TokenClient>(&actors[0], new);
            let mut model = Model {
                actors: actors.iter().map(Account::address).collect(),
                balances: BTreeMap::from([(0, units(1_000))]),
                supply: units(1_000),
                ..Model::default()
            };
            for (by, step) in steps {
                if matches!(step, Step::Mint { value: u64::MAX, .. }) {
                    continue; // overflows: has a test of its own
                }
                prop_assert_eq!(send(w, &actors, by, step), model.apply(by, step), "{:?}", step);
            }
            let balances: Vec<U256> = actors.iter().map(|actor| w.balance(actor)).collect();
            let expected: Vec<U256> = (0..ACTORS).map(|actor| model.balance(actor)).collect();
            prop_assert_eq!(&balances, &expected);
            prop_assert_eq!(w.chain.view(w.token.total_supply()), balances.into_iter().sum());
            prop_assert_eq!(w.chain.view(w.token.total_supply()), model.supply);
            for (&(owner, spender), &allowance) in &model.allowances {
                let call = w.token.allowance(&actors[owner], &actors[spender]);
                prop_assert_eq!(w.chain.view(call), allowance);
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
