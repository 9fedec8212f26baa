//! Who pays whom: the same people and the same payments for every contender.
//!
//! Invariant: everything follows from the numbers of accounts, rounds and payments. Two runs sign
//! the same bytes.

use crate::measure::on_threads;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue, sol};
use anyhow::Result;
use florin_runtime::Genesis;
use florin_runtime::store::{Durability, Options};
use k256::ecdsa::SigningKey;
use std::sync::{Mutex, OnceLock};

sol! {
    interface Token {
        function transfer(address to, uint256 value) returns (bool);
        function balanceOf(address account) returns (uint256);
    }
}

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Accounts that sign.
    pub senders: usize,
    /// Accounts that are paid; the senders are among them.
    pub accounts: usize,
    /// Accounts of the ledgers that show what growth costs.
    pub growth: [usize; 2],
    /// Memory for the state of a ledger, in bytes.
    pub memory: usize,
    /// Samples per row.
    pub rounds: u64,
    /// Transfers in a sample of the ledger, as many from each sender.
    pub ledger_transfers: usize,
    /// Those in a sample of a node.
    pub node_transfers: usize,
    /// A part of those in a sample of anvil.
    pub anvil_transfers: usize,
    /// Clients who only listen to a node.
    pub subscribers: usize,
    /// Samples of a node's memory.
    pub soak_rounds: u64,
    /// Transactions in a block, where blocks are made here.
    pub block: usize,
    /// Transactions that are on their way at once.
    pub window: usize,
    /// Signatures in a sample.
    pub signatures: usize,
    /// Single transfers in a sample of the latency.
    pub singles: usize,
    /// Reads in a sample, per thread.
    pub reads: usize,
    /// Seconds that a sample of PostgreSQL takes.
    pub postgres_seconds: u64,
}

impl Scale {
    pub const FULL: Scale = Scale {
        senders: 10_000,
        accounts: 100_000,
        growth: [1_000_000, 10_000_000],
        memory: Options::MEMORY,
        rounds: 7,
        ledger_transfers: 50_000,
        node_transfers: 50_000,
        anvil_transfers: 250,
        subscribers: 10_000,
        soak_rounds: 160,
        block: 1_000,
        window: 50_000,
        signatures: 2_000,
        singles: 200,
        reads: 10_000,
        postgres_seconds: 3,
    };
    /// Enough to see that everything works.
    pub const QUICK: Scale = Scale {
        senders: 100,
        accounts: 400,
        growth: [1_000, 4_000],
        memory: Options::MEMORY,
        rounds: 2,
        ledger_transfers: 200,
        node_transfers: 1_000,
        anvil_transfers: 25,
        subscribers: 20,
        soak_rounds: 4,
        block: 100,
        window: 200,
        signatures: 50,
        singles: 5,
        reads: 50,
        postgres_seconds: 1,
    };
}

impl Scale {
    /// With the memory that an operator gives to ten million accounts: a few hundred bytes for each.
    pub fn with_memory_for_growth(self) -> Self {
        Scale { memory: 4 << 30, ..self }
    }

    /// How its ledgers are kept open.
    pub fn options(&self) -> Options {
        Options { memory: self.memory, ..Durability::Synced.into() }
    }
}

/// Who is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paid {
    /// Anybody.
    Anybody,
    /// Always the same: a shop on its best day.
    Shop,
}

/// Cores of this machine, as many threads as sign and as the rows of all cores use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The accounts. Only the first of them, the senders, have keys.
pub struct People {
    pub scale: Scale,
    pub admin: SigningKey,
    keys: Vec<SigningKey>,
    pub addresses: Vec<Address>,
}

impl People {
    pub fn new(scale: Scale) -> Result<Self> {
        let keys: Vec<_> = (1..=scale.senders).map(key).collect();
        let senders = in_parallel(scale.senders, |i| address_of(&keys[i]))?;
        let others =
            (scale.senders..scale.accounts).map(|i| Address::from_word(keccak256(i.to_be_bytes())));
        let addresses = senders.into_iter().chain(others).collect();
        Ok(People { scale, admin: key(0), keys, addresses })
    }

    /// The payments of a round, as positions of payer and paid. Senders take turns.
    pub fn payments(&self, round: u64, count: usize, paid: Paid) -> Vec<(usize, usize)> {
        let payment = |i: usize| {
            let to = match paid {
                Paid::Anybody => mix(round << 32 | i as u64) as usize % self.addresses.len(),
                Paid::Shop => self.addresses.len() - 1,
            };
            ((round as usize * count + i) % self.scale.senders, to)
        };
        (0..count).map(payment).collect()
    }

