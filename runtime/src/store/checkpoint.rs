//! Checkpoints: a thread brings the tree up to the journal, so that no commit waits for it.
//!
//! A checkpoint freezes what changed since the last one, writes it to the tree in small batches,
//! adds the indexes of journal segments that were finished, and then says in the tree's head how
//! far it is. It need not be atomic: whatever part of it was written before the process died, the
//! journal from the last head on says what every key that it touched is to be. So it says of what
//! changed again since the freeze, which is left out.
//!
//! Invariants: the tree's head is written after everything that it stands for. Nothing that is not
//! in the journal, durably, is ever written to the tree.

use super::{
    error::{Result, StoreError},
    index::{Index, Unindexed},
    recent::Recent,
    schema::{Checkpoint, Head, State, state_key},
    table::Value,
};
use crate::types::StateKey;
use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Entries in one batch. sled keeps what a batch replaces in memory until its end, so batches of
/// thousands take gigabytes and more time per entry; 64 was as fast as any.
const BATCH_ENTRIES: usize = 64;
/// A ledger that was left alone for so long gets a checkpoint, so that it opens without reading
/// history.
const IDLE: Duration = Duration::from_secs(1);

/// So many times as long as it worked a checkpoint rests after each batch: payments go at an even
/// pace instead of half of it now and then, and the later it comes to an entry, the more likely that
/// has changed again. If the next is due before it ends, it goes on without rest.
const RESTS: u32 = 4;
/// It rests no longer than this, however slow the disk was.
const LONGEST_REST: Duration = Duration::from_millis(100);

/// The thread and how to talk to it.
#[derive(Debug)]
pub(super) struct Checkpoints {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Arc<State>,
    recent: Arc<Recent>,
    index: Arc<Index>,
    control: Mutex<Control>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Control {
    /// Checkpoints asked for, and how many of these requests are met.
    requested: u64,
    met: u64,
    /// Somebody waits for the one that is under way, or is about to: it does not rest.
    hurry: bool,
    /// The one that is under way has begun: what happens now is for the next.
    frozen: bool,
    stop: bool,
    /// Why there are no more checkpoints.
    failed: Option<String>,
}

impl Checkpoints {
    /// Starts the thread.
    pub fn start(state: Arc<State>, recent: Arc<Recent>, index: Arc<Index>) -> io::Result<Self> {
        let control = Mutex::default();
        let shared = Arc::new(Shared { state, recent, index, control, changed: Condvar::new() });
        let thread = thread::Builder::new().name("checkpoint".to_owned()).spawn({
            let shared = shared.clone();
            move || shared.run()
        })?;
        Ok(Checkpoints { shared, thread: Some(thread) })
    }

    /// Asks for a checkpoint and goes on; `false` if one is under way, which then hurries.
    ///
    /// # Errors
    /// The last one failed: the tree cannot be written.
    pub fn request(&self) -> Result<bool> {
        let mut control = self.shared.control();
        control.health()?;
        let idle = control.requested == control.met;
        if idle {
            control.requested += 1;
        } else {
            control.hurry |= control.frozen;
        }
        self.shared.changed.notify_all();
        Ok(idle)
    }

    /// Waits until the tree has everything that was published before this call; but for what
    /// changes meanwhile, so who needs the tree alone keeps others from committing.
    pub fn complete(&self) -> Result<()> {
        let mut control = self.shared.control();
        // One that has begun already may have frozen too early.
        control.requested += 1;
        control.hurry = true;
        let request = control.requested;
        self.shared.changed.notify_all();
        while control.met < request && control.failed.is_none() {
            control = self.shared.wait(control, None);
        }
        control.health()
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.shared.control().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It catches what sled panics over; if it panicked all the same, there is nobody left
            // to tell.
            let _ = thread.join();
        }
    }
}

impl Control {
    fn health(&self) -> Result<()> {
        match &self.failed {
            Some(cause) => Err(StoreError::Stopped { cause: cause.clone() }),
            None => Ok(()),
        }
    }
}

impl Shared {
    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &'a self,
        control: MutexGuard<'a, Control>,
        limit: Option<Duration>,
    ) -> MutexGuard<'a, Control> {
        match limit {
            Some(limit) => {
                let waited = self.changed.wait_timeout(control, limit);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.changed.wait(control).unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn run(&self) {
        let mut seen = self.recent.head().number;
        let mut control = self.control();
        loop {
            let request = control.requested;
            if control.stop || control.failed.is_some() {
                return;
            }
            if request == control.met {
                control = self.wait(control, Some(IDLE));
                let head = self.recent.head().number;
                let was_idle = std::mem::replace(&mut seen, head) == head;
                if was_idle && control.requested == control.met && self.recent.fresh_bytes() > 0 {
                    control.requested += 1;
                }
                continue;
            }
            drop(control);
            let done = self.checkpoint();
            control = self.control();
            control.hurry = control.requested > request;
            control.frozen = false;
            match done {
                Ok(()) => control.met = request,
                Err(error) => control.failed = Some(error.to_string()),
            }
            self.changed.notify_all();
        }
    }

    fn checkpoint(&self) -> Result<()> {
        let (keys, head) = self.recent.freeze();
        self.control().frozen = true;
        let mut sorted: Vec<&StateKey> = keys.iter().collect();
        sorted.sort_unstable();
        // What changed again after the freeze is for the next checkpoint, and until then the journal
        // says what it is: what changes often is hardly ever written.
        let entries = sorted.into_iter().filter_map(|key| match self.recent.latest(key) {
            Some((changed, value)) => (changed <= head.number).then_some(Ok((key, value))),
            None => Some(Err(self.state.damage("memory lacks an entry that changed"))),
        });
        let mut begun = Instant::now();
        let between = || {
            let mut control = self.control();
            if !control.stop && !control.hurry {
                let rest = (begun.elapsed() * RESTS).min(LONGEST_REST);
                control = self.wait(control, Some(rest));
            }
            if control.stop {
                return Err(StoreError::Stopped { cause: "the ledger is being closed".to_owned() });
            }
            begun = Instant::now();
            Ok(())
        };
        write(&self.state, entries, &self.index, (*head).clone(), between)?;
        self.recent.thaw();
        Ok(())
    }
}

/// Writes entries, which are in order of key, the indexes of full segments, and then the head that
/// the tree has with them. Returns from where on it lacks indexes. `between` comes before each
/// batch, and may end it.
pub(super) fn write<'a>(
    state: &State,
    entries: impl Iterator<Item = Result<(&'a StateKey, Value)>>,
    index: &Index,
    head: Head,
    mut between: impl FnMut() -> Result<()>,
) -> Result<Unindexed> {
    let finished = index.finished();
    let mut entries = entries.peekable();
    while entries.peek().is_some() {
        between()?;
        let batch: Vec<_> = entries.by_ref().take(BATCH_ENTRIES).collect::<Result<_>>()?;
        let pairs = batch.iter().map(|(key, value)| (state_key(key.as_ref()), value.as_ref()));
        state.write(pairs.map(|(key, value)| (key, value.map(|value| &value[..]))))?;
    }
    let mut stored = index.stored();
    for segment in &finished {
        let pages = segment.pages();
        pages.iter().for_each(|(key, value)| stored.add(key, value));
        for batch in pages.chunks(BATCH_ENTRIES) {
            between()?;
            state.write(batch.iter().map(|(key, value)| (key, Some(&value[..]))))?;
        }
    }
    let unindexed = index.after(&finished);
    state.set_checkpoint(&Checkpoint { head, unindexed, stored })?;
    state.flush()?;
    index.forget(&finished, stored);
    Ok(unindexed)
}
