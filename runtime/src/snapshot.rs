//! The ledger as of one block: its head, or one before it.
//!
//! The state on disk is that of the head. What it was before is found by taking back what the blocks
//! since then changed, which the journal has: so it costs as much as there is to take back.
//!
//! Invariant: a snapshot does not move, whatever is committed meanwhile.

use crate::chain::{Chain, SubmitError};
use crate::error::Fault;
use crate::host::BlockEnv;
use crate::pipeline::seal::environment;
use crate::query;
use crate::simulate::{CallRequest, EstimateError, Simulation, Simulator};
use crate::state::{Patch, Patched, StateView};
use crate::types::{Account, Address, Bytes, Header};
use alloy_primitives::Sealed;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Why the state as of a block cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Too much happened since then.
    #[error("historical state of block {block} is not available: too much happened since then")]
    TooFar {
        /// The block.
        block: u64,
    },
    /// The ledger failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The ledger as of one block. It costs memory for what later blocks change: drop it when done.
#[derive(Clone)]
pub struct Snapshot {
    chain: Chain,
    state: Arc<dyn StateView>,
    header: Arc<Sealed<Header>>,
}

impl Chain {
    /// The ledger as of the last block.
    pub fn latest(&self) -> Snapshot {
        let view = self.parts.store.view();
        let header = Arc::new(view.head().clone());
        Snapshot { chain: self.clone(), state: Arc::new(view), header }
    }

    /// The ledger as of a block; `None` if there is no such block yet. It takes at most `steps` to take
    /// back what happened since then; [`HISTORY_STEPS`](crate::limits::HISTORY_STEPS) is what to offer those who wait.
    ///
    /// # Errors
    /// [`HistoryError::TooFar`] if that is not enough.
    pub fn at(&self, number: u64, steps: u64) -> Result<Option<Snapshot>, HistoryError> {
        let latest = self.latest();
        let head = latest.header.number;
        if number >= head {
            return Ok(Some(latest).filter(|_| number == head));
        }
        let Some(block) = self.block(number)? else { return Ok(None) };
        let too_far = || HistoryError::TooFar { block: number };
        let mut work = steps.checked_sub(head - number).ok_or_else(too_far)?;
        let mut before = BTreeMap::new();
        for later in (number + 1..=head).rev() {
            let later = self.block(later)?.ok_or(Fault::Bug("a block is missing"))?;
            work = work.checked_sub(query::steps(&later)).ok_or_else(too_far)?;
            let writes = Arc::unwrap_or_clone(later.body.writes).into_iter();
            before.extend(writes.map(|write| (write.key, write.before)));
        }
        let patch = Patch::new(before, BTreeSet::new());
        let header = Arc::new(Sealed::new_unchecked(block.header, block.hash));
        Ok(Some(Snapshot { header, ..latest.supposing(patch) }))
    }

    /// The number of the first block that [`at`](Self::at) gives for so many steps.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn oldest(&self, steps: u64) -> Result<u64, Fault> {
        let (mut oldest, mut work) = (self.head().number, steps);
        while oldest > 0 {
            let block = self.block(oldest)?.ok_or(Fault::Bug("a block is missing"))?;
            let Some(left) = work.checked_sub(1 + query::steps(&block)) else { break };
            (oldest, work) = (oldest - 1, left);
        }
        Ok(oldest)
    }

    /// As [`Snapshot::simulate`] on the last block.
    ///
    /// # Errors
    /// As there.
    pub fn simulate(
        &self,
        request: &CallRequest,
        timestamp: u64,
    ) -> Result<Simulation, SubmitError> {
        self.latest().simulate(request, timestamp)
    }

    /// As [`Snapshot::estimate`] on the last block.
    ///
    /// # Errors
    /// As there.
    pub fn estimate(&self, request: &CallRequest, timestamp: u64) -> Result<u64, EstimateError> {
        self.latest().estimate(request, timestamp)
    }
}

impl Snapshot {
    /// The block's header, with its hash.
    pub fn header(&self) -> &Sealed<Header> {
        &self.header
    }

    /// The same, but for what is supposed to be otherwise.
    pub fn supposing(self, patch: Patch) -> Self {
        Snapshot { state: Arc::new(Patched::new(self.state, vec![patch])), ..self }
    }

    /// An account; the default one if it was never touched.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn account(&self, address: &Address) -> Result<Account, Fault> {
        Ok(self.state.account(address)?.unwrap_or_default())
    }

    /// The module of a contract.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn code(&self, address: &Address) -> Result<Option<Bytes>, Fault> {
        let account = self.account(address)?;
        if account.is_contract() { self.state.code(&account.code_hash) } else { Ok(None) }
    }

    /// The value a contract keeps under a key.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        self.state.storage(address, key)
    }

    /// The block that would come next at `timestamp`, in seconds since 1970.
    pub fn next_block(&self, timestamp: u64) -> BlockEnv {
        environment(&self.chain.parts.genesis, self.header.number, self.header.timestamp, timestamp)
    }

    /// This block, as its transactions saw it.
    pub fn own_block(&self) -> BlockEnv {
        let (number, timestamp) = (self.header.number, self.header.timestamp);
        BlockEnv { number, ..self.next_block(timestamp) }
    }

    /// Executes things in `block` over this state.
    pub fn simulator(&self, block: BlockEnv) -> Simulator {
        Simulator::new(self.chain.clone(), self.state.clone(), block)
    }

    /// Executes a call in the block that would come next at `timestamp`, and forgets it.
    ///
    /// # Errors
    /// [`SubmitError::Rejected`] if a transaction like this would not be taken: its gas does not pay for its bytes or is
    /// more than a block's, or the sender cannot pay: the value, and if it offers a price, the gas.
    pub fn simulate(
        &self,
        request: &CallRequest,
        timestamp: u64,
    ) -> Result<Simulation, SubmitError> {
        self.simulator(self.next_block(timestamp)).call(request, true)
    }

    /// Gas with which a call succeeds, found by trying, and close to the least. A transaction with
    /// that gas limit and price succeeds as long as the state stays as it is.
    ///
    /// # Errors
    /// [`EstimateError::Rejected`] if a transaction like this would not be taken with any gas, and
    /// [`EstimateError::Fails`] if it would be, but not succeed with all the gas that it may use and its sender can pay.
    pub fn estimate(&self, request: &CallRequest, timestamp: u64) -> Result<u64, EstimateError> {
        self.simulator(self.next_block(timestamp)).estimate(request)
    }
}
