//! The table of host functions, and what is generated from it for every reader: [`FUNCTIONS`] and
//! [`NativeHost`].
//!
//! A row is `/// documentation`, a group in brackets, and a signature whose parameter kinds are:
//!
//! | kind | the guest passes | wasm | native |
//! | --- | --- | --- | --- |
//! | `u32`, `u64` | the number | i32, i64 | the number |
//! | `bytes` | `&[u8]` | i64: address in the high half, length in the low | [`Slice`] |
//! | `buffer` | `&mut [u8]`, to be filled | the same | [`Slice`] |
//! | `address`, `word`, `pair` | `&[u8; 20]`, `&[u8; 32]`, `&[u8; 64]` | i32: the address | [`Pointer`] |
//! | `out_address`, `out_word`, `out_pair` | `&mut [u8; N]`, to be filled | the same | [`Pointer`] |
//!
//! Results are `unit`, `u32`, `u64` or `never`. Amounts are big-endian 256-bit words.

/// Calls `$callback!` with every row of the table (and, before them, whatever else it was given).
#[macro_export]
macro_rules! host_functions {
    ($callback:path $(, $extra:tt)*) => {
        $callback! {
            $($extra)*

            /// Copies the call's input, from `offset` on, into `out`; returns how many bytes were
            /// copied. The length of the input is the argument of the exported entry point.
            [input] fn input(offset: u32, out: buffer) -> u32;
            /// Sets the data this call returns (or, if the entry point returns non-zero, reverts
            /// with).
            [input] fn output(data: bytes) -> unit;
            /// Copies the data returned by the last nested call, from `offset` on, into `out`;
            /// returns how many bytes were copied.
            [input] fn returned(offset: u32, out: buffer) -> u32;

            /// Writes the surroundings of the call (see `Context`) to `out`, as much as fits.
            [context] fn context(out: buffer) -> unit;
            /// Gas left in this call.
            [context] fn gas_left() -> u64;

            /// Copies the value at `key` into `out`, as much as fits; returns the value's whole
            /// length, or 0xffff_ffff if there is none.
            [storage] fn storage_get(key: bytes, out: buffer) -> u32;
            /// Stores `value` at `key`. An empty value is a value.
            [storage] fn storage_set(key: bytes, value: bytes) -> unit;
            /// Removes what is at `key`, if anything.
            [storage] fn storage_remove(key: bytes) -> unit;

            /// Writes the native balance of `account` to `out`.
            [value] fn balance(account: address, out: out_word) -> unit;
            /// Sends `value` to an account; a contract is called with empty input. Returns status
            /// and length of the returned data.
            [value] fn transfer(to: address, value: word) -> u64;

            /// Calls `to` with `input`, `value` and at most `gas`. Returns status and length of the
            /// returned data.
            [calls] fn call(to: address, value: word, input: bytes, gas: u64) -> u64;
            /// Calls `to` such that nothing can change. Returns status and length of the returned
            /// data.
            [calls] fn static_call(to: address, input: bytes, gas: u64) -> u64;
            /// Creates a contract from deployment data and writes its address to `out`. `salt` is
            /// empty (the address follows from this contract's nonce, as Ethereum's CREATE) or 32
            /// bytes (as CREATE2, EIP-1014). Returns status and length of the returned data.
            [calls] fn create(value: word, code: bytes, salt: bytes, out: out_address) -> u64;

            /// Emits a log with up to 4 topics, given as their concatenation.
            [logs] fn log(topics: bytes, data: bytes) -> unit;
            /// Prints a line into the trace of a development ledger; elsewhere it does nothing. It
            /// costs the same everywhere.
            [logs] fn debug(message: bytes) -> unit;

            /// keccak-256 as Ethereum uses it.
            [hashes] fn keccak256(data: bytes, out: out_word) -> unit;
            /// SHA-256 (FIPS 180-4).
            [hashes] fn sha256(data: bytes, out: out_word) -> unit;
            /// RIPEMD-160.
            [hashes] fn ripemd160(data: bytes, out: out_address) -> unit;

            /// Recovers the public key (x then y) that made an ECDSA signature (r then s) over
            /// `hash` on secp256k1 (SEC 1, 4.1.6); bit 0 of `recovery` is the parity of R's y, bit
            /// 1 says r overflowed. Returns 1, or 0 if there is no such key. Accepts high s:
            /// whoever must not, refuses it first.
            [signatures] fn secp256k1_recover(hash: word, signature: pair, recovery: u32, out: out_pair) -> u32;
            /// Verifies an ECDSA signature (r then s) over `hash` on secp256k1 under a SEC 1 public
            /// key, compressed or not. Returns 1 or 0. Accepts high s.
            [signatures] fn secp256k1_verify(hash: word, signature: pair, key: bytes) -> u32;
            /// Verifies a BIP-340 Schnorr signature over `message` under an x-only public key.
            /// Returns 1 or 0.
            [signatures] fn bip340_verify(message: bytes, signature: pair, key: word) -> u32;
            /// Verifies an ECDSA signature (r then s) over `hash` on P-256 (FIPS 186-5) under a
            /// public key given as x then y, as RIP-7212 does. Returns 1 or 0. Accepts high s.
            [signatures] fn p256_verify(hash: word, signature: pair, key: pair) -> u32;
            /// Verifies an Ed25519 signature (RFC 8032) over `message`. Returns 1 or 0.
            [signatures] fn ed25519_verify(message: bytes, signature: pair, key: word) -> u32;

            /// Ends the call at once, undoes it, and gives `data` to the caller as the reason.
            [control] fn revert(data: bytes) -> never;
            /// Replaces this contract's own code by that in deployment data, from the next call on.
            /// The new code keeps the storage layout or exports `migrate`, which is run now, with
            /// the arguments in the deployment data as input.
            [control] fn upgrade(code: bytes) -> unit;
        }
    };
}

