//! Recovery on processors with AVX-512 IFMA: eight signatures at a time.
//!
//! All [`LANES`] take the same steps, doublings and additions that are right for every pair of
//! points (Renes, Costello, Batina, "Complete addition formulas for prime order elliptic curves",
//! 2016), so no signature is a special case, whoever made it up. They take more multiplications than
//! affine coordinates would, and no division; multiplications are what this processor has.
//!
//! Invariant: the keys are those that one by one recovery gives.

use super::ifma::{Available, LANES, Numbers, Words};
use super::{Factors, GENERATOR_DIGIT, POINT_DIGIT, generator_digits_at};
use crate::pipeline::authenticate::WellFormed;
use crate::senders::curve::BETA;
use crate::senders::multiply::{Half, digit, positions};
use k256::elliptic_curve::point::AffineCoordinates;
use k256::{AffinePoint, ProjectivePoint};
use std::sync::LazyLock;

/// Infinity, and the multiples of a point that a digit may say.
const MULTIPLES: usize = 1 + (1 << (POINT_DIGIT - 1));
const ONE: Words = [1, 0, 0, 0];
/// b of y² = x³ + b.
const SEVEN: Words = [7, 0, 0, 0];
/// From the generator on, its multiples, each x then y: 128 KB.
static GENERATOR_MULTIPLES: LazyLock<Vec<[Words; 2]>> = LazyLock::new(|| {
    let mut point = ProjectivePoint::IDENTITY;
    let mut next = || {
        point += AffinePoint::GENERATOR;
        let affine = point.to_affine();
        [words(&affine.x().into()), words(&affine.y().into())]
    };
    (0..1 << (GENERATOR_DIGIT - 1)).map(|_| next()).collect()
});

/// The key (x then y) that made each signature; `None` where nobody can have made it.
#[allow(unsafe_code)]
pub(super) fn recover_all(
    _: Available,
    signatures: &[&WellFormed],
    factors: &[Factors],
) -> Vec<Option<[u8; 64]>> {
    // SAFETY: the processor has the instructions, or nobody could have an `Available`.
    unsafe { recover(signatures, factors) }
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn recover(signatures: &[&WellFormed], factors: &[Factors]) -> Vec<Option<[u8; 64]>> {
    let curve = Curve::new();
    let mut keys = Vec::with_capacity(signatures.len().div_ceil(LANES));
    for (signatures, factors) in signatures.chunks(LANES).zip(factors.chunks(LANES)) {
        // Lanes that are left repeat the first.
        let of_lane = |lane: usize| if lane < signatures.len() { lane } else { 0 };
        let signatures = std::array::from_fn(|lane| signatures[of_lane(lane)]);
        let factors = std::array::from_fn(|lane| &factors[of_lane(lane)]);
        keys.push(curve.key(&signatures, &factors));
    }
    let mut found = curve.to_bytes(&keys);
    found.truncate(signatures.len());
    found
}

/// Points (X/Z, Y/Z).
#[derive(Clone, Copy)]
struct Points {
    x: Numbers,
    y: Numbers,
    z: Numbers,
}

/// What is multiplied to add two points: XX', YY', ZZ', XY' + X'Y, YZ' + Y'Z, XZ' + X'Z.
struct Products {
    xx: Numbers,
    yy: Numbers,
    zz: Numbers,
    xy: Numbers,
    yz: Numbers,
    xz: Numbers,
}

/// The curve's constants in all lanes.
struct Curve {
    one: Numbers,
    seven: Numbers,
    beta: Numbers,
}

/// Keys as they come out, and in which lanes there is none because R is not on the curve.
struct Keys {
    points: Points,
    is_missing: [bool; LANES],
}

impl Products {
    /// The sum of the points (algorithm 7, for y² = x³ + 7).
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn sum(&self) -> Points {
        let Products { xx, yy, zz, xy, yz, xz } = self;
        let above = Numbers::combine([(yy, 1), (zz, 21)]);
        let below = Numbers::combine([(yy, 1), (zz, -21)]);
        let (xx_3, xz_21) = (Numbers::combine([(xx, 3)]), Numbers::combine([(xz, 21)]));
        let minus_xz_21 = Numbers::combine([(xz, -21)]);
        Points {
            x: Numbers::dot(xy, &below, yz, &minus_xz_21),
            y: Numbers::dot(&below, &above, &xx_3, &xz_21),
            z: Numbers::dot(&above, yz, &xx_3, xy),
        }
    }
}

impl Points {
    /// Each added to itself (algorithm 9).
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn doubled(&self) -> Self {
        let Points { x, y, z } = self;
        let (yy, zz, yz, xy) = (y.square(), z.square(), y.mul(z), x.mul(y));
        let (yy_8, zz_21) = (Numbers::combine([(&yy, 8)]), Numbers::combine([(&zz, 21)]));
        let above = Numbers::combine([(&yy, 1), (&zz_21, 1)]);
        let below = Numbers::combine([(&yy, 1), (&zz_21, -3)]);
        let xy_2 = Numbers::combine([(&xy, 2)]);
        Points {
            x: below.mul(&xy_2),
            y: Numbers::dot(&below, &above, &zz_21, &yy_8),
            z: yz.mul(&yy_8),
        }
    }

    /// The sums, whatever the points are.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn plus(&self, other: &Self) -> Self {
        let (xx, yy, zz) = (self.x.mul(&other.x), self.y.mul(&other.y), self.z.mul(&other.z));
        let xy = self.x.add(&self.y).mul(&other.x.add(&other.y));
        let yz = self.y.add(&self.z).mul(&other.y.add(&other.z));
        let xz = self.x.add(&self.z).mul(&other.x.add(&other.z));
        let xy = Numbers::combine([(&xy, 1), (&xx, -1), (&yy, -1)]);
        let yz = Numbers::combine([(&yz, 1), (&yy, -1), (&zz, -1)]);
        let xz = Numbers::combine([(&xz, 1), (&xx, -1), (&zz, -1)]);
        Products { xx, yy, zz, xy, yz, xz }.sum()
    }

    /// The sums with points (x, y) that are not infinity (algorithm 8).
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn plus_affine(&self, x: &Numbers, y: &Numbers) -> Self {
        let (xx, yy) = (self.x.mul(x), self.y.mul(y));
        let xy = self.x.add(&self.y).mul(&x.add(y));
        let xy = Numbers::combine([(&xy, 1), (&xx, -1), (&yy, -1)]);
        let yz = y.mul(&self.z).add(&self.y);
        let xz = x.mul(&self.z).add(&self.x);
        Products { xx, yy, zz: self.z, xy, yz, xz }.sum()
    }

    /// In each lane, the point of the table's entry at the lane's place.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn pick(table: &[Self; MULTIPLES], places: &[u64; LANES]) -> Self {
        Points {
            x: Numbers::pick(table.iter().map(|points| &points.x), places),
            y: Numbers::pick(table.iter().map(|points| &points.y), places),
            z: Numbers::pick(table.iter().map(|points| &points.z), places),
        }
    }
}

