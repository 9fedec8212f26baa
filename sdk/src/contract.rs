//! The shape of a contract as `#[contract]` and `#[interface]` describe it, and the way a call
//! takes through it.

use crate::abi::{AbiType, Decoder, Encoder};
use crate::env::{has_value, revert_with};
use crate::error::{Error, ErrorList};
use crate::grow::{append, zeros};
use crate::host;
use crate::storage::{Place, Storage};
use alloc::vec::Vec;
use keccak_const::Keccak256;

/// An exported method.
#[derive(Clone, Copy)]
pub struct Method {
    /// The Rust name with its type's or trait's: `Erc20::balance_of`.
    pub name: &'static str,
    /// The signature, as `balanceOf(address)`.
    pub signature: &'static str,
    /// The first four bytes of the signature's keccak-256.
    pub selector: u32,
    /// The method as the ABI lists it.
    pub json: &'static str,
    /// The errors it returns.
    pub errors: &'static ErrorList,
    /// Whether it may be entered while the contract is on the call stack.
    pub reentrant: bool,
}

/// The first four bytes of a signature's keccak-256.
pub const fn selector(signature: &str) -> u32 {
    let [a, b, c, d, ..] = topic(signature);
    u32::from_be_bytes([a, b, c, d])
}

/// The keccak-256 of a signature.
pub const fn topic(signature: &str) -> [u8; 32] {
    Keccak256::new().update(signature.as_bytes()).finalize()
}

/// The entry points of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// An ordinary call.
    Call,
    /// The constructor.
    Deploy,
    /// The migration after an upgrade.
    Migrate,
}

/// What `#[contract]` makes of the struct: the storage, and the interfaces that are exported.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared as a contract",
    label = "its struct has no #[contract]",
    note = "put #[contract] on `struct {Self}`, too"
)]
pub trait Declared: Storage {
    /// The exported methods of each interface.
    const INTERFACES: &'static [&'static [Method]];
    /// The events that the contract and its interfaces declare.
    const EVENTS: &'static [&'static [&'static str]];
    /// Runs the method of an interface; `None` if there is none with this selector.
    fn route(&mut self, selector: u32, input: &mut Decoder<'_>) -> Option<u32>;
}

/// What `#[contract(Owned)]` makes of an interface in its list, told by its client. Every interface
/// asks for it, so that none is implemented and then not exported.
#[diagnostic::on_unimplemented(
    message = "`{Self}` implements an interface that it does not list, so nobody could call it",
    label = "not in the list of `#[contract(..)]`",
    note = "list it on the struct, as `#[contract(Owned)] struct {Self}`; the interface is the one whose client is `{C}`"
)]
pub trait Lists<C> {}

/// What `#[contract]` makes of the `impl`: the contract as a whole.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a contract",
    label = "there is no `#[contract] impl {Self}`",
    note = "write `#[contract] impl {Self} {{ ... }}`, if only with a constructor"
)]
pub trait Contract: Declared {
    /// Its name.
    const NAME: &'static str;
    /// The folder of its crate, from which tests build it.
    #[cfg(not(target_arch = "wasm32"))]
    const MANIFEST_DIR: &'static str;
    /// The package of its crate.
    #[cfg(not(target_arch = "wasm32"))]
    const PACKAGE: &'static str;
    /// The exported methods of its own.
    const METHODS: &'static [Method];
    /// The Solidity ABI as JSON: the section `florin.abi`.
    const ABI: &'static str;
    /// The storage layout: the section `florin.layout`.
    const LAYOUT_TEXT: &'static str;
    /// The selectors of its reentrant methods, concatenated: the section `florin.reentrant`.
    const REENTRANT: &'static [u8];
    /// The keccak-256 of the storage layout that `#[migrate]` begins with: the section
    /// `florin.migrates`.
    const MIGRATES_FROM: Option<[u8; 32]>;

