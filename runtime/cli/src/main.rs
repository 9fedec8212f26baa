//! `florin`: one binary to create a ledger, deploy contracts, pay, watch and audit.
//!
//! The folder `commands` is the tree of commands. Everything they share is beside it: `output` (the
//! two channels), `exit` (the exit codes), `ledger` (the only door to the runtime), `accounts`
//! (keys and the address book), `abi` (arguments and results in the contract's own terms).

mod accounts;
mod amount;
mod exit;
mod files;
mod output;
mod time;
fn main() {}
