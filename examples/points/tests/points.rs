//! The points on a ledger: what the composed contract has from the library works as it does in the large token.
#![allow(missing_docs, reason = "tests are not documentation")]

use florin_common::erc20::Erc20Error;
use florin_example_points::{Points, PointsClient};
use florin_sdk::prelude::*;
use florin_sdk::testing::Chain;

#[test]
fn points_are_a_token() {
    let mut chain = Chain::new();
    let [shop, alice] = chain.accounts(["shop", "alice"]);
    let supply = U256::from(1_000u32);
    let points: PointsClient = chain.deploy(&shop, Points::deploy("Points", "PTS", supply));
    assert_eq!(chain.view(points.name()), "Points");
    assert_eq!(chain.view(points.decimals()), 0);
    assert_eq!(chain.view(points.total_supply()), supply);

    assert!(chain.send(&shop, points.transfer(&alice, 10)).succeeds());
    chain.send(&alice, points.transfer(&shop, 11)).reverts_with(
        Erc20Error::ERC20InsufficientBalance {
            sender: alice.address(),
            balance: U256::from(10u32),
            needed: U256::from(11u32),
        },
    );
    assert!(chain.send(&shop, points.approve(&alice, 5)).succeeds());
    assert!(chain.send(&alice, points.transfer_from(&shop, &alice, 5)).succeeds());
    assert_eq!(chain.view(points.balance_of(&alice)), U256::from(15u32));
    assert_eq!(chain.view(points.nonces(&alice)), U256::ZERO);
}

#[test]
fn a_composed_token_is_at_most_thirty_lines() {
    let source = include_str!("../src/lib.rs");
    assert!(source.lines().count() <= 30, "{}", source.lines().count());
}
