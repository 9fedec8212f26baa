//! A host in memory for the SDK's own tests: storage in hash maps, contracts as native entry
//! points, no gas.
//!
//! It knows just enough of the rules (revert undoes, value moves, static calls do not write) to
//! test the SDK's side of the interface. What contracts really run on is the runtime's host.
#![allow(dead_code, reason = "each test binary uses its part")]

use florin_abi::{ABSENT, Context, NativeHost, Pointer, Slice, status};
use florin_sdk::alloy_primitives::{Address, B256, keccak256};
use florin_sdk::contract::{Contract, Entry};
use florin_sdk::deploy::Deploy;
use florin_sdk::event::Event;
use florin_sdk::native::{NativeEntry, enter, with_host};
use florin_sdk::{U256, call::Call, call::CallError};
use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};

/// A log: emitter, topics, data.
pub type Log = (Address, Vec<[u8; 32]>, Vec<u8>);

#[derive(Clone, Default)]
struct State {
    storage: HashMap<(Address, Vec<u8>), Vec<u8>>,
    balances: HashMap<Address, U256>,
    logs: Vec<Log>,
}

#[derive(Default)]
struct Frame {
    context: Context,
    input: Vec<u8>,
    output: Vec<u8>,
    returned: Vec<u8>,
}

/// All accounts and contracts.
#[derive(Default)]
pub struct World {
    state: State,
    codes: HashMap<Address, NativeEntry>,
    library: HashMap<B256, NativeEntry>,
    frames: Vec<Frame>,
    created: u64,
    /// How often storage was read.
    pub reads: u64,
    pub timestamp: u64,
}

/// How `revert` unwinds.
struct Reverted(Vec<u8>);

pub const ALICE: Address = Address::repeat_byte(0xa1);
pub const BOB: Address = Address::repeat_byte(0xb0);

/// The revert data of `NotPayable()`.
pub fn not_payable() -> [u8; 4] {
    keccak256("NotPayable()")[..4].try_into().unwrap()
}

impl World {
    /// Deploys a contract as ALICE.
    pub fn deploy<C: Contract>(&mut self, deploy: Deploy<C>) -> Result<Address, CallError> {
        self.install::<C>();
        let code = keccak256(C::NAME);
        self.create_from(ALICE, deploy.value, code, &deploy.arguments)
    }

    /// Makes a contract's code known by the keccak-256 of its name.
    pub fn install<C: Contract>(&mut self) {
        self.library.insert(keccak256(C::NAME), C::entry);
    }

    fn create_from(
        &mut self,
        from: Address,
        value: U256,
        code: B256,
        arguments: &[u8],
    ) -> Result<Address, CallError> {
        let Some(entry) = self.library.get(&code).copied() else {
            return Err(CallError::Reverted(Vec::new().into()));
        };
        self.created += 1;
        let address = Address::with_last_byte(self.created as u8);
        self.codes.insert(address, entry);
        self.run(from, address, value, arguments, false, Entry::Deploy).map(|_| address)
    }

    /// Makes a call in the name of an account.
    pub fn call<R: florin_sdk::prelude::AbiType>(
        &mut self,
        from: Address,
        call: Call<R>,
    ) -> Result<R, CallError> {
        let data = self.run(from, call.to, call.value, &call.input, call.is_static, Entry::Call)?;
        call.decode(&data)
    }

    /// Sends raw input.
    pub fn send(
        &mut self,
        from: Address,
        to: Address,
        value: U256,
        input: &[u8],
    ) -> Result<Vec<u8>, CallError> {
        self.run(from, to, value, input, false, Entry::Call)
    }

    /// Runs the `#[migrate]` method.
    pub fn migrate(&mut self, to: Address, input: &[u8]) -> Result<Vec<u8>, CallError> {
        self.run(ALICE, to, U256::ZERO, input, false, Entry::Migrate)
    }

    pub fn give(&mut self, to: Address, amount: U256) {
        *self.state.balances.entry(to).or_default() += amount;
    }

    pub fn balance_of(&self, account: Address) -> U256 {
        self.state.balances.get(&account).copied().unwrap_or_default()
    }

    /// The events of one type so far.
    pub fn events<E: Event>(&self) -> Vec<E> {
        self.state.logs.iter().filter_map(|(_, topics, data)| E::read(topics, data)).collect()
    }

    pub fn logs(&self) -> &[Log] {
        &self.state.logs
    }

    /// The entries in storage, sorted.
    pub fn storage(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut all: Vec<_> = self
            .state
            .storage
            .iter()
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect();
        all.sort();
        all
    }

    /// Stands in a call to a contract without code, for tests that use handles directly.
    pub fn enter_blank(&mut self) {
        self.frames.push(Frame::default());
    }

