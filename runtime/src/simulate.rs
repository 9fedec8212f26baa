//! What would happen: calls that nobody signed, and transactions again, over some state.
//!
//! Invariant: a simulation runs the same [`execute`] as a block does, over a state that does not
//! move under it, and forgets what it did.

use crate::chain::{Chain, SubmitError};
use crate::error::{Fault, Rejection};
use crate::gas;
use crate::host::{BlockEnv, TraceCall};
use crate::limits::{ESTIMATE_BLOCKS, ESTIMATE_PRECISION, ESTIMATE_RUNS};
use crate::pipeline::{Executed, admit, execute, receive};
use crate::state::{Overlay, Patch, Patched, StateView};
use crate::types::{
    AccessList, Account, Address, B256, Bytes, Call, Intent, Outcome, Receipt, U256, Write,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A call that nobody signed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    /// What its transaction would declare in advance (EIP-2930), which costs gas.
    pub access_list: AccessList,
}

/// What a call would do.
#[derive(Debug, Clone, Serialize, Deserialize)]
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

/// What a simulator may take, beside what a block has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowance {
    /// Most gas of a call that nobody signed.
    pub gas: Option<u64>,
    /// How long after its first turn it may begin to execute something. What has begun ends, at its
    /// gas at the latest.
    pub time: Option<Duration>,
}

/// Executes one thing after the other in a block that never is.
pub struct Simulator {
    /// The block. Whoever changes it decides what contracts see.
    pub block: BlockEnv,
    /// What it may take. Whoever answers strangers sets it.
    pub allowance: Allowance,
    /// When it had its first turn.
    began: Option<Instant>,
    chain: Chain,
    /// What it began with.
    base: Arc<dyn StateView>,
    /// What is different since then, but for what the overlay has.
    since: Patch,
    /// Both together.
    under: Arc<dyn StateView>,
    overlay: Box<Overlay>,
}

impl Simulator {
    pub(crate) fn new(chain: Chain, base: Arc<dyn StateView>, block: BlockEnv) -> Self {
        let (under, overlay) = (base.clone(), Overlay::new(base.clone()));
        let (allowance, since) = (Allowance::default(), Patch::default());
        Simulator { block, allowance, began: None, chain, base, since, under, overlay }
    }

