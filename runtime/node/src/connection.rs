//! What is known of whoever is at the other end of a connection.
//!
//! A wallet asks for the nonce of an account just before it sends a transaction of it: so the account
//! is a hint at who signed what comes next, which saves recovering the signer.
//!
//! Invariant: nothing that a result depends on is here.

use crate::limits::IN_FLIGHT_PER_CONNECTION;
use alloy_primitives::Address;
use florin_runtime::senders::Source;
use jsonrpsee::Extensions;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Accounts that a connection asked about and that are remembered.
const REMEMBERED: usize = 64;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    /// Its number.
    pub source: Source,
    /// How many more transactions it may have on their way.
    pub room: Semaphore,
    /// Accounts it asked about, with the nonce it was told; the latest first.
    asked: Mutex<VecDeque<(Address, u64)>>,
}

impl Connection {
    /// A new one.
    pub fn new(source: Source) -> Arc<Self> {
        let room = Semaphore::new(IN_FLIGHT_PER_CONNECTION);
        Arc::new(Connection { source, room, asked: Mutex::default() })
    }

    /// The connection that a request came by; of a request that came by none, one of its own.
    pub fn of(extensions: &Extensions) -> Arc<Self> {
        extensions.get::<Arc<Connection>>().cloned().unwrap_or_else(|| Connection::new(0))
    }

    /// It was told the nonce of an account.
    pub fn asked_about(&self, address: Address, nonce: u64) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.retain(|(known, _)| *known != address);
        asked.truncate(REMEMBERED - 1);
        asked.push_front((address, nonce));
    }

    /// Who may have signed a transaction with this nonce: an account that was asked about with it.
    /// Its next transaction has the next nonce. The nonce is looked for only if anybody was asked
    /// about.
    pub fn signer(&self, nonce: impl FnOnce() -> Option<u64>) -> Option<Address> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_empty() {
            return None;
        }
        let nonce = nonce()?;
        let found = asked.iter_mut().find(|(_, next)| *next == nonce)?;
        found.1 = nonce.wrapping_add(1);
        Some(found.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_asked_about_last_is_expected_to_sign_next() {
        let connection = Connection::new(1);
        let signer = |nonce| connection.signer(|| Some(nonce));
        let [alice, bob] = [1, 2].map(Address::repeat_byte);
        assert_eq!(signer(0), None);
        connection.asked_about(alice, 5);
        connection.asked_about(bob, 5);
        assert_eq!(signer(5), Some(bob));
        assert_eq!(signer(5), Some(alice), "bob is at 6 now");
        assert_eq!((signer(6), signer(6)), (Some(bob), Some(alice)));
        for other in 3..=255 {
            connection.asked_about(Address::repeat_byte(other), 9);
        }
        assert_eq!(signer(7), None, "both are forgotten");
    }
}
