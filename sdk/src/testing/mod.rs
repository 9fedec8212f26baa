//! Tests of contracts on the production host: real WebAssembly, real signatures, real gas, state on
//! disk.
//!
//! ```ignore
//! #[test]
//! fn saving_counts() {
//!     let mut chain = Chain::new();
//!     let alice = chain.account("alice");
//!     let piggy: PiggyClient = chain.deploy(&alice, Piggy::deploy(&alice));
//!     let saved = chain.send(&alice, piggy.save().value(5)).succeeds();
//!     assert_eq!(chain.view(piggy.saved(&alice)), U256::from(5u64));
//!     chain.advance(24 * 60 * 60);
//!     chain.send(&alice, piggy.withdraw(6)).reverts_with(PiggyError::TooLittle);
//! }
//! ```
//!
//! A [`Chain`] builds a contract's crate when it first deploys it. What a transaction did is a
//! [`Sent`], which must be told what is expected of it; if the transaction did otherwise, the test
//! fails with the tree of its calls.
//!
//! `FLORIN_NATIVE=1` runs the same tests on natively compiled contracts, for debuggers and
//! coverage: the host is the same, gas is not. `FLORIN_DEVELOPMENT=1` builds the contracts for
//! development, so that panics tell their message. A test that needs one of them says so:
//! [`Chain::running`].
//!
//! A test fails, too, when a contract emits an event that its ABI does not list.
//!
//! Invariant: nothing is mocked. A test transaction takes the way of any other, from signed bytes
//! to a durable block.

mod account;
mod artefacts;
mod sent;
mod trace;

pub use account::Account;
pub use artefacts::Code;
pub use florin_runtime::{Genesis, types::Receipt};
pub use sent::Sent;

use crate::abi::AbiType;
use crate::call::{Call, CallError};
use crate::contract::{Contract, Entry};
use crate::deploy::Deploy;
use crate::native;
use crate::u256::U256;
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind};
use florin_abi::{ALL_GAS, NativeHost};
use florin_runtime::store::Durability;
use florin_runtime::types::Outcome;
use florin_runtime::{CallRequest, Simulation, vm};
use std::sync::Arc;
use trace::Names;

/// Time at which a new chain's first block is made: a round number in 2023.
const START: u64 = 1_700_000_000;
/// What every account begins with: a million, in units of 10^18.
const FUNDS: u128 = 1_000_000 * 10u128.pow(18);
/// Gas limit of test transactions; ample, and far from a block's.
const GAS: u64 = 100_000_000;

/// A ledger of its own for a test, gone when dropped.
pub struct Chain {
    inner: florin_runtime::Chain,
    now: u64,
    code: Code,
    names: Arc<Names>,
    _dir: tempfile::TempDir,
}

impl Default for Chain {
    fn default() -> Self {
        Chain::new()
    }
}

impl Chain {
    /// A new ledger where gas is free.
    pub fn new() -> Self {
        Chain::with(Genesis::default())
    }

    /// A new ledger with rules of one's own. What it allocates is kept; [`account`](Self::account)
    /// adds to it.
    pub fn with(mut genesis: Genesis) -> Self {
        genesis.development = true;
        genesis.timestamp = genesis.timestamp.max(START);
        genesis.allocations.insert(Account::BANK.address(), alloy_primitives::U256::MAX >> 1);
        let dir = tempfile::tempdir().expect("a temporary directory");
        let inner = florin_runtime::Chain::create(
            &dir.path().join("ledger"),
            &genesis,
            Durability::Unsynced,
        )
        .unwrap_or_else(|error| panic!("the test's ledger cannot be created: {error}"));
        Chain {
            inner,
            now: genesis.timestamp,
            code: Code::of_environment(),
            names: Arc::default(),
            _dir: dir,
        }
    }

    /// The ledger, with contracts in this form, whatever the environment says. To be said before
    /// any is deployed.
    pub fn running(self, code: Code) -> Self {
        Chain { code, ..self }
    }

