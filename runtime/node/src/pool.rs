//! Transactions that cannot be in a block yet, because an earlier one of their sender is missing or
//! because it is not time for a block; and the way of all others straight to the sequencer.
//!
//! ```text
//! send -> sequencer -> durable: its receipt
//!                   -> its nonce is ahead: parked, and sent again when the gap is closed
//! at intervals:  send -> checked, parked -> the next block takes what follows without a gap
//! ```
//! There is no other queue: what can be executed is executed at once.
//!
//! Invariant: whoever was told a hash was told that of a transaction that is durable or in here, and
//! what is in here leaves it only into a block, when a better one replaces it, when it cannot be
//! executed any more, or by its age.

use crate::limits::*;
use crate::resume::Wishes;
use alloy_primitives::keccak256;
use florin_runtime::pipeline::{decode, receive};
use florin_runtime::senders::Source;
use florin_runtime::sequencer::{Answer, Load, Sequencer, Submission};
use florin_runtime::types::{Account, Address, B256, Block, Bytes, Intent, U256};
use florin_runtime::{Chain, Fault, Located, Rejection, SubmitError};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::oneshot;

/// What came of a transaction that was sent.
pub enum Sent {
    /// It is in a block, durable.
    Sealed(Located),
    /// It waits.
    Parked {
        /// Its hash.
        hash: B256,
        /// The nonce that is missing before its own; `None` if it only waits for a block.
        missing: Option<u64>,
    },
}

/// Why a transaction was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// By the ledger's rules, or because the ledger failed.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// It waits already.
    #[error("already known")]
    Known,
    /// Another of the same nonce waits, and this one does not pay more.
    #[error(
        "replacement transaction underpriced: one with the same nonce waits; raise both fees by at least \
         {REPLACEMENT_PER_CENT} % to replace it"
    )]
    Underpriced,
    /// Too many of its sender wait.
    #[error("account limit exceeded: {PARKED_PER_SENDER} transactions of the sender wait already")]
    SenderLimit,
    /// Too many wait.
    #[error(
        "txpool is full: {PARKED_TRANSACTIONS} transactions, or {PARKED_BYTES} bytes of them, wait already"
    )]
    Full,
}

impl From<Rejection> for SendError {
    fn from(rejection: Rejection) -> Self {
        SendError::Submit(rejection.into())
    }
}

/// A transaction that waits.
#[derive(Debug, Clone)]
pub struct Parked {
    /// What it is.
    pub bytes: Bytes,
    /// Its hash.
    pub hash: B256,
    /// The most it pays for a unit of gas, and the most of that it offers above the price.
    fees: (u128, u128),
    since: Instant,
}

/// Those of one sender, by nonce.
pub type Line = BTreeMap<u64, Parked>;

/// What waits.
#[derive(Default)]
struct Waiting {
    lines: BTreeMap<Address, Line>,
    hashes: HashMap<B256, (Address, u64)>,
    bytes: usize,
}

/// How blocks come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealing {
    /// As soon as there is a transaction.
    Immediately,
    /// When somebody asks for one, or at intervals.
    OnDemand,
}

/// What waits, and the way into blocks.
pub struct Pool {
    chain: Chain,
    sequencer: Sequencer,
    wishes: Wishes,
    waiting: Mutex<Waiting>,
    /// How many wait, to be looked at without a lock.
    count: AtomicUsize,
}

impl Pool {
    /// Nothing waits.
    pub fn new(chain: Chain, sequencer: Sequencer, wishes: Wishes) -> Self {
        Pool { chain, sequencer, wishes, waiting: Mutex::default(), count: AtomicUsize::new(0) }
    }

