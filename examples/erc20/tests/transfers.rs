//! The token on a ledger: what it moves, what it refuses, what it tells.

use florin_example_erc20::{Token, TokenClient, TokenError};
use florin_sdk::prelude::*;
use florin_sdk::testing::Chain;

fn units(amount: u64) -> U256 {
    U256::from(amount)
}

#[test]
fn transfers_move_what_the_sender_has() {
    let mut chain = Chain::new();
    let [alice, bob] = chain.accounts(["alice", "bob"]);
    let token: TokenClient = chain.deploy(&alice, Token::deploy("Points", "PTS", units(1000)));
    let sent = chain.send(&alice, token.transfer(&bob, units(300)));
    assert!(sent.trace().contains("alice -> Token.transfer(bob, 300)"), "{}", sent.trace());
    assert!(sent.succeeds());
    assert_eq!(chain.view(token.balance_of(&alice)), units(700));
    assert_eq!(chain.view(token.balance_of(&bob)), units(300));
    assert_eq!(chain.view(token.total_supply()), units(1000));
}

#[test]
fn transfers_refuse_what_the_sender_has_not() {
    let mut chain = Chain::new();
    let [alice, bob] = chain.accounts(["alice", "bob"]);
    let token: TokenClient = chain.deploy(&alice, Token::deploy("Points", "PTS", units(1000)));
    chain.send(&bob, token.transfer(&alice, units(1))).reverts_with(
        TokenError::ERC20InsufficientBalance {
            sender: bob.address(),
            balance: units(0),
            needed: units(1),
        },
    );
}
