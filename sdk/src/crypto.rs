//! Hashes and signatures, computed by the host.

use crate::abi::{AbiType, Bytes};
use crate::call::Call;
use crate::contract::encode_call;
use crate::host;
use alloy_primitives::{Address, B256, FixedBytes};

/// keccak-256, as Ethereum uses it.
pub fn keccak256(data: &[u8]) -> B256 {
    let mut out = [0; 32];
    host::keccak256(data, &mut out);
    B256::new(out)
}

/// SHA-256 (FIPS 180-4).
pub fn sha256(data: &[u8]) -> B256 {
    let mut out = [0; 32];
    host::sha256(data, &mut out);
    B256::new(out)
}

/// RIPEMD-160.
pub fn ripemd160(data: &[u8]) -> FixedBytes<20> {
    let mut out = [0; 20];
    host::ripemd160(data, &mut out);
    FixedBytes::new(out)
}

/// Half of the order of secp256k1. Of the two valid values of s, the larger is refused (EIP-2), so
/// that a signature cannot be changed into another one for the same message.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// The account that signed `hash` with ECDSA on secp256k1: Solidity's `ecrecover`, without its
/// traps. `None` if there is no such account, if s is in the upper half of the order (a malleable
/// signature) or if v is neither 27 nor 28.
pub fn recover(hash: B256, v: u8, r: B256, s: B256) -> Option<Address> {
    if !matches!(v, 27 | 28) || s.0 > HALF_ORDER {
        return None;
    }
    let mut key = [0; 64];
    let found = host::secp256k1_recover(&hash.0, &pair(r, s), u32::from(v - 27), &mut key);
    (found == 1).then(|| Address::from_word(keccak256(&key)))
}

/// [`recover`] for a signature in its usual 65 bytes: r, s, v. Other lengths (so EIP-2098's 64 bytes, too) are refused.
pub fn recover_bytes(hash: B256, signature: &[u8]) -> Option<Address> {
    let (r, rest) = signature.split_first_chunk::<32>()?;
    let (s, v) = rest.split_first_chunk::<32>()?;
    match v {
        [v] => recover(hash, *v, B256::new(*r), B256::new(*s)),
        _ => None,
    }
}

/// Whether `signature` is `signer`'s over `hash`: its ECDSA signature if it is an account, else
/// what the contract `signer` itself says (ERC-1271).
///
/// A contract that is on the call stack, as a wallet is whose own call led here, can be asked only
/// if its `isValidSignature` is `#[reentrant]`; else the signature is not valid.
pub fn is_valid_signature(signer: Address, hash: B256, signature: &Bytes) -> bool {
    /// The selector of `isValidSignature(bytes32,bytes)`, which is also the answer that means yes.
    const MAGIC: u32 = 0x1626_ba7e;
    if recover_bytes(hash, signature) == Some(signer) {
        return !signer.is_zero();
    }
    let input = encode_call(MAGIC, 64, |to| {
        hash.encode(to);
        signature.encode(to);
    });
    matches!(
        Call::<FixedBytes<4>>::new(signer, input, true).try_call(),
        Ok(answer) if answer.0 == MAGIC.to_be_bytes()
    )
}

/// Whether an ECDSA signature over `hash` on secp256k1 is good under a SEC 1 public key, compressed
/// or not. Accepts high s.
pub fn verify_secp256k1(hash: B256, r: B256, s: B256, key: &[u8]) -> bool {
    host::secp256k1_verify(&hash.0, &pair(r, s), key) == 1
}

/// Whether a BIP-340 Schnorr signature over `message` is good under an x-only public key.
pub fn verify_bip340(message: &[u8], signature: &[u8; 64], key: B256) -> bool {
    host::bip340_verify(message, signature, &key.0) == 1
}

/// Whether an ECDSA signature over `hash` on P-256 (FIPS 186-5) is good under the public key (x,
/// y). Accepts high s, as RIP-7212 does.
pub fn verify_p256(hash: B256, r: B256, s: B256, x: B256, y: B256) -> bool {
    host::p256_verify(&hash.0, &pair(r, s), &pair(x, y)) == 1
}

/// Whether an Ed25519 signature (RFC 8032) over `message` is good under a public key.
pub fn verify_ed25519(message: &[u8], signature: &[u8; 64], key: B256) -> bool {
    host::ed25519_verify(message, signature, &key.0) == 1
}

/// Two words, concatenated.
fn pair(first: B256, second: B256) -> [u8; 64] {
    let mut out = [0; 64];
    out[..32].copy_from_slice(&first.0);
    out[32..].copy_from_slice(&second.0);
    out
}
