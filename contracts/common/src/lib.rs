//! Reusable parts of payment contracts: each module is a group of storage and the interface that
//! works on it.
//!
//! A contract embeds the groups as fields, lists the interfaces, and implements them; what it does
//! not override is there by default. `examples/points` is a complete token made of them.
//!
//! Invariant: no part names a contract. Parts reach each other only by the traits that they
//! require.
#![no_std]

pub mod asset;
pub mod eip3009;
pub mod eip5267;
pub mod erc20;
pub mod memo;
pub mod pausable;
pub mod permit;
pub mod roles;
pub mod supply;
