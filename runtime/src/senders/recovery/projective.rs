//! Recovery on processors with AVX-512 IFMA: eight signatures at a time.
//!
//! All [`LANES`] take the same steps, doublings and additions that are right for every pair of
//! points (Renes, Costello, Batina, "Complete addition formulas for prime order elliptic curves",
//! 2016), so no signature is a special case, whoever made it up. They take more multiplications than
//! affine coordinates would, and no division; multiplications are what this processor has.
//!
//! Invariant: the keys are those that one by one recovery gives.

use super::affine::generator_multiples;
use super::ifma::{Numbers, Words, reciprocals, roots};
use super::{Factors, OF_GENERATOR, OF_POINT, generator_digits_at, points};
use crate::crypto::avx512::{Available, LANES};
use crate::pipeline::authenticate::WellFormed;
use crate::senders::curve::{BETA, Point};
use crate::senders::multiply::{Cut, Half};
use std::array::from_fn;
use std::sync::LazyLock;

/// Vectors that take each step one after the other: what one waits for, another does meanwhile.
const VECTORS: usize = 2;
/// Signatures that take each step at the same time.
const SIGNATURES: usize = VECTORS * LANES;
/// Signatures that take less time, though not less work, if each has lanes for each half of each of
/// its factors.
const FEW: usize = LANES / LANES_OF_FEW;
/// Those lanes.
const LANES_OF_FEW: usize = 4;
/// Infinity, and the multiples of a point that a digit may say.
const MULTIPLES: usize = 1 + (1 << (OF_POINT.width - 1));
const ONE: Words = [1, 0, 0, 0];
/// b of y² = x³ + b.
const SEVEN: Words = [7, 0, 0, 0];
/// From the generator on, its multiples, each x then y: 128 KB.
static GENERATOR_MULTIPLES: LazyLock<Vec<[Words; 2]>> = LazyLock::new(|| {
    let multiples = generator_multiples().into_iter().flatten();
    multiples.map(|point| both_words(&point.to_bytes())).collect()
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
    if signatures.len() <= FEW {
        return curve.keys_of_few(signatures, factors);
    }
    let mut keys = Vec::with_capacity(signatures.len().div_ceil(LANES));
    let chunks = signatures.chunks(SIGNATURES).zip(factors.chunks(SIGNATURES));
    for (signatures, factors) in chunks {
        if signatures.len() > LANES {
            keys.extend(curve.keys::<VECTORS>(signatures, factors));
        } else {
            keys.extend(curve.keys::<1>(signatures, factors));
        }
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
        let above = Numbers::combine([(&yy, 1), (&zz, 21)]);
        let below = Numbers::combine([(&yy, 1), (&zz, -63)]);
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
        // Two products and one reduction take less time than a product of sums, less two others.
        let xy = Numbers::dot(&self.x, &other.y, &self.y, &other.x);
        let yz = Numbers::dot(&self.y, &other.z, &self.z, &other.y);
        let xz = Numbers::dot(&self.x, &other.z, &self.z, &other.x);
        Products { xx, yy, zz, xy, yz, xz }.sum()
    }

    /// The sums with points (x, y) that are not infinity (algorithm 8).
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn plus_affine(&self, x: &Numbers, y: &Numbers) -> Self {
        let (xx, yy) = (self.x.mul(x), self.y.mul(y));
        let xy = Numbers::dot(&self.x, y, &self.y, x);
        let yz = y.mul(&self.z).add(&self.y);
        let xz = x.mul(&self.z).add(&self.x);
        Products { xx, yy, zz: self.z, xy, yz, xz }.sum()
    }

    /// In each lane, the point of the table's entry at the lane's place, negated where its sign is
    /// one.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn pick(table: &[Self; MULTIPLES], places: &[u64; LANES], signs: &[u64; LANES]) -> Self {
        let y = Numbers::pick(table.iter().map(|points| &points.y), places);
        Points {
            x: Numbers::pick(table.iter().map(|points| &points.x), places),
            y: y.negated_where(signs),
            z: Numbers::pick(table.iter().map(|points| &points.z), places),
        }
    }

    /// Each lane has what the lane so many further had.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn rotated<const BY: i32>(&self) -> Self {
        Points { x: self.x.rotated::<BY>(), y: self.y.rotated::<BY>(), z: self.z.rotated::<BY>() }
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

    /// The keys of at most so many signatures as there are lanes in N vectors; lanes that are left
    /// repeat the first.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn keys<const N: usize>(&self, signatures: &[&WellFormed], factors: &[Factors]) -> [Keys; N] {
        let place = |vector: usize, lane: usize| {
            let place = vector * LANES + lane;
            if place < signatures.len() { place } else { 0 }
        };
        let signatures: [[_; LANES]; N] =
            from_fn(|vector| from_fn(|lane| signatures[place(vector, lane)]));
        let factors: [[_; LANES]; N] =
            from_fn(|vector| from_fn(|lane| &factors[place(vector, lane)]));
        let xs = signatures.map(|signatures| {
            Numbers::load(&signatures.map(|it| words(&it.signature.r().to_bytes().into())))
        });
        let squares = xs.map(|x| self.square_of_y(&x));
        let roots = roots(&squares);
        let points: [Points; N] = from_fn(|vector| {
            let (y, words) = (roots[vector], roots[vector].store());
            let signatures = &signatures[vector];
            let has_other_sign =
                from_fn(|lane| u64::from(signatures[lane].y_parity) ^ words[lane][0] & 1);
            Points { x: xs[vector], y: y.negated_where(&has_other_sign), z: self.one }
        });
        let sums = self.sums(&factors, &points);
        from_fn(|vector| {
            let (y, square) = (&roots[vector], &squares[vector]);
            let error = Numbers::combine([(&y.square(), 1), (square, -1)]).store();
            Keys { points: sums[vector], is_missing: error.map(|error| error != [0; 4]) }
        })
    }

    /// Of each: factor · G + factor · point.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn sums<const N: usize>(
        &self,
        factors: &[[&Factors; LANES]; N],
        points: &[Points; N],
    ) -> [Points; N] {
        let of_points =
            factors.map(|factors| [0, 1].map(|half| factors.map(|factors| factors.of_point[half])));
        let of_generator = factors
            .map(|factors| [0, 1].map(|half| factors.map(|factors| factors.of_generator[half])));
        let multiples = points.map(|points| self.multiples(&points));
        let mut sums = [self.infinity(); N];
        for position in (0..OF_POINT.positions()).rev() {
            for _ in 0..OF_POINT.width {
                for sum in &mut sums {
                    *sum = sum.doubled();
                }
            }
            for half in [0, 1] {
                for vector in 0..N {
                    let (places, signs) = places(&of_points[vector][half], &OF_POINT, position);
                    let mut addend = Points::pick(&multiples[vector], &places, &signs);
                    if half == 1 {
                        addend.x = addend.x.mul(&self.beta);
                    }
                    sums[vector] = sums[vector].plus(&addend);
                }
            }
            let Some(position) = generator_digits_at(position) else { continue };
            for half in [0, 1] {
                for (sum, factors) in sums.iter_mut().zip(&of_generator) {
                    let (places, signs) = places(&factors[half], &OF_GENERATOR, position);
                    *sum = self.plus_generator(sum, half, &places, &signs);
                }
            }
        }
        sums
    }

    /// The keys of at most [`FEW`] signatures: in one lane each the halves of R's factor times R and
    /// λR, and those of G's times G and λG, which are added up at last.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn keys_of_few(
        &self,
        signatures: &[&WellFormed],
        factors: &[Factors],
    ) -> Vec<Option<[u8; 64]>> {
        let roots = points(signatures);
        let [g_x, g_y] = GENERATOR_MULTIPLES[0];
        let (mut x, mut y) = ([g_x; LANES], [g_y; LANES]);
        let mut halves = [factors[0].of_point[0]; LANES];
        let lanes = (0..LANES).step_by(LANES_OF_FEW);
        for ((lane, factors), root) in lanes.clone().zip(factors).zip(&roots) {
            let [of_point, of_generator] = [factors.of_point, factors.of_generator];
            halves[lane..lane + 2].copy_from_slice(&of_point);
            halves[lane + 2..lane + 4].copy_from_slice(&of_generator);
            if let Some(root) = root {
                let [root_x, root_y] = both_words(&root.to_bytes());
                (x[lane], x[lane + 1]) = (root_x, root_x);
                (y[lane], y[lane + 1]) = (root_y, root_y);
            }
        }
        let x = Numbers::load(&x);
        let x = Numbers::pick([&x, &x.mul(&self.beta)], &from_fn(|lane| lane as u64 % 2));
        let points = Points { x, y: Numbers::load(&y), z: self.one };
        let multiples = self.multiples(&points);
        let mut sum = self.infinity();
        for position in (0..OF_POINT.positions()).rev() {
            for _ in 0..OF_POINT.width {
                sum = sum.doubled();
            }
            let (places, signs) = places(&halves, &OF_POINT, position);
            sum = sum.plus(&Points::pick(&multiples, &places, &signs));
        }
        let sum = sum.plus(&sum.rotated::<1>());
        let sum = sum.plus(&sum.rotated::<2>());
        let (x, y, z) = (sum.x.store(), sum.y.store(), sum.z.store());
        let key = |(lane, root): (usize, &Option<Point>)| {
            root.and_then(|_| Point::divided(&bytes(&x[lane]), &bytes(&y[lane]), &bytes(&z[lane])))
                .map(Point::to_bytes)
        };
        lanes.zip(&roots).map(key).collect()
    }

    /// Infinity, the points, and their multiples.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn multiples(&self, points: &Points) -> [Points; MULTIPLES] {
        let mut multiples = [self.infinity(); MULTIPLES];
        multiples[1] = *points;
        for place in 2..MULTIPLES {
            multiples[place] = if place.is_multiple_of(2) {
                multiples[place / 2].doubled()
            } else {
                multiples[place - 1].plus(points)
            };
        }
        multiples
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
        let [mut inverse] = reciprocals(&[product]);
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
                is_key.then(|| key(&x[lane], &y[lane]))
            }));
        }
        found
    }
}

