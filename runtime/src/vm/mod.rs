//! Where contracts run: wasmtime, and nothing outside this folder knows it.
//!
//! A module is checked (`validate`) and compiled once, when it first comes to the ledger; its compiled form is kept
//! in memory and, under the ledger's own key, on disk (`cache`). Each call runs in an instance of its own.
//!
//! Invariant: no state passes from one call to the next except through host functions.

mod cache;
mod engine;
mod link;
mod native;
mod program;
mod validate;

pub use engine::Permit;
pub use native::NativeProgram;
pub use program::{Entry, Program};
pub use validate::function_count;

use crate::crypto::keccak256;
use crate::error::Fault;
use crate::limits::MODULES_IN_MEMORY;
use crate::types::{B256, Bytes};
use cache::CompiledCache;
use engine::Engine;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Why a module does not become a program.
#[derive(Debug)]
pub enum Admission {
    /// It may not: the reason, for its author.
    Refused(String),
    /// It could not, through no fault of its own.
    Fault(Fault),
}

/// The programs of one ledger.
pub struct Vm {
    engine: Arc<Engine>,
    cache: Option<CompiledCache>,
    programs: Mutex<Programs>,
}

/// Programs that are ready to run, the longest known forgotten first.
#[derive(Default)]
struct Programs {
    ready: HashMap<B256, Arc<Program>>,
    order: VecDeque<B256>,
    natives: HashMap<B256, NativeProgram>,
}

impl Programs {
    fn insert(&mut self, hash: B256, program: Arc<Program>) {
        if self.ready.insert(hash, program).is_none() {
            self.order.push_back(hash);
        }
        while self.order.len() > MODULES_IN_MEMORY {
            if let Some(oldest) = self.order.pop_front() {
                self.ready.remove(&oldest);
            }
        }
    }
}

impl Vm {
    /// A machine that keeps compiled code in `cache`, if given, and prints and explains more in development.
    pub fn new(cache: Option<&Path>, development: bool) -> Result<Self, Fault> {
        let engine = Engine::shared(development)?;
        let cache = cache.map(|dir| CompiledCache::open(dir, &engine)).transpose()?;
        Ok(Vm { engine, cache, programs: Mutex::default() })
    }

    /// Whether contracts may print and traps carry the names of functions.
    pub fn is_development(&self) -> bool {
        self.engine.is_development()
    }

    /// Waits for the right to execute a transaction; hold it while its contracts run.
    pub fn admit_execution(&self) -> Permit {
        self.engine.admit_execution()
    }

    /// Waits for the right to simulate a transaction; hold it until the simulation is over.
    pub fn admit_simulation(&self) -> Permit {
        self.engine.admit_simulation()
    }

    /// Runs `program` in place of the module with this hash: for debuggers and coverage in tests.
    pub fn substitute(&self, hash: B256, program: NativeProgram) {
        self.programs().natives.insert(hash, program);
    }

    /// The program of a module that is on the ledger.
    pub fn program(
        &self,
        hash: &B256,
        module: impl FnOnce(&B256) -> Result<Option<Bytes>, Fault>,
    ) -> Result<Arc<Program>, Fault> {
        if let Some(program) = self.programs().ready.get(hash) {
            return Ok(program.clone());
        }
        let module = module(hash)?.ok_or(Fault::Bug("an account's code is missing"))?;
        if keccak256(&module) != *hash {
            return Err(Fault::Bug("a module does not have its hash"));
        }
        self.admit(hash, &module).map_err(|admission| match admission {
            Admission::Fault(fault) => fault,
            Admission::Refused(reason) => Fault::Engine(format!(
                "module {hash} was accepted before and is refused now: {reason}"
            )),
        })
    }

    /// Checks and compiles a module whose keccak-256 is `hash`.
    pub fn admit(&self, hash: &B256, module: &Bytes) -> Result<Arc<Program>, Admission> {
        if let Some(program) = self.programs().ready.get(hash) {
            return Ok(program.clone());
        }
        let facts = validate::validate(module).map_err(Admission::Refused)?;
        let native = self.programs().natives.get(hash).copied();
        let program = Arc::new(match native {
            Some(native) => Program::native(native, facts),
            None => {
                let compiled = self.engine.compile(hash, module, self.cache.as_ref())?;
                Program::wasm(&self.engine, compiled, facts).map_err(Admission::Fault)?
            }
        });
        self.programs().insert(*hash, program.clone());
        Ok(program)
    }

    /// A panic elsewhere cannot leave the table half-changed, so a poisoned lock is still good.
    fn programs(&self) -> MutexGuard<'_, Programs> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
