//! Whose turn it is to make blocks: a lock that may be taken by one thread and given back by
//! another, which those of the standard library may not.
//!
//! Invariant: there is at most one [`Turn`] at a time.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Gives turns.
#[derive(Debug, Default)]
pub struct Turns {
    is_taken: Mutex<bool>,
    given_back: Condvar,
}

/// The right to make blocks, until it is dropped.
#[derive(Debug)]
pub struct Turn(Arc<Turns>);

impl Turns {
    /// Waits for it.
    pub fn take(self: &Arc<Self>) -> Turn {
        let mut is_taken = self.is_taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *is_taken {
            is_taken = self.given_back.wait(is_taken).unwrap_or_else(PoisonError::into_inner);
        }
        *is_taken = true;
        Turn(self.clone())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.is_taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.given_back.notify_one();
    }
}
