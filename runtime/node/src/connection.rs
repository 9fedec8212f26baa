//! What is known of whoever is at the other end of a connection.
//!
//! A wallet asks for the nonce of an account just before it sends a transaction of it: so the
//! account is a hint at who signed what comes next, which saves recovering the signer where that is
//! slow (see `florin_runtime::senders`).
//!
//! Invariant: nothing that a result depends on is here.

use crate::limits::IN_FLIGHT_PER_CONNECTION;
use alloy_primitives::Address;
use alloy_rlp::{Decodable, Header};
use florin_runtime::senders::Source;
use jsonrpsee::Extensions;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Accounts that a connection asked about and that are remembered.
const REMEMBERED: usize = 64;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    /// Its number.
    pub source: Source,
    /// Who is at the other end.
    pub client: IpAddr,
    /// How many more transactions it may have on their way.
    pub room: Semaphore,
    /// Accounts it asked about, with the nonce it was told; the latest first.
    asked: Mutex<VecDeque<(Address, u64)>>,
}

impl Connection {
    /// A new one.
    pub fn new(source: Source, client: IpAddr) -> Arc<Self> {
        let room = Semaphore::new(IN_FLIGHT_PER_CONNECTION);
        Arc::new(Connection { source, client, room, asked: Mutex::default() })
    }

    /// The connection that a request came by; of a request that came by none, one of its own.
    pub fn of(extensions: &Extensions) -> Arc<Self> {
        extensions
            .get::<Arc<Connection>>()
            .cloned()
            .unwrap_or_else(|| Connection::new(0, Ipv4Addr::UNSPECIFIED.into()))
    }

    /// It was told the nonce of an account.
    pub fn asked_about(&self, address: Address, nonce: u64) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.retain(|(known, _)| *known != address);
        asked.truncate(REMEMBERED - 1);
        asked.push_front((address, nonce));
    }

    /// Who may have signed a transaction: an account that was asked about with its nonce. Its next
    /// transaction has the next nonce.
    pub fn signer(&self, transaction: &[u8]) -> Option<Address> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_empty() {
            return None;
        }
        let nonce = nonce(transaction)?;
        let found = asked.iter_mut().find(|(_, next)| *next == nonce)?;
        found.1 = nonce.wrapping_add(1);
        Some(found.0)
    }
}

/// The nonce of a transaction, at a glance: what this gives is good for a guess only. It is the first
/// field of a legacy transaction's list, and the second after the chain id of every other type's
/// (EIP-2718).
fn nonce(transaction: &[u8]) -> Option<u64> {
    let (kind, list) = transaction.split_first()?;
    let (mut fields, is_typed) = if *kind < 0x80 { (list, true) } else { (transaction, false) };
    Header::decode(&mut fields).ok().filter(|header| header.list)?;
    if is_typed {
        Header::decode_bytes(&mut fields, false).ok()?;
    }
    u64::decode(&mut fields).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy};
    use alloy_eips::Encodable2718;
    use alloy_primitives::Signature;

    #[test]
    fn the_nonce_of_any_type_is_found_and_bytes_that_are_none_do_no_harm() {
        let signature = Signature::test_signature();
        let legacy = TxLegacy { nonce: 300, ..TxLegacy::default() }.into_signed(signature);
        let dynamic = TxEip1559 { chain_id: 4_277_009, nonce: 7, ..TxEip1559::default() };
        let both = [TxEnvelope::from(legacy), TxEnvelope::from(dynamic.into_signed(signature))];
        let [legacy, dynamic] = both.map(|envelope| envelope.encoded_2718());
        assert_eq!((nonce(&legacy), nonce(&dynamic)), (Some(300), Some(7)));
        for end in 0..9 {
            assert_eq!(nonce(&dynamic[..end]), None, "{end} bytes");
        }
        assert_eq!(nonce(&[0xff; 64]), None);
    }

    #[test]
    fn whoever_was_asked_about_last_is_expected_to_sign_next() {
        let connection = Connection::new(1, Ipv4Addr::LOCALHOST.into());
        let signer = |nonce| {
            let transaction = TxEip1559 { chain_id: 1, nonce, ..TxEip1559::default() };
            let signed = transaction.into_signed(Signature::test_signature());
            connection.signer(&TxEnvelope::from(signed).encoded_2718())
        };
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
