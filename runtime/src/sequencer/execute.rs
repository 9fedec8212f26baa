//! Authenticated transactions to executed blocks: one thread, in order.
//!
//! A transaction that creates a contract from new code waits until that is compiled, and so do
//! those of its sender that come after it; the others go on.
//!
//! Invariants: a block starts from the state after the one before it, durable or not. The
//! transactions of a sender are executed in the order of their submission.

use super::{
    Shared,
    commit::Job,
    compile::Module,
    intake::{Asker, Next, Ready},
    pending::{Changes, Pending},
};
use crate::error::{Fault, Rejection};
use crate::gas::FUEL_PER_GAS;
use crate::host::code_price;
use crate::limits::GROUP_TRANSACTIONS;
use crate::pipeline::seal::{Draft, environment};
use crate::state::Overlay;
use crate::types::{Address, B256, Intent};
use florin_abi::deploy::{self, Deployment};
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{SendError, Sender, SyncSender};
use std::sync::{Arc, PoisonError};

/// Transactions between two looks at whether the disk is free.
const LOOK_EVERY: usize = 16;

/// What the executing thread holds.
pub struct Executor<'a> {
    shared: &'a Shared,
    /// To who commits.
    jobs: SyncSender<Job>,
    /// To who compiles.
    modules: Sender<Module>,
    /// What is next.
    queue: VecDeque<Ready>,
    /// By sender: what waits for a module to be compiled.
    deferred: BTreeMap<Address, VecDeque<Ready>>,
    /// Who waits for the block that is being filled, in the order of its transactions.
    askers: Vec<Asker>,
}

/// Where the next block goes on: the last one, durable or not.
struct Tip {
    number: u64,
    timestamp: u64,
    /// Executed blocks that may not be durable yet, in order.
    blocks: Vec<Changes>,
}

impl<'a> Executor<'a> {
    pub fn new(shared: &'a Shared, jobs: SyncSender<Job>, modules: Sender<Module>) -> Self {
        let (queue, deferred, askers) = (VecDeque::new(), BTreeMap::new(), Vec::new());
        Executor { shared, jobs, modules, queue, deferred, askers }
    }

    /// Executes until nothing more comes.
    pub fn run(mut self) {
        let Shared { chain, intake, .. } = self.shared;
        loop {
            intake.wait();
            let _one_at_a_time = chain.sealing.lock().unwrap_or_else(PoisonError::into_inner);
            let head = chain.store.head();
            let (number, timestamp) = (head.number, head.timestamp);
            let mut tip = Tip { number, timestamp, blocks: Vec::new() };
            loop {
                if self.queue.is_empty() {
                    match intake.next() {
                        Next::Idle => break,
                        Next::End => return,
                        next => self.enqueue(next),
                    }
                }
                let shared = self.shared;
                if let Err(fault) = shared.guard(|| self.make_block(&mut tip)) {
                    let waiting = self.queue.drain(..).map(|ready| ready.asker());
                    let askers = self.askers.drain(..).chain(waiting);
                    intake.answer(askers.map(|asker| (asker, Err(fault.again().into()))));
                }
            }
        }
    }

    fn enqueue(&mut self, next: Next) {
        match next {
            Next::Batch(batch) => self.queue.extend(batch),
            Next::Compiled(sender) => {
                let mut deferred = self.deferred.remove(&sender).unwrap_or_default();
                // Whatever came of it, it is executed now: it is not compiled here again.
                if let Some(first) = deferred.front_mut() {
                    first.module = None;
                }
                deferred.into_iter().rev().for_each(|ready| self.queue.push_front(ready));
            }
            Next::Idle | Next::End => {}
        }
    }

    /// Executes what is ready into one block, and hands that on. Those who wait for it are in
    /// `askers` if that fails.
    fn make_block(&mut self, tip: &mut Tip) -> Result<(), Fault> {
        let Shared { chain, intake, clock, .. } = self.shared;
        if let Some(fault) = self.shared.stopped() {
            return Err(fault);
        }
        let pending = Pending::new(chain.store.view(), &mut tip.blocks);
        let block = environment(chain.genesis(), tip.number, tip.timestamp, clock());
        let draft = self.fill(Draft::new(block, Overlay::new(Arc::new(pending))))?;
        let Some((block, body)) = draft.finish()? else { return Ok(()) };
        tip.blocks.push(Changes::new(&block, &body.writes));
        (tip.number, tip.timestamp) = (block.number, block.timestamp);
        intake.begin_commit();
        let job = Job { block, body, askers: std::mem::take(&mut self.askers) };
        self.jobs.send(job).map_err(|SendError(job)| {
            self.askers = job.askers;
            Fault::Bug("the thread that commits blocks has ended")
        })
    }

