//! Whether many ECDSA signatures are by the keys that they are said to be by, in one equation.
//!
//! A signature (r, s) over the hash z is by the key Q if u1·G + u2·Q = R, where u1 = z/s, u2 = r/s
//! and R is the point with x = r whose y has the parity that the transaction states (SEC 1, 4.1.4
//! and 4.1.6). That is what recovery solves for Q, so with R given in full there is one Q for a
//! signature: what passes here, recovery would give the same sender for. Of all signatures
//!
//! ```text
//! Σ a·(u1·G + u2·Q - R) = 0
//! ```
//!
//! is checked, with an a for each that is random and not zero: the test of Naccache, M'Raïhi,
//! Vaudenay, Raphaeli, "Can D.S.A. be improved?" (1994), analysed as the small exponents test by
//! Bellare, Garay, Rabin, "Fast batch verification for modular exponentiation and digital
//! signatures" (1998). secp256k1 has prime order, so there is no cofactor to think of: if any
//! summand without its a is not zero, then whatever the other coefficients are, at most one value
//! of its own a makes the sum zero. Of 128 bits, it is drawn with probability 2^-128 (2^-127 for
//! the value one).
//!
//! Invariant: the coefficients are drawn when the batch is fixed, from the system's generator.
//! Whoever knew them before could craft signatures whose errors cancel; a test does so.

use super::curve::{Point, decompress};
use super::multiply::{self, Term};
use crate::types::{Address, B256};
use k256::ecdsa::Signature;
use k256::elliptic_curve::ops::Reduce;
use k256::{AffinePoint, FieldBytes, ProjectivePoint, Scalar};
use std::num::NonZeroU128;

/// A signature and the key that is said to have made it.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    /// What the caller knows it by.
    pub index: usize,
    pub hash: B256,
    pub signature: Signature,
    pub y_parity: bool,
    pub sender: Address,
    /// The key whose address that is.
    pub key: Point,
}

/// A claim with R.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub claim: Claim,
    r: Point,
}

/// Finds R of each; leaves out those that have none, which nobody can have made.
pub(super) fn prepare(claims: Vec<Claim>) -> Vec<Prepared> {
    let compressed = |claim: &Claim| (claim.signature.r().to_bytes().into(), claim.y_parity);
    let points = decompress(&claims.iter().map(compressed).collect::<Vec<_>>());
    let prepared = claims.into_iter().zip(points);
    prepared.filter_map(|(claim, r)| Some(Prepared { claim, r: r? })).collect()
}

/// Whether all of the claims are true. `false` also if the system has no randomness to give.
pub(super) fn all_hold(claims: &[Prepared]) -> bool {
    coefficients(claims).is_some_and(|coefficients| is_zero_sum(claims, coefficients))
}

/// Coefficients that nobody can know before: a stream of BLAKE3 under a fresh key of the system's.
/// The claims go in as well, so that not even a generator that repeats itself, as that of a virtual
/// machine which is resumed twice may, makes them known before the claims are.
fn coefficients(claims: &[Prepared]) -> Option<impl FnMut() -> NonZeroU128 + use<>> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).ok()?;
    let mut hasher = blake3::Hasher::new_keyed(&key);
    for Prepared { claim, .. } in claims {
        hasher.update(claim.hash.as_slice());
        hasher.update(&claim.signature.to_bytes());
        hasher.update(&[claim.y_parity.into()]);
        hasher.update(claim.sender.as_slice());
    }
    let mut stream = hasher.finalize_xof();
    Some(move || {
        let mut bytes = [0; 16];
        stream.fill(&mut bytes);
        NonZeroU128::new(u128::from_le_bytes(bytes)).unwrap_or(NonZeroU128::MIN)
    })
}

/// Whether the equation holds with these coefficients.
fn is_zero_sum(claims: &[Prepared], mut coefficient: impl FnMut() -> NonZeroU128) -> bool {
    let inverses = multiply::inverses(claims.iter().map(|it| *it.claim.signature.s()));
    let mut terms = Vec::with_capacity(3 * claims.len() + 2);
    let mut of_generator = Scalar::ZERO;
    let mut of_keys = Vec::with_capacity(claims.len());
    for (Prepared { claim, r }, inverse) in claims.iter().zip(inverses) {
        let a = coefficient().get();
        let weight = inverse * Scalar::from(a);
        let z = <Scalar as Reduce<FieldBytes>>::reduce(&claim.hash.0.into());
        of_generator += z * weight;
        of_keys.push((claim.sender, &claim.key, weight * *claim.signature.r()));
        terms.push(Term { point: r.negated_if(true), factor: a });
    }
    // The signatures of one sender share one term.
    of_keys.sort_unstable_by_key(|(sender, ..)| *sender);
    for same in of_keys.chunk_by(|a, b| a.0 == b.0) {
        let factor: Scalar = same.iter().map(|(_, _, factor)| factor).sum();
        terms.extend(multiply::split(same[0].1, &factor));
    }
    let Some(generator) = Point::from_affine(&AffinePoint::GENERATOR) else { return false };
    terms.extend(multiply::split(&generator, &of_generator));
    multiply::sum(&terms) == ProjectivePoint::IDENTITY
}

#[cfg(test)]
mod tests {
    use super::*;
    use k256::ecdsa::SigningKey;

    fn signed(key: u8, hash: u8) -> Claim {
        let secret = SigningKey::from_slice(&[key; 32]).expect("a key");
        let hash = B256::repeat_byte(hash);
        let (signature, recovery) = secret.sign_prehash_recoverable(&hash.0);
        let point = Point::from_affine(secret.verifying_key().as_affine()).expect("a point");
        let sender = Address::repeat_byte(key);
        let y_parity = recovery.is_y_odd();
        Claim { index: 0, hash, signature, y_parity, sender, key: point }
    }

