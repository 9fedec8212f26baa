//! Authenticated transactions to executed blocks: one thread, in order.
//!
//! Invariant: a block starts from the state after the one before it, durable or not.

use super::{
    Shared,
    commit::Job,
    intake::{Asker, Next, Ready},
    pending::{Changes, Pending},
};
use crate::error::{Fault, Rejection};
use crate::limits::GROUP_TRANSACTIONS;
use crate::pipeline::seal::{Draft, environment};
use crate::state::Overlay;
use std::collections::VecDeque;
use std::sync::mpsc::{SendError, SyncSender};
use std::sync::{Arc, PoisonError};

/// Transactions between two looks at whether the disk is free.
const LOOK_EVERY: usize = 16;

/// Where the next block goes on: the last one, durable or not.
struct Tip {
    number: u64,
    timestamp: u64,
    /// Executed blocks that may not be durable yet, in order.
    blocks: Vec<Changes>,
}

impl Shared {
    /// Executes until nothing more comes.
    pub fn execute(&self, jobs: &SyncSender<Job>) {
        loop {
            self.intake.wait();
            let sealing = self.chain.sealing.lock();
            let _one_at_a_time = sealing.unwrap_or_else(PoisonError::into_inner);
            let head = self.chain.store.head();
            let (number, timestamp) = (head.number, head.timestamp);
            let mut tip = Tip { number, timestamp, blocks: Vec::new() };
            let mut queue = VecDeque::new();
            loop {
                if queue.is_empty() {
                    match self.intake.next() {
                        Next::Batch(batch) => queue.extend(batch),
                        Next::Idle => break,
                        Next::End => return,
                    }
                }
                let mut askers = Vec::new();
                if let Err(fault) = self.make_block(&mut tip, &mut queue, &mut askers, jobs) {
                    self.stop(&fault);
                    let waiting = queue.drain(..).map(Ready::asker).map(|(_, asker)| asker);
                    let askers = askers.into_iter().chain(waiting);
                    self.intake.answer(askers.map(|asker| (asker, Err(fault.again().into()))));
                }
            }
        }
    }

    /// Executes what is ready into one block, and hands that on. Those who wait for it are in
    /// `askers` if that fails.
    fn make_block(
        &self,
        tip: &mut Tip,
        queue: &mut VecDeque<Ready>,
        askers: &mut Vec<Asker>,
        jobs: &SyncSender<Job>,
    ) -> Result<(), Fault> {
        if let Some(fault) = self.stopped() {
            return Err(fault);
        }
        let pending = Pending::new(self.chain.store.view(), &mut tip.blocks);
        let now = (self.clock)();
        let block = environment(self.chain.genesis(), tip.number, tip.timestamp, now);
        let draft = Draft::new(block, Overlay::new(Arc::new(pending)));
        let draft = self.fill(draft, queue, askers)?;
        let Some((block, body)) = draft.finish()? else { return Ok(()) };
        tip.blocks.push(Changes::new(&block, &body.writes));
        (tip.number, tip.timestamp) = (block.number, block.timestamp);
        self.intake.begin_commit();
        let job = Job { block, body, askers: std::mem::take(askers) };
        jobs.send(job).map_err(|SendError(job)| {
            *askers = job.askers;
            Fault::Bug("the thread that commits blocks has ended")
        })
    }

    /// Adds transactions until the block is full, or the disk is free and there are enough, or none
    /// is ready.
    fn fill(
        &self,
        mut draft: Draft,
        queue: &mut VecDeque<Ready>,
        askers: &mut Vec<Asker>,
    ) -> Result<Draft, Fault> {
        loop {
            let Some(next) = queue.pop_front() else {
                if draft.transactions() == 0 || self.intake.is_disk_free() {
                    return Ok(draft);
                }
                match self.intake.next() {
                    Next::Batch(batch) => queue.extend(batch),
                    Next::Idle | Next::End => return Ok(draft),
                }
                continue;
            };
            let full;
            (draft, full) = self.add(draft, next, askers)?;
            if let Some(first_of_next) = full {
                queue.push_front(first_of_next);
                return Ok(draft);
            }
            let count = draft.transactions();
            let group = count >= GROUP_TRANSACTIONS && count.is_multiple_of(LOOK_EVERY);
            if group && self.intake.is_disk_free() {
                return Ok(draft);
            }
        }
    }

    /// Adds a transaction, or answers why not; gives it back if the block is full.
    fn add(
        &self,
        draft: Draft,
        next: Ready,
        askers: &mut Vec<Asker>,
    ) -> Result<(Draft, Option<Ready>), Fault> {
        let others = draft.transactions() > 0;
        let bytes = next.bytes.clone();
        let (intent, asker) = next.asker();
        let intent = match intent {
            Ok(intent) => intent,
            Err(rejection) => {
                self.intake.answer([(asker, Err(rejection.into()))]);
                return Ok((draft, None));
            }
        };
        // Should this fail, it is among those who are told.
        askers.push(asker);
        let (draft, added) = draft.add(&self.chain.vm, bytes.clone(), &intent)?;
        let Err(rejection) = added else { return Ok((draft, None)) };
        let Some(Asker { done, bytes: length }) = askers.pop() else { return Ok((draft, None)) };
        let is_full =
            matches!(rejection, Rejection::BlockFull { .. } | Rejection::BlockTooLarge { .. });
        if is_full && others {
            return Ok((draft, Some(Ready { bytes, intent: Ok(intent), done })));
        }
        self.intake.answer([(Asker { done, bytes: length }, Err(rejection.into()))]);
        Ok((draft, None))
    }
}
