//! Reads: what would happen, what is, what was.
//!
//! Invariant: a simulation runs the same [`execute`] as a block does, over a state that does not
//! move under it.

use crate::chain::{Chain, Located, SubmitError};
use crate::error::{Fault, Rejection};
use crate::gas;
use crate::host::{BlockEnv, TraceCall};
use crate::limits::{ESTIMATE_BLOCKS, ESTIMATE_PRECISION, ESTIMATE_RUNS, PAGE_ENTRIES};
use crate::pipeline::{Executed, admit, execute, seal::environment};
use crate::state::Overlay;
use crate::store::View;
use crate::types::{Account, Address, B256, Block, Bytes, Call, Intent, Outcome, Receipt, U256};
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
    /// What the sender pays for a unit of gas. Without it the gas is free, although contracts see
    /// the ledger's price; with it the gas is bought as by a transaction, so contracts see what is
    /// left, and a sender who cannot pay is refused.
    pub gas_price: Option<u128>,
}

/// What a call would do.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// The receipt it would get.
    pub receipt: Receipt,
    /// The calls it would make.
    pub trace: Vec<TraceCall>,
}

/// Why there is no estimate.
#[derive(Debug, thiserror::Error)]
pub enum EstimateError {
    /// The call does not succeed with all the gas that it may use and its sender can pay.
    #[error("the call fails with all the gas that it may use and its sender can pay")]
    Fails(Box<Simulation>),
    /// It would not be taken.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The ledger failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Chain {
    /// Executes a call over the state at the head, in the block that would come next at
    /// `timestamp`, and forgets it.
    ///
    /// # Errors
    /// [`SubmitError::Rejected`] if a transaction like this would not be taken: its gas does not pay for its bytes or is
    /// more than a block's, or, if it offers a price, the sender cannot pay.
    pub fn simulate(
        &self,
        request: &CallRequest,
        timestamp: u64,
    ) -> Result<Simulation, SubmitError> {
        let view = Arc::new(self.store.view());
        let block = self.next_block(&view, timestamp);
        let gas_limit = match (request.gas, request.gas_price) {
            (Some(gas), Some(_)) => gas,
            _ => most_gas(&view, &block, request)?,
        };
        self.simulate_over(view, &block, request, gas_limit, true)
    }

    /// Gas with which a call succeeds, found by trying, and close to the least. A transaction with
    /// that gas limit and price succeeds as long as the state stays as it is.
    ///
    /// # Errors
    /// [`EstimateError::Rejected`] if a transaction like this would not be taken with any gas, and
    /// [`EstimateError::Fails`] if it would be, but not succeed with all the gas that it may use and its sender can pay.
    pub fn estimate(&self, request: &CallRequest, timestamp: u64) -> Result<u64, EstimateError> {
        let view = Arc::new(self.store.view());
        let block = self.next_block(&view, timestamp);
        let run = |gas, traced| self.simulate_over(view.clone(), &block, request, gas, traced);
        let most = most_gas(&view, &block, request)?;
        let first = run(most, true)?;
        if !first.receipt.is_success() {
            return Err(EstimateError::Fails(Box::new(first)));
        }
        let used = first.receipt.gas_used;
        let budget = (ESTIMATE_BLOCKS * block.gas_limit).saturating_sub(used);
        Ok(least_gas(used, most, budget, |gas| Ok::<_, SubmitError>(run(gas, false)?.receipt))?)
    }

    /// The block that would come next.
    fn next_block(&self, view: &View, timestamp: u64) -> BlockEnv {
        let head = view.head();
        environment(&self.genesis, head.number, head.timestamp, timestamp)
    }

    fn simulate_over(
        &self,
        view: Arc<View>,
        block: &BlockEnv,
        request: &CallRequest,
        gas_limit: u64,
        traced: bool,
    ) -> Result<Simulation, SubmitError> {
        let mut overlay = Overlay::new(view);
        let CallRequest { from, to, value, input, gas: _, gas_price } = request.clone();
        let intrinsic_gas = gas::intrinsic(&input, to.is_none(), 0, 0);
        let offered = gas_price.unwrap_or(block.gas_price);
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
            max_fee: offered,
            max_priority_fee: gas_price.unwrap_or(0),
        };
        if gas_price.is_some() {
            admit(&mut overlay, block, block.gas_limit, &intent)??;
        } else if gas_limit < intrinsic_gas {
            Err(Rejection::IntrinsicGas { limit: gas_limit, needed: intrinsic_gas })?;
        } else {
            lend(&mut overlay, &from, U256::from(gas_limit) * U256::from(offered))?;
        }
        let _permit = self.vm.admit_simulation();
        let (_, executed) = execute(overlay, block, &self.vm, &intent, 0, traced)?;
        let Executed { receipt, trace, bytes: _ } = executed;
        Ok(Simulation { receipt, trace })
    }

    /// An account; the default one if it was never touched.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn account(&self, address: &Address) -> Result<Account, Fault> {
        Ok(self.store.account(address)?.unwrap_or_default())
    }

    /// The module of a contract.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn code(&self, address: &Address) -> Result<Option<Bytes>, Fault> {
        let account = self.account(address)?;
        if account.is_contract() { Ok(self.store.code(&account.code_hash)?) } else { Ok(None) }
    }

    /// The value a contract keeps under a key.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.store.storage(address, key)?)
    }

    /// Up to [`PAGE_ENTRIES`] accounts in order of address, after a given one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn accounts(&self, after: Option<&Address>) -> Result<Vec<(Address, Account)>, Fault> {
        Ok(self.store.accounts_page(after, PAGE_ENTRIES)?)
    }

    /// A block by number.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn block(&self, number: u64) -> Result<Option<Block>, Fault> {
        Ok(self.store.block(number)?)
    }

    /// A block by hash.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn block_by_hash(&self, hash: &B256) -> Result<Option<Block>, Fault> {
        match self.store.block_number(hash)? {
            Some(number) => self.block(number),
            None => Ok(None),
        }
    }

    /// A transaction, with its receipt, by hash.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn transaction(&self, hash: &B256) -> Result<Option<Located>, Fault> {
        let found = self.store.transaction(hash)?;
        Ok(found.map(|(block, index)| Located { block: Arc::new(block), index }))
    }
}