    /// Signs a transaction for each payment. `nonces` are those that each sender has next, and are
    /// moved on.
    pub fn sign_all(
        &self,
        payments: &[(usize, usize)],
        nonces: &mut [u64],
        transaction: impl Fn(Address) -> (TxKind, u64, Bytes) + Sync,
    ) -> Result<Vec<Bytes>> {
        let take = |(from, to): &(usize, usize)| {
            nonces[*from] += 1;
            (*from, *to, nonces[*from] - 1)
        };
        let numbered: Vec<_> = payments.iter().map(take).collect();
        in_parallel(numbered.len(), |i| {
            let (from, to, nonce) = numbered[i];
            let (to, value, input) = transaction(self.addresses[to]);
            sign(eip1559(nonce, to, value, input), &self.keys[from])
        })
    }

    /// The rules of a ledger on which everybody has some of the native currency.
    pub fn genesis(&self) -> Genesis {
        let everybody = self.addresses.iter().copied().chain([address_of(&self.admin)]);
        Genesis {
            gas_price: 1,
            block_gas_limit: 1 << 40,
            allocations: everybody.map(|account| (account, U256::from(1_u64 << 60))).collect(),
            ..Genesis::default()
        }
    }
}

/// What everybody has of the token to begin with.
pub const FUNDS: u64 = 1 << 40;

/// A number in which every bit depends on every bit of `n` (splitmix64).
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

fn key(index: usize) -> SigningKey {
    let mut secret = [0x11; 32];
    secret[24..].copy_from_slice(&(index as u64 + 1).to_be_bytes());
    SigningKey::from_slice(&secret).expect("a valid key")
}

pub fn address_of(key: &SigningKey) -> Address {
    let point = key.verifying_key().to_sec1_point(false);
    Address::from_raw_public_key(&point.as_bytes()[1..])
}

/// What `make` makes of each number below `count`, made by all cores.
fn in_parallel<T: Send>(count: usize, make: impl Fn(usize) -> T + Sync) -> Result<Vec<T>> {
    let share = count.div_ceil(cores()).max(1);
    let parts = Mutex::new(Vec::new());
    on_threads(cores(), |thread| {
        let range = (thread * share).min(count)..((thread + 1) * share).min(count);
        let part: Vec<T> = range.map(&make).collect();
        parts.lock().expect("no thread panics").push((thread, part));
        Ok(())
    })?;
    let mut parts = parts.into_inner().expect("no thread panics");
    parts.sort_by_key(|(thread, _)| *thread);
    Ok(parts.into_iter().flat_map(|(_, part)| part).collect())
}

pub fn eip1559(nonce: u64, to: TxKind, value: u64, input: Bytes) -> TxEip1559 {
    TxEip1559 {
        chain_id: Genesis::default().chain_id,
        nonce,
        gas_limit: 10_000_000,
        max_fee_per_gas: 1,
        to,
        value: U256::from(value),
        input,
        ..TxEip1559::default()
    }
}

pub fn sign(transaction: TxEip1559, key: &SigningKey) -> Bytes {
    let hash = transaction.signature_hash();
    let (signature, recovery) = key.sign_prehash_recoverable(hash.as_slice());
    let signature = Signature::from_bytes_and_parity(&signature.to_bytes(), recovery.is_y_odd());
    TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
}

/// Input of a token transfer.
pub fn transfer(to: Address, value: u64) -> Bytes {
    Token::transferCall { to, value: U256::from(value) }.abi_encode().into()
}

/// Input of a question for a balance.
pub fn balance_of(account: Address) -> Bytes {
    Token::balanceOfCall { account }.abi_encode().into()
}

/// The ERC-20 of `examples/erc20`, built from source.
pub fn erc20() -> &'static florin_build::Artefact {
    static ERC20: OnceLock<florin_build::Artefact> = OnceLock::new();
    ERC20.get_or_init(|| build("examples/erc20"))
}

/// The token that is bundled, with roles, pause, permits and memos: a large contract.
pub fn bundled_token() -> florin_build::Artefact {
    build("contracts/token")
}

fn build(folder: &str) -> florin_build::Artefact {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let options = florin_build::Options::new(format!("{root}/{folder}"));
    florin_build::build(&options).expect("the contract builds")
}

/// The arguments with which [`erc20`] is created.
pub fn erc20_arguments() -> Vec<u8> {
    ("Dollar".to_owned(), "USD".to_owned(), U256::from(1_u64 << 60)).abi_encode_params()
}

/// Data of a transaction that creates a contract from a module.
pub fn deployment(module: &[u8], arguments: &[u8]) -> Bytes {
    [&florin_abi::deploy::header(module.len() as u32)[..], module, arguments].concat().into()
}

/// The arguments with which [`bundled_token`] is created.
pub fn token_arguments(admin: Address) -> Vec<u8> {
    let (name, symbol, supply) = ("Dollar".to_owned(), "USD".to_owned(), U256::from(1_u64 << 60));
    (name, symbol, U256::from(6), admin, supply).abi_encode_params()
}
