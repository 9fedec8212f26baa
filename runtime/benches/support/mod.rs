//! What the benchmarks share: signers, signed token transfers, a state in memory that holds their
//! balances.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_primitives::{Signature, TxKind};
use alloy_sol_types::{SolCall, SolValue, sol};
use florin_runtime::host::BlockEnv;
use florin_runtime::pipeline::{execute, receive};
use florin_runtime::state::{Overlay, StateView};
use florin_runtime::types::*;
use florin_runtime::vm::Vm;
use florin_runtime::{Fault, Genesis};
use k256::ecdsa::SigningKey;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

sol! {
    interface Token {
        function transfer(address to, uint256 value) returns (bool);
    }
}

/// Accounts that pay each other.
pub const ACCOUNTS: usize = 1_000;

pub fn key(index: usize) -> SigningKey {
    let mut secret = [0x11; 32];
    secret[24..].copy_from_slice(&(index as u64 + 1).to_be_bytes());
    SigningKey::from_slice(&secret).expect("a valid key")
}

pub fn address_of(key: &SigningKey) -> Address {
    let point = key.verifying_key().to_sec1_point(false);
    Address::from_raw_public_key(&point.as_bytes()[1..])
}

pub fn sign(tx: TxEip1559, key: &SigningKey) -> Bytes {
    let (signature, recovery) = key.sign_prehash_recoverable(tx.signature_hash().as_slice());
    let signature = Signature::from_bytes_and_parity(&signature.to_bytes(), recovery.is_y_odd());
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}

pub fn genesis() -> Genesis {
    genesis_of(ACCOUNTS)
}

pub fn genesis_of(accounts: usize) -> Genesis {
    let allocations = (0..accounts).map(|i| (address_of(&key(i)), U256::from(1u64 << 60)));
    Genesis {
        gas_price: 1,
        block_gas_limit: 1 << 40,
        allocations: allocations.collect(),
        ..Genesis::default()
    }
}

/// The bundled token, built from source.
pub fn token_artefact() -> &'static florin_build::Artefact {
    static TOKEN: OnceLock<florin_build::Artefact> = OnceLock::new();
    TOKEN.get_or_init(|| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../contracts/token");
        florin_build::build(&florin_build::Options::new(folder)).expect("the token builds")
    })
}

/// Data of the transaction that creates a contract without arguments.
pub fn deployment(module: &[u8]) -> Bytes {
    [&florin_abi::deploy::header(module.len() as u32)[..], module].concat().into()
}

/// Data of the transaction that creates the token.
pub fn token_deployment(admin: Address) -> Bytes {
    let arguments =
        ("Dollar".to_owned(), "USD".to_owned(), U256::from(6), admin, U256::from(1u64 << 60));
    [token_artefact().bytecode(), arguments.abi_encode_params()].concat().into()
}

/// A transaction of account `from`.
pub fn transaction(nonce: u64, to: TxKind, value: u64, input: Bytes) -> TxEip1559 {
    TxEip1559 {
        chain_id: Genesis::default().chain_id,
        nonce,
        gas_limit: 5_000_000,
        max_fee_per_gas: 1,
        to,
        value: U256::from(value),
        input,
        ..TxEip1559::default()
    }
}

pub fn transfer_call(to: Address, value: u64) -> Bytes {
    Token::transferCall { to, value: U256::from(value) }.abi_encode().into()
}

/// State in memory: what execution costs without a disk.
#[derive(Default, Clone)]
pub struct Memory {
    accounts: HashMap<Address, Account>,
    storage: HashMap<(Address, Bytes), Bytes>,
    code: HashMap<B256, Bytes>,
}

impl StateView for Memory {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        Ok(self.accounts.get(address).copied())
    }
    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.storage.get(&(*address, Bytes::copy_from_slice(key))).cloned())
    }
    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        Ok(self.code.get(hash).cloned())
    }
}

impl Memory {
    pub fn apply(&mut self, writes: Vec<Write>) {
        for Write { key, after, .. } in writes {
            match (key, after) {
                (StateKey::Account(address), Some(bytes)) => {
                    self.accounts.insert(address, Account::from_bytes(&bytes).expect("an account"));
                }
                (StateKey::Storage(address, key), Some(value)) => {
                    self.storage.insert((address, key), value);
                }
                (StateKey::Code(hash), Some(module)) => {
                    self.code.insert(hash, module);
                }
                (_, None) => {}
            }
        }
    }
}

/// A token that is deployed in memory and of which everybody has some.
pub struct Payments {
    pub genesis: Genesis,
    pub vm: Arc<Vm>,
    pub state: Memory,
    pub token: Address,
    pub block: BlockEnv,
    accounts: usize,
}

impl Payments {
    pub fn new() -> Self {
        Self::of(ACCOUNTS)
    }

    /// The same with fewer accounts.
    pub fn of(accounts: usize) -> Self {
        let genesis = genesis_of(accounts);
        let mut state = Memory::default();
        state.apply(genesis.writes());
        let vm = Arc::new(Vm::new(None, false).expect("an engine"));
        let block = BlockEnv {
            chain_id: genesis.chain_id,
            number: 1,
            timestamp: 1_700_000_000,
            gas_price: 1,
            gas_limit: genesis.block_gas_limit,
            fee_recipient: genesis.fee_recipient,
        };
        let (admin, mut nonce) = (key(0), 0);
        let token = address_of(&admin).create(0);
        let mut payments = Payments { genesis, vm, state, token, block, accounts };
        let mut run = |to, input| {
            payments.run(&sign(transaction(nonce, to, 0, input), &admin));
            nonce += 1;
        };
        run(TxKind::Create, token_deployment(address_of(&admin)));
        for i in 1..accounts {
            run(TxKind::Call(token), transfer_call(address_of(&key(i)), 1 << 40));
        }
        payments
    }

    /// Executes one transaction and keeps what it did.
    pub fn run(&mut self, bytes: &[u8]) -> Receipt {
        let intent = receive(bytes, &self.genesis).expect("a good transaction");
        let overlay = Overlay::new(Arc::new(self.state.clone()));
        let (overlay, executed) =
            execute(overlay, &self.block, self.vm.admit_execution(), &intent, 0, false)
                .expect("no fault");
        assert!(executed.receipt.is_success(), "{:?}", executed.receipt.outcome);
        self.state.apply(overlay.into_writes());
        executed.receipt
    }

    /// A signed token transfer by each account but the first to the next, all with their first
    /// nonce.
    pub fn transfers(&self) -> Vec<Bytes> {
        let transfer = |i: usize| {
            let to = address_of(&key(1 + i % (self.accounts - 1)));
            sign(transaction(0, TxKind::Call(self.token), 0, transfer_call(to, 1)), &key(i))
        };
        (1..self.accounts).map(transfer).collect()
    }
}
