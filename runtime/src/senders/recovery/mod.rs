//! The public keys that made many signatures, side by side.
//!
//! The key is Q = u1·G + u2·R with u1 = -z/r and u2 = s/r (SEC 1, 4.1.6), where R has x = r and the
//! parity that the transaction states. Factors are cut into halves (Gallant, Lambert, Vanstone) and
//! these into signed digits; those of G are wider, because its multiples are known beforehand. How
//! points are then added depends on what the processor is good at.
//!
//! Invariant: the results are those of `crypto::recover_from`, one by one, whatever computes them.

mod affine;
#[cfg(target_arch = "x86_64")]
mod ifma;
#[cfg(target_arch = "x86_64")]
mod projective;

use super::curve::{Point, decompress};
use super::multiply::{Cut, Half, halves, inverses};
#[cfg(target_arch = "x86_64")]
use crate::crypto::avx512::Available;
use crate::limits::BATCH_SIGNATURES;
use crate::pipeline::authenticate::WellFormed;
use k256::elliptic_curve::ops::Reduce;
use k256::{FieldBytes, Scalar};

/// Signatures that go side by side: with their tables, 800 KB where they share inversions. The more,
/// the less an inversion costs each; 256 take a twentieth longer.
const SIDE_BY_SIDE: usize = BATCH_SIGNATURES;
/// Fewest signatures for which sharing inversions takes less than one after the other.
const SHARING_MIN: usize = 16;
/// How R's factors are cut: eight multiples are computed for each signature.
const OF_POINT: Cut = Cut::new(4);
/// Digits of R's factors to one of G's.
const DIGITS_PER_GENERATOR_DIGIT: usize = 3;
/// How G's factors are cut: there are 2,048 multiples.
const OF_GENERATOR: Cut = Cut::new(OF_POINT.width * DIGITS_PER_GENERATOR_DIGIT);

/// G's first digit comes no earlier than R's.
const _: () =
    assert!((OF_GENERATOR.positions() - 1) * DIGITS_PER_GENERATOR_DIGIT < OF_POINT.positions());

/// How points are added.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arithmetic {
    /// As every processor can.
    Portable,
    /// By AVX-512 IFMA.
    #[cfg(target_arch = "x86_64")]
    Ifma(Available),
}

/// What the points of a signature are multiplied by, each in halves.
struct Factors {
    /// u1.
    of_generator: [Half; 2],
    /// u2.
    of_point: [Half; 2],
}

impl Arithmetic {
    /// The fastest that this processor has.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(available) = Available::detect() {
            return Arithmetic::Ifma(available);
        }
        Arithmetic::Portable
    }

    /// Whether it takes less to recover senders than to check hints.
    pub fn needs_no_hints(self) -> bool {
        !matches!(self, Arithmetic::Portable)
    }

    /// Fewest signatures for which it takes less than one after the other.
    fn worthwhile(self) -> usize {
        match self {
            Arithmetic::Portable => SHARING_MIN,
            #[cfg(target_arch = "x86_64")]
            Arithmetic::Ifma(_) => 1,
        }
    }

    /// The key (x then y) that made each signature; `None` where nobody can have made it.
    pub fn recover_all(self, signatures: &[&WellFormed]) -> Vec<Option<[u8; 64]>> {
        let chunks = signatures.chunks(SIDE_BY_SIDE);
        chunks
            .flat_map(|chunk| {
                if chunk.len() < self.worthwhile() {
                    chunk.iter().map(|one| one.recover().ok()).collect()
                } else {
                    self.recover_side_by_side(chunk)
                }
            })
            .collect()
    }

    fn recover_side_by_side(self, signatures: &[&WellFormed]) -> Vec<Option<[u8; 64]>> {
        if signatures.is_empty() {
            return Vec::new();
        }
        let factors = factors(signatures);
        match self {
            Arithmetic::Portable => affine::recover_all(signatures, &factors),
            #[cfg(target_arch = "x86_64")]
            Arithmetic::Ifma(available) => projective::recover_all(available, signatures, &factors),
        }
    }
}

fn factors(signatures: &[&WellFormed]) -> Vec<Factors> {
    let inverses = inverses(signatures.iter().map(|it| *it.signature.r()));
    let factors = signatures.iter().zip(&inverses).map(|(it, inverse)| {
        let hash = <Scalar as Reduce<FieldBytes>>::reduce(&it.signature_hash.0.into());
        Factors {
            of_generator: halves(&-(hash * inverse)),
            of_point: halves(&(*it.signature.s() * inverse)),
        }
    });
    factors.collect()
}

/// R of each; `None` where there is none.
fn points(signatures: &[&WellFormed]) -> Vec<Option<Point>> {
    let compressed = signatures.iter().map(|it| (it.signature.r().to_bytes().into(), it.y_parity));
    decompress(&compressed.collect::<Vec<_>>())
}

