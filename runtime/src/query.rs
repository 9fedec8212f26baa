//! Reads: what would happen, what is, what was.
//!
//! Invariant: a simulation runs the same [`execute`] as a block does, over a state that does not move under it.

use crate::chain::{Chain, Located};
use crate::error::Fault;
use crate::gas;
use crate::host::{BlockEnv, TraceCall};
use crate::limits::{LOG_QUERY_BLOCKS, LOG_QUERY_RESULTS, PAGE_ENTRIES};
use crate::pipeline::{Executed, execute, seal::environment};
use crate::state::Overlay;
use crate::store::LogFilter;
use crate::types::{
    Account, Address, B256, Block, Bytes, Call, Intent, Log, Outcome, Receipt, U256,
};
use std::sync::Arc;

/// A call that nobody signed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallRequest {
    /// On whose behalf.
    pub from: Address,
    /// Whom to call; `None` creates a contract.
    pub to: Option<Address>,
    /// Native value to send along; `from` must have it.
    pub value: U256,
    /// Input, or deployment data.
    pub input: Bytes,
    /// Most gas it may use; the block's limit if not given.
    pub gas: Option<u64>,
}

/// What a call would do.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// The receipt it would get. Whoever is asked for needs no money for the gas.
    pub receipt: Receipt,
    /// The calls it would make.
    pub trace: Vec<TraceCall>,
}

/// Why there is no estimate.
#[derive(Debug, thiserror::Error)]
pub enum EstimateError {
    /// The call does not succeed with any gas.
    #[error("the call fails whatever gas it is given")]
    Fails(Box<Simulation>),
    /// The ledger failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a log query is refused.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It spans too many blocks.
    #[error(
        "the query spans {0} blocks; at most {LOG_QUERY_BLOCKS} are searched at once: narrow the range"
    )]
    TooWide(u64),
    /// It finds too much.
    #[error("the query finds more than {LOG_QUERY_RESULTS} logs; narrow the range or the filter")]
    TooMany,
    /// The ledger failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A log and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLog {
    /// The log.
    pub log: Log,
    /// Number of its block.
    pub block: u64,
    /// Hash of its block.
    pub block_hash: B256,
    /// Time of its block, in seconds since 1970.
    pub timestamp: u64,
    /// Hash of its transaction.
    pub transaction: B256,
    /// Position of the transaction in the block.
    pub transaction_index: u64,
    /// Position of the log in the block.
    pub log_index: u64,
}

impl Chain {
    /// Executes a call over the state at the head, in the block that would come next at `timestamp`, and forgets it.
    pub fn simulate(&self, request: &CallRequest, timestamp: u64) -> Result<Simulation, Fault> {
        let view = Arc::new(self.store.view());
        let block = environment(&self.genesis, &view.head().inner().clone(), timestamp);
        let gas_limit = request.gas.unwrap_or(block.gas_limit).min(block.gas_limit);
        self.simulate_over(Overlay::new(view), &block, request, gas_limit, true)
    }

    /// The least gas with which a call succeeds, found by trying. A transaction with that gas limit succeeds as long
    /// as the state stays as it is.
    pub fn estimate(&self, request: &CallRequest, timestamp: u64) -> Result<u64, EstimateError> {
        let view = Arc::new(self.store.view());
        let block = environment(&self.genesis, &view.head().inner().clone(), timestamp);
        let run = |gas, traced| {
            self.simulate_over(Overlay::new(view.clone()), &block, request, gas, traced)
        };
        let mut enough = request.gas.unwrap_or(block.gas_limit).min(block.gas_limit);
        let first = run(enough, true)?;
        if !first.receipt.is_success() {
            return Err(EstimateError::Fails(Box::new(first)));
        }
        // What was used is enough unless a nested call needs its 64th to be left over; a contract that looks at the
        // gas it has can need any amount in between.
        let mut too_little = first.receipt.gas_used.saturating_sub(1);
        let mut guess = first.receipt.gas_used;
        while too_little + 1 < enough {
            match run(guess, false)?.receipt.is_success() {
                true => enough = guess,
                false => too_little = guess,
            }
            // Close to what was used at first, then in the middle.
            let near = too_little.saturating_add(too_little / 32 + 1);
            guess = near.min(too_little + (enough - too_little) / 2).max(too_little + 1);
        }
        Ok(enough)
    }

