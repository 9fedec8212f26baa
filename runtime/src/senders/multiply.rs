//! The sum of many multiples of points, Σ k·P, in a fraction of what the multiples cost one by one:
//! buckets (Pippenger, "On the evaluation of powers and related problems", 1976; for batches of
//! signatures Bernstein, Doumen, Lange, Oosterwijk, "Faster batch forgery identification", 2012)
//! with signed digits, over halves of the factors (Gallant, Lambert, Vanstone, "Faster point
//! multiplication on elliptic curves with efficient endomorphisms", 2001).
//!
//! Factors are cut into digits of a few bits. For each position, points with the same digit are
//! added up in a bucket, whatever their number; then each bucket counts as often as its digit says.
//! The time depends on the factors, which is harmless: all of them are public, and which ones come
//! together in a bucket is random (see `batch`).

use super::curve::{Groups, Point};
use k256::elliptic_curve::bigint::U256;
use k256::elliptic_curve::ff::BatchInverter;
use k256::elliptic_curve::ops::Reduce;
use k256::elliptic_curve::scalar::IsHigh;
use k256::{ProjectivePoint, Scalar};

/// λ, a cube root of one modulo n, negated.
const MINUS_LAMBDA: U256 =
    U256::from_be_hex("ac9c52b33fa3cf1f5ad9e3fd77ed9ba4a880b9fc8ec739c2e0cfc810b51283cf");
/// -b1 of the short vectors (a1, b1), (a2, b2) of the lattice a + bλ = 0 (GLV, section 4).
const MINUS_B1: U256 =
    U256::from_be_hex("00000000000000000000000000000000e4437ed6010e88286f547fa90abfe4c3");
/// n - b2.
const MINUS_B2: U256 =
    U256::from_be_hex("fffffffffffffffffffffffffffffffe8a280ac50774346dd765cda83db1562c");
/// b2 / n and -b1 / n, times 2^384, rounded: so that a quotient is a product (as libsecp256k1
/// does).
const G1: U256 =
    U256::from_be_hex("3086d221a7d46bcde86c90e49284eb153daa8a1471e8ca7fe893209a45dbb031");
/// See [`G1`].
const G2: U256 =
    U256::from_be_hex("e4437ed6010e88286f547fa90abfe4c4221208ac9df506c61571b4ae8ac47f71");

/// Bits of the factors.
const FACTOR_BITS: usize = 128;
/// Widest digit that is considered: 2,048 buckets for each position.
const DIGIT_BITS_MAX: usize = 12;
/// Points that are put into buckets at a time, so that they stay in the processor's cache: with
/// what adding them needs, about half a MiB.
const POINTS_AT_A_TIME: usize = 4_096;

/// A multiple of a point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    pub point: Point,
    pub factor: u128,
}

/// A short factor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Half {
    pub is_negative: bool,
    pub magnitude: u128,
}

/// The inverses of numbers, none of which is zero, modulo n: one inversion for all.
pub(super) fn inverses(of: impl Iterator<Item = Scalar>) -> Vec<Scalar> {
    let mut inverses: Vec<Scalar> = of.collect();
    let mut room = vec![Scalar::ZERO; inverses.len()];
    BatchInverter::invert_with_external_scratch(&mut inverses, &mut room);
    inverses
}

/// Two terms whose sum is `factor` times `point`.
pub(super) fn split(point: &Point, factor: &Scalar) -> [Term; 2] {
    let [low, high] = halves(factor);
    let term = |point: Point, half: Half| Term {
        point: point.negated_if(half.is_negative),
        factor: half.magnitude,
    };
    [term(*point, low), term(point.endomorphism(), high)]
}

/// k1 and k2 with k1 + λ·k2 = k.
pub(super) fn halves(k: &Scalar) -> [Half; 2] {
    let (low, high) = short(k);
    [low, high].map(|half| {
        let is_negative = bool::from(half.is_high());
        let bytes = if is_negative { -half } else { half }.to_bytes();
        let (zeros, bytes) = bytes.split_at(FACTOR_BITS / 8);
        debug_assert!(zeros.iter().all(|byte| *byte == 0), "halves are short");
        let magnitude = bytes.iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte));
        Half { is_negative, magnitude }
    })
}

/// The same modulo n; both are below 2^128 in absolute value.
fn short(k: &Scalar) -> (Scalar, Scalar) {
    let quotient = |g: &U256| {
        let (_, high) = U256::from(k).widening_mul(g);
        let [.., carry, low, high] = high.to_words().map(u128::from);
        Scalar::from((high << 64 | low) + (carry >> 63))
    };
    let scalar = |number: &U256| <Scalar as Reduce<U256>>::reduce(number);
    let high = quotient(&G1) * scalar(&MINUS_B1) + quotient(&G2) * scalar(&MINUS_B2);
    (k + high * scalar(&MINUS_LAMBDA), high)
}