/// Which digits of G's factors are due with those of R's at a position, if any are.
fn generator_digits_at(position: usize) -> Option<usize> {
    let is_due = position.is_multiple_of(DIGITS_PER_GENERATOR_DIGIT);
    is_due.then_some(position / DIGITS_PER_GENERATOR_DIGIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::senders::tests::with_signature;
    use crate::types::B256;
    use k256::ProjectivePoint;
    use k256::ecdsa::Signature;
    use k256::elliptic_curve::point::AffineCoordinates;
    use k256::elliptic_curve::scalar::IsHigh;
    use proptest::prelude::*;

    /// What this processor has. Says so where that is not all there is.
    fn all() -> Vec<Arithmetic> {
        let best = Arithmetic::best();
        if best.needs_no_hints() {
            return vec![Arithmetic::Portable, best];
        }
        #[cfg(target_arch = "x86_64")]
        crate::crypto::avx512::say_skipped("recovery of eight keys at a time");
        vec![best]
    }

    /// Numbers of which some are small, so that sums meet the multiples that are added to them.
    fn scalar() -> impl Strategy<Value = Scalar> {
        let any = any::<[u8; 32]>()
            .prop_map(|bytes| <Scalar as Reduce<FieldBytes>>::reduce(&bytes.into()));
        let small = (1..300u64).prop_map(Scalar::from);
        prop_oneof![any, small.clone(), small.prop_map(|small| -small)]
    }

    /// Signatures with R = nonce · G: as anybody can make them, and such that the key is infinity.
    fn signature() -> impl Strategy<Value = WellFormed> {
        (scalar(), scalar(), scalar(), any::<bool>(), any::<bool>()).prop_filter_map(
            "numbers out of range",
            |(nonce, s, hash, y_parity, no_key)| {
                let point = (ProjectivePoint::GENERATOR * nonce).to_affine();
                let s = if bool::from(s.is_high()) { -s } else { s };
                let hash = if no_key { s * nonce } else { hash };
                let y_parity = if no_key { bool::from(point.y_is_odd()) } else { y_parity };
                let signature = Signature::from_scalars(point.x(), s.to_bytes()).ok()?;
                let hash = B256::new(hash.to_bytes().into());
                WellFormed::new(with_signature(hash, &signature, y_parity)).ok()
            },
        )
    }

    /// Signatures that nobody needs to have made: half of all r have no point.
    fn noise() -> impl Strategy<Value = WellFormed> {
        (any::<[u8; 32]>(), scalar(), any::<[u8; 32]>(), any::<bool>()).prop_filter_map(
            "numbers out of range",
            |(r, s, hash, y_parity)| {
                let s = if bool::from(s.is_high()) { -s } else { s };
                let signature = Signature::from_scalars(r, s.to_bytes()).ok()?;
                WellFormed::new(with_signature(hash.into(), &signature, y_parity)).ok()
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn side_by_side_is_as_one_by_one(
            signatures in prop::collection::vec(prop_oneof![signature(), noise()], 0..80),
        ) {
            let signatures: Vec<_> = signatures.iter().collect();
            let expected: Vec<_> = signatures.iter().map(|it| it.recover().ok()).collect();
            for arithmetic in all() {
                prop_assert_eq!(arithmetic.recover_all(&signatures), expected.clone());
                prop_assert_eq!(arithmetic.recover_side_by_side(&signatures), expected.clone());
                // As many as take lanes of their own, fill a vector, or do not.
                for few in [1, 2, 3, 8, 9, 16, 17] {
                    let chunks = signatures.chunks(few);
                    let keys = chunks.flat_map(|chunk| arithmetic.recover_side_by_side(chunk));
                    prop_assert_eq!(keys.collect::<Vec<_>>(), expected.clone(), "{}", few);
                }
            }
        }
    }

    #[test]
    fn more_than_go_side_by_side_come_out_in_order() {
        let signature = |i: u64| {
            let nonce = Scalar::from(i + 1);
            let point = (ProjectivePoint::GENERATOR * nonce).to_affine();
            let signature = Signature::from_scalars(point.x(), Scalar::ONE.to_bytes());
            let hash = B256::new(Scalar::from(i / 2).to_bytes().into());
            WellFormed::new(with_signature(
                hash,
                &signature.expect("in range"),
                i.is_multiple_of(2),
            ))
            .expect("in range")
        };
        let signatures: Vec<_> = (0..SIDE_BY_SIDE as u64 + 20).map(signature).collect();
        let signatures: Vec<_> = signatures.iter().collect();
        let expected: Vec<_> = signatures.iter().map(|it| it.recover().ok()).collect();
        assert!(expected.iter().filter(|key| key.is_none()).count() < signatures.len());
        for arithmetic in all() {
            assert_eq!(arithmetic.recover_all(&signatures), expected, "{arithmetic:?}");
        }
    }
}