    /// An account, after what was executed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn account(&mut self, address: &Address) -> Result<Account, Fault> {
        self.overlay.account(address)
    }

    /// A module by its hash, after what was executed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn module(&mut self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        self.overlay.code(hash)
    }

    /// Supposes a part of the state to be otherwise from here on.
    pub fn suppose(&mut self, patch: Patch) {
        self.settle();
        self.since.put(patch);
        self.begin();
    }

    /// What was changed since the beginning, or since this was asked the last time, in order of key.
    pub fn changes(&mut self) -> Arc<Vec<Write>> {
        let writes = self.settle();
        self.begin();
        writes
    }

    /// The accounts and storage entries that were looked at or changed since
    /// [`changes`](Self::changes) was asked the last time, as they were then.
    pub fn touched(&self) -> (Vec<(Address, Account)>, Vec<(Address, Bytes, Option<Bytes>)>) {
        self.overlay.touched()
    }

    /// What was changed, which from here on is as it was before.
    fn settle(&mut self) -> Arc<Vec<Write>> {
        let overlay = std::mem::replace(&mut self.overlay, Overlay::new(self.under.clone()));
        let writes = Arc::new(overlay.into_writes());
        if !writes.is_empty() {
            self.since.put(Patch::after(writes.clone()));
        }
        writes
    }

    /// Goes on over the beginning and what was changed since then. It is one patch, however often:
    /// patches over patches would be as deep as blocks are long.
    fn begin(&mut self) {
        let patches = vec![self.since.clone()];
        self.under = Arc::new(Patched::new(self.base.clone(), patches));
        self.overlay = Overlay::new(self.under.clone());
    }

    /// Executes a call.
    ///
    /// # Errors
    /// [`SubmitError::Rejected`] if a transaction like this would not be taken: its gas does not pay for its bytes or is
    /// more than a block's, or the sender cannot pay: the value, and if it offers a price, the gas; or if there is
    /// no time left.
    pub fn call(&mut self, request: &CallRequest, traced: bool) -> Result<Simulation, SubmitError> {
        let gas_limit = match (request.gas, request.gas_price) {
            (Some(gas), Some(_)) => gas.min(self.allowance.gas.unwrap_or(gas)),
            _ => self.most_gas(request)?,
        };
        self.call_with(request, gas_limit, traced)
    }

    /// Whether a transaction could be the next one.
    ///
    /// # Errors
    /// The store cannot be read; whether it could is in the result.
    pub fn admit(&mut self, intent: &Intent) -> Result<Result<(), Rejection>, Fault> {
        admit(&mut self.overlay, &self.block, self.block.gas_limit, intent)
    }

    /// Executes a signed transaction.
    ///
    /// # Errors
    /// [`SubmitError::Rejected`] if it would not be taken.
    pub fn transaction(&mut self, bytes: &[u8], traced: bool) -> Result<Simulation, SubmitError> {
        let intent = receive(bytes, self.chain.genesis())?;
        self.admit(&intent)??;
        self.run(&intent, traced)
    }

    /// Gas with which a call succeeds, found by trying, and close to the least. What the tries did is
    /// forgotten.
    ///
    /// # Errors
    /// As for [`Snapshot::estimate`](crate::Snapshot::estimate).
    pub fn estimate(&mut self, request: &CallRequest) -> Result<u64, EstimateError> {
        self.changes();
        let run = |this: &mut Self, gas, traced| {
            let done = this.call_with(request, gas, traced);
            this.overlay = Overlay::new(this.under.clone());
            done
        };
        let most = self.most_gas(request)?;
        let first = run(self, most, true)?;
        if !first.receipt.is_success() {
            return Err(EstimateError::Fails(Box::new(first)));
        }
        let used = first.receipt.gas_used;
        let budget = (ESTIMATE_BLOCKS * self.block.gas_limit).saturating_sub(used);
        let attempt = |gas| match run(self, gas, false) {
            Ok(done) => Ok(Some(done.receipt)),
            Err(SubmitError::Rejected(Rejection::OutOfTime)) => Ok(None),
            Err(error) => Err(error),
        };
        Ok(least_gas(used, most, budget, attempt)?)
    }

    fn call_with(
        &mut self,
        request: &CallRequest,
        gas_limit: u64,
        traced: bool,
    ) -> Result<Simulation, SubmitError> {
        let CallRequest { from, to, value, input, gas: _, gas_price, access_list: _ } =
            request.clone();
        let intrinsic_gas = request.intrinsic_gas();
        let account = self.overlay.account(&from)?;
        if account.nonce == u64::MAX {
            Err(Rejection::NonceExhausted { sender: from })?;
        }
        let offered = gas_price.unwrap_or(self.block.gas_price);
        let intent = Intent {
            hash: B256::ZERO,
            kind: 2,
            sender: from,
            payer: from,
            nonce_key: U256::ZERO,
            nonce: account.nonce,
            window: None,
            calls: vec![Call { to, value, input }],
            gas_limit,
            intrinsic_gas,
            max_fee: offered,
            max_priority_fee: gas_price.unwrap_or(0),
            unsigned: true,
        };
        if gas_price.is_some() {
            admit(&mut self.overlay, &self.block, self.block.gas_limit, &intent)??;
        } else if gas_limit < intrinsic_gas {
            Err(Rejection::IntrinsicGas { limit: gas_limit, needed: intrinsic_gas })?;
        } else if account.balance < value {
            let (balance, needed) = (account.balance, value);
            Err(Rejection::InsufficientFunds { account: from, balance, needed })?;
        } else if lend(&mut self.overlay, &from, U256::from(gas_limit) * U256::from(offered))? {
            let done = self.run(&intent, traced)?;
            let unused = U256::from(gas_limit - done.receipt.gas_used) * U256::from(offered);
            // What was lent and not used has just been given back to it.
            self.overlay.update(&from, |account| {
                let balance = account.balance.checked_sub(unused);
                Ok(Account { balance: balance.ok_or(Fault::Bug("lent gas was lost"))?, ..account })
            })?;
            return Ok(done);
        }
        self.run(&intent, traced)
    }

    fn run(&mut self, intent: &Intent, traced: bool) -> Result<Simulation, SubmitError> {
        let permit = self.chain.parts.vm.admit_simulation();
        let began = *self.began.get_or_insert_with(Instant::now);
        let end = self.allowance.time.map(|time| began + time);
        if end.is_some_and(|end| Instant::now() >= end) {
            Err(Rejection::OutOfTime)?;
        }
        // After a fault there is nothing to go on with.
        let overlay = std::mem::replace(&mut self.overlay, Overlay::new(self.under.clone()));
        let executed;
        (self.overlay, executed) =
            match execute(overlay, &self.block, permit.until(end), intent, 0, traced) {
                Err(Fault::OutOfTime) => Err(Rejection::OutOfTime)?,
                executed => executed?,
            };
        let Executed { receipt, trace, bytes: _ } = executed;
        Ok(Simulation { receipt, trace })
    }

    /// The most gas that any call may use.
    pub fn gas_allowed(&self) -> u64 {
        self.allowance.gas.unwrap_or(u64::MAX).min(self.block.gas_limit)
    }

    /// The most gas that a call may use: what it says, what a block has, and what the sender can pay,
    /// but at least what it costs before it runs, so that who cannot even pay that is told so.
    fn most_gas(&mut self, request: &CallRequest) -> Result<u64, Fault> {
        let limit = request.gas.unwrap_or(self.block.gas_limit).min(self.gas_allowed());
        let Some(price) = request.gas_price.filter(|price| *price > 0) else { return Ok(limit) };
        let balance = self.overlay.account(&request.from)?.balance;
        let affordable = balance.saturating_sub(request.value) / U256::from(price);
        let affordable = u64::try_from(affordable).unwrap_or(u64::MAX);
        let intrinsic = request.intrinsic_gas();
        Ok(limit.min(affordable.max(intrinsic)))
    }
}

