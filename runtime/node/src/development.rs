//! What a node for development can do beside serving: fill in and sign what it is asked to, and make of
//! a sandbox what its holder pleases.
//!
//! To go back in time the node makes another ledger with the history until then, and serves that one.
//!
//! Invariant: a ledger that is no sandbox refuses whatever would change it other than by transactions.

use crate::ethereum;
use crate::limits::{BLOCKS_AT_ONCE, FORGET_PAUSE, LATEST_TIME, SNAPSHOTS};
use crate::node::{Ledger, Node};
use alloy_consensus::{SignableTransaction, TxEnvelope, TypedTransaction};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use florin_runtime::types::{Account, Block, NO_CODE, StateKey};
use florin_runtime::{Chain, Fault, SandboxError, impersonation};
use jsonrpsee::core::RpcResult;
use jsonrpsee::types::ErrorObjectOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How blocks are made on demand: as anvil takes it, a time or an object.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(untagged)]
pub enum MineOptions {
    /// The time and the number of blocks.
    Options {
        /// Time of the first, in seconds since 1970.
        timestamp: Option<Number>,
        /// How many.
        blocks: Option<Number>,
    },
    /// The time of one block.
    Timestamp(Option<Number>),
    /// One, now.
    #[default]
    None,
}

/// A number, or one in hex.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Number {
    /// As JSON has it.
    Plain(u64),
    /// In hex.
    Hex(alloy_primitives::U64),
}

impl From<Number> for u64 {
    fn from(number: Number) -> u64 {
        match number {
            Number::Plain(number) => number,
            Number::Hex(number) => number.to(),
        }
    }
}

/// A block that was made on demand.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Mined(pub alloy_rpc_types_eth::Block);

/// A state to be loaded again: accounts with all that belongs to them.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Saved {
    accounts: BTreeMap<Address, SavedAccount>,
}

#[derive(Debug, Deserialize, Serialize)]
struct SavedAccount {
    nonce: u64,
    balance: U256,
    #[serde(default)]
    code: Bytes,
    #[serde(default)]
    storage: BTreeMap<Bytes, Bytes>,
}

impl Saved {
    /// The state at the head.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn of(chain: &Chain) -> Result<Self, Fault> {
        let (mut saved, mut after) = (Saved::default(), None);
        loop {
            let page = chain.accounts(after.as_ref())?;
            let Some((last, _)) = page.last() else { return Ok(saved) };
            after = Some(*last);
            for (address, Account { nonce, balance, .. }) in page {
                let code = chain.code(&address)?.unwrap_or_default();
                let (mut storage, mut key) = (BTreeMap::new(), None);
                loop {
                    let entries = chain
                        .storage_entries(&address, key.as_ref().map(|key: &Bytes| &key[..]))?;
                    let Some((last, _)) = entries.last() else { break };
                    key = Some(last.clone());
                    storage.extend(entries);
                }
                saved.accounts.insert(address, SavedAccount { nonce, balance, code, storage });
            }
        }
    }
}

/// What a sandbox's holder has decided.
#[derive(Debug, Default)]
pub struct Sandbox(Mutex<Decided>);

#[derive(Debug, Default)]
struct Decided {
    /// In whose names transactions are taken.
    impersonated: BTreeSet<Address>,
    impersonate_all: bool,
    /// Where the ledger was, by name: the block, its hash, and how far the clock was ahead.
    snapshots: BTreeMap<u64, (u64, B256, i64)>,
    names: u64,
    /// Ledgers that were made by going back.
    branches: u64,
}

impl Sandbox {
    /// Takes transactions in an account's name, or no longer.
    pub fn impersonate(&self, address: Address, on: bool) {
        let mut decided = self.decided();
        match on {
            true => decided.impersonated.insert(address),
            false => decided.impersonated.remove(&address),
        };
    }

    /// Takes transactions in everybody's name, or no longer.
    pub fn impersonate_all(&self, on: bool) {
        self.decided().impersonate_all = on;
    }

    /// What is remembered: the names, each with its block and that block's hash.
    pub fn snapshots(&self) -> BTreeMap<U256, (u64, B256)> {
        let decided = self.decided();
        let all = decided.snapshots.iter();
        all.map(|(name, (block, hash, _))| (U256::from(*name), (*block, *hash))).collect()
    }

    fn is_impersonated(&self, address: &Address) -> bool {
        let decided = self.decided();
        decided.impersonate_all || decided.impersonated.contains(address)
    }

    fn decided(&self) -> MutexGuard<'_, Decided> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(error: SandboxError) -> ErrorObjectOwned {
    match error {
        SandboxError::Fault(error) => ethereum::fault(error),
        other => ethereum::server(other.to_string()),
    }
}

