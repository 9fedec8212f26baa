//! Payments as fast as the machine allows: transactions are authenticated by several threads,
//! executed by one in the order in which they were submitted, and a block is made durable while the
//! next one is executed.
//!
//! ```text
//! submit -> intake -> receive (threads: decode, authenticate in batches) -> ready, in order
//!        -> execute (one thread, over the blocks that are not durable yet) -> jobs
//!        -> commit (one thread: header, journal, fdatasync) -> answers
//! ```
//! New modules are compiled by a thread of their own, while payments go on.
//!
//! A block is sealed as soon as the disk is free and there is something to seal: alone, a
//! transaction waits for nobody; under load, those that arrive while a block is being written share
//! the next one. Nothing here decides what is valid or what happens: that is for the pipeline,
//! whose functions this calls.
//!
//! Invariants: transactions are executed in the order of their submission. An answer is given once,
//! and a receipt only after its block is durable. What is in memory is bounded by
//! [`QUEUE_TRANSACTIONS`] and [`QUEUE_BYTES`].
//!
//! [`QUEUE_TRANSACTIONS`]: crate::limits::QUEUE_TRANSACTIONS
//! [`QUEUE_BYTES`]: crate::limits::QUEUE_BYTES

mod commit;
mod compile;
mod execute;
mod intake;
mod pending;
mod receive;

use crate::chain::{Chain, Located, SubmitError};
use crate::error::{Fault, Rejection};
use crate::senders::{Authenticator, Source};
use crate::store::StoreError;
use crate::types::{Address, Bytes};
use execute::Executor;
use intake::Intake;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// A signed transaction on its way in.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Its bytes, in EIP-2718 encoding.
    pub transaction: Bytes,
    /// Who its sender is believed to be: saves time if it is right, see [`crate::senders`].
    pub hint: Option<Address>,
    /// Who submits it.
    pub source: Source,
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
    intake: Intake,
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
        let shared = Arc::new(Shared {
            chain: self.clone(),
            clock: Box::new(clock),
            authenticator: Authenticator::new(),
            intake: Intake::default(),
            stopped: Mutex::default(),
        });
        let receivers = thread::available_parallelism().map_or(1, usize::from);
        // One job that is being written, and one that waits for it.
        let (jobs, to_commit) = sync_channel(1);
        let (modules, to_compile) = mpsc::channel();
        // Should a thread not start, those that did end with this.
        let mut sequencer = Sequencer { shared, threads: Vec::new() };
        sequencer.start("execute", |shared| Executor::new(shared, jobs, modules).run())?;
        sequencer.start("commit", move |shared| shared.commit(&to_commit))?;
        sequencer.start("compile", move |shared| shared.compile(&to_compile))?;
        for _ in 0..receivers {
            sequencer.start("receive", move |shared| shared.receive(receivers))?;
        }
        Ok(sequencer)
    }
}

impl Sequencer {
    /// Takes a transaction; `done` is told what becomes of it. If too much is on its way already,
    /// that is [`Rejection::QueueFull`], at once.
    pub fn submit(&self, submission: Submission, done: Done) {
        if let Err(done) = self.shared.intake.put(submission, done) {
            done(Err(Rejection::QueueFull.into()));
        }
    }

    /// Takes a transaction and waits for what becomes of it.
    ///
    /// # Errors
    /// [`SubmitError::Rejected`] if it was not taken and nothing happened; [`SubmitError::Fault`] as for
    /// [`Chain::seal`].
    pub fn submit_and_wait(&self, submission: Submission) -> Answer {
        let (answer, answered) = mpsc::channel();
        self.submit(submission, Box::new(move |given| drop(answer.send(given))));
        answered.recv().unwrap_or(Err(Fault::Bug("a transaction got no answer").into()))
    }
}

impl Sequencer {
    fn start(&mut self, name: &str, run: impl FnOnce(&Shared) + Send + 'static) -> io::Result<()> {
        let (thread, shared) = (thread::Builder::new().name(name.to_owned()), self.shared.clone());
        self.threads.push(thread.spawn(move || run(&shared))?);
        Ok(())
    }
}

impl Drop for Sequencer {
    fn drop(&mut self) {
        self.shared.intake.close();
        for thread in self.threads.drain(..) {
            // Whatever panics in it is caught where it does, and told.
            let _ = thread.join();
        }
    }
}

impl Shared {
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
