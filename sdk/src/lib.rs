//! Write payment contracts for Florin in Rust.
//!
//! A contract is a library crate: a struct of storage handles, and an `impl` with its methods. This
//! one is complete:
//!
//! ```
//! use florin_sdk::prelude::*;
//!
//! /// What the contract stores, and the events it emits.
//! #[contract(events(Saved))]
//! pub struct Piggy {
//!     owner: Item<Address>,
//!     saved: Map<Address, U256>,
//! }
//!
//! /// `event Saved(address indexed who, uint256 amount)`
//! #[derive(Event)]
//! pub struct Saved {
//!     #[indexed]
//!     pub who: Address,
//!     pub amount: U256,
//! }
//!
//! /// Each variant is a Solidity custom error.
//! #[derive(Error)]
//! pub enum PiggyError {
//!     NothingSaved { who: Address },
//!     #[error(transparent)]
//!     Call(CallError),
//! }
//!
//! #[contract]
//! impl Piggy {
//!     #[constructor]
//!     pub fn new(&mut self, owner: Address) {
//!         self.owner.save(&owner);
//!     }
//!
//!     #[payable]
//!     pub fn save(&mut self) {
//!         self.saved.update(&caller(), |saved| *saved += value());
//!         emit(Saved { who: caller(), amount: value() });
//!     }
//!
//!     pub fn withdraw(&mut self) -> Result<U256, PiggyError> {
//!         let amount = self.saved.get(&caller());
//!         ensure!(!amount.is_zero(), PiggyError::NothingSaved { who: caller() });
//!         self.saved.remove(&caller());
//!         send_value(caller(), amount)?;
//!         Ok(amount)
//!     }
//!
//!     pub fn saved(&self, who: Address) -> U256 {
//!         self.saved.get(&who)
//!     }
//! }
//! ```
//!
//! Its `Cargo.toml` names this crate and nothing else, and `#![no_std]` stands at the top of its
//! `lib.rs`; `florin new` writes both. `florin build` makes the WebAssembly module and its ABI,
//! `florin deploy` puts it on a ledger, and any Ethereum wallet or library can call it: accounts,
//! ABI, events and errors are Ethereum's.
//!
//! # Methods
//!
//! Every `pub fn` with a receiver in the `#[contract] impl` is exported, by its name in camelCase.
//! What it may do, its signature says:
//!
//! | in Rust | in Solidity |
//! | --- | --- |
//! | `fn f(&self)` | `view`: the storage cannot be written, by the type of the handles |
//! | `fn f(&mut self)` | `nonpayable`: a call that brings native value is refused with `NotPayable()` |
//! | `#[payable] fn f(&mut self)` | `payable`: [`value()`](env::value) is what came along |
//!
//! Other attributes on a method: `#[constructor]` (run once, at creation), `#[receive]` (a plain
//! transfer to the contract), `#[fallback]` (input that no method has: `fn fallback(&mut self,
//! input: Bytes) -> Bytes`), `#[migrate(from = "0x...")]` (run once by new code after an upgrade,
//! see [below](#upgrades)), `#[selector(name = "...")]` (another Solidity name; the way to overload
//! one), and `#[reentrant]` (this method, or `#[receive]`, may be entered while the contract is on
//! the call stack; by default nothing may, which makes reentrancy attacks impossible). What is not
//! `pub` is not exported.
//!
//! A method returns a value, a tuple of values, nothing, or a `Result` of one of these with an
//! error type of yours. `Err` undoes the call and gives the caller the error. [`ensure!`] returns
//! one unless a condition holds. A Rust panic undoes the call, too, as Solidity's `Panic(uint256)`;
//! panics are for bugs, errors for what users do.
//!
//! # Types
//!
//! Arguments and results cross the ABI by value; [`AbiType`](trait@abi::AbiType) lists the types.
//! Amounts are [`U256`], whose operators end the call rather than wrap. A struct of yours crosses
//! the ABI as a Solidity tuple, and a fieldless enum as `uint8`, with `#[derive(AbiType)]`; either
//! can be stored with `#[derive(StorageValue)]`.
//!
//! ```
//! # use florin_sdk::prelude::*;
//! #[derive(AbiType, StorageValue)]
//! pub struct Order {
//!     pub buyer: Address,
//!     pub amount: U256,
//!     pub stage: Stage,
//! }
//!
//! #[derive(AbiType, StorageValue, PartialEq)]
//! pub enum Stage {
//!     Open,
//!     Paid,
//! }
//! # #[contract] pub struct Shop { orders: List<Order> }
//! # #[contract] impl Shop {
//! #     pub fn order(&self, index: u32) -> Order { self.orders.get(index) }
//! # }
//! ```
//!
//! # Storage
//!
//! A handle holds no data. It reads and writes storage when told to: one host call, one value,
//! whatever its size up to 64 KiB. Values of a type are small and whole; there are no 32-byte
//! slots.
//!
//! | handle | is for | verbs |
//! | --- | --- | --- |
//! | [`Item<T>`](storage::Item) | one value | `load` (an `Option`), `get` (or the default), `save`, `update`, `remove`, `is_saved` |
//! | [`Map<K, V>`](storage::Map) | values by key | the same with a key, and `has` |
//! | [`List<T>`](storage::List) | values in order | `push`, `pop`, `get`, `load`, `save`, `swap_remove`, `len`, `page` |
//! | [`Set<T>`](storage::Set) | values once each, enumerable | `add`, `remove`, `has`, `len`, `page` |
//!
//! ```
//! # use florin_sdk::prelude::*;
//! # #[contract] struct Token { supply: Item<U256>, allowances: Map<(Address, Address), U256> }
//! # #[contract] impl Token {
//! #     pub fn example(&mut self, owner: Address, spender: Address, amount: U256) {
//! // A key of several parts is a tuple.
//! let allowance = self.allowances.get(&(owner, spender));
//! self.allowances.save(&(owner, spender), &(allowance - amount));
//! // `update` loads, changes, saves.
//! self.supply.update(|supply| *supply += amount);
//! #     }
//! # }
//! ```
//!
//! The order of the fields is their place in storage.
//!
//! # Upgrades
//!
//! [`deploy::upgrade`] replaces a contract's code. The ledger refuses code that would misread what is stored: a later
//! version keeps the fields that there are and appends new ones at the end. One that must do
//! otherwise brings a method that puts the storage right, and says for which layout it was written:
//!
//! ```
//! # use florin_sdk::prelude::*;
//! # #[contract] pub struct Piggy { cents: Map<Address, U256>, total: Item<U256> }
//! # #[contract] impl Piggy {
//! /// The first version counted in whole units.
//! #[migrate(from = "0x9f0f957be7d724228e9723ab5b8408d930138526f2211167f154061049138ce0")]
//! fn migrate(&mut self, unit: U256) {
//!     self.total.update(|total| *total *= unit);
//! }
//! # }
//! ```
//!
//! The hash is that of the former version's layout: `layoutHash` in its artefact, and what the
//! ledger names when it refuses the upgrade. The migration runs when code with that layout is
//! replaced, in the same transaction, with the arguments that follow the new code; if it fails, so
//! does the upgrade. Code with a migration replaces, besides, code of its own layout, and then
//! nothing runs; anything else is refused. So a migration never runs twice, and one that is left in
//! a later version by oversight does no harm.
//!
//! # Composition
//!
//! An `#[interface]` is a trait whose methods are exported by every contract that lists it, default
//! methods included. Its state is a `#[storage]` group that the contract embeds as a field and the
//! trait reaches through [`Has`](contract::Has). An override is an ordinary method of the `impl`.
//!
//! ```
//! use florin_sdk::prelude::*;
//!
//! #[storage]
//! pub struct OwnedState {
//!     owner: Item<Address>,
//! }
//!
//! impl OwnedState {
//!     pub fn init(&mut self, owner: Address) {
//!         self.owner.save(&owner);
//!     }
//!
//!     pub fn only_owner(&self) -> Result<(), OwnedError> {
//!         ensure!(self.owner.get() == caller(), OwnedError::Unauthorized { account: caller() });
//!         Ok(())
//!     }
//! }
//!
//! #[derive(Error)]
//! pub enum OwnedError {
//!     Unauthorized { account: Address },
//! }
//!
//! #[derive(Event)]
//! pub struct OwnershipTransferred {
//!     #[indexed]
//!     pub new_owner: Address,
//! }
//!
//! #[interface(events(OwnershipTransferred))]
//! pub trait Owned: Has<OwnedState> {
//!     fn owner(&self) -> Address {
//!         self.state().owner.get()
//!     }
//!
//!     fn transfer_ownership(&mut self, new_owner: Address) -> Result<(), OwnedError> {
//!         self.state().only_owner()?;
//!         self.state_mut().init(new_owner);
//!         emit(OwnershipTransferred { new_owner });
//!         Ok(())
//!     }
//!
//!     /// A hook that contracts override; it is not exported.
//!     #[internal]
//!     fn before_transfer(&mut self) {}
//! }
//!
//! #[contract(Owned)]
//! pub struct Vault {
//!     owned: OwnedState,
//! }
//!
//! #[contract]
//! impl Vault {
//!     #[constructor]
//!     pub fn new(&mut self) {
//!         self.owned.init(caller());
//!     }
//!
//!     // `#[error(transparent)]` in an enum of your own wraps an error type, and `?` converts.
//!     pub fn lock(&mut self) -> Result<(), OwnedError> {
//!         self.owned.only_owner()
//!     }
//! }
//!
//! impl Owned for Vault {}
//! ```
//!
//! An interface from another module comes with its client, which `#[contract(Owned)]` looks for
//! beside it: write `use owned::{Owned, OwnedClient}`, or `#[contract(owned::Owned)]`. An interface
//! with two groups of state says which it means: `let state: &OwnedState = self.state();`.
//!
//! Errors are listed in the ABI because methods return them; events because the contract or an
//! interface lists them. An interface that is implemented and not listed does not compile; a test
//! fails when an event is emitted that is not listed.
//!
//! # Calling other contracts
//!
//! `#[interface] trait Owned` also makes `OwnedClient`, and `#[contract] impl Piggy` makes
//! `PiggyClient`, which has the methods of its interfaces, too. A method of a client returns a
//! [`Call`](call::Call); nothing happens until it is made.
//!
//! ```
//! # use florin_sdk::prelude::*;
//! #[interface]
//! pub trait Erc20 {
//!     fn balance_of(&self, account: Address) -> U256;
//!     fn transfer(&mut self, to: Address, value: U256) -> bool;
//! }
//!
//! fn sweep(token: Address, to: Address) -> Result<(), CallError> {
//!     let token = Erc20Client::at(token);
//!     // If this call reverts, so do we, with the same reason.
//!     let balance = token.balance_of(contract_address()).call();
//!     // Here we look at the result ourselves. Gas and value can be set: `.gas(50_000).value(amount)`.
//!     token.transfer(to, balance).try_call()?;
//!     Ok(())
//! }
//! ```
//!
//! A client is also the address it calls: it converts to [`Address`](alloy_primitives::Address),
//! and derefs to it. A contract may depend on another contract's crate for its client; nothing else
//! of that crate gets into the module.
//!
//! [`send_value`](env::send_value) sends native value; `Piggy::deploy(owner).create(code_hash)` creates a contract from
//! code that is on the ledger ([`deploy`]); [`deploy::upgrade`] replaces the contract's own code.
//!
//! # The surroundings
//!
//! [`mod@env`] has what a contract may know: [`caller`](env::caller), [`value`](env::value), [`timestamp`](env::timestamp),
//! [`chain_id`](env::chain_id), [`balance`](env::balance) and so on. [`crypto`] has hashes and signatures. Messages that
//! wallets show and sign are structs with `#[derive(Eip712)]`:
//!
//! ```
//! # use florin_sdk::prelude::*;
//! #[derive(Eip712)]
//! struct Permit {
//!     owner: Address,
//!     spender: Address,
//!     value: U256,
//!     nonce: U256,
//!     deadline: U256,
//! }
//!
//! fn is_signed(permit: &Permit, v: u8, r: B256, s: B256) -> bool {
//!     let domain = Domain { name: "Points", version: "1" };
//!     domain.recover(permit, v, r, s) == Some(permit.owner)
//! }
//! ```
//!
//! # Tests
//!
//! With the feature `testing` in `[dev-dependencies]`, the module `testing` runs the contract's
//! real WebAssembly on the production host: signed transactions, gas, blocks. `cargo test` builds
//! the contract by itself.
//!
//! ```ignore
//! use florin_sdk::{prelude::*, testing::Chain};
//! use piggy::{Piggy, PiggyClient, PiggyError};
//!
//! #[test]
//! fn savings_come_back() {
//!     let mut chain = Chain::new();
//!     let [alice, bob] = chain.accounts(["alice", "bob"]);
//!     let piggy: PiggyClient = chain.deploy(&alice, Piggy::deploy(&alice));
//!     chain.send(&bob, piggy.save().value(5)).succeeds();
//!     assert_eq!(chain.view(piggy.saved(&bob)), U256::from(5));
//!     chain.advance(24 * 60 * 60);
//!     chain.send(&bob, piggy.withdraw()).succeeds();
//!     chain.send(&bob, piggy.withdraw()).reverts_with(PiggyError::NothingSaved { who: bob.address() });
//! }
//! ```
//!
//! # What a contract should not do
//!
//! - Trust [`origin`](env::origin) with rights: a contract that its owner calls could act in the owner's name.
//! - Send value before its own books are right. Reentrancy is refused by default; `#[reentrant]` takes that away.
//! - Loop over what others can lengthen. Page through it: `list.page(start, limit)`.
//! - Format text, with `format!` or `{}`: it works, and makes the module several times larger.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;
extern crate self as florin_sdk;