/// The sum of the terms.
pub(super) fn sum(terms: &[Term]) -> ProjectivePoint {
    sum_by_digits(terms, digit_bits(terms.len()))
}

/// The same with digits of `width` bits.
fn sum_by_digits(terms: &[Term], width: usize) -> ProjectivePoint {
    let cut = Cut::new(width);
    let digits = |at| terms.iter().map(|term| cut.digit(term.factor, at)).collect();
    let digits: Vec<Vec<i16>> = (0..cut.positions()).map(digits).collect();
    let mut buckets = Vec::with_capacity(digits.len() << (width - 1));
    for digits in digits.chunks((POINTS_AT_A_TIME / terms.len().max(1)).max(1)) {
        buckets.extend(fill_buckets(terms, digits, width));
    }
    let mut total = ProjectivePoint::IDENTITY;
    for point in weigh(buckets, width).into_iter().rev() {
        total.double_in_place();
        if let Some(point) = point {
            total += point.to_projective();
        }
    }
    total
}

/// How factors are cut into signed digits: from -2^(width - 1) to 2^(width - 1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// Bits of a digit.
    pub width: usize,
    /// Half of the range of each digit but the last. It is added before cutting and subtracted
    /// after, so that what is carried comes out of one addition.
    halves: u128,
}

impl Cut {
    /// Into digits of so many bits.
    pub const fn new(width: usize) -> Self {
        assert!(width < 16, "a digit has 16 bits");
        let (mut halves, mut at) = (0, 0);
        while at < positions(width) - 1 {
            halves |= 1 << (at * width + width - 1);
            at += 1;
        }
        Cut { width, halves }
    }

    /// Digits of a factor.
    pub const fn positions(&self) -> usize {
        positions(self.width)
    }

    /// The digit of a factor at a position. The last one is as it is: it has a bit to spare.
    #[inline]
    pub fn digit(&self, factor: u128, position: usize) -> i16 {
        let (sum, carry) = factor.overflowing_add(self.halves);
        let shift = (position * self.width) as u32;
        let low = sum.checked_shr(shift).unwrap_or(0);
        let high = u128::from(carry).checked_shl(FACTOR_BITS as u32 - shift).unwrap_or(0);
        if position + 1 < self.positions() {
            ((low | high) & ((1 << self.width) - 1)) as i16 - (1 << (self.width - 1))
        } else {
            (low | high) as i16
        }
    }
}

/// Digits of a factor; one more bit than it has, because the last digit's sign carries.
const fn positions(width: usize) -> usize {
    (FACTOR_BITS + 1).div_ceil(width)
}

/// How wide the digits should be: wider ones are fewer, but have more buckets. Each position adds
/// each term once and each bucket twice; each bit then costs about five additions at the end.
fn digit_bits(terms: usize) -> usize {
    let additions = |width: &usize| positions(*width) * (terms + (2 << (width - 1)) + 5 * width);
    (2..=DIGIT_BITS_MAX).min_by_key(additions).unwrap_or(DIGIT_BITS_MAX)
}

/// Sums up the points with the same digit, a negative one counting as the point's negative: for
/// each position 2^(width - 1) buckets, for the digits from one on.
fn fill_buckets(terms: &[Term], digits: &[Vec<i16>], width: usize) -> Vec<Option<Point>> {
    let per_position = 1 << (width - 1);
    let bucket = |position: usize, digit: i16| {
        (digit != 0).then(|| position * per_position + usize::from(digit.unsigned_abs()) - 1)
    };
    let mut sizes = vec![0; digits.len() * per_position];
    for (position, digits) in digits.iter().enumerate() {
        for bucket in digits.iter().filter_map(|digit| bucket(position, *digit)) {
            sizes[bucket] += 1;
        }
    }
    // Where the next point of each bucket goes; the buckets lie one after the other.
    let mut total = 0;
    let mut next: Vec<usize> = Vec::with_capacity(sizes.len());
    for size in &sizes {
        next.push(total);
        total += size;
    }
    let Some(any) = terms.first() else { return vec![None; sizes.len()] };
    let mut points = vec![any.point; total];
    for (position, digits) in digits.iter().enumerate() {
        for (term, digit) in terms.iter().zip(digits) {
            if let Some(bucket) = bucket(position, *digit) {
                points[next[bucket]] = term.point.negated_if(*digit < 0);
                next[bucket] += 1;
            }
        }
    }
    Groups::new(points, &sizes).sum()
}

