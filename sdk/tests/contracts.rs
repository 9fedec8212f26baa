//! Contracts as an author writes them, run natively: dispatch, value, errors, events, interfaces,
//! clients, creation. This promises that what the documentation says of the macros is so.

#![allow(missing_docs, reason = "tests are not documentation")]

mod world;

use florin_sdk::abi;
use florin_sdk::contract::selector;
use florin_sdk::deploy::upgrade_to;
use florin_sdk::prelude::*;
use world::{ALICE, BOB, World};

#[storage]
pub struct OwnedState {
    owner: Item<Address>,
}

impl OwnedState {
    fn only_owner(&self) -> Result<(), OwnedError> {
        ensure!(self.owner.get() == caller(), OwnedError::Unauthorized { account: caller() });
        Ok(())
    }
}

#[derive(Event, Debug, PartialEq)]
pub struct OwnershipTransferred {
    #[indexed]
    pub previous_owner: Address,
    #[indexed]
    pub new_owner: Address,
}

#[derive(Error, Debug, PartialEq)]
pub enum OwnedError {
    Unauthorized { account: Address },
}

#[interface(events(OwnershipTransferred))]
pub trait Owned: Has<OwnedState> {
    fn owner(&self) -> Address {
        self.state().owner.get()
    }

    fn transfer_ownership(&mut self, new_owner: Address) -> Result<(), OwnedError> {
        self.state().only_owner()?;
        self.check_owner(new_owner);
        let previous_owner = self.owner();
        self.state_mut().owner.save(&new_owner);
        emit(OwnershipTransferred { previous_owner, new_owner });
        Ok(())
    }

    #[internal]
    fn check_owner(&self, _new_owner: Address) {}
}

#[interface]
pub trait Greeter {
    fn greet(&self, name: String) -> String;

    #[selector(name = "greet")]
    fn greet_twice(&self, name: String, times: u8) -> Vec<String> {
        vec![self.greet(name); times as usize]
    }
}

#[derive(AbiType, StorageValue, Clone, Debug, PartialEq)]
pub struct Order {
    pub buyer: Address,
    pub items: Vec<Line>,
    pub note: String,
    pub stage: Stage,
}

#[derive(AbiType, StorageValue, Clone, Debug, PartialEq)]
pub struct Line {
    pub product: u32,
    pub price: U256,
}

#[derive(AbiType, StorageValue, Clone, Copy, Debug, PartialEq, Default)]
pub enum Stage {
    #[default]
    Open,
    Paid,
}

#[derive(Event, Debug, PartialEq)]
pub struct Saved {
    #[indexed]
    pub who: Address,
    pub amount: U256,
    pub order: Order,
}

#[derive(Error, Debug, PartialEq)]
pub enum PiggyError {
    NothingSaved {
        who: Address,
    },
    TooEarly,
    Bad(u8, String),
    #[error(transparent)]
    Owned(OwnedError),
    #[error(transparent)]
    Call(CallError),
}

/// A piggy bank.
#[contract(Owned, Greeter, events(Saved))]
pub struct Piggy {
    owned: OwnedState,
    saved: Map<Address, U256>,
    orders: List<Order>,
    received: Item<u64>,
}

#[contract]
impl Piggy {
    #[constructor]
    #[payable]
    pub fn new(&mut self, owner: Address, greeting: String) -> Result<(), PiggyError> {
        ensure!(!greeting.is_empty(), PiggyError::Bad(1, "greeting".into()));
        self.owned.owner.save(&owner);
        Ok(())
    }

    #[payable]
    pub fn save(&mut self, order: Order) {
        self.saved.update(&caller(), |saved| *saved += value());
        self.orders.push(&order);
        emit(Saved { who: caller(), amount: value(), order });
    }

    pub fn withdraw(&mut self) -> Result<U256, PiggyError> {
        let amount = self.saved.get(&caller());
        ensure!(!amount.is_zero(), PiggyError::NothingSaved { who: caller() });
        self.saved.remove(&caller());
        send_value(caller(), amount)?;
        Ok(amount)
    }

    /// How much somebody saved.
    pub fn saved(&self, who: Address) -> U256 {
        self.saved.get(&who)
    }

    pub fn order(&self, index: u32) -> Order {
        self.orders.get(index)
    }

    pub fn pair(&self) -> (u8, String) {
        (7, "seven".into())
    }

    pub fn count(&self) -> u64 {
        self.received.get()
    }