impl CallRequest {
    /// Gas it costs before it runs.
    fn intrinsic_gas(&self) -> u64 {
        let keys = self.access_list.iter().map(|item| item.storage_keys.len() as u64).sum();
        let addresses = self.access_list.len() as u64;
        gas::intrinsic(&self.input, self.to.is_none(), addresses, keys)
    }
}

/// The least gas with which `attempt` succeeds, nearly, between the gas that was used when there
/// was plenty and `enough`. Whatever a contract does with the gas that it has, the result was
/// tried. The attempts use at most `budget`, and end when there are none any more (`None`).
fn least_gas<E>(
    used: u64,
    mut enough: u64,
    mut budget: u64,
    mut attempt: impl FnMut(u64) -> Result<Option<Receipt>, E>,
) -> Result<u64, E> {
    // What was used is enough, unless nested calls need their 64ths to be left over, or a contract
    // looks at its gas. So steps that begin small and grow, and from the middle on halves.
    let (mut too_little, mut guess, mut step) = (used.saturating_sub(1), used, used / 32 + 1);
    for _ in 0..ESTIMATE_RUNS {
        let is_close = enough - too_little <= 1 + enough / ESTIMATE_PRECISION;
        if is_close || guess > budget {
            break;
        }
        let Some(receipt) = attempt(guess)? else { break };
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
/// sum overflows pays by itself; then that is `false`.
fn lend(overlay: &mut Overlay, address: &Address, cost: U256) -> Result<bool, Fault> {
    let account = overlay.account(address)?;
    let Some(balance) = account.balance.checked_add(cost) else { return Ok(false) };
    overlay.set_account(address, Account { balance, ..account })?;
    Ok(true)
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
                Ok::<_, Fault>(Some(receipt))
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

    #[test]
    fn what_was_found_is_told_when_there_is_no_time_to_look_further() {
        let mut attempts = [Some(receipt(false, 30_000)), None].into_iter().flatten();
        let estimate = least_gas(30_000, 1_000_000, u64::MAX, |_| Ok::<_, Fault>(attempts.next()));
        assert_eq!(estimate.expect("an estimate"), 1_000_000);
    }
}
