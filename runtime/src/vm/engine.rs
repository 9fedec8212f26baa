//! The engine's configuration, a reason per line, and compilation.
//!
//! Invariant: what a contract computes and what it costs do not depend on this machine: no clock,
//! no threads, no floats, no features whose results the specification leaves open. Two things are
//! the compiler's and change with its version: how many frames of a recursion fit into the stack,
//! and whether a module's machine code is too large. Ledgers that execute each other's blocks must
//! therefore run the same version on the same kind of machine.

use super::Admission;
use super::link::{self, Guest};
use crate::error::Fault;
use crate::gas::{
    BULK_OPERATION, DIVISION_32, DIVISION_64, ENGINE_CALL, INDIRECT_CALL, TABLE_ENTRY,
};
use crate::limits::*;
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use wasmtime::{
    Config, InstanceAllocationStrategy, Linker, Module, OperatorCost, OptLevel,
    PoolingAllocationConfig, VariableOperatorCost,
};

/// wasmtime with Florin's configuration and host functions. Its pool reserves terabytes of address
/// space, so a process has one for production and one for development and every ledger shares them.
pub(super) struct Engine {
    engine: wasmtime::Engine,
    linker: Linker<Guest>,
    development: bool,
    executions: Gate,
}

fn engine_fault(error: impl std::fmt::Display) -> Fault {
    Fault::Engine(error.to_string())
}

/// A pool of instances for so many executions.
fn pool(executions: usize) -> InstanceAllocationStrategy {
    let slots = (CALL_DEPTH * executions) as u32;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(slots)
        .total_memories(slots)
        .total_tables(slots)
        .max_memories_per_module(1)
        .max_tables_per_module(1)
        .max_memory_size(MEMORY_BYTES)
        .table_elements(TABLE_ENTRIES)
        // Kept pages are cleared by hand, which is far cheaper than giving them back to the kernel.
        .linear_memory_keep_resident(MEMORY_KEPT_BYTES)
        .table_keep_resident(TABLE_KEPT_BYTES);
    // `pagemap_scan` stays off: it can miss pages that were swapped out, and state would leak
    // between instances.
    InstanceAllocationStrategy::Pooling(pool)
}

fn config(development: bool, allocation: InstanceAllocationStrategy) -> Config {
    let mut config = Config::new();
    config
        .allocation_strategy(allocation)
        .consume_fuel(true) // deterministic, unlike epochs
        .operator_cost(operator_cost())
        .max_wasm_stack(WASM_STACK_BYTES)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true) // floats are refused anyway
        .concurrency_support(false)
        .wasm_backtrace_max_frames(if development {
            NonZeroUsize::new(BACKTRACE_FRAMES)
        } else {
            None
        })
        // The proposals that stable rustc emits for wasm32-unknown-unknown are on by default; these
        // are not among them, or leave results open.
        .wasm_simd(false)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_extended_const(false);
    config
}

/// What an instruction costs in fuel: one, except where it is far more work than an addition. Fills
/// and copies cost their length besides.
fn operator_cost() -> OperatorCost {
    let [engine, bulk, indirect, half, full, entry] =
        [ENGINE_CALL, BULK_OPERATION, INDIRECT_CALL, DIVISION_32, DIVISION_64, TABLE_ENTRY]
            .map(|price| u8::try_from(price).unwrap_or(u8::MAX));
    let variable = VariableOperatorCost {
        memory_grow_per_page: 0, // the limiter charges it, with a price that does not fit a byte
        table_grow_per_element: entry,
        table_fill_per_element: entry,
        table_copy_per_element: entry,
        table_init_per_element: entry,
        ..VariableOperatorCost::new()
    };
    OperatorCost {
        MemoryGrow: engine,
        RefFunc: engine,
        TableGrow: engine,
        TableFill: engine,
        TableCopy: engine,
        TableInit: engine,
        ElemDrop: engine,
        DataDrop: engine,
        MemoryInit: engine,
        TableGet: indirect,
        TableSet: indirect,
        CallIndirect: indirect,
        MemoryCopy: bulk,
        MemoryFill: bulk,
        I32DivS: half,
        I32DivU: half,
        I32RemS: half,
        I32RemU: half,
        I64DivS: full,
        I64DivU: full,
        I64RemS: full,
        I64RemU: full,
        variable,
        ..OperatorCost::new()
    }
}