    /// The form in which contracts run.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The account of this name, with a million units of native currency when it is first asked
    /// for. The same name is the same account in every test.
    pub fn account(&mut self, name: &str) -> Account {
        let account = Account::named(name);
        if Arc::make_mut(&mut self.names).add_account(account.address(), name) {
            self.pay(&Account::BANK, &account, FUNDS).succeeds();
        }
        account
    }

    /// Several accounts at once.
    pub fn accounts<const N: usize>(&mut self, names: [&str; N]) -> [Account; N] {
        names.map(|name| self.account(name))
    }

    /// Deploys a contract and returns its client. Fails the test if the constructor does.
    #[track_caller]
    pub fn deploy<C: Contract, Client: From<Address>>(
        &mut self,
        from: &Account,
        deployment: Deploy<C>,
    ) -> Client {
        let sent = self.try_deploy(from, deployment);
        let created = sent.receipt().created;
        sent.succeeds();
        Client::from(created.expect("a creation that succeeded has created"))
    }

    /// Deploys a contract and says how it went.
    #[track_caller]
    pub fn try_deploy<C: Contract>(&mut self, from: &Account, deployment: Deploy<C>) -> Sent<()> {
        let artefact = artefacts::of::<C>(self.code);
        let data = [artefact.bytecode(), deployment.arguments].concat();
        if self.code == Code::Native {
            let program = vm::NativeProgram(run_natively::<C>);
            // SAFETY: the contract is the test's own code.
            #[allow(unsafe_code)]
            unsafe {
                self.inner.vm().substitute(artefact.code_hash(), program)
            };
        }
        let nonce = self.inner.account(&from.address()).expect("a readable ledger").nonce;
        Arc::make_mut(&mut self.names)
            .add_contract::<C>(from.address().create(nonce), artefact.code_hash());
        let (from_address, value) = (from.address(), deployment.value.into());
        let request =
            CallRequest { from: from_address, value, input: data.into(), ..CallRequest::default() };
        self.transact(from, request, |_| Ok(()))
    }

    /// Tells what contract is at an address, for traces and for the check of its events: for
    /// contracts that other contracts created, and for those that were upgraded.
    pub fn name<C: Contract>(&mut self, address: impl Into<Address>) {
        let code = self.code_hash::<C>();
        Arc::make_mut(&mut self.names).add_contract::<C>(address.into(), code);
    }

    /// The keccak-256 of a contract's module, for contracts that create it by hash. The module
    /// comes to the ledger with its first deployment.
    pub fn code_hash<C: Contract>(&self) -> alloy_primitives::B256 {
        artefacts::of::<C>(self.code).code_hash()
    }

    /// Deployment data of a contract without arguments, as an upgrade takes it.
    pub fn bytecode<C: Contract>(&self) -> Vec<u8> {
        artefacts::of::<C>(self.code).bytecode()
    }

