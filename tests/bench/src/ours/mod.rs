//! What is measured of Florin: the phases of a transfer by themselves (`phases`), a ledger on disk
//! as its users have it (`ledger`), and what becomes of it when it is large (`growth`).

pub mod growth;
pub mod ledger;
pub mod phases;
