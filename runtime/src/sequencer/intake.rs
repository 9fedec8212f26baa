//! The two queues: what was submitted, and what was authenticated of it, in the same order.
//!
//! Invariant: batches leave in the order in which they were taken, however long each took.

use super::{Answer, Done, Submission};
use crate::error::Rejection;
use crate::limits::{BATCH_SIGNATURES, QUEUE_BYTES, QUEUE_TRANSACTIONS};
use crate::types::{Bytes, Intent};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A transaction that waits for its answer.
pub struct Waiting {
    pub submission: Submission,
    pub done: Done,
}

/// An authenticated transaction that waits for its answer.
pub struct Ready {
    pub bytes: Bytes,
    pub intent: Result<Intent, Rejection>,
    pub done: Done,
}

/// Who waits for an answer, and the room that the transaction takes until then.
pub struct Asker {
    pub done: Done,
    pub bytes: usize,
}

impl Ready {
    pub fn asker(self) -> (Result<Intent, Rejection>, Asker) {
        (self.intent, Asker { done: self.done, bytes: self.bytes.len() })
    }
}

/// What the next step is for who executes.
pub enum Next {
    /// These are next.
    Batch(Vec<Ready>),
    /// Nothing is ready, and nothing is being committed.
    Idle,
    /// Nothing will come any more.
    End,
}

#[derive(Default)]
pub struct Intake {
    queues: Mutex<Queues>,
    /// Something was submitted.
    arrived: Condvar,
    /// Something became ready, or a block durable.
    moved: Condvar,
}

#[derive(Default)]
struct Queues {
    waiting: VecDeque<Waiting>,
    /// Authenticated batches by number.
    ready: BTreeMap<u64, Vec<Ready>>,
    /// Numbers of the next batch to be taken, and to be executed.
    taken: u64,
    executed: u64,
    /// Blocks that are executed and not durable yet.
    committing: usize,
    /// What was submitted and has no answer yet.
    unanswered: usize,
    bytes: usize,
    closed: bool,
}

impl Intake {
    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a transaction; gives `done` back if there is no room.
    pub fn put(&self, submission: Submission, done: Done) -> Result<(), Done> {
        let mut queues = self.queues();
        let bytes = queues.bytes + submission.transaction.len();
        if queues.unanswered >= QUEUE_TRANSACTIONS || bytes > QUEUE_BYTES {
            return Err(done);
        }
        queues.bytes = bytes;
        queues.unanswered += 1;
        queues.waiting.push_back(Waiting { submission, done });
        drop(queues);
        self.arrived.notify_one();
        Ok(())
    }

    /// Answers, and gives the room of the transactions back.
    pub fn answer(&self, askers: impl IntoIterator<Item = (Asker, Answer)>) {
        for (Asker { done, bytes }, answer) in askers {
            let mut queues = self.queues();
            queues.unanswered -= 1;
            queues.bytes -= bytes;
            drop(queues);
            done(answer);
        }
    }

    /// Takes nothing more; what is here is finished.
    pub fn close(&self) {
        self.queues().closed = true;
        self.arrived.notify_all();
        self.moved.notify_all();
    }

    /// The next batch to authenticate, with its number; `None` at the end. The fewer wait, the
    /// smaller it is, so that all receivers have something to do.
    pub fn take(&self, receivers: usize) -> Option<(u64, Vec<Waiting>)> {
        let mut queues = self.queues();
        while queues.waiting.is_empty() {
            if queues.closed {
                return None;
            }
            queues = self.arrived.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
        let share = queues.waiting.len().div_ceil(receivers).min(BATCH_SIGNATURES);
        let batch = queues.waiting.drain(..share).collect();
        let number = queues.taken;
        queues.taken += 1;
        Some((number, batch))
    }

    /// Puts an authenticated batch into its place.
    pub fn ready(&self, number: u64, batch: Vec<Ready>) {
        self.queues().ready.insert(number, batch);
        self.moved.notify_all();
    }

    /// The next authenticated batch; waits for it unless nothing is on its way.
    pub fn next(&self) -> Next {
        let mut queues = self.queues();
        loop {
            let number = queues.executed;
            if let Some(batch) = queues.ready.remove(&number) {
                queues.executed += 1;
                return Next::Batch(batch);
            }
            if queues.committing == 0 {
                let end = queues.closed && queues.waiting.is_empty() && number == queues.taken;
                return if end { Next::End } else { Next::Idle };
            }
            queues = self.moved.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until something is ready, or the end.
    pub fn wait(&self) {
        let mut queues = self.queues();
        loop {
            let number = queues.executed;
            let end = queues.closed && queues.waiting.is_empty() && number == queues.taken;
            if end || queues.ready.contains_key(&number) {
                return;
            }
            queues = self.moved.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether no block is being committed.
    pub fn is_disk_free(&self) -> bool {
        self.queues().committing == 0
    }

    /// A block is on its way to the disk.
    pub fn begin_commit(&self) {
        self.queues().committing += 1;
    }

    /// A block is durable, or lost.
    pub fn end_commit(&self) {
        self.queues().committing -= 1;
        self.moved.notify_all();
    }
}
