//! New modules are compiled beside the payments, not between them: one thread, in order.
//!
//! Invariant: what is compiled here is what execution finds; it decides nothing.

use super::Shared;
use crate::types::{Address, B256, Bytes};
use std::sync::mpsc::Receiver;

/// A module that someone wants to create a contract from.
pub struct Module {
    pub hash: B256,
    pub code: Bytes,
    pub sender: Address,
}

impl Shared {
    /// Compiles until nothing more comes.
    pub fn compile(&self, todo: &Receiver<Module>) {
        for Module { hash, code, sender } in todo {
            // The result, a refusal too, is kept by the machine for whoever executes next.
            let _ = self.chain.vm.admit(&hash, &code);
            self.intake.end_compile(sender);
        }
    }
}