pub mod abi;
pub mod call;
pub mod contract;
pub mod crypto;
pub mod deploy;
pub mod eip712;
pub mod env;
pub mod error;
pub mod event;
mod grow;
#[cfg(target_arch = "wasm32")]
mod heap;
mod host;
mod listing;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
pub mod panic;
pub mod storage;
#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub mod testing;
mod u256;

pub use alloy_primitives;
pub use u256::{TooLarge, U256};

/// Everything a contract needs: `use florin_sdk::prelude::*;`
pub mod prelude {
    pub use crate::abi::{AbiType, Bytes};
    pub use crate::call::{Call, CallError};
    pub use crate::contract::{Contract, Has};
    pub use crate::crypto::{
        is_valid_signature, keccak256, recover, recover_bytes, ripemd160, sha256,
    };
    pub use crate::eip712::{Domain, Eip712};
    pub use crate::ensure;
    pub use crate::env::{
        balance, block_number, caller, chain_id, contract_address, emit, gas_left, origin, revert,
        send_value, timestamp, value,
    };
    pub use crate::error::Error;
    pub use crate::event::Event;
    pub use crate::storage::{Item, List, Map, Set, StorageValue};
    pub use crate::u256::U256;
    pub use alloc::string::String;
    pub use alloc::vec;
    pub use alloc::vec::Vec;
    pub use alloy_primitives::{Address, B256, FixedBytes};
    pub use florin_macros::{
        AbiType, Eip712, Error, Event, StorageValue, contract, interface, storage,
    };
}

#[doc(inline)]
pub use florin_macros::{
    AbiType, Eip712, Error, Event, StorageValue, contract, interface, storage,
};

/// What the macros' output names. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::__text as text;
    pub use crate::__word_type as word_type;
    pub use crate::abi::{AbiType, Bytes, Decoder, Encoder, Malformed, Word, as_str, decode};
    pub use crate::call::{Call, Located};
    pub use crate::contract::*;
    pub use crate::deploy::Deploy;
    pub use crate::eip712::Eip712;
    pub use crate::error::{Error, ErrorList};
    pub use crate::event::{Event, Indexed};
    pub use crate::listing::*;
    pub use crate::storage::{
        Field, Layout, Place, Storage, StorageValue, add_sizes, layout_length, layout_text,
    };
    pub use crate::u256::U256;
    pub use alloc::vec::Vec;
    pub use alloy_primitives::Address;
}
