//! Contracts compiled for this machine, run by the same host functions: for debuggers and coverage
//! in tests.
//!
//! Gas is charged for host functions only, and limits of memory and stack are the process's own;
//! everything else is as in WebAssembly.

use super::Entry;
use crate::host::{Exit, GuestMemory, Host};
use crate::types::Halt;
use florin_abi::{NativeHost, Slice, host_type, result_type};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A natively compiled contract.
#[derive(Clone, Copy)]
pub struct NativeProgram(
    /// Runs an entry point with an input of the given length and returns as the exported function
    /// would.
    pub fn(&mut dyn NativeHost, Entry, u32) -> u32,
);

impl NativeProgram {
    pub(super) fn run(&self, host: Host, entry: Entry) -> (Host, Result<u32, Exit>) {
        let length = host.frame.input.len() as u32;
        let mut guest = NativeGuest(host);
        let result = catch_unwind(AssertUnwindSafe(|| (self.0)(&mut guest, entry, length)));
        let result = result.map_err(|payload| match payload.downcast::<Exit>() {
            Ok(exit) => *exit,
            Err(payload) => {
                let text = payload.downcast_ref::<String>().cloned();
                let text =
                    text.or_else(|| payload.downcast_ref::<&str>().map(|&text| text.to_owned()));
                Exit::Halt(Halt::Trap { kind: text.unwrap_or_default(), backtrace: Vec::new() })
            }
        });
        (guest.0, result)
    }
}

/// The process's own memory, of which a natively compiled contract names true addresses.
struct ProcessMemory;

impl GuestMemory for ProcessMemory {
    #[allow(unsafe_code)]
    fn get(&self, slice: Slice) -> Option<&[u8]> {
        if slice.length == 0 {
            return Some(&[]); // an empty slice may have any address
        }
        // SAFETY: the SDK makes every native slice from a Rust reference that lives across the host
        // function.
        Some(unsafe {
            std::slice::from_raw_parts(slice.pointer as *const u8, slice.length as usize)
        })
    }

    #[allow(unsafe_code)]
    fn get_mut(&mut self, slice: Slice) -> Option<&mut [u8]> {
        if slice.length == 0 {
            return Some(&mut []);
        }
        // SAFETY: as above; what is written to was a mutable reference.
        Some(unsafe {
            std::slice::from_raw_parts_mut(slice.pointer as *mut u8, slice.length as usize)
        })
    }
}

struct NativeGuest(Host);

macro_rules! forward {
    ($($(#[$docs:meta])* [$group:ident] fn $name:ident($($arg:ident: $kind:ident),*) -> $result:ident;)*) => {
        impl NativeHost for NativeGuest {
            $(fn $name(&mut self $(, $arg: host_type!($kind))*) -> result_type!($result) {
                match self.0.$name(&mut ProcessMemory $(, $arg)*) {
                    Ok(result) => result,
                    Err(exit) => resume_unwind(Box::new(exit)),
                }
            })*
        }
    };
}
florin_abi::host_functions!(forward);
