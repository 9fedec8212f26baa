//! The host functions as safe Rust, generated from the one table in `florin-abi`.
//!
//! On wasm32 each is an import of the module `florin1`; natively each goes to the
//! [`NativeHost`](florin_abi::NativeHost) that [`native::with_host`](crate::native::with_host)
//! installed. Invariant: nothing else in this crate knows which.

#[cfg(target_arch = "wasm32")]
const _: () = assert!(matches!(florin_abi::IMPORT_MODULE.as_bytes(), b"florin1"));

/// The type a guest passes for each kind of parameter.
macro_rules! guest_type {
    (u32) => {
        u32
    };
    (u64) => {
        u64
    };
    (bytes) => {
        &[u8]
    };
    (buffer) => {
        &mut [u8]
    };
    (address) => {
        &[u8; 20]
    };
    (word) => {
        &[u8; 32]
    };
    (pair) => {
        &[u8; 64]
    };
    (out_address) => {
        &mut [u8; 20]
    };
    (out_word) => {
        &mut [u8; 32]
    };
    (out_pair) => {
        &mut [u8; 64]
    };
}

/// The type of a result.
macro_rules! result_type {
    (unit) => {
        ()
    };
    (never) => {
        core::convert::Infallible
    };
    ($number:ident) => {
        $number
    };
}

#[cfg(target_arch = "wasm32")]
mod binding {
    /// The WebAssembly type of each kind of parameter.
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

    /// The WebAssembly value of a parameter.
    macro_rules! wasm_value {
        (u32, $value:ident) => {
            $value
        };
        (u64, $value:ident) => {
            $value
        };
        (bytes, $value:ident) => {
            florin_abi::Slice::pack($value.as_ptr() as u32, $value.len() as u32)
        };
        (buffer, $value:ident) => {
            florin_abi::Slice::pack($value.as_mut_ptr() as u32, $value.len() as u32)
        };
        (out_address, $value:ident) => {
            $value.as_mut_ptr() as u32
        };
        (out_word, $value:ident) => {
            $value.as_mut_ptr() as u32
        };
        (out_pair, $value:ident) => {
            $value.as_mut_ptr() as u32
        };
        ($fixed:ident, $value:ident) => {
            $value.as_ptr() as u32
        };
    }

    /// What follows an import: one that ends the call does not come back.
    macro_rules! after {
        (never, $result:expr) => {{
            let () = $result;
            core::arch::wasm32::unreachable()
        }};
        ($other:ident, $result:expr) => {
            $result
        };
    }

    /// The WebAssembly result of an import.
    macro_rules! wasm_result {
        (unit) => {
            ()
        };
        (never) => {
            ()
        };
        ($number:ident) => {
            $number
        };
    }

    macro_rules! import {
        ($($(#[doc = $doc:literal])* [$group:ident]
            fn $name:ident($($arg:ident: $kind:ident),*) -> $result:ident;)*) => {
            mod imports {
                #[link(wasm_import_module = "florin1")]
                unsafe extern "C" {
                    $(pub fn $name($($arg: wasm_type!($kind)),*) -> wasm_result!($result);)*
                }
            }
            $($(#[doc = $doc])*
            #[inline]
            #[allow(clippy::unused_unit)]
            pub fn $name($($arg: guest_type!($kind)),*) -> result_type!($result) {
                // SAFETY: every pointer comes from a live reference of the stated length, which the
                // host reads or fills during the call only.
                after!($result, unsafe { imports::$name($(wasm_value!($kind, $arg)),*) })
            })*
        };
    }
    florin_abi::host_functions!(import);
}

#[cfg(not(target_arch = "wasm32"))]
mod binding {
    use crate::native;
    use florin_abi::{Pointer, Slice};

    /// The value by which a parameter reaches the native host.
    macro_rules! native_value {
        (u32, $value:ident) => {
            $value
        };
        (u64, $value:ident) => {
            $value
        };
        (bytes, $value:ident) => {
            Slice { pointer: $value.as_ptr() as u64, length: $value.len() as u32 }
        };
        (buffer, $value:ident) => {
            Slice { pointer: $value.as_mut_ptr() as u64, length: $value.len() as u32 }
        };
        (out_address, $value:ident) => {
            Pointer($value.as_mut_ptr() as u64)
        };
        (out_word, $value:ident) => {
            Pointer($value.as_mut_ptr() as u64)
        };
        (out_pair, $value:ident) => {
            Pointer($value.as_mut_ptr() as u64)
        };
        ($fixed:ident, $value:ident) => {
            Pointer($value.as_ptr() as u64)
        };
    }

    macro_rules! dispatch {
        ($($(#[doc = $doc:literal])* [$group:ident]
            fn $name:ident($($arg:ident: $kind:ident),*) -> $result:ident;)*) => {
            $($(#[doc = $doc])*
            pub fn $name($($arg: guest_type!($kind)),*) -> result_type!($result) {
                native::host(|host| host.$name($(native_value!($kind, $arg)),*))
            })*
        };
    }
    florin_abi::host_functions!(dispatch);
}

pub use binding::*;
