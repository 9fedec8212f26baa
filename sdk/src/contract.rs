//! The shape of a contract as `#[contract]` and `#[interface]` describe it, and the way a call takes through it.

use crate::abi::{AbiType, Decoder, Encoder, put, same};
use crate::env::{revert_with, value};
use crate::error::{Error, ErrorList};
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

/// What `#[contract(Owned)]` makes of an interface in its list, told by its client. Every interface asks for it, so that
/// none is implemented and then not exported.
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
    /// The keccak-256 of the storage layout that `#[migrate]` begins with: the section `florin.migrates`.
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

    /// Enters the contract with an input of `length` bytes; returns 0 for success and anything else for a revert.
    fn entry(entry: Entry, length: u32) -> u32 {
        let mut input = alloc::vec![0; length as usize];
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

/// Refuses a migration from the contract's own layout, which would run at each upgrade anew.
pub const fn check_migration<C: Contract>() {
    let Some(from) = C::MIGRATES_FROM else { return };
    let own = topic(C::LAYOUT_TEXT);
    let mut i = 0;
    while i < own.len() {
        if own[i] != from[i] {
            return;
        }
        i += 1;
    }
    panic!(
        "#[migrate] names the layout of the contract itself, so it would run again at the next upgrade: name that of the \
         former version; to change values and not the layout, append a field or rename one"
    )
}

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

/// Access to a storage group of the contract, by type: how a library's interface reaches the state that the contract
/// embeds. `#[contract]` implements it for each field that is a `#[storage]` struct.
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

/// What a method may return: a value (or a tuple of values, or nothing), or a `Result` of one with a contract error.
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

/// Hands a method's result to the host; returns what the entry point returns. One copy per type, shared by all methods.
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

/// Decodes an argument; malformed input reverts with empty data, as Solidity does. One copy per type, shared by all
/// methods.
#[inline(never)]
pub fn argument<T: AbiType>(input: &mut Decoder<'_>) -> T {
    T::decode(input).unwrap_or_else(|_| revert_with(&[]))
}

/// Refuses value sent to a method that is not payable, with the error `NotPayable()`.
pub fn deny_value() {
    if !value().is_zero() {
        revert_with(&const { selector("NotPayable()").to_be_bytes() })
    }
}

/// The input of a call: selector and arguments, whose heads take `head` bytes.
pub fn encode_call(selector: u32, head: usize, fill: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + head);
    out.extend_from_slice(&selector.to_be_bytes());
    Encoder::frame(&mut out, head, fill);
    out
}

/// A constructor's arguments, whose heads take `head` bytes.
pub fn encode_arguments(head: usize, fill: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::frame(&mut out, head, fill);
    out
}

/// Everything an ABI lists.
pub struct Abi {
    /// Constructor, receive, fallback.
    pub special: &'static [&'static str],
    /// Methods, by where they come from.
    pub methods: &'static [&'static [Method]],
    /// Methods of the interfaces.
    pub interfaces: &'static [&'static [Method]],
    /// Events, by where they come from.
    pub events: &'static [&'static [&'static str]],
    /// Errors of what has no selector: the constructor, the migration and the like.
    pub errors: &'static [&'static ErrorList],
}

/// Most entries in one ABI.
const ENTRIES: usize = 512;

/// Entries of an ABI, each once.
struct Entries {
    list: [&'static str; ENTRIES],
    count: usize,
}

impl Entries {
    const fn push(&mut self, entry: &'static str) {
        let mut i = 0;
        while i < self.count {
            if same(self.list[i], entry) {
                return;
            }
            i += 1;
        }
        assert!(self.count < ENTRIES, "the contract's ABI has more than 512 entries");
        self.list[self.count] = entry;
        self.count += 1;
    }

    const fn push_errors(&mut self, errors: &ErrorList) {
        let mut i = 0;
        while i < errors.own.len() {
            self.push(errors.own[i]);
            i += 1;
        }
        i = 0;
        while i < errors.nested.len() {
            self.push_errors(errors.nested[i]);
            i += 1;
        }
    }

    const fn push_methods(&mut self, groups: &[&[Method]]) {
        let mut i = 0;
        while i < groups.len() {
            let mut j = 0;
            while j < groups[i].len() {
                self.push(groups[i][j].json);
                j += 1;
            }
            i += 1;
        }
    }

