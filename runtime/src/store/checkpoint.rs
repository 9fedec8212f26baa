//! Checkpoints: a thread brings the tree up to the journal, so that no commit waits for it.
//!
//! A checkpoint freezes what changed since the last one, writes it to the tree in small batches,
//! adds the indexes of journal segments that were finished, and then says in the tree's head how
//! far it is: until then nothing of it counts. What changed again since the freeze is left out, since
//! the journal from the head on says what it is to be. Between checkpoints the thread folds deltas.
//!
//! Invariants: the tree's head is written after everything that it stands for. Nothing that is not
//! in the journal, durably, is ever written to the tree.

use super::{
    error::{Result, StoreError},
    index::{Index, Unindexed},
    recent::Recent,
    schema::{Delta, Head, state_key, state_key_parts},
    state::{BATCH_PAGES, State},
};
use crate::types::StateKey;
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Bytes of a key by which most keys differ: a table, a contract, what all of its balances begin with,
/// and the better part of an address.
const BEGINNING: usize = 40;
/// A ledger that was left alone for so long gets a checkpoint, so that it opens without reading
/// history.
const IDLE: Duration = Duration::from_secs(1);

/// So many times as long as it worked a checkpoint rests after each batch, so that payments go at an
/// even pace: not longer, because whatever comes until it is over is read again by an opening.
const RESTS: u32 = 1;
/// The same for folding, which nobody waits for: payments go at an even pace instead of half of it now
/// and then. If the next checkpoint is due before it ends, or deltas hold too much, it goes on without
/// rest.
const FOLDING_RESTS: u32 = 4;
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
    /// After the last checkpoint nothing is folded: the tree stays as it is.
    closing: bool,
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
            move || shared.run_until_it_fails()
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
        let idle = control.requested == control.met && !control.closing;
        if idle {
            control.requested += 1;
        } else {
            control.hurry |= control.frozen;
        }
        self.shared.changed.notify_all();
        Ok(idle)
    }

    /// Waits until the tree has everything, and stays as it is as long as nothing is published.
    pub fn close(&self) -> Result<()> {
        let mut control = self.shared.control();
        if !control.closing {
            control.closing = true;
            self.ask(&mut control);
        }
        self.await_all(control)
    }

    /// Waits until the tree has everything that was published before this call; but for what
    /// changes meanwhile, so who needs the tree alone keeps others from committing.
    pub fn complete(&self) -> Result<()> {
        let mut control = self.shared.control();
        // What was asked for before may have begun already, and frozen too early; but for the last,
        // after which the tree is not written any more.
        if !control.closing {
            self.ask(&mut control);
        }
        self.await_all(control)
    }

    /// Checkpoints that were asked for and are over.
    #[cfg(test)]
    pub fn met(&self) -> u64 {
        self.shared.control().met
    }

    fn ask(&self, control: &mut Control) {
        control.requested += 1;
        control.hurry = true;
        self.shared.changed.notify_all();
    }

    fn await_all<'a>(&'a self, mut control: MutexGuard<'a, Control>) -> Result<()> {
        let request = control.requested;
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
            // It catches what panics, and says so to whoever waits.
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

    /// Runs, and tells whoever waits, or comes later, why it does no more.
    fn run_until_it_fails(&self) {
        let cause = match catch_unwind(AssertUnwindSafe(|| self.run())) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the thread that writes the state panicked".to_owned(),
        };
        self.control().failed = Some(cause);
        self.changed.notify_all();
    }

    fn run(&self) -> Result<()> {
        let mut seen = self.recent.head().number;
        let mut control = self.control();
        loop {
            let request = control.requested;
            if control.stop {
                return Ok(());
            }
            if request == control.met {
                control = self.wait(control, Some(IDLE));
                let head = self.recent.head().number;
                let was_idle = std::mem::replace(&mut seen, head) == head;
                let is_due = was_idle && control.requested == control.met && !control.closing;
                if is_due && self.recent.fresh_bytes() > 0 {
                    control.requested += 1;
                }
                continue;
            }
            let closing = control.closing;
            drop(control);
            // After the last checkpoint nothing is folded, so what is due comes before it.
            if closing {
                self.fold()?;
            }
            self.checkpoint()?;
            control = self.control();
            control.hurry = control.requested > request;
            control.frozen = false;
            control.met = request;
            self.changed.notify_all();
            if !control.closing {
                drop(control);
                self.fold()?;
                control = self.control();
            }
        }
    }

    fn checkpoint(&self) -> Result<()> {
        let (keys, head) = self.recent.freeze();
        self.control().frozen = true;
        // What changed again after the freeze is for the next checkpoint, and until then the journal
        // says what it is: what changes often is hardly ever written.
        let entries = sorted(&keys).into_iter().filter_map(|key| match self.recent.latest(key) {
            Some((changed, value)) => {
                (changed <= head.number).then(|| Ok((state_key(key.as_ref()), value)))
            }
            None => Some(Err(self.state.damage("memory lacks an entry that changed"))),
        });
        let mut begun = Instant::now();
        let mut between = || {
            let control = self.control();
            let hurry = control.hurry;
            self.rest(control, &mut begun, if hurry { 0 } else { RESTS })
        };
        let delta = self.state.append(head.number, entries, &mut between)?;
        let head = (*head).clone();
        finish(&self.state, Some(delta), &self.index, head, &mut between)?;
        self.recent.thaw(self.state.unfolded());
        Ok(())
    }

    /// Folds what is due, with rests unless the next checkpoint waits. Who waits for that waits for
    /// this only as long as deltas hold too much, or to close the ledger.
    fn fold(&self) -> Result<()> {
        let mut begun = Instant::now();
        loop {
            let is_more = self.state.fold()?;
            self.recent.folded(self.state.unfolded());
            if !is_more {
                return Ok(());
            }
            let control = self.control();
            let next = control.requested > control.met;
            let is_urgent = control.closing || self.state.is_overfull();
            if next && control.hurry && !is_urgent {
                return Ok(());
            }
            let times = if next || is_urgent { 0 } else { FOLDING_RESTS };
            self.rest(control, &mut begun, times)?;
        }
    }

    /// Rests so many times as long as the work since `begun` took.
    fn rest<'a>(
        &'a self,
        mut control: MutexGuard<'a, Control>,
        begun: &mut Instant,
        times: u32,
    ) -> Result<()> {
        if !control.stop && times > 0 {
            let rest = (begun.elapsed() * times).min(LONGEST_REST);
            control = self.wait(control, Some(rest));
        }
        if control.stop {
            return Err(StoreError::Stopped { cause: "the ledger is being closed".to_owned() });
        }
        *begun = Instant::now();
        Ok(())
    }
}