/// From the buckets of all positions to one point for each bit, lowest first: the sum of the
/// buckets in whose digit that bit is set.
///
/// The digits that are odd give the lowest bit. For the bits above, a digit and its neighbour that
/// differ in the lowest bit only are the same, so their buckets are added, and half of them are
/// left.
fn weigh(mut buckets: Vec<Option<Point>>, width: usize) -> Vec<Option<Point>> {
    let positions = positions(width);
    let mut odd = Groups::default();
    for bit in 0..width {
        let left = 1 << (width - 1 - bit);
        let mut pairs = Groups::default();
        for buckets in buckets.chunks(left) {
            odd.push(buckets.iter().step_by(2).copied().flatten());
            for pair in buckets[1..].chunks(2) {
                pairs.push(pair.iter().copied().flatten());
            }
        }
        buckets = pairs.sum();
    }
    let sums = odd.sum();
    let of_bit = |at: usize| sums[at % width * positions + at / width];
    (0..positions * width).map(of_bit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reduced(bytes: [u8; 32]) -> Scalar {
        <Scalar as Reduce<U256>>::reduce(&U256::from_be_slice(&bytes))
    }

    fn scalar() -> impl Strategy<Value = Scalar> {
        let edges: Vec<Scalar> = [0u128, 1, 1 << 127, u128::MAX]
            .map(Scalar::from)
            .into_iter()
            .flat_map(|k| [k, -k, k + reduced(MINUS_LAMBDA.to_be_bytes().into())])
            .collect();
        prop_oneof![any::<[u8; 32]>().prop_map(reduced), prop::sample::select(edges)]
    }

    /// A term out of few different points, so that equal and opposite ones come together.
    fn term() -> impl Strategy<Value = Term> {
        let factor =
            prop_oneof![any::<u128>(), 0..4u128, (0..4u128).prop_map(|below| u128::MAX - below)];
        (1..6u64, any::<bool>(), factor).prop_map(|(point, negate, factor)| {
            let point = (ProjectivePoint::GENERATOR * Scalar::from(point)).to_affine();
            let point = Point::from_affine(&point).expect("not infinity").negated_if(negate);
            Term { point, factor }
        })
    }

    fn naive(terms: &[Term]) -> ProjectivePoint {
        terms.iter().map(|it| it.point.to_projective() * Scalar::from(it.factor)).sum()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn halves_are_short_and_make_the_whole(k in scalar()) {
            let (low, high) = short(&k);
            let lambda = -reduced(MINUS_LAMBDA.to_be_bytes().into());
            prop_assert_eq!(low + lambda * high, k);
            for half in [low, high] {
                let half = if bool::from(half.is_high()) { -half } else { half };
                prop_assert!(half.to_bytes()[..16] == [0; 16]);
            }
        }

        #[test]
        fn a_split_multiple_is_the_multiple(k in scalar(), base in 1..1000u64) {
            let point = ProjectivePoint::GENERATOR * Scalar::from(base);
            let terms = split(&Point::from_affine(&point.to_affine()).expect("a point"), &k);
            prop_assert_eq!(naive(&terms), point * k);
            prop_assert_eq!(sum(&terms), point * k);
        }

        #[test]
        fn digits_make_the_factor(term in term(), width in 2..=DIGIT_BITS_MAX) {
            let mut value = Scalar::ZERO;
            let cut = Cut::new(width);
            for position in (0..cut.positions()).rev() {
                let digit = cut.digit(term.factor, position);
                prop_assert!(digit.unsigned_abs() <= 1 << (width - 1));
                let magnitude = Scalar::from(u64::from(digit.unsigned_abs()));
                value *= Scalar::from(1u64 << width);
                value += if digit < 0 { -magnitude } else { magnitude };
            }
            prop_assert_eq!(value, Scalar::from(term.factor));
        }

        #[test]
        fn the_sum_is_that_of_the_multiples(
            terms in prop::collection::vec(term(), 0..40),
            width in 2..=8usize,
        ) {
            prop_assert_eq!(sum(&terms), naive(&terms));
            prop_assert_eq!(sum_by_digits(&terms, width), naive(&terms));
        }
    }

    #[test]
    fn every_width_and_number_of_terms_gives_the_sum() {
        let term = |i: u64| {
            let point = ProjectivePoint::GENERATOR * Scalar::from(i % 300 + 1);
            let point = Point::from_affine(&point.to_affine()).expect("a point");
            Term { point, factor: u128::MAX / u128::from(i + 1) }
        };
        let terms: Vec<_> = (0..5_000).map(term).collect();
        for width in 2..=DIGIT_BITS_MAX {
            assert_eq!(sum_by_digits(&terms[..50], width), naive(&terms[..50]), "{width} bits");
        }
        // More than are put into buckets at a time.
        assert_eq!(sum(&terms), naive(&terms));
    }

    #[test]
    fn more_terms_take_wider_digits() {
        let widths = [1, 200, 3_000, 1_000_000].map(digit_bits);
        assert!(widths.is_sorted() && widths[0] < widths[2], "{widths:?}");
    }
}