/// A range of guest memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Address of the first byte.
    pub pointer: u64,
    /// Number of bytes.
    pub length: u32,
}

/// The address of a fixed-size value in guest memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointer(pub u64);

impl Slice {
    /// Unpacks the form in which a slice crosses the WebAssembly boundary.
    pub const fn unpack(packed: u64) -> Slice {
        Slice { pointer: packed >> 32, length: packed as u32 }
    }

    /// Packs a slice of 32-bit memory for the WebAssembly boundary.
    pub const fn pack(pointer: u32, length: u32) -> u64 {
        ((pointer as u64) << 32) | length as u64
    }
}

/// One parameter of a host function, for documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Its kind, as the module documentation lists them.
    pub kind: &'static str,
}

/// One row of the table, for documentation and for telling an unknown import from a mistyped one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostFunction {
    /// Its name in the import module.
    pub name: &'static str,
    /// The group it is documented under.
    pub group: &'static str,
    /// Its parameters, each one WebAssembly value.
    pub params: &'static [Param],
    /// Its result: `unit`, `u32`, `u64` or `never`.
    pub result: &'static str,
    /// Its documentation, line by line.
    pub docs: &'static [&'static str],
}

/// The type by which a kind of parameter reaches the host.
#[macro_export]
#[doc(hidden)]
macro_rules! host_type {
    (u32) => {
        u32
    };
    (u64) => {
        u64
    };
    (bytes) => {
        $crate::Slice
    };
    (buffer) => {
        $crate::Slice
    };
    ($fixed:ident) => {
        $crate::Pointer
    };
}

/// The type of a result.
#[macro_export]
#[doc(hidden)]
macro_rules! result_type {
    (unit) => {
        ()
    };
    (never) => {
        ::core::convert::Infallible
    };
    ($number:ident) => {
        $number
    };
}

macro_rules! describe {
    ($($(#[doc = $doc:literal])* [$group:ident] fn $name:ident($($arg:ident: $kind:ident),*) -> $result:ident;)*) => {
        /// Every host function, in order of the table.
        pub const FUNCTIONS: &[HostFunction] = &[$(HostFunction {
            name: stringify!($name),
            group: stringify!($group),
            params: &[$(Param { name: stringify!($arg), kind: stringify!($kind) }),*],
            result: stringify!($result),
            docs: &[$($doc),*],
        }),*];

        /// The host as natively compiled contracts see it: guest memory is the process's own, so a
        /// [`Slice`] holds a true address. A function that ends the call does not return; it
        /// unwinds.
        pub trait NativeHost {
            $($(#[doc = $doc])*
            fn $name(&mut self $(, $arg: host_type!($kind))*) -> result_type!($result);)*
        }
    };
}
host_functions!(describe);