    /// Sends a transaction: into a block now, or into the waiting line.
    ///
    /// # Errors
    /// It is not taken, and there is no trace of it.
    pub async fn send(
        &self,
        transaction: Bytes,
        hint: Option<Address>,
        source: Source,
        sealing: Sealing,
    ) -> Result<Sent, SendError> {
        if sealing == Sealing::OnDemand {
            return self.check_and_park(transaction);
        }
        if self.len() > 0 && self.find(&keccak256(&transaction)).is_some() {
            return Err(SendError::Known);
        }
        match self.submit(transaction.clone(), hint, source).await {
            Ok(located) => Ok(Sent::Sealed(located)),
            Err(SubmitError::Rejected(Rejection::NonceTooHigh { sender, .. })) => {
                let signed = decode(&transaction, self.chain.genesis())?;
                let account = self.chain.account(&sender).map_err(SubmitError::from)?;
                let hash = self.park(sender, &signed.intent, transaction.clone(), &account)?;
                // The gap may have been closed meanwhile.
                self.wishes.resume(sender).await;
                if self.find(&hash).is_some() {
                    let missing = self.missing(&hash).map_err(SubmitError::from)?;
                    return Ok(Sent::Parked { hash, missing });
                }
                // It waits no more: it is in a block, or was refused, and now it is told why.
                match self.chain.transaction(&hash).map_err(SubmitError::from)? {
                    Some(located) => Ok(Sent::Sealed(located)),
                    None => Ok(Sent::Sealed(self.submit(transaction, hint, source).await?)),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// How busy the sequencer is.
    pub fn load(&self) -> Load {
        self.sequencer.load()
    }

    async fn submit(&self, transaction: Bytes, hint: Option<Address>, source: Source) -> Answer {
        let (answer, answered) = oneshot::channel();
        let submission = Submission { transaction, hint, source };
        self.sequencer.submit(submission, Box::new(move |given| drop(answer.send(given))));
        let lost = Fault::Bug("a transaction got no answer");
        answered.await.unwrap_or(Err(lost.into()))
    }

    /// Checks a transaction as a block would, but for its place in the sender's sequence, and lets it
    /// wait.
    ///
    /// # Errors
    /// It is not taken.
    pub fn check_and_park(&self, transaction: Bytes) -> Result<Sent, SendError> {
        let intent = receive(&transaction, self.chain.genesis())?;
        let latest = self.chain.latest();
        let mut simulator = latest.simulator(latest.next_block(0));
        match simulator.admit(&intent).map_err(SubmitError::from)? {
            Ok(()) | Err(Rejection::NonceTooHigh { .. } | Rejection::OutsideWindow { .. }) => {}
            Err(rejection) => return Err(rejection.into()),
        }
        let account = latest.account(&intent.sender).map_err(SubmitError::from)?;
        let hash = self.park(intent.sender, &intent, transaction, &account)?;
        let missing = self.gap(&intent.sender, account.nonce, intent.nonce);
        Ok(Sent::Parked { hash, missing })
    }

    /// Lets a transaction wait that its sender could pay for now; its hash.
    fn park(
        &self,
        sender: Address,
        intent: &Intent,
        bytes: Bytes,
        account: &Account,
    ) -> Result<B256, SendError> {
        let gas = U256::from(intent.gas_limit).checked_mul(U256::from(intent.max_fee));
        let needed = gas.zip(intent.total_value()).and_then(|(gas, value)| gas.checked_add(value));
        let needed = needed.ok_or(Rejection::CostOverflow)?;
        if needed > account.balance {
            let (account, balance) = (sender, account.balance);
            return Err(Rejection::InsufficientFunds { account, balance, needed }.into());
        }
        let mut waiting = self.waiting();
        let (hash, fees) = (intent.hash, (intent.max_fee, intent.max_priority_fee));
        let parked = Parked { bytes, hash, fees, since: Instant::now() };
        waiting.insert(sender, intent.nonce, parked)?;
        self.count.store(waiting.hashes.len(), Ordering::Relaxed);
        Ok(hash)
    }

    /// The nonce for which a transaction waits, if it does.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn missing(&self, hash: &B256) -> Result<Option<u64>, Fault> {
        let Some((sender, nonce, _)) = self.find(hash) else { return Ok(None) };
        let next = self.chain.account(&sender)?.nonce;
        Ok(self.gap(&sender, next, nonce))
    }

    /// The first nonce from `next` on that is missing before another one.
    fn gap(&self, sender: &Address, next: u64, nonce: u64) -> Option<u64> {
        let waiting = self.waiting();
        let line = waiting.lines.get(sender);
        (next..nonce).find(|nonce| line.is_none_or(|line| !line.contains_key(nonce)))
    }

    /// Sends again the first transaction of a sender, if it waits for nothing; whether the next one may
    /// be sent. For one at a time (`resume`).
    pub async fn resume(&self, sender: Address) -> bool {
        let Some((nonce, parked)) = self.first_ready(&sender) else { return false };
        // It stays in line until there is an answer, so that nobody finds it nowhere.
        match self.submit(parked.bytes, Some(sender), Source::MAX).await {
            Ok(_) => {}
            // The next block, or housekeeping, tries again.
            Err(SubmitError::Fault(_) | SubmitError::Rejected(Rejection::QueueFull)) => {
                return false;
            }
            Err(SubmitError::Rejected(reason)) => {
                tracing::info!(%sender, nonce, %reason, "a transaction that waited was dropped");
            }
        }
        self.remove(&sender, nonce, &parked.hash);
        true
    }

    /// The first transaction of a sender, if it waits for nothing. A lower nonce than the account's
    /// is as ready: it is refused, and so forgotten.
    fn first_ready(&self, sender: &Address) -> Option<(u64, Parked)> {
        let (nonce, parked) = {
            let waiting = self.waiting();
            let (nonce, parked) = waiting.lines.get(sender)?.first_key_value()?;
            (*nonce, parked.clone())
        };
        let account = self.chain.account(sender).ok()?;
        (account.nonce >= nonce).then_some((nonce, parked))
    }

    /// The senders of whom something waits.
    pub fn senders(&self) -> BTreeSet<Address> {
        self.waiting().lines.keys().copied().collect()
    }

    /// Those in a block of whom something waits.
    pub fn concerned(&self, block: &Block) -> BTreeSet<Address> {
        if self.len() == 0 {
            return BTreeSet::new();
        }
        let waiting = self.waiting();
        let senders = block.body.receipts.iter().map(|receipt| receipt.sender);
        senders.filter(|sender| waiting.lines.contains_key(sender)).collect()
    }

    /// What may be in the next block, in the order in which it came: of each sender what follows
    /// without a gap.
    pub fn ready(&self) -> Vec<Parked> {
        let mut ready = Vec::new();
        // Nobody waits while accounts are read.
        for (sender, line) in &self.lines() {
            let Ok(account) = self.chain.account(sender) else { continue };
            let mut earliest = None;
            for parked in (account.nonce..=u64::MAX).map_while(|nonce| line.get(&nonce)) {
                // A replacement may be younger than what has to follow it.
                let since = earliest.map_or(parked.since, |before| parked.since.max(before));
                earliest = Some(since);
                ready.push((since, parked.clone()));
            }
        }
        ready.sort_by_key(|(since, _)| *since);
        ready.into_iter().map(|(_, parked)| parked).collect()
    }

    /// Forgets what a block has, or what can never be in one.
    pub fn forget(&self, done: impl IntoIterator<Item = B256>) {
        for hash in done {
            self.drop_transaction(&hash);
        }
    }

    /// Forgets what has waited too long.
    pub fn expire(&self) {
        let old = |parked: &&Parked| parked.since.elapsed() > PARKED_LIFETIME;
        let expired: Vec<_> = {
            let waiting = self.waiting();
            let all = waiting.lines.values().flat_map(BTreeMap::values);
            all.filter(old).map(|parked| parked.hash).collect()
        };
        self.forget(expired);
    }

    /// Forgets a transaction; whether it waited.
    pub fn drop_transaction(&self, hash: &B256) -> bool {
        let place = self.waiting().hashes.get(hash).copied();
        place.is_some_and(|(sender, nonce)| self.remove(&sender, nonce, hash))
    }

    /// Forgets a transaction, if it is still the one that waits with its nonce.
    fn remove(&self, sender: &Address, nonce: u64, hash: &B256) -> bool {
        let mut waiting = self.waiting();
        let is_there = waiting.hashes.contains_key(hash);
        if is_there {
            waiting.remove(sender, nonce);
        }
        self.count.store(waiting.hashes.len(), Ordering::Relaxed);
        is_there
    }

    /// A transaction that waits, with its sender and nonce.
    pub fn find(&self, hash: &B256) -> Option<(Address, u64, Parked)> {
        let waiting = self.waiting();
        let (sender, nonce) = waiting.hashes.get(hash)?;
        let parked = waiting.lines.get(sender)?.get(nonce)?;
        Some((*sender, *nonce, parked.clone()))
    }

    /// The nonce after those of a sender that follow each other from `next` on.
    pub fn nonce_after(&self, sender: &Address, next: u64) -> u64 {
        let waiting = self.waiting();
        let Some(line) = waiting.lines.get(sender) else { return next };
        (next..=u64::MAX).find(|nonce| !line.contains_key(nonce)).unwrap_or(next)
    }

    /// Everything that waits, by sender.
    pub fn lines(&self) -> BTreeMap<Address, Line> {
        self.waiting().lines.clone()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn insert(&mut self, sender: Address, nonce: u64, parked: Parked) -> Result<(), SendError> {
        if self.hashes.contains_key(&parked.hash) {
            return Err(SendError::Known);
        }
        let line = self.lines.get(&sender);
        let former = line.and_then(|line| line.get(&nonce));
        let raised = |new: u128, old: u128| {
            new > old && new >= old.saturating_add(old.saturating_mul(REPLACEMENT_PER_CENT) / 100)
        };
        if let Some(Parked { fees: (fee, tip), .. }) = former {
            let no_tip = *tip == 0 && parked.fees.1 == 0;
            if !raised(parked.fees.0, *fee) || !(no_tip || raised(parked.fees.1, *tip)) {
                return Err(SendError::Underpriced);
            }
        } else if line.is_some_and(|line| line.len() >= PARKED_PER_SENDER) {
            return Err(SendError::SenderLimit);
        }
        let freed = former.map_or(0, |former| former.bytes.len());
        let bytes = self.bytes - freed + parked.bytes.len();
        if former.is_none() && self.hashes.len() >= PARKED_TRANSACTIONS || bytes > PARKED_BYTES {
            return Err(SendError::Full);
        }
        self.remove(&sender, nonce);
        self.bytes += parked.bytes.len();
        self.hashes.insert(parked.hash, (sender, nonce));
        self.lines.entry(sender).or_default().insert(nonce, parked);
        Ok(())
    }

    fn remove(&mut self, sender: &Address, nonce: u64) -> Option<Parked> {
        let line = self.lines.get_mut(sender)?;
        let parked = line.remove(&nonce)?;
        if line.is_empty() {
            self.lines.remove(sender);
        }
        self.hashes.remove(&parked.hash);
        self.bytes -= parked.bytes.len();
        Some(parked)
    }
}
