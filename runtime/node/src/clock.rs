//! The time that blocks get: the system's, unless a node for development was told otherwise.
//!
//! Invariant: without that it is the system's clock and nothing else.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
#[derive(Debug, Default)]
pub struct Clock(Mutex<Shift>);

#[derive(Debug, Default)]
struct Shift {
    /// Seconds that this clock is ahead of the system's.
    ahead: i64,
    /// The time of the next block, if somebody set it.
    next: Option<u64>,
    /// How much later than the one before it a block is, if somebody set that.
    step: Option<u64>,
    /// Time of the last block, for that.
    last: u64,
}

impl Clock {
    /// The time of a block that is begun now.
    pub fn begin_block(&self) -> u64 {
        let mut shift = self.shift();
        let time = match (shift.next.take(), shift.step) {
            (Some(next), _) => {
                shift.ahead = ahead_at(next);
                next
            }
            (None, Some(step)) if shift.last > 0 => shift.last.saturating_add(step),
            _ => shift.now(),
        };
        shift.last = time;
        time
    }

    /// The time that a block would have that were begun now.
    pub fn now(&self) -> u64 {
        let shift = self.shift();
        match (shift.next, shift.step) {
            (Some(next), _) => next,
            (None, Some(step)) if shift.last > 0 => shift.last.saturating_add(step),
            _ => shift.now(),
        }
    }

    /// Lets more time pass; how far ahead the clock is then.
    pub fn advance(&self, seconds: u64) -> i64 {
        let mut shift = self.shift();
        shift.ahead = shift.ahead.saturating_add_unsigned(seconds);
        shift.ahead
    }

    /// Sets the time; it goes on from there.
    pub fn set(&self, time: u64) {
        let mut shift = self.shift();
        shift.ahead = ahead_at(time);
    }

    /// Sets the time of the next block; it goes on from there.
    pub fn set_next(&self, time: u64) {
        self.shift().next = Some(time);
    }

    /// Sets how much later than the one before it each block is; `None` lets the clock decide.
    pub fn set_step(&self, step: Option<u64>) {
        self.shift().step = step;
    }

    /// As it was at `last`, the time of the last block, when a snapshot was taken.
    pub fn ahead(&self) -> i64 {
        self.shift().ahead
    }

    /// Puts the clock where it was.
    pub fn restore(&self, ahead: i64, last: u64) {
        let mut shift = self.shift();
        *shift = Shift { ahead, next: None, step: shift.step, last };
    }

    fn shift(&self) -> MutexGuard<'_, Shift> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shift {
    fn now(&self) -> u64 {
        system().saturating_add_signed(self.ahead)
    }
}

/// How far ahead of the system's clock one is at whose end it is `time`.
fn ahead_at(time: u64) -> i64 {
    let ahead = i128::from(time) - i128::from(system());
    ahead.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

fn system() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs()) // before 1970 there is no time
}