    /// Adds transactions until the block is full, or the disk is free and there are enough, or none
    /// is ready.
    fn fill(&mut self, mut draft: Draft) -> Result<Draft, Fault> {
        let intake = &self.shared.intake;
        loop {
            let Some(next) = self.queue.pop_front() else {
                if draft.transactions() == 0 || intake.is_disk_free() {
                    return Ok(draft);
                }
                match intake.next() {
                    Next::Idle | Next::End => return Ok(draft),
                    next => self.enqueue(next),
                }
                continue;
            };
            let full;
            (draft, full) = self.add(draft, next)?;
            if let Some(first_of_next) = full {
                self.queue.push_front(first_of_next);
                return Ok(draft);
            }
            let count = draft.transactions();
            let group = count >= GROUP_TRANSACTIONS && count.is_multiple_of(LOOK_EVERY);
            if group && intake.is_disk_free() {
                return Ok(draft);
            }
        }
    }

    /// Adds a transaction, defers it, or answers why not; gives it back if the block is full.
    fn add(&mut self, mut draft: Draft, next: Ready) -> Result<(Draft, Option<Ready>), Fault> {
        let Ready { bytes, module, intent, done } = next;
        let asker = Asker { done, bytes: bytes.len() };
        let intent = match intent {
            Ok(intent) => intent,
            Err(rejection) => {
                self.shared.intake.answer([(asker, Err(rejection.into()))]);
                return Ok((draft, None));
            }
        };
        if let Some(line) = self.deferred.get_mut(&intent.sender) {
            line.push_back(Ready { bytes, module, intent: Ok(intent), done: asker.done });
            return Ok((draft, None));
        }
        // Should what follows fail, it is among those who are told.
        self.askers.push(asker);
        if let Some(new) = self.new_module(&intent, module)
            && draft.admit(&bytes, &intent)?.is_ok()
        {
            if let Some(Asker { done, .. }) = self.askers.pop() {
                self.defer(new, Ready { bytes, module, intent: Ok(intent), done });
            }
            return Ok((draft, None));
        }
        let others = draft.transactions() > 0;
        let added;
        (draft, added) = draft.add(&self.shared.chain.vm, bytes.clone(), &intent)?;
        let Err(rejection) = added else { return Ok((draft, None)) };
        let Some(asker) = self.askers.pop() else { return Ok((draft, None)) };
        let is_full =
            matches!(rejection, Rejection::BlockFull { .. } | Rejection::BlockTooLarge { .. });
        if is_full && others {
            let again = Ready { bytes, module, intent: Ok(intent), done: asker.done };
            return Ok((draft, Some(again)));
        }
        self.shared.intake.answer([(asker, Err(rejection.into()))]);
        Ok((draft, None))
    }

    /// The module that an intent pays for and that has to be compiled.
    fn new_module(&self, intent: &Intent, hash: Option<B256>) -> Option<Module> {
        let hash = hash.filter(|hash| !self.shared.chain.vm.is_known(hash))?;
        let input = &intent.calls.first()?.input;
        let gas = intent.gas_limit.saturating_sub(intent.intrinsic_gas);
        code_price(input, gas.saturating_mul(FUEL_PER_GAS))?;
        let Deployment::Module { module, .. } = deploy::parse(input)? else { return None };
        Some(Module { hash, code: input.slice_ref(module), sender: intent.sender })
    }

    fn defer(&mut self, module: Module, ready: Ready) {
        self.shared.intake.begin_compile();
        let sender = module.sender;
        self.deferred.entry(sender).or_default().push_back(ready);
        if self.modules.send(module).is_err() {
            // Then it is compiled where it is executed.
            self.shared.intake.end_compile(sender);
        }
    }
}
