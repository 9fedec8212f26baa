//! Programs that are ready to run, and which of them stay so.
//!
//! A module is paid for once, when it comes to the ledger. So whatever transactions do, its program
//! stays until its block is durable: as long as anybody has the module's bytes that the program was
//! made from, an overlay, a block that is being sealed, or a transaction that waits for it. After
//! that it is on disk and loaded from there.
//!
//! Invariant: what simulations make displaces nothing that blocks need.

use super::native::NativeProgram;
use super::program::Program;
use crate::limits::{COMPILED_BYTES_IN_MEMORY, MODULES_IN_MEMORY, NEW_MODULES_IN_MEMORY};
use crate::types::B256;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Whom a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Blocks,
    Simulations,
}

#[derive(Default)]
pub(super) struct Programs {
    /// Those of modules on the ledger.
    kept: Shelf,
    /// Those of modules that blocks bring and that are not durable yet.
    new: Shelf,
    /// Those that simulations made.
    simulated: Shelf,
    /// New modules that were refused, with the reason: looked into once.
    refused: VecDeque<(B256, String)>,
    /// What runs in place of modules in tests.
    pub natives: HashMap<B256, NativeProgram>,
}

impl Programs {
    pub fn get(&self, hash: &B256, whom: For) -> Option<Arc<Program>> {
        if let Some(program) = self.kept.programs.get(hash) {
            program.note_use();
            return Some(program.clone());
        }
        let simulated = || self.simulated.programs.get(hash).filter(|_| whom == For::Simulations);
        self.new.programs.get(hash).or_else(simulated).cloned()
    }

    /// Keeps the program of a module that is on the ledger.
    pub fn keep(&mut self, hash: B256, program: Arc<Program>) {
        self.kept.put(hash, program, MODULES_IN_MEMORY, Program::was_used);
    }

    /// Keeps a program that was made just now.
    pub fn add(&mut self, hash: B256, program: Arc<Program>, whom: For) {
        match whom {
            For::Blocks => self.new.put(hash, program, NEW_MODULES_IN_MEMORY, Program::is_needed),
            For::Simulations => {
                self.simulated.put(hash, program, NEW_MODULES_IN_MEMORY, |_| false);
            }
        }
    }

    /// Takes the program of a module that is no longer new.
    pub fn take_new(&mut self, hash: &B256) -> Option<Arc<Program>> {
        self.new.take(hash)
    }

    pub fn refusal(&self, hash: &B256) -> Option<&String> {
        self.refused.iter().find(|(refused, _)| refused == hash).map(|(_, reason)| reason)
    }

    pub fn refuse(&mut self, hash: B256, reason: String) {
        if self.refused.len() >= NEW_MODULES_IN_MEMORY {
            self.refused.pop_front();
        }
        self.refused.push_back((hash, reason));
    }
}

/// Some programs.
#[derive(Default)]
struct Shelf {
    programs: HashMap<B256, Arc<Program>>,
    /// The one whose turn to go is next is the first.
    order: VecDeque<B256>,
    bytes: usize,
}

impl Shelf {
    /// Adds a program. If there are too many, those go whose turn it is, but for those that stay.
    fn put(
        &mut self,
        hash: B256,
        program: Arc<Program>,
        count: usize,
        stays: impl Fn(&Program) -> bool,
    ) {
        self.bytes += program.bytes();
        if let Some(former) = self.programs.insert(hash, program) {
            self.bytes -= former.bytes();
        } else {
            self.order.push_back(hash);
        }
        // Who stays because it was used may go when its turn comes again.
        for _ in 0..2 * self.order.len() {
            if self.order.len() <= count && self.bytes <= COMPILED_BYTES_IN_MEMORY {
                break;
            }
            let Some(first) = self.order.pop_front() else { break };
            if self.programs.get(&first).is_some_and(|program| stays(program)) {
                self.order.push_back(first);
            } else {
                let forgotten = self.programs.remove(&first);
                self.bytes -= forgotten.map_or(0, |program| program.bytes());
            }
        }
    }

    fn take(&mut self, hash: &B256) -> Option<Arc<Program>> {
        let program = self.programs.remove(hash)?;
        self.order.retain(|known| known != hash);
        self.bytes -= program.bytes();
        Some(program)
    }
}
