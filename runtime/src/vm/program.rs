//! A contract's code, ready to run.

use super::engine::{Engine, compiled_bytes};
use super::link::{Guest, Stopped};
use super::native::NativeProgram;
use super::validate::Facts;
use crate::crypto::keccak256;
use crate::error::Fault;
use crate::gas::{INSTANCE, MEMORY_PAGE, TABLE_ENTRY};
use crate::host::{Ending, Exit, Host, Part};
use crate::limits::{
    EXECUTION_MEMORY_BYTES, FUNCTION_NAME_CHARS, STACK_RED_ZONE_BYTES, STACK_SEGMENT_BYTES,
};
use crate::types::Halt;
use florin_abi::{exports, sections};
use wasmtime::{Instance, InstancePre, Module, ModuleExport, Store, Trap, WasmBacktrace};

/// Where a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// An ordinary call.
    Call,
    /// The constructor.
    Deploy,
    /// The migration after an upgrade.
    Migrate,
}

/// A contract's code, ready to run.
pub struct Program {
    code: Code,
    facts: Facts,
}

enum Code {
    Wasm(Box<Wasm>),
    Native(NativeProgram),
}

struct Wasm {
    instance: InstancePre<Guest>,
    memory: ModuleExport,
    call: ModuleExport,
    deploy: Option<ModuleExport>,
    migrate: Option<ModuleExport>,
}

impl Program {
    /// A program from compiled WebAssembly.
    pub(super) fn wasm(engine: &Engine, compiled: Module, facts: Facts) -> Result<Self, Fault> {
        let export = |name| compiled.get_export_index(name);
        let missing = Fault::Bug("a checked module lacks an export");
        let (Some(memory), Some(call)) = (export(exports::MEMORY), export(exports::CALL)) else {
            return Err(missing);
        };
        let (deploy, migrate) = (export(exports::DEPLOY), export(exports::MIGRATE));
        let instance = engine
            .linker()
            .instantiate_pre(&compiled)
            .map_err(|error| Fault::Engine(error.to_string()))?;
        let code = Code::Wasm(Box::new(Wasm { instance, memory, call, deploy, migrate }));
        Ok(Program { code, facts })
    }

    /// A program compiled for this machine, standing for a module with these facts.
    pub(super) fn native(program: NativeProgram, facts: Facts) -> Self {
        Program { code: Code::Native(program), facts }
    }

    /// Bytes of the module that it was made from.
    pub fn module_bytes(&self) -> u32 {
        self.facts.bytes
    }

    /// What is known of the module.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The compiled module, unless this is a native program.
    pub(super) fn compiled(&self) -> Option<&Module> {
        match &self.code {
            Code::Wasm(wasm) => Some(wasm.instance.module()),
            Code::Native(_) => None,
        }
    }

    /// Bytes of machine code.
    pub(super) fn bytes(&self) -> usize {
        self.compiled().map_or(0, compiled_bytes)
    }

    /// Whether the program has an entry of its own.
    pub fn has(&self, entry: Entry) -> bool {
        match entry {
            Entry::Call => true,
            Entry::Deploy => self.facts.has_deploy,
            Entry::Migrate => self.facts.has_migrate,
        }
    }

    /// Whether a call with this input may enter the contract while it is on the call stack. Four
    /// zeros in its list stand for the empty input, a payment, and for nothing else.
    pub fn may_be_reentered(&self, input: &[u8]) -> bool {
        let selector = match input.first_chunk::<4>() {
            Some([0, 0, 0, 0]) => None,
            None if input.is_empty() => Some(&[0; 4]),
            longer => longer,
        };
        selector.is_some_and(|selector| self.facts.reentrant.contains(selector))
    }

    /// Whether this program's migration is to run when it takes `former`'s place; or why it may not
    /// take it, because it would misread what `former` has stored.
    ///
    /// A migration is for one layout. It never runs for another, nor twice, for it leads away from
    /// that layout; and a program that has one is not taken for compatible with layouts that its
    /// author did not think of.
    pub fn migrates(&self, former: &Program) -> Result<bool, String> {
        let (ours, theirs) = (&self.facts.layout, &former.facts.layout);
        let hash = keccak256(theirs.as_bytes());
        match (self.facts.has_migrate, self.facts.migrates_from) {
            (true, Some(from)) if from == hash => return Ok(true),
            (true, Some(_)) if ours == theirs => return Ok(false),
            (true, None) => {
                return Err(format!(
                    "its migration does not say in the section `{}` which storage layout it is for; write \
                     #[migrate(from = \"{hash}\")]",
                    sections::MIGRATES
                ));
            }
            (true, Some(from)) => {
                return Err(format!(
                    "it migrates from the storage layout {from} and the contract has {hash}; remove #[migrate], or name \
                     the contract's layout in it"
                ));
            }
            (false, _) => {}
        }
        let mut ours = ours.lines();
        let lost = theirs.lines().find_map(|line| match ours.next() {
            Some(our) if our == line => None,
            Some(our) => Some(format!("`{line}` became `{our}`")),
            None => Some(format!("`{line}` is gone")),
        });
        match lost {
            None => Ok(false),
            Some(lost) => Err(format!(
                "the storage layout changed ({lost}); keep it, or migrate with #[migrate(from = \"{hash}\")]"
            )),
        }
    }

