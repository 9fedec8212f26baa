//! Random shares, random income, random payments: nobody is ever paid more than its part, and after everybody was paid
//! fewer units are left than there are payees.

use crate::{World, units};
use florin_sdk::prelude::*;
use florin_sdk::testing::Account;
use florin_splitter::{Splitter, SplitterClient, SplitterError};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// What happens.
#[derive(Debug, Clone, Copy)]
enum Step {
    Income { token: bool, amount: u64 },
    Release { token: bool, payee: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<bool>(), 0..20u64).prop_map(|(token, amount)| Step::Income { token, amount }),
        (any::<bool>(), 0..3usize).prop_map(|(token, payee)| Step::Release { token, payee }),
    ]
}

/// What the splitter should be, for one asset: what came in, and what each payee got of it.
#[derive(Debug, Default, Clone)]
struct Model {
    received: u64,
    released: [u64; 3],
}

impl Model {
    fn due(&self, shares: &[u64; 3], payee: usize) -> u64 {
        self.received * shares[payee] / shares.iter().sum::<u64>() - self.released[payee]
    }

    fn held(&self) -> u64 {
        self.received - self.released.iter().sum::<u64>()
    }
}

/// The chain and the token serve all cases; each has a splitter of its own.
#[test]
fn nothing_is_lost_and_nothing_is_paid_twice() {
    let mut w = World::new();
    let payees = w.payees.clone();
    let w = std::cell::RefCell::new(&mut w);
    let cases = (prop::array::uniform3(1..1_000u64), prop::collection::vec(step(), 1..40));
    let config = Config { cases: 32, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&cases, |(shares, steps)| {
            let w = &mut **w.borrow_mut();
            let addresses: Vec<Address> = payees.iter().map(Account::address).collect();
            let new = Splitter::deploy(addresses, shares.map(units).to_vec());
            w.splitter = w.chain.deploy::<_, SplitterClient>(&w.payer, new);
            let mut models = [Model::default(), Model::default()];
            for step in steps {
                match step {
                    Step::Income { token, amount } => {
                        models[usize::from(token)].received += amount;
                        income(w, token, units(amount));
                    }
                    Step::Release { token, payee } => {
                        let model = &mut models[usize::from(token)];
                        let due = model.due(&shares, payee);
                        model.released[payee] += due;
                        release(w, token, &payees[payee], due)?;
                    }
                }
            }
            for (token, model) in [false, true].into_iter().zip(&mut models) {
                prop_assert_eq!(held(w, token), units(model.held()));
                for (payee, account) in payees.iter().enumerate() {
                    let due = model.due(&shares, payee);
                    model.released[payee] += due;
                    release(w, token, account, due)?;
                }
                prop_assert!(held(w, token) < units(payees.len() as u64), "more than a rest");
                // Income that makes the whole divisible pays the rest out, too.
                let total = shares.iter().sum::<u64>();
                let more = model.received.next_multiple_of(total) - model.received;
                model.received += more;
                income(w, token, units(more));
                for (payee, account) in payees.iter().enumerate() {
                    release(w, token, account, model.due(&shares, payee))?;
                }
                prop_assert_eq!(held(w, token), units(0));
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// What the splitter has.
fn held(w: &World, token: bool) -> U256 {
    if token { w.chain.view(w.token.balance_of(w.splitter)) } else { w.chain.balance(w.splitter) }
}

fn income(w: &mut World, token: bool, amount: U256) {
    if token {
        w.chain.send(&w.payer, w.token.transfer(w.splitter, amount)).succeeds();
    } else {
        w.chain.pay(&w.payer, w.splitter, amount).succeeds();
    }
}

/// Has a payee paid, who must get exactly what is due.
fn release(w: &mut World, token: bool, payee: &Account, due: u64) -> Result<(), TestCaseError> {
    let balance = |w: &World| match token {
        true => w.chain.view(w.token.balance_of(payee)),
        false => w.chain.balance(payee),
    };
    let before = balance(w);
    let call = match token {
        true => w.splitter.release_token(w.token, payee),
        false => w.splitter.release(payee),
    };
    let sent = w.chain.send(&w.payer, call);
    if due == 0 {
        sent.reverts_with(SplitterError::NothingDue { account: payee.address() });
    } else {
        sent.succeeds();
    }
    prop_assert_eq!(balance(w), before + units(due));
    Ok(())
}
