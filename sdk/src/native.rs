//! Contracts compiled natively: where their host functions go, and how they are entered.
//!
//! The same contract source runs as WebAssembly on a ledger and as plain Rust in a debugger.
//! Natively the host is whatever implements [`NativeHost`], installed for the duration of a call.
//! Invariant: the host that a contract reaches is the innermost one installed on its thread, and it
//! is uninstalled even if the contract unwinds.

use crate::contract::Entry;
use core::cell::Cell;
use florin_abi::NativeHost;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

thread_local! {
    static HOST: Cell<Option<*mut (dyn NativeHost + 'static)>> = const { Cell::new(None) };
}

/// The native form of a contract's entry points: `<Piggy as Contract>::entry`.
pub type NativeEntry = fn(Entry, u32) -> u32;

/// Puts the previously installed host back, also on unwinding.
struct Restore(Option<*mut (dyn NativeHost + 'static)>);

impl Drop for Restore {
    fn drop(&mut self) {
        HOST.set(self.0);
    }
}

/// Runs `run` with `host` answering its host functions, on this thread.
pub fn with_host<R>(host: &mut dyn NativeHost, run: impl FnOnce() -> R) -> R {
    let pointer: *mut (dyn NativeHost + '_) = host;
    // SAFETY: only the lifetime changes; `Restore` removes the pointer before the borrow of `host`
    // ends.
    let pointer: *mut (dyn NativeHost + 'static) = unsafe { core::mem::transmute(pointer) };
    let _restore = Restore(HOST.replace(Some(pointer)));
    run()
}

/// Whether a host is installed on this thread.
pub fn is_hosted() -> bool {
    HOST.get().is_some()
}

/// Enters a contract as the WebAssembly engine would: returns 0 for success and anything else for a
/// revert. A Rust panic becomes the revert that the panic handler produces on WebAssembly; any
/// other unwinding (by which a host ends a call) passes through.
pub fn enter(host: &mut dyn NativeHost, contract: NativeEntry, entry: Entry, input: u32) -> u32 {
    with_host(host, || {
        catch_unwind(AssertUnwindSafe(|| contract(entry, input))).unwrap_or_else(|payload| {
            let message = payload
                .downcast_ref::<&str>()
                .copied()
                .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            match message {
                Some(message) => {
                    crate::host::output(&crate::panic::revert_data(message));
                    1
                }
                None => resume_unwind(payload),
            }
        })
    })
}

/// Hands the installed host to `f`.
pub(crate) fn host<R>(f: impl FnOnce(&mut dyn NativeHost) -> R) -> R {
    let Some(pointer) = HOST.get() else {
        panic!("no host: native contract code runs inside florin_sdk::native::with_host")
    };
    // SAFETY: `with_host` holds the exclusive borrow behind the pointer for as long as it is
    // installed. A host that runs a nested contract installs itself anew, from the borrow that it
    // was called with.
    f(unsafe { &mut *pointer })
}