/// The keys in order. There are hundreds of thousands, all over the memory: so they are compared by
/// how they begin, which is copied, and only where that is the same by all of them.
fn sorted(keys: &[StateKey]) -> Vec<&StateKey> {
    let beginning = |key: &StateKey| {
        let mut beginning = [0; BEGINNING];
        let bytes = state_key_parts(key.as_ref()).into_iter().flatten();
        beginning.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        beginning
    };
    let mut sorted: Vec<_> = keys.iter().map(|key| (beginning(key), key)).collect();
    sorted.sort_unstable();
    sorted.into_iter().map(|(_, key)| key).collect()
}

/// Writes the indexes of full segments, and then the head that the tree has with them and a delta.
/// Returns from where on it lacks indexes. `between` comes before each batch, and may end it.
pub(super) fn finish(
    state: &State,
    delta: Option<Delta>,
    index: &Index,
    head: Head,
    between: &mut impl FnMut() -> Result<()>,
) -> Result<Unindexed> {
    let finished = index.finished();
    let mut stored = index.stored();
    for segment in &finished {
        let pages = segment.pages();
        pages.iter().for_each(|(key, value)| stored.add(key, value));
        for batch in pages.chunks(BATCH_PAGES) {
            between()?;
            state.tree.write(batch.iter().map(|(key, value)| (&key[..], Some(&value[..]))))?;
        }
    }
    let unindexed = index.after(&finished);
    state.set_head(head, (unindexed, stored), delta)?;
    index.forget(&finished, stored);
    Ok(unindexed)
}