    /// Writes to the storage of that contract.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.state.storage.insert((Address::ZERO, key.to_vec()), value.to_vec());
    }

    /// Runs code in that call; `Err` is the revert data.
    pub fn catch<R>(&mut self, code: impl FnOnce() -> R) -> Result<R, Vec<u8>> {
        catch_unwind(AssertUnwindSafe(|| with_host(self, code)))
            .map_err(|payload| payload.downcast::<Reverted>().unwrap().0)
    }

    fn run(
        &mut self,
        from: Address,
        to: Address,
        value: U256,
        input: &[u8],
        is_static: bool,
        entry: Entry,
    ) -> Result<Vec<u8>, CallError> {
        let before = self.state.clone();
        let Some(left) = self.balance_of(from).checked_sub(value) else {
            return Err(CallError::Reverted(Vec::new().into()));
        };
        self.state.balances.insert(from, left);
        self.give(to, value);
        let Some(code) = self.codes.get(&to).copied() else { return Ok(Vec::new()) };
        let origin = self.frames.first().map_or(from.into_array(), |frame| frame.context.origin);
        let is_static =
            is_static || self.frames.last().is_some_and(|frame| frame.context.is_static);
        let context = Context {
            address: to.into_array(),
            caller: from.into_array(),
            origin,
            is_static,
            value: value.to_be_bytes(),
            chain_id: 1207,
            block: 7,
            timestamp: self.timestamp,
            gas_price: 3,
        };
        self.frames.push(Frame { context, input: input.to_vec(), ..Frame::default() });
        let length = input.len() as u32;
        let end = catch_unwind(AssertUnwindSafe(|| enter(self, code, entry, length)));
        let frame = self.frames.pop().unwrap();
        let result = match end {
            Ok(0) => Ok(frame.output),
            Ok(_) => Err(frame.output),
            Err(payload) => match payload.downcast::<Reverted>() {
                Ok(reverted) => Err(reverted.0),
                Err(other) => resume_unwind(other),
            },
        };
        result.map_err(|data| {
            self.state = before;
            CallError::Reverted(data.into())
        })
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().unwrap()
    }

    fn here(&mut self) -> Address {
        Address::from(self.frame().context.address)
    }

    /// Ends a nested call as the host functions report it.
    fn report(&mut self, result: Result<Vec<u8>, CallError>) -> u64 {
        let (status, data) = match result {
            Ok(data) => (status::SUCCESS, data),
            Err(CallError::Reverted(data)) => (status::REVERTED, data.0),
            Err(_) => (status::HALTED, Vec::new()),
        };
        let packed = u64::from(status) << 32 | data.len() as u64;
        self.frame().returned = data;
        packed
    }

    fn writes(&mut self) {
        assert!(!self.frame().context.is_static, "a static call writes");
    }
}

fn bytes(slice: Slice) -> Vec<u8> {
    // SAFETY: the SDK passes live references.
    unsafe { std::slice::from_raw_parts(slice.pointer as *const u8, slice.length as usize) }
        .to_vec()
}

fn fixed<const N: usize>(pointer: Pointer) -> [u8; N] {
    // SAFETY: the SDK passes live references.
    unsafe { *(pointer.0 as *const [u8; N]) }
}

fn fill(out: Slice, data: &[u8]) -> u32 {
    let count = data.len().min(out.length as usize);
    // SAFETY: the SDK passes live references.
    unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), out.pointer as *mut u8, count) };
    count as u32
}

fn put<const N: usize>(out: Pointer, data: [u8; N]) {
    // SAFETY: the SDK passes live references.
    unsafe { *(out.0 as *mut [u8; N]) = data };
}