/// The digits of each factor at a position: without sign, and whether they are negative.
#[inline]
fn places(factors: &[Half; LANES], cut: &Cut, position: usize) -> ([u64; LANES], [u64; LANES]) {
    let (mut places, mut signs) = ([0; LANES], [0; LANES]);
    for (lane, factor) in factors.iter().enumerate() {
        let digit = cut.digit(factor.magnitude, position);
        places[lane] = u64::from(digit.unsigned_abs());
        signs[lane] = u64::from((digit < 0) != factor.is_negative);
    }
    (places, signs)
}

/// x then y.
fn key(x: &Words, y: &Words) -> [u8; 64] {
    let mut key = [0; 64];
    key[..32].copy_from_slice(&bytes(x));
    key[32..].copy_from_slice(&bytes(y));
    key
}

/// x and y of a key.
fn both_words(key: &[u8; 64]) -> [Words; 2] {
    [0, 32].map(|at| words(&from_fn(|byte| key[at + byte])))
}

/// From big endian.
fn words(bytes: &[u8; 32]) -> Words {
    let word =
        |at: usize| bytes[at..at + 8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    [word(24), word(16), word(8), word(0)]
}

/// Big endian.
fn bytes(words: &Words) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.chunks_exact_mut(8).zip(words.iter().rev()) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}
