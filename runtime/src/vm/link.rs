//! The glue between wasmtime and the host functions: it moves numbers and borrows memory, and
//! decides nothing.

use crate::gas::MEMORY_PAGE;
use crate::host::{Exit, Host, LinearMemory, Part};
use crate::limits::{MEMORY_BYTES, TABLE_ENTRIES};
use florin_abi::{IMPORT_MODULE, Pointer, Slice};
use std::convert::Infallible;
use wasmtime::{AsContextMut, Caller, Linker, Memory, ResourceLimiter};

/// What a running instance carries: its call, its memory, and why it was stopped.
pub(super) struct Guest {
    pub(super) host: Host,
    pub(super) memory: Option<Memory>,
    pub(super) exit: Option<Exit>,
    /// Fuel owed for memory that was grown since the last host function; the engine gives no access
    /// to the meter while it asks.
    pub(super) owed: u64,
}

impl ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let allowed = desired <= MEMORY_BYTES && self.host.hold_memory(more);
        if allowed {
            self.owed = self.owed.saturating_add((more >> 16) as u64 * MEMORY_PAGE);
        }
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ENTRIES)
    }
}

impl Guest {
    /// Takes over the engine's meter and pays what is owed.
    pub(super) fn settle(&mut self, fuel: u64) -> Result<(), Exit> {
        self.host.set_fuel(fuel);
        let owed = std::mem::take(&mut self.owed);
        if owed == 0 { Ok(()) } else { self.host.charge(Part::Memory, owed) }
    }
}

/// Stops the instance; the reason is in [`Guest::exit`].
#[derive(Debug, thiserror::Error)]
#[error("stopped by the host")]
pub(super) struct Stopped;

/// Runs a host function on behalf of the guest.
fn enter<R>(
    caller: &mut Caller<'_, Guest>,
    function: impl FnOnce(&mut Host, &mut LinearMemory<'_>) -> Result<R, Exit>,
) -> wasmtime::Result<R> {
    let fuel = caller.get_fuel()?;
    let mut store = caller.as_context_mut();
    let (bytes, guest) = match store.data().memory {
        Some(memory) => memory.data_and_store_mut(&mut store),
        None => (&mut [][..], store.data_mut()),
    };
    let result =
        guest.settle(fuel).and_then(|()| function(&mut guest.host, &mut LinearMemory(bytes)));
    let left = guest.host.frame.fuel;
    let result = result.map_err(|exit| {
        guest.exit = Some(exit);
        wasmtime::Error::new(Stopped)
    });
    caller.set_fuel(left)?;
    result
}

/// How the result of a host function crosses into WebAssembly.
trait Lower {
    type Wasm: wasmtime::WasmRet;
    fn lower(self) -> Self::Wasm;
}

impl Lower for () {
    type Wasm = ();
    fn lower(self) {}
}

impl Lower for Infallible {
    type Wasm = ();
    fn lower(self) {
        match self {}
    }
}

impl Lower for u32 {
    type Wasm = u32;
    fn lower(self) -> u32 {
        self
    }
}

impl Lower for u64 {
    type Wasm = u64;
    fn lower(self) -> u64 {
        self
    }
}

macro_rules! wasm_type {
    (u32) => {
        u32
    };
    (u64) => {
        u64
    };
    (bytes) => {
        u64
    };
    (buffer) => {
        u64
    };
    ($fixed:ident) => {
        u32
    };
}

macro_rules! lift {
    (u32, $value:ident) => {
        $value
    };
    (u64, $value:ident) => {
        $value
    };
    (bytes, $value:ident) => {
        Slice::unpack($value)
    };
    (buffer, $value:ident) => {
        Slice::unpack($value)
    };
    ($fixed:ident, $value:ident) => {
        Pointer(u64::from($value))
    };
}

macro_rules! link_all {
    ($linker:ident
     $($(#[$docs:meta])* [$group:ident] fn $name:ident($($arg:ident: $kind:ident),*) -> $result:ident;)*) => {
        $($linker.func_wrap(
            IMPORT_MODULE,
            stringify!($name),
            |mut caller: Caller<'_, Guest> $(, $arg: wasm_type!($kind))*| {
                let result = enter(&mut caller, |host, memory| host.$name(memory $(, lift!($kind, $arg))*));
                result.map(Lower::lower)
            },
        )?;)*
    };
}

/// A linker that knows every host function.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    florin_abi::host_functions!(link_all, linker);
    Ok(linker)
}