impl NativeHost for World {
    fn input(&mut self, offset: u32, out: Slice) -> u32 {
        let input = &self.frame().input;
        fill(out, &input[offset as usize..])
    }
    fn output(&mut self, data: Slice) {
        self.frame().output = bytes(data);
    }
    fn returned(&mut self, offset: u32, out: Slice) -> u32 {
        let returned = &self.frame().returned;
        fill(out, &returned[offset as usize..])
    }
    fn context(&mut self, out: Slice) {
        let context = self.frame().context.to_bytes();
        fill(out, &context);
    }
    fn gas_left(&mut self) -> u64 {
        1_000_000
    }
    fn storage_get(&mut self, key: Slice, out: Slice) -> u32 {
        self.reads += 1;
        let place = (self.here(), bytes(key));
        match self.state.storage.get(&place) {
            Some(value) => {
                fill(out, value);
                value.len() as u32
            }
            None => ABSENT,
        }
    }
    fn storage_set(&mut self, key: Slice, value: Slice) {
        self.writes();
        let place = (self.here(), bytes(key));
        self.state.storage.insert(place, bytes(value));
    }
    fn storage_remove(&mut self, key: Slice) {
        self.writes();
        let place = (self.here(), bytes(key));
        self.state.storage.remove(&place);
    }
    fn balance(&mut self, account: Pointer, out: Pointer) {
        let balance = self.balance_of(fixed::<20>(account).into());
        put(out, balance.to_be_bytes());
    }
    fn transfer(&mut self, to: Pointer, value: Pointer) -> u64 {
        self.writes();
        let (from, value) = (self.here(), U256::from_be_bytes(fixed(value)));
        let result = self.run(from, fixed::<20>(to).into(), value, &[], false, Entry::Call);
        self.report(result)
    }
    fn call(&mut self, to: Pointer, value: Pointer, input: Slice, _gas: u64) -> u64 {
        let (from, value) = (self.here(), U256::from_be_bytes(fixed(value)));
        let result =
            self.run(from, fixed::<20>(to).into(), value, &bytes(input), false, Entry::Call);
        self.report(result)
    }
    fn static_call(&mut self, to: Pointer, input: Slice, _gas: u64) -> u64 {
        let from = self.here();
        let result =
            self.run(from, fixed::<20>(to).into(), U256::ZERO, &bytes(input), true, Entry::Call);
        self.report(result)
    }
    fn create(&mut self, value: Pointer, code: Slice, _salt: Slice, out: Pointer) -> u64 {
        let (from, value) = (self.here(), U256::from_be_bytes(fixed(value)));
        let data = bytes(code);
        let Some(florin_abi::deploy::Deployment::Hash { hash, arguments }) =
            florin_abi::deploy::parse(&data)
        else {
            return self.report(Err(CallError::Reverted(Vec::new().into())));
        };
        let result = self.create_from(from, value, B256::from(*hash), arguments);
        if let Ok(address) = result {
            put(out, address.into_array());
        }
        self.report(result.map(|_| Vec::new()))
    }
    fn log(&mut self, topics: Slice, data: Slice) {
        self.writes();
        let topics =
            bytes(topics).chunks_exact(32).map(|topic| topic.try_into().unwrap()).collect();
        let log = (self.here(), topics, bytes(data));
        self.state.logs.push(log);
    }
    fn debug(&mut self, _message: Slice) {}
    fn keccak256(&mut self, data: Slice, out: Pointer) {
        put(out, keccak256(bytes(data)).0);
    }
    fn sha256(&mut self, _data: Slice, _out: Pointer) {
        panic!("this host does not have it")
    }
    fn ripemd160(&mut self, _data: Slice, _out: Pointer) {
        panic!("this host does not have it")
    }
    fn secp256k1_recover(
        &mut self,
        hash: Pointer,
        signature: Pointer,
        recovery: u32,
        out: Pointer,
    ) -> u32 {
        use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
        let recover = || {
            let signature = Signature::from_slice(&fixed::<64>(signature)).ok()?;
            let recovery = RecoveryId::from_byte(recovery as u8)?;
            VerifyingKey::recover_from_prehash(&fixed::<32>(hash), &signature, recovery).ok()
        };
        match recover() {
            Some(key) => {
                let point = key.to_sec1_point(false);
                put::<64>(out, point.as_bytes()[1..].try_into().unwrap());
                1
            }
            None => 0,
        }
    }
    fn secp256k1_verify(&mut self, _hash: Pointer, _signature: Pointer, _key: Slice) -> u32 {
        panic!("this host does not have it")
    }
    fn bip340_verify(&mut self, _message: Slice, _signature: Pointer, _key: Pointer) -> u32 {
        panic!("this host does not have it")
    }
    fn p256_verify(&mut self, _hash: Pointer, _signature: Pointer, _key: Pointer) -> u32 {
        panic!("this host does not have it")
    }
    fn ed25519_verify(&mut self, _message: Slice, _signature: Pointer, _key: Pointer) -> u32 {
        panic!("this host does not have it")
    }
    fn revert(&mut self, data: Slice) -> Infallible {
        panic_any(Reverted(bytes(data)))
    }
    fn upgrade(&mut self, code: Slice) {
        let data = bytes(code);
        let Some(florin_abi::deploy::Deployment::Hash { hash, arguments }) =
            florin_abi::deploy::parse(&data)
        else {
            panic_any(Reverted(Vec::new()))
        };
        let here = self.here();
        let Some(entry) = self.library.get(&B256::from(*hash)).copied() else {
            panic_any(Reverted(Vec::new()))
        };
        self.codes.insert(here, entry);
        self.run(here, here, U256::ZERO, arguments, false, Entry::Migrate).unwrap();
    }
}
