//! New modules are compiled beside the payments, not between them: one at a time.
//!
//! Invariant: what is compiled here is what execution finds; it decides nothing.

use super::Shared;
use crate::types::{B256, Bytes};

/// A module that someone wants to create a contract from.
#[derive(Clone)]
pub struct Module {
    pub hash: B256,
    pub code: Bytes,
    /// Whatever came of compiling it, that was tried.
    pub is_tried: bool,
}

impl Shared {
    /// Compiles a module. The result, a refusal too, is kept by the machine for whoever executes
    /// next.
    pub fn compile(&self, module: &Module) {
        // A panic is the fault that everyone is told next.
        let _ = self.guard(|| Ok(self.chain.parts.vm.admit(&module.hash, &module.code)));
    }
}
