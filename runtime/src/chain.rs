//! The ledger as its users hold it: one object from which everything begins.
//!
//! Invariant: blocks are sealed one after the other, and a receipt is given out only after its
//! block is durable.

use crate::config::{Genesis, GenesisError};
use crate::error::{Fault, Rejection};
use crate::pipeline::{Sealed, seal};
use crate::sequencer::Turns;
use crate::state::{Overlay, StateView};
use crate::store::{Commitment, Memory, Options, Progress, Store, StoreError, View};
use crate::types::{Account, Address, B256, Block, Bytes, Header, Receipt, StateKey};
use crate::vm::Vm;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// The folder of compiled code within a ledger's directory; safe to delete.
const COMPILED: &str = "compiled";

/// A ledger on disk, open. Reads go on in any number of threads while blocks are sealed; clones
/// share it.
#[derive(Clone)]
pub struct Chain {
    pub(crate) parts: Arc<Parts>,
}

/// What the clones of a ledger share. It is behind one count of references, because a count that
/// cores change in turns makes each of them wait.
pub(crate) struct Parts {
    pub store: Arc<Store>,
    pub vm: Arc<Vm>,
    pub genesis: Genesis,
    /// Of making blocks.
    pub turns: Arc<Turns>,
    pub watchers: Arc<RwLock<Vec<Watcher>>>,
}

/// Told of each block, and how long it took to make it durable.
pub(crate) type Watcher = Box<dyn Fn(&Arc<Block>, Duration) + Send + Sync>;

/// Why a ledger cannot be created or opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The rules are not possible.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The store refuses, with the remedy.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine cannot start.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a transaction that was submitted by itself, or simulated, has no receipt.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// It was not taken.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The ledger failed. Whether the transaction is in it shows when the ledger is opened again.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A receipt and where it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Located {
    /// The block.
    pub block: Arc<Block>,
    /// The transaction's position in it.
    pub index: usize,
}

impl Located {
    /// The receipt.
    pub fn receipt(&self) -> &Receipt {
        &self.block.body.receipts[self.index]
    }
}

impl Chain {
    /// Creates a ledger in `dir`, which must hold none.
    ///
    /// # Errors
    /// [`OpenError::Genesis`] if the rules are not possible; [`OpenError::Store`] if a ledger is there or the disk refuses.
    pub fn create(
        dir: &Path,
        genesis: &Genesis,
        options: impl Into<Options>,
    ) -> Result<Self, OpenError> {
        genesis.check()?;
        let kept = genesis.to_json()?;
        let store = Store::create(dir, &genesis.block(&kept), &kept, options)?;
        Chain::assemble(store, genesis.clone())
    }

    /// Opens the ledger in `dir`: brings its state up to its history, and checks the state whole if
    /// it is small or may be broken.
    ///
    /// # Errors
    /// [`OpenError::Store`] if there is no ledger, another process has it open, or it is damaged, with the remedy.
    pub fn open(
        dir: &Path,
        options: impl Into<Options>,
        progress: Progress<'_>,
    ) -> Result<Self, OpenError> {
        let store = Store::open(dir, options, progress)?;
        let genesis = Genesis::from_json(store.genesis_config())?;
        Chain::assemble(store, genesis)
    }

    fn assemble(store: Store, genesis: Genesis) -> Result<Self, OpenError> {
        let vm = Vm::new(Some(&store.dir().join(COMPILED)), genesis.development)?;
        Ok(Chain::new(store, Arc::new(vm), genesis, Arc::default()))
    }

    pub(crate) fn new(
        store: Store,
        vm: Arc<Vm>,
        genesis: Genesis,
        watchers: Arc<RwLock<Vec<Watcher>>>,
    ) -> Self {
        let (store, turns) = (Arc::new(store), Arc::default());
        Chain { parts: Arc::new(Parts { store, vm, genesis, turns, watchers }) }
    }

    /// The rules it was created with.
    pub fn genesis(&self) -> &Genesis {
        &self.parts.genesis
    }

    /// Where it is on disk.
    pub fn dir(&self) -> &Path {
        self.parts.store.dir()
    }

    /// The state at the last block, unmoved by those that follow. It costs memory for what they
    /// change: drop it when done.
    pub fn view(&self) -> View {
        self.parts.store.view()
    }

    /// Copies history and rules to `dest`, which must not exist, while blocks are sealed; the state
    /// is built again when the copy is restored ([`Store::restore`]). Returns number and hash of
    /// the last block in the copy.
    ///
    /// # Errors
    /// [`Fault::Store`]: something is in the way, the disk refuses, or what was copied is damaged. Then there is no copy.
    pub fn backup(&self, dest: &Path, progress: Progress<'_>) -> Result<(u64, B256), Fault> {
        Ok(self.parts.store.backup(dest, progress)?)
    }

