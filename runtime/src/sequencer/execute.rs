//! Authenticated transactions to executed blocks: one thread at a time, in order.
//!
//! A transaction that creates a contract from new code waits until that is compiled, and so do
//! those of its sender that come after it; the others go on. One whose nonce is ahead waits as long
//! as the missing one may be on its way: threads and sockets let neighbours pass each other.
//!
//! Invariants: a block starts from the state after the one before it, durable or not. The
//! transactions of a sender are executed in the order of their nonces, and those of the same nonce
//! in the order of their submission.

use super::{
    Shared,
    commit::Job,
    compile::Module,
    turn::Turn,
    work::{Asker, Next, Ready},
};
use crate::error::{Fault, Rejection};
use crate::gas::FUEL_PER_GAS;
use crate::host::module_price;
use crate::limits::GROUP_TRANSACTIONS;
use crate::pipeline::seal::{Draft, environment};
use crate::state::{Overlay, Patch, Patched};
use crate::types::{Address, Intent};
use std::collections::{BTreeMap, VecDeque};
use std::iter;
use std::sync::Arc;

/// After how many batches a transaction whose nonce is ahead is given up: what was sent together is
/// in one batch, or in two that follow each other.
const BATCHES_EARLY: u64 = 2;
/// Transactions between two looks at whether the block can be sealed.
const LOOK_EVERY: usize = 16;

/// What the executing thread holds, and the next one goes on with.
#[derive(Default)]
pub struct Executor {
    /// What is next.
    queue: VecDeque<Ready>,
    /// By sender: what waits for a module to be compiled.
    deferred: BTreeMap<Address, VecDeque<Ready>>,
    /// By sender and nonce: what came before the nonce that it follows.
    early: BTreeMap<(Address, u64), VecDeque<Early>>,
    /// Batches that were begun.
    batches: u64,
    /// The block that is being filled; not without a transaction between two steps.
    open: Option<Box<Draft>>,
    /// Who waits for it, in the order of its transactions.
    askers: Vec<Asker>,
    /// `None` while nothing is on its way.
    tip: Option<Tip>,
}

/// A transaction whose nonce is ahead.
struct Early {
    ready: Ready,
    rejection: Rejection,
    /// The batch at whose beginning it is given up.
    until: u64,
}

/// Where the next block goes on: the last one, durable or not.
struct Tip {
    number: u64,
    timestamp: u64,
    /// Numbers of executed blocks that may not be durable yet, and what they change, in order.
    blocks: Vec<(u64, Patch)>,
    _turn: Turn,
}

impl Executor {
    /// Whether there is more to execute.
    pub fn has_more(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether something came before what it follows.
    pub fn has_early(&self) -> bool {
        !self.early.is_empty()
    }

    /// Whether there is a block that waits to be sealed.
    pub fn has_open_block(&self) -> bool {
        self.open.is_some()
    }

    /// Lets others make blocks. Everything that was executed is durable.
    pub fn rest(&mut self) {
        self.tip = None;
    }
}

impl Shared {
    /// Executes what is ready, until there is a block to be sealed, or nothing is left.
    pub fn execute(&self, executor: &mut Executor) -> Option<Job> {
        match self.guard(|| self.fill(executor)) {
            Ok(job) => job,
            Err(fault) => {
                executor.open = None;
                let early = std::mem::take(&mut executor.early).into_values().flatten();
                let waiting = executor.queue.drain(..).chain(early.map(|early| early.ready));
                let waiting = waiting.map(Ready::asker);
                let askers = executor.askers.drain(..).chain(waiting);
                let answer = |asker| (asker, Err(fault.again().into()));
                self.work.answer(askers.map(answer).collect());
                None
            }
        }
    }

    /// Adds transactions to the open block until it is full, or can be sealed and there are enough,
    /// or none is ready.
    fn fill(&self, executor: &mut Executor) -> Result<Option<Job>, Fault> {
        loop {
            let Some(next) = executor.queue.pop_front() else {
                match self.work.next_ready() {
                    Some(next) => {
                        executor.enqueue(next);
                        let batch = executor.batches;
                        self.give_up(executor.early_until(batch));
                    }
                    None if !executor.early.is_empty() && self.work.is_drained() => {
                        self.give_up(executor.early_until(u64::MAX));
                    }
                    None if self.work.can_seal() => return self.close(executor),
                    None => return Ok(None),
                }
                continue;
            };
            if let Some(first_of_next) = self.add(executor, next)? {
                executor.queue.push_front(first_of_next);
                return self.close(executor);
            }
            let count = executor.open.as_ref().map_or(0, |draft| draft.transactions());
            let group = count >= GROUP_TRANSACTIONS && count.is_multiple_of(LOOK_EVERY);
            if group && self.work.can_seal() {
                return self.close(executor);
            }
        }
    }

    /// An empty block after all others.
    fn open(&self, executor: &mut Executor) -> Result<Box<Draft>, Fault> {
        if let Some(fault) = self.stopped() {
            return Err(fault);
        }
        let tip = executor.tip.get_or_insert_with(|| {
            let turn = self.chain.parts.turns.take();
            let head = self.chain.parts.store.head();
            let (number, timestamp) = (head.number, head.timestamp);
            Tip { number, timestamp, blocks: Vec::new(), _turn: turn }
        });
        let view = self.chain.parts.store.view();
        let durable = view.head().number;
        tip.blocks.retain(|(number, _)| *number > durable);
        let newest_first = tip.blocks.iter().rev().map(|(_, patch)| patch.clone()).collect();
        let pending = Patched::new(Arc::new(view), newest_first);
        let genesis = self.chain.genesis();
        let block = environment(genesis, tip.number, tip.timestamp, (self.clock)());
        Ok(Draft::new(block, Overlay::new(Arc::new(pending))))
    }