/// The most gas that a call may use: what it says, what a block has, and what the sender can pay,
/// but at least what it costs before it runs, so that who cannot even pay that is told so.
fn most_gas(view: &View, block: &BlockEnv, request: &CallRequest) -> Result<u64, Fault> {
    let limit = request.gas.unwrap_or(block.gas_limit).min(block.gas_limit);
    let Some(price) = request.gas_price.filter(|price| *price > 0) else { return Ok(limit) };
    let balance = view.account(&request.from)?.unwrap_or_default().balance;
    let affordable = balance.saturating_sub(request.value) / U256::from(price);
    let affordable = u64::try_from(affordable).unwrap_or(u64::MAX);
    let intrinsic = gas::intrinsic(&request.input, request.to.is_none(), 0, 0);
    Ok(limit.min(affordable.max(intrinsic)))
}

/// The least gas with which `attempt` succeeds, nearly, between the gas that was used when there
/// was plenty and `enough`. Whatever a contract does with the gas that it has, the result was
/// tried. The attempts use at most `budget`.
fn least_gas<E>(
    used: u64,
    mut enough: u64,
    mut budget: u64,
    mut attempt: impl FnMut(u64) -> Result<Receipt, E>,
) -> Result<u64, E> {
    // What was used is enough, unless nested calls need their 64ths to be left over, or a contract
    // looks at its gas. So steps that begin small and grow, and from the middle on halves.
    let (mut too_little, mut guess, mut step) = (used.saturating_sub(1), used, used / 32 + 1);
    for _ in 0..ESTIMATE_RUNS {
        let is_close = enough - too_little <= 1 + enough / ESTIMATE_PRECISION;
        if is_close || guess > budget {
            break;
        }
        let receipt = attempt(guess)?;
        budget -= receipt.gas_used;
        match receipt.is_success() {
            true => enough = guess,
            false => too_little = guess,
        }
        let middle = too_little + (enough - too_little) / 2;
        guess = middle.min(too_little.saturating_add(step));
        step = step.saturating_mul(4);
    }
    Ok(enough)
}

/// Gives an account what the gas of a simulation costs. The pipeline takes it away before anything
/// runs, so contracts see the real price of gas and the real balance. An account so rich that the
/// sum overflows pays by itself.
fn lend(overlay: &mut Overlay, address: &Address, cost: U256) -> Result<(), Fault> {
    let account = overlay.account(address)?;
    match account.balance.checked_add(cost) {
        Some(balance) => overlay.set_account(address, Account { balance, ..account }),
        None => Ok(()),
    }
}

impl From<SubmitError> for EstimateError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejection) => EstimateError::Rejected(rejection),
            SubmitError::Fault(fault) => EstimateError::Fault(fault),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::GasReport;

    fn receipt(success: bool, gas_used: u64) -> Receipt {
        let output = Bytes::new();
        Receipt {
            transaction: B256::ZERO,
            kind: 2,
            sender: Address::ZERO,
            to: None,
            value: U256::ZERO,
            outcome: if success {
                Outcome::Success { output }
            } else {
                Outcome::Reverted { output }
            },
            gas_used,
            cumulative_gas_used: gas_used,
            gas_price: 0,
            created: None,
            logs: Vec::new(),
            gas: GasReport::default(),
        }
    }

    #[test]
    fn an_estimate_is_enough_close_and_bounded() {
        const BLOCK: u64 = 100_000_000;
        const BUDGET: u64 = ESTIMATE_BLOCKS * BLOCK;
        // What a contract demands; with less it burns all that it is given.
        for demand in [21_000, 21_001, 30_000, 1_000_000, BLOCK / 2 + 1, BLOCK - 1, BLOCK] {
            let (mut runs, mut spent) = (0, 0);
            let estimate = least_gas(21_000, BLOCK, BUDGET, |gas| {
                let success = gas >= demand;
                let receipt = receipt(success, if success { 21_000 } else { gas });
                (runs, spent) = (runs + 1, spent + receipt.gas_used);
                Ok::<_, Fault>(receipt)
            });
            let estimate = estimate.expect("an estimate");
            assert!(estimate >= demand);
            assert!(spent <= BUDGET && runs <= ESTIMATE_RUNS, "{demand}: {runs} runs, {spent} gas");
            // Those who demand most of a block are not worth the trouble of being exact.
            let close = estimate - demand <= 1 + estimate / ESTIMATE_PRECISION;
            assert!(close || demand > BLOCK / 2, "{demand}: {estimate}");
            if demand < BLOCK / 100 {
                assert!(spent < BLOCK / 10, "{demand}: {spent} gas");
            }
        }
    }
}
