//! Random actors do random things to the escrow and to a model of it in a few lines of Rust. Both
//! must allow and refuse the same, and at the end of each run what the escrow holds is what it
//! owes, in native currency and in tokens.

use crate::{MEMO, NATIVE, World, units};
use florin_escrow::{Escrow, EscrowClient, EscrowError, Status};
use florin_sdk::prelude::*;
use florin_sdk::testing::{Account, Sent};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;

/// Who takes part: two traders and an arbiter.
const ACTORS: usize = 3;
const ARBITER: usize = 2;
/// How long a purchase takes at most, in seconds.
const PATIENCE: u64 = 100;

/// What somebody does. Few purchases and small amounts, so that enough of it works.
#[derive(Debug, Clone, Copy)]
enum Step {
    Open { seller: usize, arbiter: bool, token: bool, amount: u64 },
    Release { id: u64 },
    Refund { id: u64 },
    Dispute { id: u64 },
    Resolve { id: u64, to_seller: u64 },
    Withdraw { token: bool },
    Wait { seconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let id = || 1..8u64;
    prop_oneof![
        5 => (0..ACTORS, any::<bool>(), any::<bool>(), 0..20u64).prop_map(
            |(seller, arbiter, token, amount)| Step::Open { seller, arbiter, token, amount },
        ),
        3 => id().prop_map(|id| Step::Release { id }),
        3 => id().prop_map(|id| Step::Refund { id }),
        3 => id().prop_map(|id| Step::Dispute { id }),
        3 => (id(), 0..25u64).prop_map(|(id, to_seller)| Step::Resolve { id, to_seller }),
        4 => any::<bool>().prop_map(|token| Step::Withdraw { token }),
        1 => (1..PATIENCE).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

struct Bought {
    buyer: usize,
    seller: usize,
    arbiter: bool,
    token: bool,
    amount: u64,
    deadline: u64,
    status: Status,
}

/// What the escrow should be.
#[derive(Default)]
struct Model {
    actors: Vec<Address>,
    purchases: Vec<Bought>,
    credits: BTreeMap<(bool, usize), u64>,
    token: Address,
    now: u64,
}

type Refused = Vec<u8>;

impl Model {
    fn asset(&self, token: bool) -> Address {
        if token { self.token } else { NATIVE }
    }

    fn settle(&mut self, index: usize, status: Status, to_seller: u64) {
        let Bought { buyer, seller, token, amount, .. } = self.purchases[index];
        self.purchases[index].status = status;
        *self.credits.entry((token, seller)).or_default() += to_seller;
        *self.credits.entry((token, buyer)).or_default() += amount - to_seller;
    }

    /// The rules, in the order in which the escrow applies them.
    fn apply(&mut self, by: usize, step: Step) -> Result<(), EscrowError> {
        let account = self.actors[by];
        let id = match step {
            Step::Open { seller, arbiter, token, amount } => {
                let buyer = by;
                if seller == buyer {
                    return Err(EscrowError::InvalidSeller { seller: account });
                }
                if arbiter && (buyer == ARBITER || seller == ARBITER) {
                    return Err(EscrowError::InvalidArbiter { arbiter: self.actors[ARBITER] });
                }
                if amount == 0 {
                    return Err(EscrowError::NothingToPay);
                }
                let (deadline, status) = (self.now + PATIENCE, Status::Open);
                let bought = Bought { buyer, seller, arbiter, token, amount, deadline, status };
                self.purchases.push(bought);
                return Ok(());
            }
            Step::Withdraw { token } => {
                let asset = self.asset(token);
                return match self.credits.remove(&(token, by)) {
                    None | Some(0) => Err(EscrowError::NothingToWithdraw { asset, account }),
                    Some(_) => Ok(()),
                };
            }
            Step::Wait { seconds } => {
                self.now += seconds;
                return Ok(());
            }
            Step::Release { id }
            | Step::Refund { id }
            | Step::Dispute { id }
            | Step::Resolve { id, .. } => id,
        };
        let index = id as usize - 1;
        let Some(bought) = self.purchases.get(index) else {
            return Err(EscrowError::UnknownPurchase { id });
        };
        if !matches!(bought.status, Status::Open | Status::Disputed) {
            return Err(EscrowError::AlreadySettled { id });
        }
        let (buys, sells) = (by == bought.buyer, by == bought.seller);
        let arbitrates = by == ARBITER && bought.arbiter;
        let (disputed, amount) = (bought.status == Status::Disputed, bought.amount);
        let may = match step {
            Step::Release { .. } => buys || arbitrates,
            Step::Resolve { .. } => arbitrates,
            _ => buys || sells,
        };
        if !may {
            return Err(EscrowError::Unauthorized { account });
        }
        match step {
            Step::Release { .. } => self.settle(index, Status::Released, amount),
            Step::Refund { .. } if buys && disputed => return Err(EscrowError::InDispute { id }),
            Step::Refund { .. } if buys && self.now <= bought.deadline => {
                return Err(EscrowError::DeadlineNotOver { deadline: bought.deadline });
            }
            Step::Refund { .. } => self.settle(index, Status::Refunded, 0),
            Step::Dispute { .. } if disputed => return Err(EscrowError::InDispute { id }),
            Step::Dispute { .. } if !bought.arbiter => return Err(EscrowError::NoArbiter { id }),
            Step::Dispute { .. } if sells && self.now > bought.deadline => {
                return Err(EscrowError::DeadlineOver { deadline: bought.deadline });
            }
            Step::Dispute { .. } => self.purchases[index].status = Status::Disputed,
            _ if !disputed => return Err(EscrowError::NotInDispute { id }),
            Step::Resolve { to_seller, .. } if to_seller > amount => {
                let (amount, to_seller, to_buyer) = (units(amount), units(to_seller), units(0));
                return Err(EscrowError::WrongDivision { amount, to_seller, to_buyer });
            }
            Step::Resolve { to_seller, .. } => self.settle(index, Status::Resolved, to_seller),
            _ => unreachable!("has no purchase"),
        }
        Ok(())
    }

    /// What the escrow owes in an asset: unsettled purchases and credits.
    fn owed(&self, token: bool) -> u64 {
        let unsettled = |b: &&Bought| matches!(b.status, Status::Open | Status::Disputed);
        let purchases = self.purchases.iter().filter(|b| b.token == token).filter(unsettled);
        let credits = self.credits.iter().filter(|((of, _), _)| *of == token);
        purchases.map(|b| b.amount).sum::<u64>() + credits.map(|(_, amount)| amount).sum::<u64>()
    }
}

/// The step as a transaction: what it reverted with, if it did.
fn send(
    w: &mut World,
    actors: &[Account],
    by: usize,
    step: Step,
    model: &Model,
) -> Result<(), Refused> {
    let (from, escrow) = (&actors[by], w.escrow);
    match step {
        Step::Open { seller, arbiter, token, amount } => {
            let arbiter = if arbiter { actors[ARBITER].address() } else { Address::ZERO };
            let (asset, deadline) = (model.asset(token), w.chain.now() + PATIENCE);
            let (seller, amount) = (&actors[seller], units(amount));
            let open = escrow.open(seller, arbiter, asset, amount, deadline, MEMO);
            done(w.chain.send(from, if token { open } else { open.value(amount) }))
        }
        Step::Release { id } => done(w.chain.send(from, escrow.release(id))),
        Step::Refund { id } => done(w.chain.send(from, escrow.refund(id))),
        Step::Dispute { id } => done(w.chain.send(from, escrow.dispute(id))),
        Step::Resolve { id, to_seller } => {
            // The rest of the amount to the buyer, if the purchase is known.
            let amount = model.purchases.get(id as usize - 1).map_or(0, |bought| bought.amount);
            let to_buyer = units(amount.saturating_sub(to_seller));
            done(w.chain.send(from, escrow.resolve(id, units(to_seller), to_buyer)))
        }
        Step::Withdraw { token } => {
            done(w.chain.send(from, escrow.withdraw(model.asset(token), from)))
        }
        Step::Wait { seconds } => {
            w.chain.advance(seconds);
            Ok(())
        }
    }
}

fn done<R>(sent: Sent<R>) -> Result<(), Refused> {
    if sent.receipt().is_success() { Ok(()) } else { Err(sent.reverts()) }
}

/// The chain and the token serve all cases; each has an escrow of its own.
#[test]
fn what_came_in_is_held_or_has_gone_out() {
    let mut w = World::new();
    let actors = [w.buyer.clone(), w.seller.clone(), w.arbiter.clone()];
    for actor in &actors {
        // More than all cases can spend, so that the token never refuses.
        w.chain.send(&w.buyer, w.token.mint(actor, units(1_000_000))).succeeds();
    }
    let w = std::cell::RefCell::new(&mut w);
    let steps = prop::collection::vec((0..ACTORS, step()), 1..40);
    let config = Config { cases: 32, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&steps, |steps| {
            let w = &mut **w.borrow_mut();
            w.escrow = w.chain.deploy::<_, EscrowClient>(&w.stranger, Escrow::deploy());
            for actor in &actors {
                w.chain.send(actor, w.token.approve(w.escrow, U256::MAX)).succeeds();
            }
            let mut model = Model {
                actors: actors.iter().map(Account::address).collect(),
                token: w.token.into(),
                now: w.chain.now(),
                ..Model::default()
            };
            for (by, step) in steps {
                let sent = send(w, &actors, by, step, &model);
                let expected = model.apply(by, step).map_err(|error| error.encode());
                prop_assert_eq!(sent, expected, "{:?}", step);
            }
            let native = w.chain.balance(w.escrow);
            let tokens = w.chain.view(w.token.balance_of(w.escrow));
            prop_assert_eq!(native, units(model.owed(false)));
            prop_assert_eq!(tokens, units(model.owed(true)));
            for (by, actor) in actors.iter().enumerate() {
                for token in [false, true] {
                    let credit = model.credits.get(&(token, by)).copied().unwrap_or_default();
                    let call = w.escrow.withdrawable(model.asset(token), actor);
                    prop_assert_eq!(w.chain.view(call), units(credit));
                }
            }
            empty(w, &actors, &mut model)
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Settles and withdraws everything: nothing stays behind.
fn empty(w: &mut World, actors: &[Account], model: &mut Model) -> Result<(), TestCaseError> {
    for (index, bought) in model.purchases.iter().enumerate() {
        if matches!(bought.status, Status::Open | Status::Disputed) {
            let call = w.escrow.release(index as u64 + 1);
            w.chain.send(&actors[bought.buyer], call).succeeds();
        }
    }
    for actor in actors {
        for asset in [NATIVE, w.token.into()] {
            if !w.chain.view(w.escrow.withdrawable(asset, actor)).is_zero() {
                w.chain.send(&w.stranger, w.escrow.withdraw_for(asset, actor)).succeeds();
            }
        }
    }
    prop_assert_eq!(w.chain.balance(w.escrow), units(0));
    prop_assert_eq!(w.chain.view(w.token.balance_of(w.escrow)), units(0));
    Ok(())
}
