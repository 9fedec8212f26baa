//! From a signature to the account that made it.

use super::Signed;
use crate::crypto;
use crate::error::Rejection;
use crate::types::{Address, B256, Intent, U256};
use k256::ecdsa::{RecoveryId, Signature};

/// Half the order of secp256k1, rounded down: the largest s that is accepted (EIP-2).
const HALF_ORDER: U256 = U256::from_limbs([
    0xdfe9_2f46_681b_20a0,
    0x5d57_6e73_57a4_501d,
    0xffff_ffff_ffff_ffff,
    0x7fff_ffff_ffff_ffff,
]);

/// Recovers the signer and puts it into the intent as sender and payer.
///
/// Many transactions at once, of senders that are known: [`crate::senders`].
pub fn authenticate(signed: Signed) -> Result<Intent, Rejection> {
    let transaction = WellFormed::new(signed)?;
    let key = transaction.recover()?;
    Ok(transaction.by(crypto::address(&key)))
}

/// A transaction whose signature has numbers that one may have: 0 < r < n and 0 < s ≤ n/2.
///
/// The x coordinate of R is r itself: a transaction has no way to say that it was reduced.
#[derive(Debug, Clone)]
pub(crate) struct WellFormed {
    pub signature_hash: B256,
    pub signature: Signature,
    pub y_parity: bool,
    intent: Intent,
}

impl WellFormed {
    /// Checks the numbers.
    pub fn new(signed: Signed) -> Result<Self, Rejection> {
        let Signed { intent, signature_hash, r, s, y_parity } = signed;
        if s > HALF_ORDER {
            return Err(Rejection::MalleableSignature);
        }
        let signature = Signature::from_scalars(r.to_be_bytes(), s.to_be_bytes())
            .map_err(|_| Rejection::BadSignature)?;
        Ok(WellFormed { signature_hash, signature, y_parity, intent })
    }

    /// The public key that made the signature.
    pub fn recover(&self) -> Result<[u8; 64], Rejection> {
        let recovery = RecoveryId::new(self.y_parity, false);
        crypto::recover_from(&self.signature_hash.0, &self.signature, recovery)
            .ok_or(Rejection::BadSignature)
    }

    /// What it wants, as an intent of the account that signed.
    pub fn by(self, sender: Address) -> Intent {
        Intent { sender, payer: sender, ..self.intent }
    }
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