    fn simulate_over(
        &self,
        mut overlay: Overlay,
        block: &BlockEnv,
        request: &CallRequest,
        gas_limit: u64,
        traced: bool,
    ) -> Result<Simulation, Fault> {
        let CallRequest { from, to, value, input, gas: _ } = request.clone();
        let intrinsic_gas = gas::intrinsic(&input, to.is_none(), 0, 0);
        let gas_limit = gas_limit.max(intrinsic_gas);
        lend(&mut overlay, &from, U256::from(gas_limit) * U256::from(block.gas_price))?;
        let intent = Intent {
            hash: B256::ZERO,
            kind: 2,
            sender: from,
            payer: from,
            nonce_key: U256::ZERO,
            nonce: overlay.account(&from)?.nonce,
            window: None,
            calls: vec![Call { to, value, input }],
            gas_limit,
            intrinsic_gas,
            max_fee: block.gas_price,
            max_priority_fee: 0,
        };
        let (_, executed) = execute(overlay, block, &self.vm, &intent, 0, traced)?;
        let Executed { receipt, trace, bytes: _ } = executed;
        Ok(Simulation { receipt, trace })
    }

    /// An account; the default one if it was never touched.
    pub fn account(&self, address: &Address) -> Result<Account, Fault> {
        Ok(self.store.account(address)?.unwrap_or_default())
    }

    /// The module of a contract.
    pub fn code(&self, address: &Address) -> Result<Option<Bytes>, Fault> {
        let account = self.account(address)?;
        if account.is_contract() { Ok(self.store.code(&account.code_hash)?) } else { Ok(None) }
    }

    /// The value a contract keeps under a key.
    pub fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.store.storage(address, key)?)
    }

    /// Up to [`PAGE_ENTRIES`] accounts in order of address, after a given one.
    pub fn accounts(&self, after: Option<&Address>) -> Result<Vec<(Address, Account)>, Fault> {
        Ok(self.store.accounts_page(after, PAGE_ENTRIES)?)
    }

    /// A block by number.
    pub fn block(&self, number: u64) -> Result<Option<Block>, Fault> {
        Ok(self.store.block(number)?)
    }

    /// A block by hash.
    pub fn block_by_hash(&self, hash: &B256) -> Result<Option<Block>, Fault> {
        match self.store.block_number(hash)? {
            Some(number) => self.block(number),
            None => Ok(None),
        }
    }

    /// A transaction, with its receipt, by hash.
    pub fn transaction(&self, hash: &B256) -> Result<Option<Located>, Fault> {
        let found = self.store.transaction(hash)?;
        Ok(found.map(|(block, index)| Located { block: Arc::new(block), index }))
    }

    /// The logs that satisfy a filter, in order.
    pub fn logs(&self, filter: &LogFilter) -> Result<Vec<FoundLog>, LogError> {
        let to = filter.to.min(self.store.head().number);
        let span = (to + 1).saturating_sub(filter.from);
        if span > LOG_QUERY_BLOCKS {
            return Err(LogError::TooWide(span));
        }
        let positions =
            self.store.log_positions(filter, LOG_QUERY_RESULTS + 1).map_err(Fault::from)?;
        if positions.len() > LOG_QUERY_RESULTS {
            return Err(LogError::TooMany);
        }
        let mut found = Vec::with_capacity(positions.len());
        let mut current: Option<Block> = None;
        for position in positions {
            if current.as_ref().is_none_or(|block| block.header.number != position.block) {
                current = self.block(position.block)?;
            }
            let block =
                current.as_ref().ok_or(Fault::Bug("a log is in a block that is not there"))?;
            found.push(found_log(block, position.transaction as usize, position.log as usize)?);
        }
        Ok(found)
    }
}

/// Gives an account what the gas of a simulation costs. The pipeline takes it away before anything runs, so contracts see
/// the real price of gas and the real balance. An account so rich that the sum overflows pays by itself.
fn lend(overlay: &mut Overlay, address: &Address, cost: U256) -> Result<(), Fault> {
    let account = overlay.account(address)?;
    match account.balance.checked_add(cost) {
        Some(balance) => overlay.set_account(address, Account { balance, ..account }),
        None => Ok(()),
    }
}

fn found_log(block: &Block, transaction: usize, index: usize) -> Result<FoundLog, Fault> {
    let receipts = &block.body.receipts;
    let receipt =
        receipts.get(transaction).ok_or(Fault::Bug("a log is in a receipt that is not there"))?;
    let log = receipt.logs.get(index).ok_or(Fault::Bug("an indexed log is not there"))?;
    let before: usize = receipts[..transaction].iter().map(|receipt| receipt.logs.len()).sum();
    Ok(FoundLog {
        log: log.clone(),
        block: block.header.number,
        block_hash: block.hash,
        timestamp: block.header.timestamp,
        transaction: receipt.transaction,
        transaction_index: transaction as u64,
        log_index: (before + index) as u64,
    })
}

impl Simulation {
    /// What the call would return, if it would succeed.
    pub fn output(&self) -> Option<&Bytes> {
        match &self.receipt.outcome {
            Outcome::Success { output } => Some(output),
            _ => None,
        }
    }
}