impl Engine {
    /// The process's engine.
    pub(super) fn shared(development: bool) -> Result<&'static Engine, Fault> {
        static ENGINES: [OnceLock<Engine>; 2] = [OnceLock::new(), OnceLock::new()];
        let slot = &ENGINES[usize::from(development)];
        if let Some(engine) = slot.get() {
            return Ok(engine);
        }
        let (engine, executions) = Self::with_largest_pool(development)?;
        let linker = link::linker(&engine).map_err(engine_fault)?;
        let executions = Gate::new(executions);
        let engine = Engine { engine, linker, development, executions };
        Ok(slot.get_or_init(|| engine))
    }

    /// The engine and how many executions it is for. Where address space is short, as under a limit
    /// of virtual memory, there are fewer, and where there is no room for any pool, every instance
    /// is mapped for itself. The machine code is the same; that, too, only takes longer.
    fn with_largest_pool(development: bool) -> Result<(wasmtime::Engine, usize), Fault> {
        const FEWEST: usize = RESERVED_EXECUTIONS + 1;
        let sizes = std::iter::successors(Some(CONCURRENT_EXECUTIONS), |executions| {
            (*executions > FEWEST).then_some(executions / 2)
        });
        for executions in sizes {
            if let Ok(engine) = wasmtime::Engine::new(&config(development, pool(executions))) {
                return Ok((engine, executions));
            }
        }
        let one_by_one = config(development, InstanceAllocationStrategy::OnDemand);
        Ok((wasmtime::Engine::new(&one_by_one).map_err(engine_fault)?, FEWEST))
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

    /// Compiles a checked module.
    pub(super) fn compile(&self, module: &[u8]) -> Result<Module, Admission> {
        let compiled = Module::from_binary(&self.engine, module).map_err(|error| {
            // The same module compiles or not on every machine; that this one has no memory left
            // says nothing of it.
            match error.chain().any(|cause| cause.is::<std::io::Error>()) {
                true => Admission::Fault(engine_fault(format!("{error:#}"))),
                false => Admission::Refused(format!("it does not compile: {error:#}")),
            }
        })?;
        let limit = COMPILED_BASE_BYTES + COMPILED_PER_MODULE_BYTE * module.len();
        let size = compiled_bytes(&compiled);
        match size <= limit {
            true => Ok(compiled),
            false => Err(Admission::Refused(format!(
                "it compiles to {size} bytes; at most {limit} are allowed for its size"
            ))),
        }
    }

    /// Waits until one more execution may run, so that the pool can never be exhausted, and until it
    /// leaves so many to others.
    pub(super) fn enter(&self, leaving: usize) {
        self.executions.enter(leaving);
    }

    /// Ends an execution that entered.
    pub(super) fn leave(&self) {
        self.executions.leave();
    }
}

/// The size of a module's machine code and what goes with it.
pub(super) fn compiled_bytes(module: &Module) -> usize {
    let range = module.image_range();
    range.end.addr() - range.start.addr()
}

/// Lets in so many at a time.
struct Gate {
    most: usize,
    count: Mutex<Count>,
    /// There is a place: for those who take the last one, and for those who leave some to others.
    left: [Condvar; 2],
}

#[derive(Default)]
struct Count {
    inside: usize,
    /// As above. To wake nobody is a system call, too.
    waiting: [usize; 2],
}

impl Gate {
    fn new(most: usize) -> Self {
        Gate { most, count: Mutex::default(), left: Default::default() }
    }

    fn enter(&self, leaving: usize) {
        let which = usize::from(leaving > 0);
        let mut count = self.count();
        count.waiting[which] += 1;
        while count.inside + leaving >= self.most {
            count = self.left[which].wait(count).unwrap_or_else(PoisonError::into_inner);
        }
        count.waiting[which] -= 1;
        count.inside += 1;
    }

    fn leave(&self) {
        let mut count = self.count();
        count.inside -= 1;
        // As long as the one place is wanted, there is none to be left to others.
        if let Some(which) = count.waiting.iter().position(|waiting| *waiting > 0) {
            self.left[which].notify_one();
        }
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
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
                let (started, finishes) = (started.clone(), &finishes);
                scope.spawn(move || {
                    engine.enter(RESERVED_EXECUTIONS);
                    started.send(()).expect("somebody counts");
                    finishes.lock().expect("no panic").recv().expect("an end");
                    engine.leave();
                });
            }
            let patience = Duration::from_millis(200);
            let begun = std::iter::from_fn(|| starts.recv_timeout(patience).ok()).count();
            assert_eq!(begun, CONCURRENT_EXECUTIONS - RESERVED_EXECUTIONS);
            engine.enter(0); // at once, or this test never ends
            engine.leave();
            (0..2 * CONCURRENT_EXECUTIONS).for_each(|_| finish.send(()).expect("somebody waits"));
        });
    }
}