impl Curve {
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn new() -> Self {
        Curve {
            one: Numbers::all(ONE),
            seven: Numbers::all(SEVEN),
            beta: Numbers::all(words(&BETA)),
        }
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn infinity(&self) -> Points {
        let zero = Numbers::combine([(&self.one, 1), (&self.one, -1)]);
        Points { x: zero, y: self.one, z: zero }
    }

    /// x³ + 7: the square of y.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn square_of_y(&self, x: &Numbers) -> Numbers {
        x.square().mul(x).add(&self.seven)
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn key(&self, signatures: &[&WellFormed; LANES], factors: &[&Factors; LANES]) -> Keys {
        let x = signatures.map(|it| words(&it.signature.r().to_bytes().into()));
        let is_odd = signatures.map(|it| u64::from(it.y_parity));
        let x = Numbers::load(&x);
        let square = self.square_of_y(&x);
        let y = square.root();
        let error = Numbers::combine([(&y.square(), 1), (&square, -1)]).store();
        let roots = y.store();
        let has_other_sign = std::array::from_fn(|lane| is_odd[lane] ^ roots[lane][0] & 1);
        let y = y.negated_where(&has_other_sign);
        let points = self.sum(factors, &Points { x, y, z: self.one });
        Keys { points, is_missing: error.map(|error| error != [0; 4]) }
    }

    /// Of each: factor · G + factor · point.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn sum(&self, factors: &[&Factors; LANES], points: &Points) -> Points {
        let of_generator = factors.map(|factors| factors.of_generator);
        let of_points = factors.map(|factors| factors.of_point);
        let mut multiples = [self.infinity(); MULTIPLES];
        multiples[1] = *points;
        for place in 2..MULTIPLES {
            multiples[place] = if place.is_multiple_of(2) {
                multiples[place / 2].doubled()
            } else {
                multiples[place - 1].plus(points)
            };
        }
        let mut sum = self.infinity();
        for position in (0..positions(POINT_DIGIT)).rev() {
            for _ in 0..POINT_DIGIT {
                sum = sum.doubled();
            }
            for half in [0, 1] {
                let (places, signs) = places(&of_points, half, POINT_DIGIT, position);
                let mut addend = Points::pick(&multiples, &places);
                addend.y = addend.y.negated_where(&signs);
                if half == 1 {
                    addend.x = addend.x.mul(&self.beta);
                }
                sum = sum.plus(&addend);
            }
            if let Some(position) = generator_digits_at(position) {
                for half in [0, 1] {
                    let (places, signs) = places(&of_generator, half, GENERATOR_DIGIT, position);
                    sum = self.plus_generator(&sum, half, &places, &signs);
                }
            }
        }
        sum
    }