impl Node {
    /// The key of an account.
    ///
    /// # Errors
    /// The node does not have it.
    pub fn key(&self, address: &Address) -> RpcResult<&PrivateKeySigner> {
        let key = self.keys().find(|key| key.address() == *address);
        key.ok_or_else(|| {
            ethereum::server(format!("unknown account: there is no key of {address}"))
        })
    }

    /// Whose transaction a request is for: who it says, else the first account.
    ///
    /// # Errors
    /// It says nobody, and there is no account.
    pub fn sender(&self, request: &TransactionRequest) -> RpcResult<Address> {
        let first = || self.accounts().first().copied();
        request.from.or_else(first).ok_or_else(|| ethereum::server("unknown account"))
    }

    /// Whether transactions are taken in an account's name that the node has no key of.
    pub fn is_impersonated(&self, address: &Address) -> bool {
        self.key(address).is_err() && self.sandbox.is_impersonated(address)
    }

    /// Signs a transaction, unless it is in the name of somebody who does not.
    ///
    /// # Errors
    /// There is no key.
    pub fn sign(
        &self,
        transaction: TypedTransaction,
        from: Address,
        is_impersonated: bool,
    ) -> RpcResult<TxEnvelope> {
        let signature = if is_impersonated {
            impersonation(&from)
        } else {
            let signed = self.key(&from)?.sign_hash_sync(&transaction.signature_hash());
            signed.map_err(|error| ethereum::server(error.to_string()))?
        };
        Ok(transaction.into_envelope(signature))
    }

    /// Makes blocks as somebody asked.
    ///
    /// # Errors
    /// The time is in the past, they are too many, or the ledger failed.
    pub fn mine(&self, options: &MineOptions) -> RpcResult<Vec<Arc<Block>>> {
        let (time, blocks) = match options {
            MineOptions::Options { timestamp, blocks } => (*timestamp, *blocks),
            MineOptions::Timestamp(timestamp) => (*timestamp, None),
            MineOptions::None => (None, None),
        };
        self.mine_many(blocks.map_or(1, u64::from), time.map(u64::from), 0)
    }

    /// Makes so many blocks, the first at `time`, and each so many seconds after the one before it if
    /// that is not 0.
    ///
    /// # Errors
    /// The time is in the past, they are too many, or the ledger failed.
    pub fn mine_many(
        &self,
        blocks: u64,
        time: Option<u64>,
        apart: u64,
    ) -> RpcResult<Vec<Arc<Block>>> {
        if blocks > BLOCKS_AT_ONCE {
            let message = format!("{blocks} blocks; at most {BLOCKS_AT_ONCE} are made at once");
            return Err(ethereum::invalid(message));
        }
        if let Some(time) = time {
            self.clock.set_next(self.future(time)?);
        }
        let mut made = Vec::new();
        for number in 0..blocks {
            if number > 0 && apart > 0 {
                let time = self.chain().head().timestamp.saturating_add(apart);
                self.clock.set_next(possible(time)?);
            }
            made.extend(self.seal(true).map_err(ethereum::fault)?);
        }
        Ok(made)
    }

    /// A time that the next block can have.
    ///
    /// # Errors
    /// The last one is later.
    pub fn future(&self, time: u64) -> RpcResult<u64> {
        let last = self.chain().head().timestamp;
        if time < last {
            let message =
                format!("Timestamp error: {time} is lower than previous block's timestamp {last}");
            return Err(ethereum::invalid(message));
        }
        possible(time)
    }

    /// Remembers where the ledger is; the name of that.
    pub fn remember(&self) -> u64 {
        let latest = self.chain().latest();
        let place = (latest.header().number, latest.header().hash(), self.clock.ahead());
        let mut decided = self.sandbox.decided();
        while decided.snapshots.len() >= SNAPSHOTS {
            decided.snapshots.pop_first();
        }
        decided.names += 1;
        let name = decided.names;
        decided.snapshots.insert(name, place);
        name
    }

    /// Goes back to where the ledger was under a name; `false` if there is no such name.
    ///
    /// # Errors
    /// The ledger is no sandbox, or failed.
    pub fn return_to(&self, name: u64) -> RpcResult<bool> {
        let place = {
            let mut decided = self.sandbox.decided();
            let place = decided.snapshots.get(&name).copied();
            if place.is_some() {
                // What was remembered later is of a future that will not be.
                decided.snapshots.split_off(&name);
            }
            place
        };
        let Some((block, _, ahead)) = place else { return Ok(false) };
        self.go_back(block, ahead)?;
        Ok(true)
    }

    /// Goes back to the beginning.
    ///
    /// # Errors
    /// The ledger is no sandbox, or failed.
    pub fn begin_again(&self) -> RpcResult<()> {
        self.sandbox.decided().snapshots.clear();
        self.go_back(0, 0)
    }