    /// Sends a call in a signed transaction. [`Call::gas`] is the transaction's gas limit, which
    /// its intrinsic gas comes out of, too; without it there is plenty.
    #[track_caller]
    pub fn send<R: AbiType + 'static>(&mut self, from: &Account, call: Call<R>) -> Sent<R> {
        let request = self.request(from, &call);
        self.transact(from, request, move |data| call.decode(data))
    }

    /// Sends native value.
    #[track_caller]
    pub fn pay(
        &mut self,
        from: &Account,
        to: impl Into<Address>,
        value: impl Into<U256>,
    ) -> Sent<()> {
        let (to, value) = (Some(to.into()), U256::into(value.into()));
        let request = CallRequest { from: from.address(), to, value, ..CallRequest::default() };
        self.transact(from, request, |_| Ok(()))
    }

    /// What a call returns, without a transaction, in nobody's name. Fails the test if the call
    /// does.
    #[track_caller]
    pub fn view<R: AbiType>(&self, call: Call<R>) -> R {
        self.view_as(Address::ZERO, call)
    }

    /// [`view`](Self::view) in the name of an account.
    #[track_caller]
    pub fn view_as<R: AbiType>(&self, from: impl Into<Address>, call: Call<R>) -> R {
        let simulation = self.simulate(&self.request(from, &call));
        match &simulation.receipt.outcome {
            Outcome::Success { output } => call
                .decode(output)
                .unwrap_or_else(|error| panic!("the result is malformed: {error:?}")),
            _ => panic!("the call fails:\n{}", self.names.tree(&simulation.trace)),
        }
    }

    /// What a call returns, or how it fails, without a transaction, in nobody's name.
    pub fn try_view<R: AbiType>(&self, call: Call<R>) -> Result<R, CallError> {
        self.try_view_as(Address::ZERO, call)
    }

    /// [`try_view`](Self::try_view) in the name of an account.
    pub fn try_view_as<R: AbiType>(
        &self,
        from: impl Into<Address>,
        call: Call<R>,
    ) -> Result<R, CallError> {
        match self.simulate(&self.request(from, &call)).receipt.outcome {
            Outcome::Success { output } => call.decode(&output),
            Outcome::Reverted { output } => Err(CallError::Reverted(output.to_vec().into())),
            Outcome::Halted { .. } => Err(CallError::Halted),
        }
    }

    fn request<R>(&self, from: impl Into<Address>, call: &Call<R>) -> CallRequest {
        CallRequest {
            from: from.into(),
            to: Some(call.to),
            value: call.value.into(),
            input: call.input.clone().into(),
            gas: (call.gas != ALL_GAS).then_some(call.gas),
            ..CallRequest::default()
        }
    }

    fn simulate(&self, request: &CallRequest) -> Simulation {
        let refused = |error| panic!("the transaction would not be taken: {error}");
        self.inner.simulate(request, self.now).unwrap_or_else(refused)
    }

    /// The native balance of an account.
    pub fn balance(&self, of: impl Into<Address>) -> U256 {
        self.inner.account(&of.into()).expect("a readable ledger").balance.into()
    }

    /// The time of the next block, in seconds since 1970. It stands still unless
    /// [`advance`](Self::advance) moves it.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Lets time pass.
    pub fn advance(&mut self, seconds: u64) {
        self.now += seconds;
    }

    /// The ledger underneath, for what this harness has no word for.
    pub fn ledger(&self) -> &florin_runtime::Chain {
        &self.inner
    }

    /// Sends what `request` says in a signed transaction.
    #[track_caller]
    fn transact<R>(
        &mut self,
        from: &Account,
        mut request: CallRequest,
        decode: impl Fn(&[u8]) -> Result<R, CallError> + 'static,
    ) -> Sent<R> {
        let nonce = self.inner.account(&from.address()).expect("a readable ledger").nonce;
        let genesis = self.inner.genesis();
        let gas = *request.gas.get_or_insert(GAS.min(genesis.block_gas_limit));
        // Executed once more for its trace only: what a simulation does is what the block does.
        request.gas_price = Some(genesis.gas_price);
        let trace = self.simulate(&request).trace;
        let transaction = from.sign(TxEip1559 {
            chain_id: genesis.chain_id,
            nonce,
            gas_limit: gas,
            max_fee_per_gas: genesis.gas_price,
            to: request.to.map_or(TxKind::Create, TxKind::Call),
            value: request.value,
            input: request.input,
            ..TxEip1559::default()
        });
        let located = self
            .inner
            .submit(transaction, self.now)
            .unwrap_or_else(|error| panic!("the transaction was not taken: {error}"));
        let receipt = located.receipt().clone();
        let account = |of: &Address| self.inner.account(of).expect("a readable ledger");
        self.names.check_events(&receipt.logs, |of| account(of).code_hash);
        Sent::new(receipt, self.names.clone(), self.names.tree(&trace), Box::new(decode))
    }
}

fn run_natively<C: Contract>(host: &mut dyn NativeHost, entry: vm::Entry, length: u32) -> u32 {
    let entry = match entry {
        vm::Entry::Call => Entry::Call,
        vm::Entry::Deploy => Entry::Deploy,
        vm::Entry::Migrate => Entry::Migrate,
    };
    native::enter(host, C::entry, entry, length)
}