    /// Runs the program for a call. A missing constructor or migration succeeds at once.
    pub fn run(&self, mut host: Host, entry: Entry) -> (Host, Result<Ending, Fault>) {
        if !self.has(entry) {
            return (host, Ok(Ending::Success));
        }
        if let Err(exit) = self.begin(&mut host) {
            return conclude(host, Err(exit));
        }
        // Nested calls nest on the native stack; more of it is taken from the heap when little is
        // left, so that the depth limit holds on every thread.
        stacker::maybe_grow(STACK_RED_ZONE_BYTES, STACK_SEGMENT_BYTES, || match &self.code {
            Code::Wasm(wasm) => wasm.run(host, entry),
            Code::Native(native) => {
                let (host, result) = native.run(host, entry);
                conclude(host, result)
            }
        })
    }

    /// Charges for an instance and the memory it starts with.
    fn begin(&self, host: &mut Host) -> Result<(), Exit> {
        let Facts { initial_pages, table_entries, .. } = self.facts;
        host.charge(Part::Compute, INSTANCE)?;
        host.charge(Part::Memory, MEMORY_PAGE * initial_pages + TABLE_ENTRY * table_entries)?;
        match host.hold_memory((initial_pages as usize) << 16) {
            true => Ok(()),
            false => Err(Exit::Halt(Halt::Misuse(format!(
                "the running calls would hold more than {EXECUTION_MEMORY_BYTES} bytes of memory together"
            )))),
        }
    }
}

/// Turns how the code stopped into how the call ends.
fn conclude(mut host: Host, result: Result<u32, Exit>) -> (Host, Result<Ending, Fault>) {
    let ending = match result {
        Ok(0) => Ok(Ending::Success),
        Ok(_) => Ok(Ending::Reverted),
        Err(Exit::Revert(reason)) => {
            host.frame.output = reason;
            Ok(Ending::Reverted)
        }
        Err(Exit::Halt(halt)) => Ok(Ending::Halted(halt)),
        Err(Exit::Fault(fault)) => Err(fault),
    };
    (host, ending)
}

impl Wasm {
    fn run(&self, host: Host, entry: Entry) -> (Host, Result<Ending, Fault>) {
        let guest = Guest { host, memory: None, exit: None, owed: 0 };
        let mut store = Store::new(self.instance.module().engine(), guest);
        let instance = match self.start(&mut store) {
            Ok(instance) => instance,
            Err(error) => {
                let fault = Fault::Engine(format!("an instance does not start: {error:#}"));
                return (store.into_data().host, Err(fault));
            }
        };
        let result = self.enter(&mut store, instance, entry);
        let left = store.get_fuel().unwrap_or(0);
        let mut guest = store.into_data();
        let settled = guest.settle(left);
        let result = match (guest.exit.take(), result) {
            (Some(exit), _) => Err(exit),
            (None, Err(error)) => Err(stopped(&error)),
            (None, Ok(status)) => settled.map(|()| status),
        };
        conclude(guest.host, result)
    }

    /// An instance, charged for beforehand: filling its memory and table may or may not be done by
    /// code, so the meter is set after.
    fn start(&self, store: &mut Store<Guest>) -> wasmtime::Result<Instance> {
        store.set_fuel(u64::MAX)?;
        let instance = self.instance.instantiate(&mut *store)?;
        let fuel = store.data().host.frame.fuel;
        store.set_fuel(fuel)?;
        store.limiter(|guest| guest);
        Ok(instance)
    }

    fn enter(
        &self,
        store: &mut Store<Guest>,
        instance: Instance,
        entry: Entry,
    ) -> wasmtime::Result<u32> {
        let length = store.data().host.frame.input.len() as u32;
        let memory = instance.get_module_export(&mut *store, &self.memory);
        store.data_mut().memory = memory.and_then(|export| export.into_memory());
        let export = match entry {
            Entry::Call => Some(&self.call),
            Entry::Deploy => self.deploy.as_ref(),
            Entry::Migrate => self.migrate.as_ref(),
        };
        let function = export
            .and_then(|export| instance.get_module_export(&mut *store, export))
            .and_then(|export| export.into_func())
            .ok_or_else(|| wasmtime::Error::msg("an entry point is missing"))?;
        function.typed::<u32, u32>(&*store)?.call(&mut *store, length)
    }
}

/// Why the engine stopped the code.
fn stopped(error: &wasmtime::Error) -> Exit {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Exit::Halt(Halt::OutOfGas),
        Some(trap) => {
            let backtrace = error.downcast_ref::<WasmBacktrace>().map(names).unwrap_or_default();
            Exit::Halt(Halt::Trap { kind: kind(*trap).to_owned(), backtrace })
        }
        None if error.is::<Stopped>() => Exit::Fault(Fault::Bug("stopped without a reason")),
        None => Exit::Fault(Fault::Engine(format!("{error:#}"))),
    }
}

/// A trap in words. They are in receipts, so they are ours and do not change with the engine.
fn kind(trap: Trap) -> &'static str {
    match trap {
        Trap::StackOverflow => "call stack exhausted",
        Trap::MemoryOutOfBounds => "out of bounds memory access",
        Trap::TableOutOfBounds => "out of bounds table access",
        Trap::IndirectCallToNull => "indirect call of nothing",
        Trap::BadSignature => "indirect call of another type",
        Trap::IntegerOverflow => "integer overflow",
        Trap::IntegerDivisionByZero => "integer division by zero",
        Trap::UnreachableCodeReached => "unreachable code reached",
        _ => "stopped by the engine",
    }
}

/// The functions that were running. They come from the module, so they are cut.
fn names(backtrace: &WasmBacktrace) -> Vec<String> {
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => name.chars().take(FUNCTION_NAME_CHARS).collect(),
        None => format!("function {}", frame.func_index()),
    };
    backtrace.frames().iter().map(name).collect()
}