    fn go_back(&self, block: u64, ahead: i64) -> RpcResult<()> {
        let _alone = self.going_back.lock().unwrap_or_else(PoisonError::into_inner);
        let development = self.config.development.as_ref();
        let folder = development.and_then(|development| development.branches.as_ref());
        let message = "the node keeps this ledger in a folder that was named, where history stays; to go back in \
                       time, let it make one of its own (without --dir)";
        let folder = folder.ok_or_else(|| ethereum::server(message))?;
        let dir = self.next_branch(folder);
        let now = self.ledger();
        let options = florin_runtime::store::Durability::Unsynced;
        let branch = now.chain.branch(&dir, block, options).map_err(refused)?;
        let last = branch.head().timestamp;
        let cannot = |error: std::io::Error| ethereum::server(error.to_string());
        self.replace(branch).map_err(cannot)?;
        self.clock.restore(ahead, last);
        self.filters.go_back(block + 1);
        if now.chain.dir().starts_with(folder) {
            forget(now);
        }
        Ok(())
    }

    fn next_branch(&self, folder: &Path) -> PathBuf {
        let mut decided = self.sandbox.decided();
        decided.branches += 1;
        folder.join(format!("branch-{}", decided.branches))
    }

    /// Changes an account.
    ///
    /// # Errors
    /// The ledger is no sandbox, or failed.
    pub fn change_account(
        &self,
        address: Address,
        change: impl FnOnce(&mut Account),
    ) -> RpcResult<()> {
        let mut account = self.chain().account(&address).map_err(ethereum::fault)?;
        change(&mut account);
        self.change([account_entry(address, account)].into())
    }

    /// Changes a contract's module.
    ///
    /// # Errors
    /// It is no module that a ledger takes; the ledger is no sandbox, or failed.
    pub fn change_code(&self, address: Address, code: Bytes) -> RpcResult<()> {
        let mut account = self.chain().account(&address).map_err(ethereum::fault)?;
        let mut entries = BTreeMap::new();
        account.code_hash = NO_CODE;
        if !code.is_empty() {
            florin_runtime::vm::check(&code).map_err(|reason| {
                ethereum::invalid(format!("that is no module that a ledger takes: {reason}"))
            })?;
            account.code_hash = keccak256(&code);
            entries.insert(StateKey::Code(account.code_hash), Some(code));
        }
        entries.extend([account_entry(address, account)]);
        self.change(entries)
    }

    /// Changes what a contract keeps under a key of 32 bytes.
    ///
    /// # Errors
    /// The ledger is no sandbox, or failed.
    pub fn change_storage(&self, address: Address, slot: B256, value: B256) -> RpcResult<()> {
        let key = StateKey::Storage(address, slot.0.into());
        let value = (value != B256::ZERO).then(|| value.0.into());
        self.change([(key, value)].into())
    }

    /// Adds a state to the one that is there.
    ///
    /// # Errors
    /// The ledger is no sandbox, or failed.
    pub fn load(&self, saved: Saved) -> RpcResult<()> {
        let mut entries = BTreeMap::new();
        for (address, SavedAccount { nonce, balance, code, storage }) in saved.accounts {
            let code_hash = if code.is_empty() { NO_CODE } else { keccak256(&code) };
            if !code.is_empty() {
                entries.insert(StateKey::Code(code_hash), Some(code));
            }
            entries.extend([account_entry(address, Account { nonce, balance, code_hash })]);
            let storage = storage.into_iter();
            entries
                .extend(storage.map(|(key, value)| (StateKey::Storage(address, key), Some(value))));
        }
        self.change(entries)
    }

    fn change(&self, entries: BTreeMap<StateKey, Option<Bytes>>) -> RpcResult<()> {
        self.chain().adjust(entries, self.clock.now()).map_err(refused)?;
        Ok(())
    }
}

/// Removes a ledger that is not served any more, as soon as nobody reads it. That it cannot be removed
/// hurts nobody: its folder goes with the node.
fn forget(ledger: Arc<Ledger>) {
    let wait = move || {
        let dir = ledger.chain.dir().to_owned();
        while Arc::strong_count(&ledger) > 1 {
            std::thread::sleep(FORGET_PAUSE);
        }
        drop(ledger);
        let _ = std::fs::remove_dir_all(dir);
    };
    let _ = std::thread::Builder::new().name("forget".to_owned()).spawn(wait);
}

/// A time that clients can do with.
///
/// # Errors
/// It is too late.
pub fn possible(time: u64) -> RpcResult<u64> {
    if time > LATEST_TIME {
        return Err(ethereum::invalid(format!("the time is {time}; the latest is {LATEST_TIME}")));
    }
    Ok(time)
}

fn account_entry(address: Address, account: Account) -> (StateKey, Option<Bytes>) {
    let value = (!account.is_empty()).then(|| account.to_bytes());
    (StateKey::Account(address), value)
}