    /// Makes the open block, if there is one, the next to be sealed.
    fn close(&self, executor: &mut Executor) -> Result<Option<Job>, Fault> {
        let Some(draft) = executor.open.take() else { return Ok(None) };
        let (block, body) = draft.finish()?;
        if let Some(tip) = &mut executor.tip {
            tip.blocks.push((block.number, Patch::after(body.writes.clone())));
            (tip.number, tip.timestamp) = (block.number, block.timestamp);
        }
        Ok(Some(Job { block, body, askers: std::mem::take(&mut executor.askers) }))
    }

    /// Adds a transaction, defers it, or answers why not; gives it back if the block is full.
    fn add(&self, executor: &mut Executor, next: Ready) -> Result<Option<Ready>, Fault> {
        let Ready { bytes, module, intent, done } = next;
        let asker = Asker { done, bytes: bytes.len() };
        let intent = match intent {
            Ok(intent) => intent,
            Err(rejection) => {
                self.work.answer(vec![(asker, Err(rejection.into()))]);
                return Ok(None);
            }
        };
        if let Some(line) = executor.deferred.get_mut(&intent.sender) {
            line.push_back(Ready { bytes, module, intent: Ok(intent), done: asker.done });
            return Ok(None);
        }
        // Should what follows fail, it is among those who are told.
        executor.askers.push(asker);
        let mut draft = match executor.open.take() {
            Some(draft) => draft,
            None => self.open(executor)?,
        };
        if let Some(new) = self.new_module(&intent, module.as_ref()).cloned()
            && draft.admit(&bytes, &intent)?.is_ok()
        {
            executor.keep(draft);
            if let Some(Asker { done, .. }) = executor.askers.pop() {
                let sender = intent.sender;
                let ready = Ready { bytes, module, intent: Ok(intent), done };
                let early = executor.early_of(sender);
                let line = executor.deferred.entry(sender).or_default();
                line.extend(iter::once(ready).chain(early));
                self.work.compile(sender, new);
            }
            return Ok(None);
        }
        let others = draft.transactions() > 0;
        let (draft, added) = draft.add(&self.chain.parts.vm, bytes.clone(), &intent)?;
        executor.keep(draft);
        let Err(rejection) = added else {
            executor.follow(&intent);
            return Ok(None);
        };
        let Some(asker) = executor.askers.pop() else { return Ok(None) };
        let is_full =
            matches!(rejection, Rejection::BlockFull { .. } | Rejection::BlockTooLarge { .. });
        if is_full && others {
            return Ok(Some(Ready { bytes, module, intent: Ok(intent), done: asker.done }));
        }
        if matches!(rejection, Rejection::NonceTooHigh { .. }) {
            let (place, until) = ((intent.sender, intent.nonce), executor.batches + BATCHES_EARLY);
            let ready = Ready { bytes, module, intent: Ok(intent), done: asker.done };
            executor.early.entry(place).or_default().push_back(Early { ready, rejection, until });
            return Ok(None);
        }
        self.work.answer(vec![(asker, Err(rejection.into()))]);
        Ok(None)
    }

    /// Answers those that came too early.
    fn give_up(&self, early: Vec<Early>) {
        let answer = |early: Early| (early.ready.asker(), Err(early.rejection.into()));
        if !early.is_empty() {
            self.work.answer(early.into_iter().map(answer).collect());
        }
    }

    /// The module that an intent pays for and that has to be compiled.
    fn new_module<'a>(&self, intent: &Intent, module: Option<&'a Module>) -> Option<&'a Module> {
        let is_known = |module: &Module| self.chain.parts.vm.is_known(&module.hash);
        let module = module.filter(|module| !module.is_tried && !is_known(module))?;
        let gas = intent.gas_limit.saturating_sub(intent.intrinsic_gas);
        module_price(&module.code, gas.saturating_mul(FUEL_PER_GAS))?;
        Some(module)
    }
}

impl Executor {
    fn enqueue(&mut self, next: Next) {
        match next {
            Next::Batch(batch) => {
                self.queue.extend(batch);
                self.batches += 1;
            }
            Next::Compiled(sender) => {
                let mut deferred = self.deferred.remove(&sender).unwrap_or_default();
                if let Some(module) = deferred.front_mut().and_then(|first| first.module.as_mut()) {
                    module.is_tried = true;
                }
                deferred.into_iter().rev().for_each(|ready| self.queue.push_front(ready));
            }
        }
    }

    /// Goes on with those that follow a transaction.
    fn follow(&mut self, done: &Intent) {
        if self.early.is_empty() {
            return;
        }
        let Some(next) = done.nonce.checked_add(1) else { return };
        let early = self.early.remove(&(done.sender, next)).unwrap_or_default();
        early.into_iter().rev().for_each(|early| self.queue.push_front(early.ready));
    }

    /// Takes those of a sender, in the order of their nonces.
    fn early_of(&mut self, sender: Address) -> Vec<Ready> {
        let all = self.early.extract_if((sender, 0)..=(sender, u64::MAX), |_, _| true);
        all.flat_map(|(_, early)| early).map(|early| early.ready).collect()
    }

    /// Takes those that have waited long enough when this batch begins.
    fn early_until(&mut self, batch: u64) -> Vec<Early> {
        let mut given_up = Vec::new();
        self.early.retain(|_, of_nonce| {
            // What came first is given up first.
            while let Some(early) = of_nonce.pop_front_if(|early| early.until <= batch) {
                given_up.push(early);
            }
            !of_nonce.is_empty()
        });
        given_up
    }

    /// Keeps the block open, unless it is empty: then the next one starts from what is newer.
    fn keep(&mut self, draft: Box<Draft>) {
        self.open = Some(draft).filter(|draft| draft.transactions() > 0);
    }
}
