//! The engine's configuration, a reason per line, and compilation.
//!
//! Invariant: what a contract computes and what it costs do not depend on this machine: no clock, no threads, no
//! floats, no features whose results the specification leaves open.

use super::Admission;
use super::cache::CompiledCache;
use super::link::{self, Guest};
use crate::error::Fault;
use crate::gas::TABLE_ENTRY;
use crate::limits::*;
use crate::types::B256;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use wasmtime::{
    Config, InstanceAllocationStrategy, Linker, Module, OperatorCost, OptLevel,
    PoolingAllocationConfig,
};

/// wasmtime with Florin's configuration and host functions. Its pool reserves terabytes of address space, so a
/// process has one for production and one for development and every ledger shares them.
pub(super) struct Engine {
    engine: wasmtime::Engine,
    linker: Linker<Guest>,
    development: bool,
    executions: Arc<Gate>,
    simulations: Arc<Gate>,
}

fn engine_fault(error: impl std::fmt::Display) -> Fault {
    Fault::Engine(error.to_string())
}

fn config(development: bool) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(POOL_SLOTS)
        .total_memories(POOL_SLOTS)
        .total_tables(POOL_SLOTS)
        .max_memories_per_module(1)
        .max_tables_per_module(1)
        .max_memory_size(MEMORY_BYTES)
        .table_elements(TABLE_ENTRIES)
        // Kept pages are cleared by hand, which is far cheaper than giving them back to the kernel.
        .linear_memory_keep_resident(MEMORY_KEPT_BYTES)
        .table_keep_resident(TABLE_KEPT_BYTES);
    // `pagemap_scan` stays off: it can miss pages that were swapped out, and state would leak between instances.
    let mut cost = OperatorCost::new();
    cost.variable.memory_grow_per_page = 0; // the limiter charges it, with a price that does not fit a byte
    cost.variable.table_grow_per_element = TABLE_ENTRY as u8;
    cost.variable.table_fill_per_element = TABLE_ENTRY as u8;
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .consume_fuel(true) // deterministic, unlike epochs
        .operator_cost(cost) // fills and copies cost their length
        .max_wasm_stack(WASM_STACK_BYTES)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true) // floats are refused anyway
        .concurrency_support(false)
        .wasm_backtrace_max_frames(if development {
            NonZeroUsize::new(BACKTRACE_FRAMES)
        } else {
            None
        })
        // The proposals that stable rustc emits for wasm32-unknown-unknown are on by default; these are not among
        // them, or leave results open.
        .wasm_simd(false)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_extended_const(false);
    config
}

impl Engine {
    /// The process's engine.
    pub(super) fn shared(development: bool) -> Result<Arc<Engine>, Fault> {
        static ENGINES: [OnceLock<Arc<Engine>>; 2] = [OnceLock::new(), OnceLock::new()];
        let slot = &ENGINES[usize::from(development)];
        if let Some(engine) = slot.get() {
            return Ok(engine.clone());
        }
        let engine = wasmtime::Engine::new(&config(development)).map_err(engine_fault)?;
        let linker = link::linker(&engine).map_err(engine_fault)?;
        let executions = Gate::new(CONCURRENT_EXECUTIONS);
        let simulations = Gate::new(CONCURRENT_EXECUTIONS - RESERVED_EXECUTIONS);
        let engine = Engine { engine, linker, development, executions, simulations };
        Ok(slot.get_or_init(|| Arc::new(engine)).clone())
    }

    pub(super) fn is_development(&self) -> bool {
        self.development
    }

    pub(super) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.engine
    }

    pub(super) fn linker(&self) -> &Linker<Guest> {
        &self.linker
    }

    /// The compiled form of a checked module: from the cache, or made now and kept there.
    pub(super) fn compile(
        &self,
        hash: &B256,
        module: &[u8],
        cache: Option<&CompiledCache>,
    ) -> Result<Module, Admission> {
        if let Some(compiled) = cache.and_then(|cache| cache.load(hash, &self.engine)) {
            return Ok(compiled);
        }
        let compiled = Module::from_binary(&self.engine, module)
            .map_err(|error| Admission::Refused(format!("it does not compile: {error:#}")))?;
        let range = compiled.image_range();
        let size = range.end.addr() - range.start.addr();
        let limit = COMPILED_BASE_BYTES + COMPILED_PER_MODULE_BYTE * module.len();
        if size > limit {
            let message =
                format!("it compiles to {size} bytes; at most {limit} are allowed for its size");
            return Err(Admission::Refused(message));
        }
        if let Some(cache) = cache {
            cache.keep(hash, &compiled);
        }
        Ok(compiled)
    }

    /// Waits until one more execution may run, so that the pool can never be exhausted.
    pub(super) fn admit_execution(&self) -> Permit {
        Gate::enter(&self.executions)
    }

    /// Waits until one more simulation may begin; its executions need permits of their own.
    pub(super) fn admit_simulation(&self) -> Permit {
        Gate::enter(&self.simulations)
    }
}

/// Lets in so many at a time.
struct Gate {
    most: usize,
    inside: Mutex<usize>,
    left: Condvar,
}

impl Gate {
    fn new(most: usize) -> Arc<Self> {
        Arc::new(Gate { most, inside: Mutex::new(0), left: Condvar::new() })
    }

    fn enter(gate: &Arc<Self>) -> Permit {
        let mut inside = gate.inside.lock().unwrap_or_else(PoisonError::into_inner);
        while *inside >= gate.most {
            inside = gate.left.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
        *inside += 1;
        Permit(gate.clone())
    }
}

/// The right of one execution, with all its nested calls, to use the pool; or that of a simulation to ask for it.
pub struct Permit(Arc<Gate>);

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.inside.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc::channel, thread, time::Duration};

    #[test]
    fn any_number_of_simulations_leave_room_for_a_block() {
        let engine = Engine::shared(true).expect("an engine");
        let (started, starts) = channel();
        let (finish, finishes) = channel::<()>();
        let finishes = Mutex::new(finishes);
        thread::scope(|scope| {
            for _ in 0..2 * CONCURRENT_EXECUTIONS {
                let (engine, started, finishes) = (&engine, started.clone(), &finishes);
                scope.spawn(move || {
                    let _permits = (engine.admit_simulation(), engine.admit_execution());
                    started.send(()).expect("somebody counts");
                    finishes.lock().expect("no panic").recv().expect("an end");
                });
            }
            let patience = Duration::from_millis(200);
            let begun = std::iter::from_fn(|| starts.recv_timeout(patience).ok()).count();
            assert_eq!(begun, CONCURRENT_EXECUTIONS - RESERVED_EXECUTIONS);
            drop(engine.admit_execution()); // at once, or this test never ends
            (0..2 * CONCURRENT_EXECUTIONS).for_each(|_| finish.send(()).expect("somebody waits"));
        });
    }
}
