//! What is measured of Florin: the phases of a transfer by themselves (`phases`), and a ledger on
//! disk as its users have it (`ledger`).

pub mod ledger;
pub mod phases;