    #[reentrant]
    pub fn overflow(&self, by: u64) -> u64 {
        u64::MAX - 1 + by
    }

    pub fn divide(&self, by: U256) -> U256 {
        U256::ONE / by
    }

    pub fn item(&self, index: u32) -> u8 {
        [1, 2, 3][index as usize]
    }

    pub fn restricted(&mut self) -> Result<(), PiggyError> {
        self.owned.only_owner()?;
        Err(PiggyError::TooEarly)
    }

    pub fn take_over(&mut self, other: Address) -> Result<(), PiggyError> {
        PiggyClient::at(other).transfer_ownership(contract_address()).try_call()?;
        Ok(())
    }

    pub fn ask(&self, other: Address) -> (Address, String) {
        let other = PiggyClient::at(other);
        (other.owner().call(), other.greet("you").call())
    }

    pub fn spawn(&mut self, code: B256) -> Result<Address, CallError> {
        Piggy::deploy(caller(), "hello").create(code)
    }

    pub fn become_other(&mut self, code: B256) {
        upgrade_to(code, &abi::encode(&(42u64,)));
    }

    #[receive]
    #[reentrant]
    fn receive(&mut self) {
        self.received.update(|count| *count += 1);
    }

    #[fallback]
    #[payable]
    fn fallback(&mut self, input: Bytes) -> Result<Bytes, PiggyError> {
        ensure!(input.len() != 3, PiggyError::TooEarly);
        Ok(Bytes([&b"echo "[..], &input].concat()))
    }
}

impl Owned for Piggy {}

impl Greeter for Piggy {
    fn greet(&self, name: String) -> String {
        ["hello ", &name].concat()
    }
}

/// What a piggy bank can be upgraded to.
#[contract]
pub struct Jar {
    owned: OwnedState,
    lids: Item<u64>,
}

#[derive(Error, Debug, PartialEq)]
pub enum JarError {
    NoLids,
}

#[contract]
impl Jar {
    pub fn lids(&self) -> u64 {
        self.lids.get()
    }

    #[migrate(from = "0x00000000000000000000000000000000000000000000000000000000000000Ff")]
    fn migrate(&mut self, lids: u64) -> Result<(), JarError> {
        ensure!(lids > 0, JarError::NoLids);
        self.lids.save(&lids);
        Ok(())
    }
}

fn setup() -> (World, PiggyClient) {
    let mut world = World::default();
    world.give(ALICE, 1000.into());
    world.give(BOB, 1000.into());
    let piggy = world.deploy(Piggy::deploy(ALICE, "hi").value(5)).unwrap();
    (world, PiggyClient::at(piggy))
}

fn order() -> Order {
    Order {
        buyer: BOB,
        items: vec![Line { product: 1, price: 10.into() }, Line { product: 2, price: U256::MAX }],
        note: "with care".into(),
        stage: Stage::Paid,
    }
}

fn panic_code<R: std::fmt::Debug>(result: Result<R, CallError>) -> u8 {
    match result.unwrap_err() {
        CallError::Reverted(data) => {
            assert_eq!(data[..4], [0x4e, 0x48, 0x7b, 0x71], "{data:?}");
            assert_eq!(data.len(), 36);
            data[35]
        }
        other => panic!("{other:?}"),
    }
}

fn reason<R: std::fmt::Debug>(result: Result<R, CallError>) -> PiggyError {
    let error = result.unwrap_err();
    error.as_error().unwrap_or_else(|| panic!("{error:?}"))
}

#[test]
fn a_contract_saves_and_pays_out() {
    let (mut world, piggy) = setup();
    world.call(BOB, piggy.save(order()).value(30)).unwrap();
    world.call(BOB, piggy.save(order()).value(12)).unwrap();
    assert_eq!(world.call(ALICE, piggy.saved(BOB)).unwrap(), 42.into());
    assert_eq!(world.call(ALICE, piggy.order(1)).unwrap(), order());
    assert_eq!(world.call(BOB, piggy.withdraw()).unwrap(), 42.into());
    assert_eq!(world.balance_of(BOB), 1000.into());
    assert_eq!(world.balance_of(*piggy.next_address()), 5.into());
    assert_eq!(reason(world.call(BOB, piggy.withdraw())), PiggyError::NothingSaved { who: BOB });
    let events: Vec<Saved> = world.events();
    assert_eq!(events[1], Saved { who: BOB, amount: 12.into(), order: order() });
}