    fn scalar(bytes: B256) -> Scalar {
        <Scalar as Reduce<FieldBytes>>::reduce(&bytes.0.into())
    }

    /// Two signatures that nobody made, each for another message than was signed, with errors in
    /// the equation that are opposite: (d / s)·G and -(d / s)·G.
    fn forged_pair(a: Claim, b: Claim) -> Vec<Prepared> {
        let d = Scalar::from(12_345u64);
        let moved = |claim: Claim, by: Scalar| {
            let hash = scalar(claim.hash) + by * *claim.signature.s();
            Claim { hash: B256::new(hash.to_bytes().into()), ..claim }
        };
        prepare(vec![moved(a, d), moved(b, -d)])
    }

    #[test]
    fn true_claims_hold_in_any_number() {
        let claims: Vec<_> = (0..40).map(|i| signed(1 + i % 7, i)).collect();
        for count in [1, 2, 3, 40] {
            assert!(all_hold(&prepare(claims[..count].to_vec())), "{count}");
        }
        assert!(all_hold(&prepare(vec![claims[0].clone(); 5])), "the same again and again");
    }

    #[test]
    fn one_false_claim_fails_the_batch() {
        let claims: Vec<_> = (0..6).map(|i| signed(1 + i, i)).collect();
        let (other, r, s) = (&claims[5], claims[2].signature.r(), claims[2].signature.s());
        let signature = |r: Scalar, s: Scalar| {
            Signature::from_scalars(r.to_bytes(), s.to_bytes()).expect("in range")
        };
        let right = || claims[2].clone();
        let wrong = [
            Claim { hash: other.hash, ..right() },
            Claim { y_parity: !right().y_parity, ..right() },
            Claim { key: other.key, sender: other.sender, ..right() },
            Claim { signature: other.signature, ..right() },
            Claim { signature: signature(*r, *s + Scalar::ONE), ..right() },
            Claim { signature: signature(*r, -*s), ..right() },
        ];
        for wrong in wrong {
            let mut batch = claims.clone();
            batch[2] = wrong.clone();
            assert!(!all_hold(&prepare(batch)), "{wrong:?}");
            assert!(!all_hold(&prepare(vec![wrong])));
        }
        // -s goes with -R: the same equation, and the reason why authentication refuses a high s.
        let twin = Claim { signature: signature(*r, -*s), y_parity: !right().y_parity, ..right() };
        assert!(all_hold(&prepare(vec![twin])));
    }

    #[test]
    fn errors_that_cancel_fool_known_coefficients_but_not_random_ones() {
        let pairs = [(signed(1, 1), signed(2, 2)), (signed(3, 3), signed(3, 4))];
        for (a, b) in pairs {
            let forged = forged_pair(a, b);
            assert!(is_zero_sum(&forged, || NonZeroU128::MIN), "all coefficients are one");
            let seven = NonZeroU128::new(7).expect("not zero");
            assert!(is_zero_sum(&forged, || seven), "all coefficients are the same");
            let mut next = NonZeroU128::MIN;
            let different = || {
                next = next.saturating_add(1);
                next
            };
            assert!(!is_zero_sum(&forged, different));
            for _ in 0..20 {
                assert!(!all_hold(&forged));
            }
            assert!(!all_hold(&forged[..1]) && !all_hold(&forged[1..]), "neither is true");
        }
    }

    #[test]
    fn coefficients_that_are_known_before_can_be_crafted_for() {
        // The same attack with coefficients 3 and 5: the errors are made a fifth and a third.
        let known = [3, 5].map(|a| NonZeroU128::new(a).expect("not zero"));
        let (a, b) = (signed(1, 1), signed(2, 2));
        let third = Scalar::from(3u64).invert_vartime().expect("not zero");
        let fifth = Scalar::from(5u64).invert_vartime().expect("not zero");
        let moved = |claim: &Claim, by: Scalar| {
            let hash = scalar(claim.hash) + by * *claim.signature.s();
            Claim { hash: B256::new(hash.to_bytes().into()), ..claim.clone() }
        };
        let forged = prepare(vec![moved(&a, third), moved(&b, -fifth)]);
        let mut coefficients = known.into_iter();
        assert!(is_zero_sum(&forged, || coefficients.next().expect("two are drawn")));
        assert!(!all_hold(&forged));
    }

    #[test]
    fn coefficients_differ_within_a_batch_and_between_batches() {
        let claims = prepare((0..3).map(|i| signed(1, i)).collect());
        let draw = || coefficients(&claims).expect("randomness");
        let (mut one, mut another) = (draw(), draw());
        let mut drawn: Vec<_> = (0..200).flat_map(|_| [one(), another()]).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 400);
        assert!(drawn.iter().any(|a| a.leading_zeros() == 0), "all of the bits are used");
    }

    #[test]
    fn what_has_no_point_is_left_out() {
        let has_no_point = |r: &u64| {
            let mut x = [0; 32];
            x[24..].copy_from_slice(&r.to_be_bytes());
            decompress(&[(x, false)])[0].is_none()
        };
        let r = Scalar::from((1..100).find(has_no_point).expect("half of all have none"));
        let mut claims = vec![signed(1, 1), signed(2, 2)];
        let s = claims[0].signature.s().to_bytes();
        claims[0].signature = Signature::from_scalars(r.to_bytes(), s).expect("in range");
        let prepared = prepare(claims);
        assert_eq!(prepared.len(), 1);
        assert!(all_hold(&prepared));
    }
}
