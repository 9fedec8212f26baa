//! What only a sandbox allows: a ledger that is a toy, for tests of applications. Whoever holds it
//! changes its state at will, sends in anybody's name, and goes back in time.
//!
//! All of it is in the history as what it is. A transaction in somebody else's name has, in place of a
//! signature, the sender as r and 0 as s, which no signature has. A change at will is a block
//! without transactions that writes. So the history is audited and executed again like any other.
//!
//! Invariant: nothing here does anything on a ledger whose genesis does not say `sandbox`.

use crate::chain::{Chain, OpenError, Parts};
use crate::config::Genesis;
use crate::error::Fault;
use crate::pipeline::Signed;
use crate::pipeline::seal::{environment, header};
use crate::state::StateView;
use crate::store::{Options, Store};
use crate::types::{Account, Address, Block, BlockBody, Bytes, StateKey, U256, Write};
use alloy_primitives::Signature;
use florin_abi::limits;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Why a sandbox does not do something.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It is none.
    #[error("the ledger is no sandbox: its genesis does not say so")]
    NoSandbox,
    /// A value cannot be that of its key.
    #[error("{0}")]
    Impossible(&'static str),
    /// There is no such block.
    #[error("there is no block {0}")]
    NoBlock(u64),
    /// A ledger cannot be made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The ledger failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What stands in place of a signature in a transaction that `sender` did not sign.
pub fn impersonation(sender: &Address) -> Signature {
    Signature::new(U256::from_be_slice(sender.as_slice()), U256::ZERO, false)
}

/// In whose name a transaction is that nobody signed.
pub(crate) fn impersonated(signed: &Signed, genesis: &Genesis) -> Option<Address> {
    let is_one = genesis.sandbox && signed.s.is_zero() && signed.r.bit_len() <= 160;
    is_one.then(|| Address::from_word(signed.r.into()))
}

/// Whether a block is a change at will.
pub(crate) fn is_adjustment(genesis: &Genesis, block: &Block) -> bool {
    genesis.sandbox && block.body.transactions.is_empty() && !block.body.writes.is_empty()
}

impl Chain {
    /// Changes the state at will, in a block of its own at `timestamp`: entries and what they are to
    /// be, `None` for absence. Without a change there is no block.
    ///
    /// # Errors
    /// The ledger is no sandbox, or an account or a module is none; then nothing happened. Or it
    /// failed.
    pub fn adjust(
        &self,
        entries: BTreeMap<StateKey, Option<Bytes>>,
        timestamp: u64,
    ) -> Result<Option<Arc<Block>>, SandboxError> {
        if !self.parts.genesis.sandbox {
            return Err(SandboxError::NoSandbox);
        }
        if self.parts.genesis.supply().is_none_or(|supply| supply > U256::MAX >> 1) {
            return Err(SandboxError::Impossible(
                "the genesis allocates so much that more may overflow",
            ));
        }
        let _turn = self.parts.turns.take();
        let view = self.parts.store.view();
        let mut writes = Vec::new();
        for (key, after) in entries {
            let before = match &key {
                StateKey::Account(address) => {
                    StateView::account(&view, address)?.map(Account::to_bytes)
                }
                StateKey::Storage(address, key) => StateView::storage(&view, address, key)?,
                StateKey::Code(hash) => StateView::code(&view, hash)?,
            };
            check(&key, after.as_ref())?;
            if before != after {
                writes.push(Write { key, before, after });
            }
        }
        if writes.is_empty() {
            return Ok(None);
        }
        let (number, before) = (view.head().number, view.head().timestamp);
        let environment = environment(&self.parts.genesis, number, before, timestamp);
        let mut commitment = self.parts.store.commitment();
        commitment.apply(&writes);
        let body = BlockBody { writes: Arc::new(writes), ..BlockBody::default() };
        let parent = view.head().hash();
        let header = header(&self.parts.genesis, parent, &environment, &body, commitment.digest());
        let block = Arc::new(Block::new(header, body));
        self.commit(&block, commitment)?;
        Ok(Some(block))
    }

    /// Makes another ledger in `dir`, with the history of this one up to a block, and the contracts
    /// that are compiled already. Whoever watches this one watches that one, too.
    ///
    /// # Errors
    /// The ledger is no sandbox, there is no such block, or the other ledger cannot be made.
    pub fn branch(
        &self,
        dir: &Path,
        number: u64,
        options: impl Into<Options>,
    ) -> Result<Chain, SandboxError> {
        if !self.parts.genesis.sandbox {
            return Err(SandboxError::NoSandbox);
        }
        if number > self.head().number {
            return Err(SandboxError::NoBlock(number));
        }
        let kept = self.parts.store.genesis_config();
        let genesis = self.parts.genesis.block(kept);
        let store = Store::create(dir, &genesis, kept, options).map_err(OpenError::from)?;
        for number in 1..=number {
            let block = self.block(number)?.ok_or(Fault::Bug("a block is missing"))?;
            store.commit(&block).map_err(Fault::from)?;
        }
        let Parts { vm, genesis, watchers, .. } = &*self.parts;
        Ok(Chain::new(store, vm.clone(), genesis.clone(), watchers.clone()))
    }
}

/// The most that somebody is given at will: the sum of any number of these, and of what the genesis
/// allocates, fits into a balance.
const MOST: U256 = U256::from_limbs([u64::MAX, u64::MAX, u64::MAX, 0]);

fn check(key: &StateKey, value: Option<&Bytes>) -> Result<(), SandboxError> {
    let impossible = |what| Err(SandboxError::Impossible(what));
    match (key, value) {
        (StateKey::Account(_), Some(bytes)) => match Account::from_bytes(bytes) {
            None => impossible("an account is not encoded as one"),
            Some(account) if account.balance > MOST => {
                impossible("a balance is at most 2^192 - 1 of the smallest unit")
            }
            Some(_) => Ok(()),
        },
        (StateKey::Code(hash), Some(module)) if crate::crypto::keccak256(module) != *hash => {
            impossible("a module has another hash")
        }
        (StateKey::Code(_), None) => impossible("modules stay"),
        (StateKey::Code(_), Some(module)) if crate::vm::check(module).is_err() => {
            impossible("a module is none that a ledger takes")
        }
        (StateKey::Storage(_, key), _) if key.len() > limits::KEY_BYTES as usize => {
            impossible("a key is longer than contracts may have")
        }
        (StateKey::Storage(..), Some(value)) if value.len() > limits::VALUE_BYTES as usize => {
            impossible("a value is longer than contracts may keep")
        }
        _ => Ok(()),
    }
}
