//! New modules are compiled beside the payments, not between them: one at a time.
//!
//! Invariant: what is compiled here is what execution finds; it decides nothing.

use super::Shared;
use crate::types::{Address, B256, Bytes};

/// A module that someone wants to create a contract from.
pub struct Module {
    pub hash: B256,
    pub code: Bytes,
    pub sender: Address,
}

impl Shared {
    /// Compiles a module. The result, a refusal too, is kept by the machine for whoever executes
    /// next.
    pub fn compile(&self, module: &Module) {
        // A panic is the fault that everyone is told next.
        let _ = self.guard(|| Ok(self.chain.parts.vm.admit(&module.hash, &module.code)));
    }
}
