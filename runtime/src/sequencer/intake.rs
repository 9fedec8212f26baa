//! The two queues: what was submitted, and what was authenticated of it, in the same order.
//!
//! Invariant: batches leave in the order in which they were taken, however long each took.

use super::{Answer, Done, Submission};
use crate::error::Rejection;
use crate::limits::{BATCH_SIGNATURES, QUEUE_BYTES, QUEUE_TRANSACTIONS};
use crate::types::{Address, B256, Bytes, Intent};
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
    /// keccak-256 of the module that it creates a contract from.
    pub module: Option<B256>,
    pub intent: Result<Intent, Rejection>,
    pub done: Done,
}

/// Who waits for an answer, and the room that the transaction takes until then.
pub struct Asker {
    pub done: Done,
    pub bytes: usize,
}

impl Ready {
    pub fn asker(self) -> Asker {
        Asker { done: self.done, bytes: self.bytes.len() }
    }
}

/// What the next step is for who executes.
pub enum Next {
    /// These are next.
    Batch(Vec<Ready>),
    /// The module that transactions of this sender wait for is compiled.
    Compiled(Address),
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
    /// Receivers that have nothing to do.
    idle: usize,
    /// Authenticated batches by number.
    ready: BTreeMap<u64, Vec<Ready>>,
    /// Numbers of the next batch to be taken, and to be executed.
    taken: u64,
    executed: u64,
    /// Blocks that are executed and not durable yet.
    committing: usize,
    /// Modules that are being compiled, and whose transactions may go on.
    compiling: usize,
    compiled: VecDeque<Address>,
    /// What was submitted and has no answer yet.
    unanswered: usize,
    bytes: usize,
    closed: bool,
}

impl Intake {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a transaction; gives `done` back if there is no room.
    pub fn put(&self, submission: Submission, done: Done) -> Result<(), Done> {
        let mut queues = self.lock();
        let bytes = queues.bytes + submission.transaction.len();
        if queues.unanswered >= QUEUE_TRANSACTIONS || bytes > QUEUE_BYTES {
            return Err(done);
        }
        queues.bytes = bytes;
        queues.unanswered += 1;
        queues.waiting.push_back(Waiting { submission, done });
        // To wake nobody is a system call, too.
        if queues.idle > 0 {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Answers, and gives the room of the transactions back.
    pub fn answer(&self, askers: impl IntoIterator<Item = (Asker, Answer)>) {
        for (Asker { done, bytes }, answer) in askers {
            let mut queues = self.lock();
            queues.unanswered -= 1;
            queues.bytes -= bytes;
            drop(queues);
            done(answer);
        }
    }

    /// Takes nothing more; what is here is finished.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
        self.moved.notify_all();
    }

    /// The next batch to authenticate, with its number; `None` at the end. The fewer wait, the
    /// smaller it is, so that all receivers have something to do.
    pub fn take(&self, receivers: usize) -> Option<(u64, Vec<Waiting>)> {
        let mut queues = self.lock();
        while queues.waiting.is_empty() {
            if queues.closed {
                return None;
            }
            queues.idle += 1;
            queues = self.arrived.wait(queues).unwrap_or_else(PoisonError::into_inner);
            queues.idle -= 1;
        }
        let share = queues.waiting.len().div_ceil(receivers).min(BATCH_SIGNATURES);
        let batch = queues.waiting.drain(..share).collect();
        let number = queues.taken;
        queues.taken += 1;
        Some((number, batch))
    }

    /// Puts an authenticated batch into its place.
    pub fn ready(&self, number: u64, batch: Vec<Ready>) {
        self.lock().ready.insert(number, batch);
        self.moved.notify_all();
    }

    /// The next authenticated batch; waits for it unless nothing is being committed.
    pub fn next(&self) -> Next {
        let mut queues = self.lock();
        loop {
            if let Some(sender) = queues.compiled.pop_front() {
                return Next::Compiled(sender);
            }
            let number = queues.executed;
            if let Some(batch) = queues.ready.remove(&number) {
                queues.executed += 1;
                return Next::Batch(batch);
            }
            if queues.committing == 0 {
                return if queues.is_end() { Next::End } else { Next::Idle };
            }
            queues = self.moved.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until something is ready, or the end.
    pub fn wait(&self) {
        let mut queues = self.lock();
        while !queues.has_next() && !queues.is_end() {
            queues = self.moved.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A module is being compiled.
    pub fn begin_compile(&self) {
        self.lock().compiling += 1;
    }

    /// A module is compiled, or refused.
    pub fn end_compile(&self, sender: Address) {
        let mut queues = self.lock();
        queues.compiling -= 1;
        queues.compiled.push_back(sender);
        drop(queues);
        self.moved.notify_all();
    }

    /// Whether no block is being committed.
    pub fn is_disk_free(&self) -> bool {
        self.lock().committing == 0
    }

    /// A block is on its way to the disk.
    pub fn begin_commit(&self) {
        self.lock().committing += 1;
    }

    /// A block is durable, or lost.
    pub fn end_commit(&self) {
        self.lock().committing -= 1;
        self.moved.notify_all();
    }
}

impl Queues {
    fn has_next(&self) -> bool {
        !self.compiled.is_empty() || self.ready.contains_key(&self.executed)
    }

    /// Whether nothing more can become ready.
    fn is_end(&self) -> bool {
        self.closed
            && self.waiting.is_empty()
            && self.executed == self.taken
            && self.compiling == 0
            && self.compiled.is_empty()
    }
}
