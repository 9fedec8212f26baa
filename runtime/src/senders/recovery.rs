//! The public keys that made many signatures, side by side.
//!
//! The key is Q = u1·G + u2·R with u1 = -z/r and u2 = s/r (SEC 1, 4.1.6), where R has x = r and the
//! parity that the transaction states. One by one, that is some 130 doublings and as many additions
//! of points in projective coordinates, which need no division. Here all signatures take each step
//! at the same time, so that its divisions share an inversion (Montgomery's trick), affine
//! coordinates cost half as much, and the processor has work that does not wait for itself.
//!
//! Factors are cut into halves (Gallant, Lambert, Vanstone) and these into signed digits; those of G
//! are wider, because its multiples are known beforehand.
//!
//! Invariant: the results are those of `crypto::recover_from`, one by one.

use super::curve::{Lockstep, Point, decompress};
use super::multiply::{Half, digits, halves, inverses, positions};
use crate::limits::BATCH_SIGNATURES;
use crate::pipeline::authenticate::WellFormed;
use k256::elliptic_curve::ops::Reduce;
use k256::{AffinePoint, FieldBytes, Scalar};
use std::sync::LazyLock;

/// Signatures that go side by side: with their tables, 800 KB. The more, the less an inversion costs
/// each; 256 take a twentieth longer.
const SIDE_BY_SIDE: usize = BATCH_SIGNATURES;
/// Fewest signatures for which that takes less than one after the other.
const SIDE_BY_SIDE_MIN: usize = 16;
/// Bits of a digit of R's factors: eight multiples are computed for each signature.
const WIDTH: usize = 4;
/// Digits of R's factors to one of G's, which then has 12 bits and 2,048 multiples: 180 KB.
const DIGITS_PER_GENERATOR_DIGIT: usize = 3;
const GENERATOR_WIDTH: usize = WIDTH * DIGITS_PER_GENERATOR_DIGIT;

/// G's first digit comes no earlier than R's.
const _: () =
    assert!((positions(GENERATOR_WIDTH) - 1) * DIGITS_PER_GENERATOR_DIGIT < positions(WIDTH));

/// From the generator on, its multiples.
static GENERATOR_MULTIPLES: LazyLock<Vec<Option<Point>>> = LazyLock::new(|| {
    let generator = Point::from_affine(&AffinePoint::GENERATOR);
    let multiples = multiples(vec![generator], 1 << (GENERATOR_WIDTH - 1));
    multiples.into_iter().flatten().collect()
});

/// The key (x then y) that made each signature; `None` where nobody can have made it.
pub(super) fn recover_all(signatures: &[&WellFormed]) -> Vec<Option<[u8; 64]>> {
    let chunks = signatures.chunks(SIDE_BY_SIDE);
    chunks
        .flat_map(|chunk| match chunk.len() {
            ..SIDE_BY_SIDE_MIN => chunk.iter().map(|one| one.recover().ok()).collect(),
            _ => recover_side_by_side(chunk),
        })
        .collect()
}

fn recover_side_by_side(signatures: &[&WellFormed]) -> Vec<Option<[u8; 64]>> {
    let compressed: Vec<_> =
        signatures.iter().map(|it| (it.signature.r().to_bytes().into(), it.y_parity)).collect();
    let points = decompress(&compressed);
    let inverses = inverses(signatures.iter().map(|it| *it.signature.r()));
    let factors = signatures.iter().zip(&inverses).map(|(it, inverse)| {
        let hash = <Scalar as Reduce<FieldBytes>>::reduce(&it.signature_hash.0.into());
        (halves(&-(hash * inverse)), halves(&(*it.signature.s() * inverse)))
    });
    let (of_generator, of_points): (Vec<_>, Vec<_>) = factors.unzip();
    let keys = sums(&of_generator, points.clone(), &of_points);
    points.iter().zip(keys).map(|(point, key)| point.and(key).map(Point::to_bytes)).collect()
}

/// Of each: factor · G + factor · point.
fn sums(
    of_generator: &[[Half; 2]],
    points: Vec<Option<Point>>,
    of_points: &[[Half; 2]],
) -> Vec<Option<Point>> {
    let mut sums = Lockstep::new(vec![None; points.len()]);
    let multiples = multiples(points, 1 << (WIDTH - 1));
    for position in (0..positions(WIDTH)).rev() {
        for _ in 0..WIDTH {
            sums.double();
        }
        add_digits(&mut sums, of_points, WIDTH, position, |index, place| multiples[place][index]);
        if position.is_multiple_of(DIGITS_PER_GENERATOR_DIGIT) {
            let position = position / DIGITS_PER_GENERATOR_DIGIT;
            let multiple = |_, place: usize| GENERATOR_MULTIPLES[place];
            add_digits(&mut sums, of_generator, GENERATOR_WIDTH, position, multiple);
        }
    }
    sums.sums().to_vec()
}

/// Adds to each sum what the digits of its factor at a position stand for. `multiple` tells the
/// multiples of a sum's point, from the point itself on.
fn add_digits(
    sums: &mut Lockstep,
    factors: &[[Half; 2]],
    width: usize,
    position: usize,
    multiple: impl Fn(usize, usize) -> Option<Point>,
) {
    for half in [0, 1] {
        let magnitudes = factors.iter().map(|halves| halves[half].magnitude);
        let addend = |(index, digit): (usize, i16)| {
            let point = multiple(index, usize::from(digit.unsigned_abs()).checked_sub(1)?)?;
            let point = if half == 0 { point } else { point.endomorphism() };
            Some(point.negated_if((digit < 0) != factors[index][half].is_negative))
        };
        let digits = digits(magnitudes, width, position).into_iter();
        sums.add(&digits.enumerate().map(addend).collect::<Vec<_>>());
    }
}

/// Once, twice, so many times each point.
fn multiples(points: Vec<Option<Point>>, count: usize) -> Vec<Vec<Option<Point>>> {
    let mut sums = Lockstep::new(points.clone());
    let mut multiples = vec![points];
    for _ in 1..count {
        sums.add(&multiples[0]);
        multiples.push(sums.sums().to_vec());
    }
    multiples
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
            prop_assert_eq!(recover_all(&signatures), expected.clone());
            prop_assert_eq!(recover_side_by_side(&signatures), expected);
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
        assert_eq!(recover_all(&signatures), expected);
    }
}
