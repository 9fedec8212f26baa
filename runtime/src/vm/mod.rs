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
use programs::{For, Made, Programs};
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
        let made =
            self.vm.ready(hash, module, self.whom, self.end).map_err(
                |admission| match admission {
                    Admission::Fault(fault) => fault,
                    Admission::Refused(reason) => Fault::Engine(format!(
                        "module {hash} was accepted before and is refused now: {reason}"
                    )),
                },
            )?;
        // What was on disk is gone.
        if is_made && !is_new {
            match self.whom {
                For::Blocks => self.vm.keep([hash]),
                For::Simulations => self.vm.save(hash, &made.program),
            }
        }
        Ok(made.program)
    }

    /// The bytes of a module, if its program is in memory.
    pub fn module_bytes(&self, hash: &B256) -> Option<u32> {
        self.vm.programs().get(hash, self.whom).map(|made| made.program.module_bytes())
    }

    /// The program of a module whose keccak-256 is `hash`, checked and compiled if need be; and the
    /// module: the program stays as long as somebody has these bytes.
    pub fn admit(&self, hash: &B256, module: &Bytes) -> Result<(Arc<Program>, Bytes), Admission> {
        let made = self.vm.ready(hash, || Ok(module.clone()), self.whom, self.end)?;
        Ok((made.program, made.module.unwrap_or_else(|| module.clone())))
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
        programs.get(hash, For::Blocks).is_some() || programs.refusal(hash, For::Blocks).is_some()
    }

    /// Checks and compiles a module whose keccak-256 is `hash`, for the block that will bring it.
    pub fn admit(&self, hash: &B256, module: &Bytes) -> Result<Arc<Program>, Admission> {
        self.ready(hash, || Ok(module.clone()), For::Blocks, None).map(|made| made.program)
    }

    /// A program from memory, from disk, or else compiled.
    fn ready(
        &self,
        hash: &B256,
        module: impl FnOnce() -> Result<Bytes, Fault>,
        whom: For,
        end: Option<Instant>,
    ) -> Result<Made, Admission> {
        let programs = self.programs();
        if let Some(made) = programs.get(hash, whom) {
            return Ok(made.clone());
        }
        if let Some(reason) = programs.refusal(hash, whom) {
            return Err(Admission::Refused(reason.clone()));
        }
        drop(programs);
        if whom == For::Blocks
            && let Some(made) = self.programs_mut().adopt(hash)
        {
            return Ok(made);
        }
        let cached = self.cache.as_ref().and_then(|cache| cache.load(hash, self.engine));
        let made = match cached {
            Some((compiled, facts)) => {
                Program::wasm(self.engine, compiled, facts).map(|program| (program, None))
            }
            None if end.is_some_and(|end| Instant::now() >= end) => Err(Fault::OutOfTime),
            None => {
                let module = module().map_err(Admission::Fault)?;
                match self.make(hash, &module) {
                    Ok(program) => Ok((program, Some(module))),
                    Err(Admission::Fault(fault)) => Err(fault),
                    Err(Admission::Refused(reason)) => {
                        self.programs_mut().refuse(*hash, reason.clone(), whom);
                        return Err(Admission::Refused(reason));
                    }
                }
            }
        };
        let (program, module) = made.map_err(Admission::Fault)?;
        let made = Made { program: Arc::new(program), module };
        Ok(self.programs_mut().put(*hash, made, whom))
    }

    fn make(&self, hash: &B256, module: &Bytes) -> Result<Program, Admission> {
        let facts = validate::validate(module).map_err(Admission::Refused)?;
        let native = self.programs().natives.get(hash).copied();
        if let Some(native) = native {
            return Ok(Program::native(native, facts));
        }
        self.compiled.fetch_add(1, Ordering::Relaxed);
        let compiled = self.engine.compile(module)?;
        Program::wasm(self.engine, compiled, facts).map_err(Admission::Fault)
    }

    /// Keeps the programs of modules that are on the ledger, in memory and on disk. One that is
    /// forgotten already is made again when it is needed.
    pub fn keep<'a>(&self, hashes: impl IntoIterator<Item = &'a B256>) {
        for hash in hashes {
            let kept = self.programs_mut().keep(hash);
            if let Some(program) = kept {
                self.save(hash, &program);
            }
        }
    }

    fn save(&self, hash: &B256, program: &Program) {
        if let (Some(cache), Some(compiled)) = (&self.cache, program.compiled()) {
            cache.keep(hash, compiled, program.facts());
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