    /// Runs a method of its own; `None` if there is none with this selector.
    #[doc(hidden)]
    fn dispatch(&mut self, selector: u32, input: &mut Decoder<'_>) -> Option<u32>;
    /// Runs the constructor.
    #[doc(hidden)]
    fn construct(&mut self, input: &mut Decoder<'_>) -> u32;
    /// Runs the `#[receive]` method, if there is one.
    #[doc(hidden)]
    fn on_receive(&mut self) -> Option<u32> {
        None
    }
    /// Runs the `#[fallback]` method, if there is one.
    #[doc(hidden)]
    fn on_fallback(&mut self, _input: &[u8]) -> Option<u32> {
        None
    }
    /// Runs the `#[migrate]` method, if there is one.
    #[doc(hidden)]
    fn on_migrate(&mut self, _input: &mut Decoder<'_>) -> Option<u32> {
        None
    }

    /// Enters the contract with an input of `length` bytes; returns 0 for success and anything else
    /// for a revert.
    fn entry(entry: Entry, length: u32) -> u32 {
        let mut input = zeros(length as usize);
        host::input(0, &mut input);
        let mut contract = Self::at(Place::ROOT);
        let budget = Decoder::budget(&input);
        let done = match entry {
            Entry::Call => run(&mut contract, &input),
            Entry::Deploy => Some(contract.construct(&mut Decoder::new(&input, &budget))),
            Entry::Migrate => contract.on_migrate(&mut Decoder::new(&input, &budget)),
        };
        done.unwrap_or_else(|| revert_with(&[]))
    }
}

/// Compiles if `C` is a contract: by it, a struct with `#[contract]` asks for its methods.
pub const fn is_contract<C: Contract>() {}

/// Runs an ordinary call: a method by its selector, else receive (for empty input), else fallback.
#[inline]
fn run<C: Contract>(contract: &mut C, input: &[u8]) -> Option<u32> {
    if let Some((selector, arguments)) = input.split_first_chunk() {
        let selector = u32::from_be_bytes(*selector);
        let budget = Decoder::budget(arguments);
        let mut arguments = Decoder::new(arguments, &budget);
        if let Some(done) = contract.dispatch(selector, &mut arguments) {
            return Some(done);
        }
        if let Some(done) = contract.route(selector, &mut arguments) {
            return Some(done);
        }
    } else if input.is_empty()
        && let Some(done) = contract.on_receive()
    {
        return Some(done);
    }
    contract.on_fallback(input)
}

/// Access to a storage group of the contract, by type: how a library's interface reaches the state
/// that the contract embeds. `#[contract]` implements it for each field that is a `#[storage]`
/// struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not hold a `{S}`",
    label = "the interface keeps its state in a `{S}`",
    note = "add a field of type `{S}` to the contract's struct (exactly one)"
)]
pub trait Has<S> {
    /// The group, to read.
    fn state(&self) -> &S;
    /// The group, to write.
    fn state_mut(&mut self) -> &mut S;
}

/// What a method may return: a value (or a tuple of values, or nothing), or a `Result` of one with
/// a contract error.
#[diagnostic::on_unimplemented(
    message = "a contract method cannot return `{Self}`",
    label = "neither a value with a Solidity type nor a Result of one",
    note = "return a type that crosses the ABI, a tuple of such types, or Result<T, E> with #[derive(Error)] enum E",
    note = "for a struct of your own, add #[derive(AbiType)]"
)]
pub trait Output {
    /// The value in case of success.
    type Value: AbiType;
    /// The errors in case of failure.
    const ERRORS: &'static ErrorList;
    /// The value or the revert data.
    fn into_result(self) -> Result<Self::Value, Vec<u8>>;
}

impl<T: AbiType> Output for T {
    type Value = T;
    const ERRORS: &'static ErrorList = &ErrorList { own: &[], nested: &[] };
    #[inline]
    fn into_result(self) -> Result<T, Vec<u8>> {
        Ok(self)
    }
}

impl<T: AbiType, E: Error> Output for Result<T, E> {
    type Value = T;
    const ERRORS: &'static ErrorList = &E::LIST;
    #[inline]
    fn into_result(self) -> Result<T, Vec<u8>> {
        self.map_err(|error| error.encode())
    }
}

/// Hands a method's result to the host; returns what the entry point returns. One copy per type,
/// shared by all methods.
#[inline(never)]
pub fn finish<R: Output>(result: R) -> u32 {
    match result.into_result() {
        Ok(value) => {
            if R::Value::BODY > 0 {
                host::output(&crate::abi::encode(&value));
            }
            0
        }
        Err(data) => refuse(&data),
    }
}

/// Hands the result of a `#[fallback]` method to the host, unencoded.
pub fn finish_raw<R: Output<Value = crate::abi::Bytes>>(result: R) -> u32 {
    match result.into_result() {
        Ok(data) => {
            host::output(&data);
            0
        }
        Err(data) => refuse(&data),
    }
}

/// Reverts with `data`.
#[inline(never)]
fn refuse(data: &[u8]) -> u32 {
    host::output(data);
    1
}

/// Decodes an argument; malformed input reverts with empty data, as Solidity does. One copy per
/// type, shared by all methods.
#[inline(never)]
pub fn argument<T: AbiType>(input: &mut Decoder<'_>) -> T {
    T::decode(input).unwrap_or_else(|_| revert_with(&[]))
}

/// Refuses value sent to a method that is not payable, with the error `NotPayable()`.
pub fn deny_value() {
    if has_value() {
        revert_with(&const { selector("NotPayable()").to_be_bytes() })
    }
}

/// The input of a call: selector and arguments, whose heads take `head` bytes.
pub fn encode_call(selector: u32, head: usize, fill: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, &selector.to_be_bytes());
    Encoder::frame(&mut out, head, fill);
    out
}

/// A constructor's arguments, whose heads take `head` bytes.
pub fn encode_arguments(head: usize, fill: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::frame(&mut out, head, fill);
    out
}
