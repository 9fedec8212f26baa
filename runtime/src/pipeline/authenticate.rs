//! From a signature to the account that made it.

use super::Signed;
use crate::crypto;
use crate::error::Rejection;
use crate::types::{Intent, U256};

/// Half the order of secp256k1, rounded down: the largest s that is accepted (EIP-2).
const HALF_ORDER: U256 = U256::from_limbs([
    0xdfe9_2f46_681b_20a0,
    0x5d57_6e73_57a4_501d,
    0xffff_ffff_ffff_ffff,
    0x7fff_ffff_ffff_ffff,
]);

/// Recovers the signer and puts it into the intent as sender and payer.
pub fn authenticate(signed: Signed) -> Result<Intent, Rejection> {
    let Signed { mut intent, signature_hash, r, s, y_parity } = signed;
    if s > HALF_ORDER {
        return Err(Rejection::MalleableSignature);
    }
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r.to_be_bytes::<32>());
    signature[32..].copy_from_slice(&s.to_be_bytes::<32>());
    let key = crypto::recover(&signature_hash.0, &signature, y_parity.into())
        .ok_or(Rejection::BadSignature)?;
    intent.sender = crypto::address(&key);
    intent.payer = intent.sender;
    Ok(intent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_order_is_that_of_the_curve() {
        // n of SEC 2, section 2.4.1
        let order = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        let order: U256 = order.parse().expect("a number");
        assert_eq!(HALF_ORDER, order >> 1);
    }
}
