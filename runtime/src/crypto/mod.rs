//! The cryptography that the runtime itself relies on: keccak-256, key recovery, addresses.
//!
//! Invariant: many at once give what one by one gives, on every processor.

#[cfg(target_arch = "x86_64")]
pub mod avx512;
mod keccak;

pub use keccak::keccak256_all;

use crate::types::{Address, B256};
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha3::{Digest, Keccak256};

/// keccak-256 as Ethereum uses it.
pub fn keccak256(data: &[u8]) -> B256 {
    B256::new(Keccak256::digest(data).into())
}

/// The public key (x then y) that made an ECDSA signature (r then s) over `hash` on secp256k1 (SEC
/// 1, 4.1.6).
pub fn recover(hash: &[u8; 32], signature: &[u8; 64], recovery: u8) -> Option<[u8; 64]> {
    let recovery = RecoveryId::from_byte(recovery)?;
    recover_from(hash, &Signature::from_slice(signature).ok()?, recovery)
}

/// The same from a signature whose numbers are known to be in range.
pub fn recover_from(
    hash: &[u8; 32],
    signature: &Signature,
    recovery: RecoveryId,
) -> Option<[u8; 64]> {
    let key = VerifyingKey::recover_from_prehash(hash, signature, recovery).ok()?;
    key.to_sec1_point(false).as_bytes()[1..].try_into().ok()
}

/// The address of a public key (x then y): the last 20 bytes of its keccak-256.
pub fn address(key: &[u8; 64]) -> Address {
    Address::from_slice(&keccak256(key)[12..])
}

/// The addresses of many public keys.
pub fn addresses(keys: &[[u8; 64]]) -> Vec<Address> {
    let keys: Vec<_> = keys.iter().map(<[u8; 64]>::as_slice).collect();
    let hashes = keccak256_all(&keys);
    hashes.iter().map(|hash| Address::from_slice(&hash[12..])).collect()
}
