//! Where contracts run: wasmtime, and nothing outside this folder knows it.
//!
//! A module is checked (`validate`) and compiled once, when it first comes to the ledger; when its
//! block is committed its compiled form is kept on disk too (`cache`). Each call runs in an
//! instance of its own.
//!
//! Invariant: no state passes from one call to the next except through host functions.

mod cache;
mod complexity;
mod engine;
mod link;
mod native;
mod program;
mod validate;

pub use complexity::{Complexity, complexity};
pub use native::NativeProgram;
pub use program::{Entry, Program};

use crate::crypto::keccak256;
use crate::error::Fault;
use crate::limits::{
    COMPILED_BYTES_IN_MEMORY, MODULES_IN_MEMORY, NEW_MODULES_IN_MEMORY, RESERVED_EXECUTIONS,
};
use crate::types::{B256, Bytes};
use cache::CompiledCache;
use engine::Engine;
use std::collections::{HashMap, VecDeque};
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Why a module does not become a program.
#[derive(Debug)]
pub enum Admission {
    /// It may not: the reason, for its author.
    Refused(String),
    /// It could not, through no fault of its own.
    Fault(Fault),
}

/// Whether a ledger takes a module; if not, why, for its author.
///
/// # Errors
/// The reason.
pub fn check(module: &[u8]) -> Result<(), String> {
    validate::validate(module).map(drop)
}

/// The programs of one ledger.
pub struct Vm {
    engine: &'static Engine,
    cache: Option<CompiledCache>,
    programs: RwLock<Programs>,
}

/// Programs that are ready to run.
#[derive(Default)]
struct Programs {
    /// Those of modules on the ledger.
    kept: Shelf,
    /// Those that executions made of new modules. Simulations do so too, so they never displace the
    /// others.
    new: Shelf,
    /// New modules that were refused, with the reason: looked into once.
    refused: VecDeque<(B256, String)>,
    natives: HashMap<B256, NativeProgram>,
}

impl Programs {
    fn refusal(&self, hash: &B256) -> Option<&String> {
        self.refused.iter().find(|(refused, _)| refused == hash).map(|(_, reason)| reason)
    }

    fn refuse(&mut self, hash: B256, reason: String) {
        if self.refused.len() >= NEW_MODULES_IN_MEMORY {
            self.refused.pop_front();
        }
        self.refused.push_back((hash, reason));
    }

    fn get(&self, hash: &B256) -> Option<Arc<Program>> {
        self.kept.programs.get(hash).or_else(|| self.new.programs.get(hash)).cloned()
    }
}

/// Some programs, the longest known forgotten first.
#[derive(Default)]
struct Shelf {
    programs: HashMap<B256, Arc<Program>>,
    order: VecDeque<B256>,
    bytes: usize,
}

impl Shelf {
    fn put(&mut self, hash: B256, program: Arc<Program>, count: usize) {
        self.bytes += program.bytes();
        if let Some(former) = self.programs.insert(hash, program) {
            self.bytes -= former.bytes();
        } else {
            self.order.push_back(hash);
        }
        while self.order.len() > count || self.bytes > COMPILED_BYTES_IN_MEMORY {
            let Some(oldest) = self.order.pop_front() else { break };
            let forgotten = self.programs.remove(&oldest);
            self.bytes -= forgotten.map_or(0, |program| program.bytes());
        }
    }

    fn take(&mut self, hash: &B256) -> Option<Arc<Program>> {
        let program = self.programs.remove(hash)?;
        self.order.retain(|known| known != hash);
        self.bytes -= program.bytes();
        Some(program)
    }
}

/// The right of one execution, with all its nested calls, to run contracts.
pub struct Permit(Arc<Vm>);

impl Deref for Permit {
    type Target = Vm;

    fn deref(&self) -> &Vm {
        &self.0
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.engine.leave();
    }
}

impl Vm {
    /// A machine that keeps compiled code in `cache`, if given, and prints and explains more in
    /// development.
    pub fn new(cache: Option<&Path>, development: bool) -> Result<Self, Fault> {
        let engine = Engine::shared(development)?;
        let cache = cache.map(|dir| CompiledCache::open(dir, engine)).transpose()?;
        Ok(Vm { engine, cache, programs: RwLock::default() })
    }

    /// Whether contracts may print and traps carry the names of functions.
    pub fn is_development(&self) -> bool {
        self.engine.is_development()
    }

    /// Waits for the right to execute a transaction.
    pub fn admit_execution(self: &Arc<Self>) -> Permit {
        self.enter(0)
    }

