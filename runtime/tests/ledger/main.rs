//! A ledger on disk and what happens to it: signed transactions, honest and hostile, and the
//! process's sudden death.

mod compiled;
mod crash;
mod estimates;
mod history;
mod logs;
mod room;
mod sandbox;
mod sequencer;
mod support;
mod transactions;