    /// Where its contracts run.
    pub fn vm(&self) -> &Arc<Vm> {
        &self.parts.vm
    }

    /// The header of the last block.
    pub fn head(&self) -> Header {
        self.parts.store.head().inner().clone()
    }

    /// What of the state is in memory.
    pub fn memory(&self) -> Memory {
        self.parts.store.memory()
    }

    /// Executes signed transactions in order in one block at `timestamp` (seconds since 1970; if it
    /// lies before the parent's, that is taken) and makes the block durable. Transactions beyond
    /// [`BLOCK_TRANSACTIONS`](crate::limits::BLOCK_TRANSACTIONS) or the block's gas are rejected as
    /// `BlockFull`, as are those after so many new modules that another transaction's might exceed
    /// [`BLOCK_MODULES`](crate::limits::BLOCK_MODULES); those beyond [`BLOCK_BYTES`](crate::limits::BLOCK_BYTES) as `BlockTooLarge`, to
    /// be sent again. Without any transactions the block is empty; if there are some and none is
    /// admitted, there is no block.
    ///
    /// # Errors
    /// The ledger failed. Nothing of the block was acknowledged; whether it is there shows when the
    /// ledger is opened again, and until then it takes no others.
    pub fn seal(&self, transactions: Vec<Bytes>, timestamp: u64) -> Result<Sealed, Fault> {
        let Parts { store, vm, genesis, turns, .. } = &*self.parts;
        let _turn = turns.take();
        let view = store.view();
        let parent = (view.head().inner().clone(), view.head().hash());
        let parent = (&parent.0, parent.1);
        let overlay = Overlay::new(Arc::new(view));
        let mut after = store.commitment();
        let commitment = |writes: &[_]| {
            after.apply(writes);
            after.digest()
        };
        let sealed = seal(genesis, parent, timestamp, transactions, overlay, vm, commitment)?;
        if let Some(block) = &sealed.block {
            self.commit(block, after)?;
        }
        Ok(sealed)
    }

    /// Has `watcher` told of each block as soon as it is durable, in order, and before those who wait
    /// for its transactions are; with it comes how long it took to make it durable. It is told by
    /// whoever made the block, so it must be quick, and must not make one itself.
    pub fn watch(&self, watcher: impl Fn(&Arc<Block>, Duration) + Send + Sync + 'static) {
        let mut watchers = self.parts.watchers.write().unwrap_or_else(PoisonError::into_inner);
        watchers.push(Box::new(watcher));
    }

    /// Makes a block durable, after which the state amounts to `commitment`.
    pub(crate) fn commit(&self, block: &Arc<Block>, commitment: Commitment) -> Result<(), Fault> {
        let begin = Instant::now();
        self.parts.store.commit_foreseen(block, Some(commitment))?;
        let took = begin.elapsed();
        let watchers = self.parts.watchers.read().unwrap_or_else(PoisonError::into_inner);
        watchers.iter().for_each(|watcher| watcher(block, took));
        self.parts.vm.keep(block.body.writes.iter().filter_map(|write| match &write.key {
            StateKey::Code(hash) => Some(hash),
            _ => None,
        }));
        Ok(())
    }

    /// Executes one signed transaction in a block of its own; returns when that is durable.
    ///
    /// # Errors
    /// [`SubmitError::Rejected`] if it was not taken and nothing happened; [`SubmitError::Fault`] as for
    /// [`seal`](Self::seal).
    pub fn submit(&self, transaction: Bytes, timestamp: u64) -> Result<Located, SubmitError> {
        let Sealed { block, mut results } = self.seal(vec![transaction], timestamp)?;
        let index = results.pop().ok_or(Fault::Bug("a transaction has no result"))??;
        let block = block.ok_or(Fault::Bug("an admitted transaction has no block"))?;
        Ok(Located { block, index })
    }

    /// Makes what is on disk whole and accepts no more blocks. Dropping the ledger is as durable,
    /// but slower to open.
    ///
    /// # Errors
    /// The disk refuses. What was acknowledged is durable all the same.
    pub fn close(&self) -> Result<(), Fault> {
        Ok(self.parts.store.close()?)
    }
}

impl StateView for View {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        Ok(View::account(self, address)?)
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(View::storage(self, address, key)?)
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        Ok(View::code(self, hash)?)
    }
}