    /// Waits for the right to simulate a transaction: however many do, blocks need not wait.
    pub fn admit_simulation(self: &Arc<Self>) -> Permit {
        self.enter(RESERVED_EXECUTIONS)
    }

    fn enter(self: &Arc<Self>, leaving: usize) -> Permit {
        self.engine.enter(leaving);
        Permit(self.clone())
    }

    /// Runs `program` in place of the module with this hash: for debuggers and coverage in tests.
    ///
    /// # Safety
    /// A native program has the whole memory of this process: it must be a contract that is trusted
    /// as the host is.
    #[allow(unsafe_code)]
    pub unsafe fn substitute(&self, hash: B256, program: NativeProgram) {
        self.programs_mut().natives.insert(hash, program);
    }

    /// The program of a module that an account has. `is_new` says that no block has the module yet.
    pub fn program(
        &self,
        hash: &B256,
        is_new: bool,
        module: impl FnOnce(&B256) -> Result<Option<Bytes>, Fault>,
    ) -> Result<Arc<Program>, Fault> {
        if let Some(program) = self.programs().get(hash) {
            return Ok(program);
        }
        let cached = self.cache.as_ref().and_then(|cache| cache.load(hash, self.engine));
        if let Some((compiled, facts)) = cached {
            let program = Arc::new(Program::wasm(self.engine, compiled, facts)?);
            self.programs_mut().kept.put(*hash, program.clone(), MODULES_IN_MEMORY);
            return Ok(program);
        }
        let module = module(hash)?.ok_or(Fault::Bug("an account's code is missing"))?;
        if keccak256(&module) != *hash {
            return Err(Fault::Bug("a module does not have its hash"));
        }
        let program = self.admit(hash, &module).map_err(|admission| match admission {
            Admission::Fault(fault) => fault,
            Admission::Refused(reason) => Fault::Engine(format!(
                "module {hash} was accepted before and is refused now: {reason}"
            )),
        })?;
        if !is_new {
            self.keep([hash]);
        }
        Ok(program)
    }

    /// Whether [`admit`](Self::admit) knows the answer without looking into the module.
    pub fn is_known(&self, hash: &B256) -> bool {
        let programs = self.programs();
        programs.get(hash).is_some() || programs.refusal(hash).is_some()
    }

    /// Checks and compiles a module whose keccak-256 is `hash`.
    pub fn admit(&self, hash: &B256, module: &Bytes) -> Result<Arc<Program>, Admission> {
        let programs = self.programs();
        if let Some(program) = programs.get(hash) {
            return Ok(program);
        }
        if let Some(reason) = programs.refusal(hash) {
            return Err(Admission::Refused(reason.clone()));
        }
        drop(programs);
        let admitted = self.look_into(hash, module);
        if let Err(Admission::Refused(reason)) = &admitted {
            self.programs_mut().refuse(*hash, reason.clone());
        }
        admitted
    }

    fn look_into(&self, hash: &B256, module: &Bytes) -> Result<Arc<Program>, Admission> {
        let facts = validate::validate(module).map_err(Admission::Refused)?;
        let native = self.programs().natives.get(hash).copied();
        let program = Arc::new(match native {
            Some(native) => Program::native(native, facts),
            None => {
                let compiled = self.engine.compile(module)?;
                Program::wasm(self.engine, compiled, facts).map_err(Admission::Fault)?
            }
        });
        self.programs_mut().new.put(*hash, program.clone(), NEW_MODULES_IN_MEMORY);
        Ok(program)
    }

    /// Keeps the programs of modules that are on the ledger, in memory and on disk. One that is
    /// forgotten already is made again when it is needed.
    pub fn keep<'a>(&self, hashes: impl IntoIterator<Item = &'a B256>) {
        for hash in hashes {
            let mut programs = self.programs_mut();
            let Some(program) = programs.new.take(hash) else { continue };
            programs.kept.put(*hash, program.clone(), MODULES_IN_MEMORY);
            drop(programs);
            if let (Some(cache), Some(compiled)) = (&self.cache, program.compiled()) {
                cache.keep(hash, compiled, program.facts());
            }
        }
    }

    /// A panic elsewhere cannot leave the table half-changed, so a poisoned lock is still good.
    fn programs(&self) -> RwLockReadGuard<'_, Programs> {
        self.programs.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn programs_mut(&self) -> RwLockWriteGuard<'_, Programs> {
        self.programs.write().unwrap_or_else(PoisonError::into_inner)
    }
}
