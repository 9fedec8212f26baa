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
mod programs;
mod validate;

pub use complexity::{Complexity, complexity};
pub use native::NativeProgram;
pub use program::{Entry, Program};

use crate::crypto::keccak256;
use crate::error::Fault;
use crate::limits::RESERVED_EXECUTIONS;
use crate::types::{B256, Bytes};
use cache::CompiledCache;
use engine::Engine;
use programs::{For, Programs};
use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

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
    compiled: AtomicU64,
}

/// The right of one execution, with all its nested calls, to run contracts.
pub struct Permit {
    vm: Arc<Vm>,
    whom: For,
    /// When it compiles no more.
    end: Option<Instant>,
}

impl Permit {
    /// The same until then: what would have to be compiled later fails with [`Fault::OutOfTime`].
    pub fn until(self, end: Option<Instant>) -> Self {
        // A permit ends where it is dropped, so its parts cannot be moved.
        let mut permit = self;
        permit.end = end;
        permit
    }

    /// The program of a module of the ledger or of the block: `is_new` says that no block has it
    /// yet, and `module` finds it.
    pub fn program(
        &self,
        hash: &B256,
        is_new: bool,
        module: impl FnOnce(&B256) -> Result<Option<Bytes>, Fault>,
    ) -> Result<Arc<Program>, Fault> {
        let mut is_made = false;
        let module = || {
            is_made = true;
            let module = module(hash)?.ok_or(Fault::Bug("an account's code is missing"))?;
            match keccak256(&module) == *hash {
                true => Ok(module),
                false => Err(Fault::Bug("a module does not have its hash")),
            }
        };
        let program =
            self.vm.ready(hash, module, self.whom, self.end).map_err(
                |admission| match admission {
                    Admission::Fault(fault) => fault,
                    Admission::Refused(reason) => Fault::Engine(format!(
                        "module {hash} was accepted before and is refused now: {reason}"
                    )),
                },
            )?;
        if is_made && !is_new && self.whom == For::Blocks {
            self.vm.keep([hash]); // what was on disk is gone
        }
        Ok(program)
    }

    /// The program of a module whose keccak-256 is `hash`, checked and compiled if need be.
    pub fn admit(&self, hash: &B256, module: &Bytes) -> Result<Arc<Program>, Admission> {
        self.vm.ready(hash, || Ok(module.clone()), self.whom, self.end)
    }
}

impl Deref for Permit {
    type Target = Vm;

    fn deref(&self) -> &Vm {
        &self.vm
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.vm.engine.leave();
    }
}

impl Vm {
    /// A machine that keeps compiled code in `cache`, if given, and prints and explains more in
    /// development.
    pub fn new(cache: Option<&Path>, development: bool) -> Result<Self, Fault> {
        let engine = Engine::shared(development)?;
        let cache = cache.map(|dir| CompiledCache::open(dir, engine)).transpose()?;
        Ok(Vm { engine, cache, programs: RwLock::default(), compiled: AtomicU64::new(0) })
    }

    /// Whether contracts may print and traps carry the names of functions.
    pub fn is_development(&self) -> bool {
        self.engine.is_development()
    }

    /// Waits for the right to execute a transaction.
    pub fn admit_execution(self: &Arc<Self>) -> Permit {
        self.engine.enter(0);
        Permit { vm: self.clone(), whom: For::Blocks, end: None }
    }

    /// Waits for the right to simulate a transaction: however many do, blocks need not wait.
    pub fn admit_simulation(self: &Arc<Self>) -> Permit {
        self.engine.enter(RESERVED_EXECUTIONS);
        Permit { vm: self.clone(), whom: For::Simulations, end: None }
    }

    /// How many modules were compiled so far.
    pub fn compiled(&self) -> u64 {
        self.compiled.load(Ordering::Relaxed)
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

    /// Whether [`admit`](Self::admit) knows the answer without looking into the module.
    pub fn is_known(&self, hash: &B256) -> bool {
        let programs = self.programs();
        programs.get(hash, For::Blocks).is_some() || programs.refusal(hash).is_some()
    }

    /// Checks and compiles a module whose keccak-256 is `hash`, for the block that will bring it.
    pub fn admit(&self, hash: &B256, module: &Bytes) -> Result<Arc<Program>, Admission> {
        self.ready(hash, || Ok(module.clone()), For::Blocks, None)
    }

    /// A program from memory, from disk, or else compiled.
    fn ready(
        &self,
        hash: &B256,
        module: impl FnOnce() -> Result<Bytes, Fault>,
        whom: For,
        end: Option<Instant>,
    ) -> Result<Arc<Program>, Admission> {
        let programs = self.programs();
        if let Some(program) = programs.get(hash, whom) {
            return Ok(program);
        }
        if let Some(reason) = programs.refusal(hash) {
            return Err(Admission::Refused(reason.clone()));
        }
        drop(programs);
        let cached = self.cache.as_ref().and_then(|cache| cache.load(hash, self.engine));
        if let Some((compiled, facts)) = cached {
            let program = Program::wasm(self.engine, compiled, facts, None);
            let program = Arc::new(program.map_err(Admission::Fault)?);
            self.programs_mut().keep(*hash, program.clone());
            return Ok(program);
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            return Err(Admission::Fault(Fault::OutOfTime));
        }
        let made = self.make(hash, module().map_err(Admission::Fault)?).map(Arc::new);
        match &made {
            Ok(program) => self.programs_mut().add(*hash, program.clone(), whom),
            Err(Admission::Refused(reason)) => self.programs_mut().refuse(*hash, reason.clone()),
            Err(Admission::Fault(_)) => {}
        }
        made
    }

    fn make(&self, hash: &B256, module: Bytes) -> Result<Program, Admission> {
        let facts = validate::validate(&module).map_err(Admission::Refused)?;
        let native = self.programs().natives.get(hash).copied();
        if let Some(native) = native {
            return Ok(Program::native(native, facts, module));
        }
        self.compiled.fetch_add(1, Ordering::Relaxed);
        let compiled = self.engine.compile(&module)?;
        Program::wasm(self.engine, compiled, facts, Some(module)).map_err(Admission::Fault)
    }

    /// Keeps the programs of modules that are on the ledger, in memory and on disk. One that is
    /// forgotten already is made again when it is needed.
    pub fn keep<'a>(&self, hashes: impl IntoIterator<Item = &'a B256>) {
        for hash in hashes {
            let mut programs = self.programs_mut();
            let Some(program) = programs.take_new(hash) else { continue };
            programs.keep(*hash, program.clone());
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
