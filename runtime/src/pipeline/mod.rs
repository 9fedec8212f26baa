//! The life of a transaction, a file for each phase: bytes → [`mod@decode`] → [`mod@authenticate`]
//! → [`mod@admit`] → [`mod@execute`] → [`settle`] → [`mod@seal`] → commit ([`crate::store`]) →
//! publish (the receipts that [`crate::Chain::seal`] returns).
//!
//! Invariant: everything here is a function of its arguments. There is no clock, no file, no
//! randomness and no order that depends on a hash map, so the same code serves sealing, calls,
//! estimates, traces and replay.

pub mod admit;
pub mod authenticate;
pub mod decode;
pub mod execute;
pub mod seal;
pub mod settle;
mod trie;

pub use admit::admit;
pub use authenticate::authenticate;
pub use decode::{Signed, decode, decode_all};
pub use execute::{Executed, execute};
pub use seal::{Sealed, encode_receipt, receipts_root, receive, seal, transactions_root};
