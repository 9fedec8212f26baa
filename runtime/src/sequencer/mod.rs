//! Payments as fast as the machine allows: transactions are authenticated by several threads,
//! executed by one at a time in the order in which they were submitted, and a block is sealed and
//! made durable while the next one is executed.
//!
//! ```text
//! submit -> waiting -> receive (decode, authenticate, in batches) -> ready, in order
//!        -> execute (over the blocks that are not durable yet) -> job
//!        -> seal (roots, state commitment, header) -> commit (journal, fdatasync) -> answers
//! ```
//! Each of these is a step that any thread takes when it is due (`work.rs`). New modules are
//! compiled by a step of their own, while payments go on.
//!
//! A block is sealed as soon as the one before it is, and there is something to seal: alone, a
//! transaction waits for nobody, and goes the whole way on one thread; under load, those that
//! arrive meanwhile share the next block. Nothing here decides what is valid or what happens: that
//! is for the pipeline, whose functions this calls.
//!
//! Invariants: transactions are executed in the order of their submission, but that those of a sender
//! wait a moment for one that belongs before them (`execute.rs`). An answer is given once,
//! and a receipt only after its block is durable. What is in memory is bounded by
//! [`QUEUE_TRANSACTIONS`] and [`QUEUE_BYTES`].
//!
//! [`QUEUE_TRANSACTIONS`]: crate::limits::QUEUE_TRANSACTIONS
//! [`QUEUE_BYTES`]: crate::limits::QUEUE_BYTES

mod commit;
mod compile;
mod execute;
mod receive;
mod turn;
mod work;

pub(crate) use turn::Turns;

use crate::chain::{Chain, Located, SubmitError};
use crate::error::{Fault, Rejection};
use crate::senders::{Authenticator, Source};
use crate::store::StoreError;
use crate::types::{Address, Bytes};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use work::{Step, Work};

/// Threads beside those that there are processors for: one may wait for the disk, one compile.
const MORE_THREADS: usize = 2;

/// A signed transaction on its way in.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Its bytes, in EIP-2718 encoding.
    pub transaction: Bytes,
    /// Who its sender is believed to be: saves time if it is right, on processors that recover
    /// senders slowly; see [`crate::senders`].
    pub hint: Option<Address>,
    /// Who submits it.
    pub source: Source,
}

/// How busy a sequencer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Transactions that were submitted and have no answer yet.
    pub transactions: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Since it started: senders that did not have to be recovered, because their keys were known
    /// and hinted at, or the signature cannot be one.
    pub known: u64,
    /// Since it started: senders that were recovered from their signatures, or could not be.
    pub recovered: u64,
}

/// What becomes of a transaction: its receipt, durable, or why it has none.
pub type Answer = Result<Located, SubmitError>;

/// Told the answer, on a thread of the sequencer: it must be quick, and must not wait for the
/// sequencer.
pub type Done = Box<dyn FnOnce(Answer) + Send>;

/// Transactions into blocks, continuously. Dropping it waits until everything that was submitted
/// has its answer.
pub struct Sequencer {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads share.
struct Shared {
    chain: Chain,
    clock: Box<dyn Fn() -> u64 + Send + Sync>,
    authenticator: Authenticator,
    work: Work,
    known: AtomicU64,
    recovered: AtomicU64,
    /// Why there are no more blocks.
    stopped: Mutex<Option<String>>,
}

impl Chain {
    /// Starts to make blocks of what is submitted. `clock` tells the time in seconds since 1970.
    /// [`Chain::seal`] waits while blocks are on their way here, and the other way round.
    ///
    /// # Errors
    /// The operating system has no more threads.
    pub fn sequencer(
        &self,
        clock: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> io::Result<Sequencer> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let shared = Arc::new(Shared {
            chain: self.clone(),
            clock: Box::new(clock),
            authenticator: Authenticator::new(),
            work: Work::new(processors),
            known: AtomicU64::new(0),
            recovered: AtomicU64::new(0),
            stopped: Mutex::default(),
        });
        // Should a thread not start, those that did end with this.
        let mut sequencer = Sequencer { shared, threads: Vec::new() };
        for _ in 0..processors + MORE_THREADS {
            let shared = sequencer.shared.clone();
            let thread = thread::Builder::new().name("sequencer".to_owned());
            sequencer.threads.push(thread.spawn(move || shared.run())?);
        }
        Ok(sequencer)
    }
}

impl Sequencer {
    /// Takes a transaction; `done` is told what becomes of it. If too much is on its way already,
    /// that is [`Rejection::QueueFull`], at once.
    pub fn submit(&self, submission: Submission, done: Done) {
        if let Err(done) = self.shared.work.put(submission, done, false) {
            done(Err(Rejection::QueueFull.into()));
        }
    }

    /// Takes a transaction and waits for what becomes of it: on this thread, if nothing else is on
    /// its way.
    ///
    /// # Errors
    /// [`SubmitError::Rejected`] if it was not taken and nothing happened; [`SubmitError::Fault`] as for
    /// [`Chain::seal`].
    pub fn submit_and_wait(&self, submission: Submission) -> Answer {
        let Shared { work, .. } = &*self.shared;
        let (answer, answered) = mpsc::channel();
        let done = Box::new(move |given| drop(answer.send(given)));
        let is_alone = work.put(submission, done, true).map_err(|_| Rejection::QueueFull)?;
        while is_alone && let Some(step) = work.poll() {
            self.shared.perform(step);
            if let Ok(given) = answered.try_recv() {
                work.leave();
                return given;
            }
        }
        answered.recv().unwrap_or(Err(Fault::Bug("a transaction got no answer").into()))
    }

    /// How busy it is.
    pub fn load(&self) -> Load {
        let (transactions, bytes) = self.shared.work.unanswered();
        let [known, recovered] = [&self.shared.known, &self.shared.recovered]
            .map(|counter| counter.load(Ordering::Relaxed));
        Load { transactions, bytes, known, recovered }
    }
}

impl Drop for Sequencer {
    fn drop(&mut self) {
        self.shared.work.close();
        for thread in self.threads.drain(..) {
            // Whatever panics in it is caught where it does, and told.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Takes steps until the end.
    fn run(&self) {
        while let Some(step) = self.work.next() {
            self.perform(step);
        }
    }

    fn perform(&self, step: Step) {
        match step {
            Step::Commit(sealed) => {
                let answers = self.commit(*sealed);
                self.work.committed();
                self.work.answer(answers);
            }
            Step::Seal(both) => {
                let (mut sealer, job) = *both;
                let sealed = self.seal(&mut sealer, job);
                self.work.sealed(sealer, sealed);
            }
            Step::Execute(mut executor) => {
                let job = self.execute(&mut executor);
                self.work.executed(executor, job);
            }
            Step::Receive(number, batch) => self.work.received(number, self.receive(batch)),
            Step::Compile(sender, module) => {
                self.compile(&module);
                self.work.compiled(sender);
            }
        }
    }

    /// Does a step. If it fails, or panics, there are no more blocks: the ledger has to be opened
    /// again to see how far it is.
    fn guard<T>(&self, step: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        let panicked = |_| Err(Fault::Bug("a thread that makes blocks panicked"));
        let done = catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(panicked);
        done.inspect_err(|fault| self.stop(fault))
    }

    /// The fault that everyone is told after `cause`.
    fn stop(&self, cause: &Fault) {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.get_or_insert_with(|| cause.to_string());
    }

    /// Why there are no more blocks, if so.
    fn stopped(&self) -> Option<Fault> {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.clone().map(|cause| Fault::Store(StoreError::Stopped { cause }))
    }
}
