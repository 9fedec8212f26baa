//! What there is to do, and by whom: threads take steps from here, whichever is due.
//!
//! What is nearer to its answer goes first, so that nothing piles up on the way. Whoever ends a
//! step takes the next one itself, and wakes another thread only if there is a step left for it: a
//! single transaction goes the whole way on one thread.
//!
//! No more threads compute than there are processors, so that none of them gives half of its
//! processor to what comes after it. To wait for the disk, and to compile, threads are beside these.
//!
//! Invariants: blocks are executed by one thread at a time, sealed by one, and committed by one, in
//! order. Batches leave in the order in which they were taken, however long each took.

use super::{
    Answer, Done, Submission,
    commit::{Job, Sealed, Sealer},
    compile::Module,
    execute::Executor,
};
use crate::error::Rejection;
use crate::limits::{
    BATCH_SIGNATURES, BATCH_WORTHWHILE, NEW_MODULES_IN_MEMORY, QUEUE_BYTES, QUEUE_TRANSACTIONS,
    READY_BATCHES,
};
use crate::types::{Address, Bytes, Intent};
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
    /// The module that it creates a contract from. As long as it is here, a program made from it stays.
    pub module: Option<Module>,
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

/// What a thread does next.
pub enum Step {
    /// Make a sealed block durable.
    Commit(Box<Sealed>),
    /// Seal an executed block.
    Seal(Box<(Sealer, Job)>),
    /// Execute what is ready, or hand on the block that is open.
    Execute(Box<Executor>),
    /// Authenticate the batch of this number.
    Receive(u64, Vec<Waiting>),
    /// Compile what this sender brings.
    Compile(Address, Module),
}

/// What is next for who executes.
pub enum Next {
    /// These.
    Batch(Vec<Ready>),
    /// The transactions of this sender: the module that they waited for is compiled.
    Compiled(Address),
}

pub struct Work {
    state: Mutex<State>,
    /// There is a step for another thread, or the end has come.
    changed: Condvar,
    /// Threads that compute at a time.
    processors: usize,
}

struct State {
    waiting: VecDeque<Waiting>,
    /// Authenticated batches by number.
    ready: BTreeMap<u64, Vec<Ready>>,
    /// Numbers of the next batch to be taken, and to be executed.
    taken: u64,
    executed: u64,
    /// Here unless a thread executes.
    executor: Option<Box<Executor>>,
    /// An executed block that nobody seals yet.
    job: Option<Job>,
    /// Here unless a thread seals.
    sealer: Option<Sealer>,
    /// A sealed block that nobody commits yet.
    sealed: Option<Sealed>,
    is_committing: bool,
    modules: VecDeque<(Address, Module)>,
    is_compiling: bool,
    /// Whose modules are compiled.
    compiled: VecDeque<Address>,
    /// Threads that compute.
    computing: usize,
    /// Threads that have nothing to do.
    idle: usize,
    /// What was submitted and has no answer yet.
    unanswered: usize,
    bytes: usize,
    is_closed: bool,
}