    const fn push_method_errors(&mut self, groups: &[&[Method]]) {
        let mut i = 0;
        while i < groups.len() {
            let mut j = 0;
            while j < groups[i].len() {
                self.push_errors(groups[i][j].errors);
                j += 1;
            }
            i += 1;
        }
    }
}

impl Abi {
    const fn entries(&self) -> Entries {
        let mut all = Entries { list: [""; ENTRIES], count: 0 };
        let mut i = 0;
        while i < self.special.len() {
            all.push(self.special[i]);
            i += 1;
        }
        all.push_methods(self.methods);
        all.push_methods(self.interfaces);
        i = 0;
        while i < self.events.len() {
            let mut j = 0;
            while j < self.events[i].len() {
                all.push(self.events[i][j]);
                j += 1;
            }
            i += 1;
        }
        i = 0;
        while i < self.errors.len() {
            all.push_errors(self.errors[i]);
            i += 1;
        }
        all.push_method_errors(self.methods);
        all.push_method_errors(self.interfaces);
        all.push(r#"{"type":"error","name":"NotPayable","inputs":[]}"#);
        all.push(
            r#"{"type":"error","name":"CallFailed","inputs":[{"name":"callee","type":"address"}]}"#,
        );
        all
    }

    /// Length of the JSON.
    pub const fn length(&self) -> usize {
        let entries = self.entries();
        let mut total = 1;
        let mut i = 0;
        while i < entries.count {
            total += 1 + entries.list[i].len();
            i += 1;
        }
        total
    }

    /// The JSON, whose [`length`](Self::length) is `N`.
    pub const fn json<const N: usize>(&self) -> [u8; N] {
        let entries = self.entries();
        let mut out = [0; N];
        let mut at = 0;
        let mut i = 0;
        while i < entries.count {
            at = put(&mut out, at, if i == 0 { b"[" } else { b"," });
            at = put(&mut out, at, entries.list[i].as_bytes());
            i += 1;
        }
        put(&mut out, at, b"]");
        out
    }
}

/// How many reentrant methods there are; `receive` says whether `#[receive]` is one.
pub const fn count_reentrant(receive: bool, own: &[Method], interfaces: &[&[Method]]) -> usize {
    let mut count = receive as usize;
    let mut i = 0;
    while let Some(method) = nth(own, interfaces, i) {
        count += method.reentrant as usize;
        i += 1;
    }
    count
}

/// The selectors of the reentrant methods; `N` is four times their [count](count_reentrant). `#[receive]` has none: four
/// zeros stand for it.
pub const fn reentrant<const N: usize>(
    receive: bool,
    own: &[Method],
    interfaces: &[&[Method]],
) -> [u8; N] {
    let mut out = [0; N];
    let mut at = if receive { 4 } else { 0 };
    let mut i = 0;
    while let Some(method) = nth(own, interfaces, i) {
        assert!(!receive || method.selector != 0, "rename the method whose selector is 0x00000000");
        if method.reentrant {
            at = put(&mut out, at, &method.selector.to_be_bytes());
        }
        i += 1;
    }
    out
}

/// The `n`th of all methods.
const fn nth<'a>(own: &'a [Method], interfaces: &'a [&[Method]], n: usize) -> Option<&'a Method> {
    if n < own.len() {
        return Some(&own[n]);
    }
    let mut left = n - own.len();
    let mut i = 0;
    while i < interfaces.len() {
        if left < interfaces[i].len() {
            return Some(&interfaces[i][left]);
        }
        left -= interfaces[i].len();
        i += 1;
    }
    None
}

/// Two methods with one selector, if there are such.
pub const fn collision(
    own: &'static [Method],
    interfaces: &'static [&'static [Method]],
) -> Option<(Method, Method)> {
    let mut i = 0;
    while let Some(a) = nth(own, interfaces, i) {
        let mut j = 0;
        while j < i {
            if let Some(b) = nth(own, interfaces, j)
                && a.selector == b.selector
            {
                return Some((*b, *a));
            }
            j += 1;
        }
        i += 1;
    }
    None
}