trait NextAddress {
    fn next_address(&self) -> &Address;
}
impl NextAddress for PiggyClient {
    /// A client derefs to the clients of its interfaces and at last to its address.
    fn next_address(&self) -> &Address {
        let owned: &OwnedClient<GreeterClient> = self;
        owned
    }
}

#[test]
fn a_constructor_can_refuse() {
    let mut world = World::default();
    assert_eq!(
        reason(world.deploy(Piggy::deploy(ALICE, ""))),
        PiggyError::Bad(1, "greeting".into())
    );
    assert_eq!(world.storage(), []);
}

#[test]
fn value_is_refused_unless_payable() {
    let (mut world, piggy) = setup();
    let error = world.call(BOB, piggy.withdraw().value(1)).unwrap_err();
    assert_eq!(error, CallError::Reverted(world::not_payable().into()));
    assert!(world.deploy(Jar::deploy().value(0)).is_ok());
    assert!(world.deploy(Jar::deploy().value(1)).is_err());
}

#[test]
fn plain_transfers_run_receive_and_the_unknown_runs_fallback() {
    let (mut world, piggy) = setup();
    let to: Address = piggy.into();
    assert_eq!(world.send(BOB, to, 3.into(), &[]).unwrap(), b"");
    assert_eq!(world.call(BOB, piggy.count()).unwrap(), 1);
    assert_eq!(world.send(BOB, to, U256::ZERO, b"unknown").unwrap(), b"echo unknown");
    assert_eq!(world.send(BOB, to, U256::ZERO, b"ab").unwrap(), b"echo ab");
    assert_eq!(reason(world.send(BOB, to, U256::ZERO, b"abc")), PiggyError::TooEarly);
    let jar = world.deploy(Jar::deploy()).unwrap();
    for input in [&b""[..], b"abc", b"unknown"] {
        let error = world.send(BOB, jar, U256::ZERO, input).unwrap_err();
        assert_eq!(error, CallError::Reverted(Bytes::default()), "{input:?}");
    }
}

#[test]
fn interfaces_export_their_defaults_and_overrides() {
    let (mut world, piggy) = setup();
    assert_eq!(world.call(BOB, piggy.owner()).unwrap(), ALICE);
    assert_eq!(
        reason(world.call(BOB, piggy.transfer_ownership(BOB))),
        PiggyError::Owned(OwnedError::Unauthorized { account: BOB })
    );
    world.call(ALICE, piggy.transfer_ownership(BOB)).unwrap();
    assert_eq!(
        world.events::<OwnershipTransferred>(),
        [OwnershipTransferred { previous_owner: ALICE, new_owner: BOB }]
    );
    assert_eq!(world.call(BOB, piggy.greet("bob")).unwrap(), "hello bob");
    assert_eq!(world.call(BOB, piggy.greet_twice("bob", 2)).unwrap(), ["hello bob", "hello bob"]);
    assert_eq!(world.call(BOB, piggy.pair()).unwrap(), (7, "seven".into()));
}

#[test]
fn contracts_call_contracts_and_bubble_reasons() {
    let (mut world, a) = setup();
    let b = world.deploy(Piggy::deploy(a, "hi")).unwrap();
    assert_eq!(world.call(BOB, a.ask(b)).unwrap(), (a.into(), "hello you".into()));
    world.call(BOB, a.take_over(b)).unwrap();
    assert_eq!(
        reason(world.call(BOB, PiggyClient::at(b).take_over(a))),
        PiggyError::Owned(OwnedError::Unauthorized { account: b })
    );
    let missing = world.call(BOB, a.ask(BOB)).unwrap_err();
    let failed =
        [&selector("CallFailed(address)").to_be_bytes()[..], &abi::encode(&(BOB,))].concat();
    assert_eq!(missing, CallError::Reverted(failed.into()));
}

#[test]
fn contracts_create_contracts_and_become_others() {
    let (mut world, piggy) = setup();
    world.install::<Jar>();
    let code = alloy_primitives::keccak256("Piggy");
    let child = world.call(BOB, piggy.spawn(code)).unwrap();
    assert_eq!(world.call(BOB, PiggyClient::at(child).owner()).unwrap(), BOB);
    let jar = alloy_primitives::keccak256("Jar");
    world.call(BOB, piggy.become_other(jar)).unwrap();
    assert_eq!(world.call(BOB, JarClient::at(piggy).lids()).unwrap(), 42);
    assert!(world.migrate(child, &[]).is_err(), "a contract without #[migrate] cannot migrate");
}