impl Work {
    pub fn new(processors: usize) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            ready: BTreeMap::new(),
            taken: 0,
            executed: 0,
            executor: Some(Box::default()),
            job: None,
            sealer: Some(Sealer::default()),
            sealed: None,
            is_committing: false,
            modules: VecDeque::new(),
            is_compiling: false,
            compiled: VecDeque::new(),
            computing: 0,
            idle: 0,
            unanswered: 0,
            bytes: 0,
            is_closed: false,
        };
        Work { state: Mutex::new(state), changed: Condvar::new(), processors }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a transaction; gives `done` back if there is no room. Whoever `helps` takes steps
    /// itself if it is told that it is alone: then nobody is woken.
    pub fn put(&self, submission: Submission, done: Done, helps: bool) -> Result<bool, Done> {
        let mut state = self.lock();
        let bytes = state.bytes + submission.transaction.len();
        if state.unanswered >= QUEUE_TRANSACTIONS || bytes > QUEUE_BYTES {
            return Err(done);
        }
        let is_alone = state.unanswered == 0;
        state.bytes = bytes;
        state.unanswered += 1;
        state.waiting.push_back(Waiting { submission, done });
        // To wake somebody for nothing costs two changes of threads, and to wake nobody a system call.
        if !(is_alone && helps) {
            self.wake_for(&state);
        }
        Ok(is_alone)
    }

    /// Transactions without an answer, and their bytes.
    pub fn unanswered(&self) -> (usize, usize) {
        let state = self.lock();
        (state.unanswered, state.bytes)
    }

    /// Answers, and gives the room of the transactions back.
    pub fn answer(&self, answers: Vec<(Asker, Answer)>) {
        let mut state = self.lock();
        state.unanswered -= answers.len();
        state.bytes -= answers.iter().map(|(asker, _)| asker.bytes).sum::<usize>();
        drop(state);
        answers.into_iter().for_each(|(asker, answer)| (asker.done)(answer));
    }

    /// Takes nothing more; what is here is finished.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// The next step; waits for one. `None` at the end.
    pub fn next(&self) -> Option<Step> {
        let mut state = self.lock();
        loop {
            if let Some(step) = self.take(&mut state) {
                return Some(step);
            }
            if state.is_end() {
                self.changed.notify_all();
                return None;
            }
            state.idle += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// The next step, if one is due.
    pub fn poll(&self) -> Option<Step> {
        self.take(&mut self.lock())
    }

    /// Leaves what is due to the other threads.
    pub fn leave(&self) {
        self.wake_for(&self.lock());
    }

    fn wake_for(&self, state: &State) {
        if state.idle > 0 && state.is_due(self.processors) {
            self.changed.notify_one();
        }
    }

    fn take(&self, state: &mut State) -> Option<Step> {
        let step = state.take(self.processors)?;
        self.wake_for(state);
        Some(step)
    }

    /// Puts an authenticated batch into its place.
    pub fn received(&self, number: u64, batch: Vec<Ready>) {
        let mut state = self.lock();
        state.ready.insert(number, batch);
        state.computing -= 1;
    }

    /// What is next to be executed, if it is ready.
    pub fn next_ready(&self) -> Option<Next> {
        let mut state = self.lock();
        if let Some(sender) = state.compiled.pop_front() {
            return Some(Next::Compiled(sender));
        }
        let number = state.executed;
        let batch = state.ready.remove(&number)?;
        state.executed += 1;
        Some(Next::Batch(batch))
    }

    /// Whether nothing that was submitted is still to be executed.
    pub fn is_drained(&self) -> bool {
        self.lock().is_drained()
    }

    /// Whether a block can be sealed at once.
    pub fn can_seal(&self) -> bool {
        self.lock().can_seal()
    }

    /// Ends a step of execution, with a block if one is executed.
    pub fn executed(&self, executor: Box<Executor>, job: Option<Job>) {
        let mut state = self.lock();
        debug_assert!(state.job.is_none(), "nothing is executed while a block waits");
        state.executor = Some(executor);
        state.job = job;
        state.computing -= 1;
        state.rest();
    }

    /// A block is sealed, or lost.
    pub fn sealed(&self, sealer: Sealer, sealed: Sealed) {
        let mut state = self.lock();
        state.sealer = Some(sealer);
        state.sealed = Some(sealed);
        state.computing -= 1;
    }

    /// A block is durable, or lost.
    pub fn committed(&self) {
        let mut state = self.lock();
        state.is_committing = false;
        state.rest();
    }

    /// A module is wanted.
    pub fn compile(&self, sender: Address, module: Module) {
        self.lock().modules.push_back((sender, module));
    }

    /// A module is compiled, or refused.
    pub fn compiled(&self, sender: Address) {
        let mut state = self.lock();
        state.is_compiling = false;
        state.compiled.push_back(sender);
    }
}

impl State {
    fn take(&mut self, processors: usize) -> Option<Step> {
        if self.is_commit_due() {
            self.is_committing = true;
            return self.sealed.take().map(Box::new).map(Step::Commit);
        }
        if self.computing < processors
            && let Some(step) = self.take_computation(processors)
        {
            self.computing += 1;
            return Some(step);
        }
        if self.is_compile_due() {
            self.is_compiling = true;
            return self.modules.pop_front().map(|(sender, module)| Step::Compile(sender, module));
        }
        None
    }

    fn take_computation(&mut self, processors: usize) -> Option<Step> {
        if self.is_seal_due() {
            return self.sealer.take().zip(self.job.take()).map(|both| Step::Seal(Box::new(both)));
        }
        if self.is_execute_due() {
            return self.executor.take().map(Step::Execute);
        }
        if !self.is_receive_due(processors) {
            return None;
        }
        // The fewer wait, the smaller it is, so that all processors have something to do.
        let share = self.waiting.len().div_ceil(processors).max(BATCH_WORTHWHILE);
        let share = share.min(BATCH_SIGNATURES).min(self.waiting.len());
        let batch = self.waiting.drain(..share).collect();
        let number = self.taken;
        self.taken += 1;
        Some(Step::Receive(number, batch))
    }

    fn is_due(&self, processors: usize) -> bool {
        let compute =
            self.is_seal_due() || self.is_execute_due() || self.is_receive_due(processors);
        self.is_commit_due() || self.computing < processors && compute || self.is_compile_due()
    }

    fn is_commit_due(&self) -> bool {
        self.sealed.is_some() && !self.is_committing
    }

    fn is_seal_due(&self) -> bool {
        self.job.is_some() && self.sealer.is_some() && self.sealed.is_none()
    }

    fn is_execute_due(&self) -> bool {
        let Some(executor) = &self.executor else { return false };
        let can_close = executor.has_open_block() && self.can_seal();
        let give_up = executor.has_early() && self.is_drained();
        self.job.is_none() && (executor.has_more() || self.has_ready() || can_close || give_up)
    }

    fn is_drained(&self) -> bool {
        self.waiting.is_empty() && self.executed == self.taken
    }

    fn is_receive_due(&self, processors: usize) -> bool {
        let ahead = self.taken - self.executed;
        let has_room = ahead < (READY_BATCHES * processors) as u64;
        // Together they cost less; but nobody waits for others where nothing goes on.
        let enough = self.waiting.len() >= BATCH_WORTHWHILE || self.computing == 0;
        has_room && enough && !self.waiting.is_empty()
    }

    fn is_compile_due(&self) -> bool {
        // As many wait at most as stay compiled in memory in any case.
        let has_room = self.compiled.len() < NEW_MODULES_IN_MEMORY;
        !self.modules.is_empty() && !self.is_compiling && has_room
    }

    fn has_ready(&self) -> bool {
        !self.compiled.is_empty() || self.ready.contains_key(&self.executed)
    }

    fn can_seal(&self) -> bool {
        self.job.is_none() && self.sealer.is_some() && self.sealed.is_none()
    }

    /// Whether everything that was authenticated is durable, or refused.
    fn is_quiet(&self) -> bool {
        let is_empty = |executor: &Executor| {
            !executor.has_more() && !executor.has_early() && !executor.has_open_block()
        };
        self.executor.as_deref().is_some_and(is_empty)
            && !self.has_ready()
            && self.can_seal()
            && !self.is_committing
    }

    /// Lets others make blocks if nothing is on its way.
    fn rest(&mut self) {
        if self.is_quiet() {
            self.executor.iter_mut().for_each(|executor| executor.rest());
            self.sealer = Some(Sealer::default());
        }
    }

    /// Whether nothing can be due any more.
    fn is_end(&self) -> bool {
        self.is_closed
            && self.is_drained()
            && self.modules.is_empty()
            && !self.is_compiling
            && self.is_quiet()
    }
}