    /// Adds a multiple of G, or of λG, to each.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn plus_generator(
        &self,
        sum: &Points,
        half: usize,
        places: &[u64; LANES],
        signs: &[u64; LANES],
    ) -> Points {
        let (mut x, mut y, mut is_any) = ([[0; 4]; LANES], [[0; 4]; LANES], [0; LANES]);
        for lane in 0..LANES {
            if let Some(place) = places[lane].checked_sub(1) {
                [x[lane], y[lane]] = GENERATOR_MULTIPLES[place as usize];
                is_any[lane] = 1;
            }
        }
        let (mut x, y) = (Numbers::load(&x), Numbers::load(&y));
        if half == 1 {
            x = x.mul(&self.beta);
        }
        let more = sum.plus_affine(&x, &y.negated_where(signs));
        Points {
            x: Numbers::pick([&sum.x, &more.x], &is_any),
            y: Numbers::pick([&sum.y, &more.y], &is_any),
            z: Numbers::pick([&sum.z, &more.z], &is_any),
        }
    }

    /// x then y of each; `None` for infinity, and where it is missing. All share one inversion
    /// (Montgomery's trick).
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn to_bytes(&self, keys: &[Keys]) -> Vec<Option<[u8; 64]>> {
        let mut divisors = Vec::with_capacity(keys.len());
        let mut product = self.one;
        for key in keys {
            let z = key.points.z;
            let is_infinity = z.store().map(|z| u64::from(z == [0; 4]));
            let divisor = Numbers::pick([&z, &self.one], &is_infinity);
            divisors.push((divisor, product, is_infinity));
            product = product.mul(&divisor);
        }
        let mut inverse = product.inverse();
        let mut affine = Vec::with_capacity(keys.len());
        for (key, (divisor, before, is_infinity)) in keys.iter().zip(divisors).rev() {
            let of_z = inverse.mul(&before);
            inverse = inverse.mul(&divisor);
            let (x, y) = (key.points.x.mul(&of_z).store(), key.points.y.mul(&of_z).store());
            affine.push((x, y, is_infinity, key.is_missing));
        }
        let mut found = Vec::with_capacity(keys.len() * LANES);
        for (x, y, is_infinity, is_missing) in affine.into_iter().rev() {
            found.extend((0..LANES).map(|lane| {
                let is_key = is_infinity[lane] == 0 && !is_missing[lane];
                is_key.then(|| bytes(&x[lane], &y[lane]))
            }));
        }
        found
    }
}

/// The digits of a half of each factor at a position: without sign, and whether they are negative.
#[inline]
fn places(
    factors: &[[Half; 2]; LANES],
    half: usize,
    width: usize,
    position: usize,
) -> ([u64; LANES], [u64; LANES]) {
    let digit = digit(width, position);
    let (mut places, mut signs) = ([0; LANES], [0; LANES]);
    for (lane, factor) in factors.iter().enumerate() {
        let Half { is_negative, magnitude } = factor[half];
        let digit = digit(magnitude);
        places[lane] = u64::from(digit.unsigned_abs());
        signs[lane] = u64::from((digit < 0) != is_negative);
    }
    (places, signs)
}

/// From big endian.
fn words(bytes: &[u8; 32]) -> Words {
    let word =
        |at: usize| bytes[at..at + 8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    [word(24), word(16), word(8), word(0)]
}

/// x then y, big endian.
fn bytes(x: &Words, y: &Words) -> [u8; 64] {
    let mut bytes = [0; 64];
    let words = x.iter().rev().chain(y.iter().rev());
    for (bytes, word) in bytes.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}
