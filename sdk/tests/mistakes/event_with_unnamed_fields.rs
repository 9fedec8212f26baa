//! An event as a tuple struct, and one as an enum.

use florin_sdk::prelude::*;

#[derive(Event)]
struct Paid(Address, U256);

#[derive(Event)]
enum Happened {
    Paid,
}

fn main() {}