#[test]
fn arithmetic_and_bounds_panic_with_their_codes() {
    let (mut world, piggy) = setup();
    assert_eq!(world.call(BOB, piggy.overflow(1)).unwrap(), u64::MAX);
    assert_eq!(panic_code(world.call(BOB, piggy.overflow(2))), 0x11);
    assert_eq!(panic_code(world.call(BOB, piggy.divide(0))), 0x12);
    assert_eq!(panic_code(world.call(BOB, piggy.item(3))), 0x32);
    assert_eq!(panic_code(world.call(BOB, piggy.order(0))), 0x32);
}

#[test]
fn malformed_arguments_revert_with_nothing() {
    let (mut world, piggy) = setup();
    let good = piggy.saved(BOB).input;
    let to: Address = piggy.into();
    let mut dirty = good.clone();
    dirty[4] = 1;
    for bad in [&good[..good.len() - 1], &dirty] {
        let error = world.send(BOB, to, U256::ZERO, bad).unwrap_err();
        assert_eq!(error, CallError::Reverted(Bytes::default()));
    }
    let longer = [&good[..], b"and more"].concat();
    assert!(world.send(BOB, to, U256::ZERO, &longer).is_ok());
}

#[test]
fn sections_say_what_the_contract_is() {
    assert_eq!(
        Piggy::LAYOUT_TEXT,
        "owned.owner: Item<Address>\n\
         saved: Map<Address,U256>\n\
         orders: List<Order{buyer:Address,items:Vec<Line{product:u32,price:U256}>,note:String,stage:Stage[Open,Paid]}>\n\
         received: Item<u64>\n"
    );
    let overflow = alloy_primitives::keccak256("overflow(uint64)");
    assert_eq!(Piggy::REENTRANT, [&[0; 4], &overflow[..4]].concat(), "receive, overflow");
    assert_eq!(Jar::REENTRANT, [0; 0]);
    let abi = Piggy::ABI;
    for part in [
        r#"{"type":"constructor","inputs":[{"name":"owner","type":"address"},{"name":"greeting","type":"string"}],"stateMutability":"payable"}"#,
        r#"{"type":"receive","stateMutability":"payable"}"#,
        r#"{"type":"fallback","stateMutability":"payable"}"#,
        r#"{"type":"function","name":"pair","inputs":[],"outputs":[{"name":"","type":"uint8"},{"name":"","type":"string"}],"stateMutability":"view"}"#,
        r#"{"type":"function","name":"transferOwnership","inputs":[{"name":"newOwner","type":"address"}],"outputs":[],"stateMutability":"nonpayable"}"#,
        r#"{"type":"function","name":"greet","inputs":[{"name":"name","type":"string"},{"name":"times","type":"uint8"}],"outputs":[{"name":"","type":"string[]"}],"stateMutability":"view"}"#,
        r#"{"type":"function","name":"order","inputs":[{"name":"index","type":"uint32"}],"outputs":[{"name":"","type":"tuple","components":[{"name":"buyer","type":"address"},{"name":"items","type":"tuple[]","components":[{"name":"product","type":"uint32"},{"name":"price","type":"uint256"}]},{"name":"note","type":"string"},{"name":"stage","type":"uint8"}]}],"stateMutability":"view"}"#,
        r#"{"type":"error","name":"Bad","inputs":[{"name":"","type":"uint8"},{"name":"","type":"string"}]}"#,
        r#"{"type":"error","name":"Unauthorized","inputs":[{"name":"account","type":"address"}]}"#,
        r#"{"type":"event","name":"OwnershipTransferred","inputs":[{"name":"previousOwner","indexed":true,"type":"address"},{"name":"newOwner","indexed":true,"type":"address"}],"anonymous":false}"#,
    ] {
        assert_eq!(abi.matches(part).count(), 1, "{part}\n{abi}");
    }
    assert!(Jar::ABI.contains(r#"{"type":"error","name":"NoLids","inputs":[]}"#), "of #[migrate]");
    assert_eq!(Jar::MIGRATES_FROM.map(|hash| hash[30..] == [0, 0xff]), Some(true));
    assert_eq!(Piggy::MIGRATES_FROM, None);
    assert!(!abi.contains("checkOwner"), "internal methods are not exported");
    let save = Piggy::METHODS.iter().find(|method| method.name == "Piggy::save").unwrap();
    assert_eq!(save.signature, "save((address,(uint32,uint256)[],string,uint8))");
}
