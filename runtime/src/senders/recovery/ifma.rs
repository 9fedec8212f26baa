//! Numbers modulo p (SEC 2, section 2.4.1), eight side by side in the vectors of AVX-512, whose
//! instructions VPMADD52LUQ and VPMADD52HUQ add the lower or upper half of products of 52 bits
//! (Intel, "Intel 64 and IA-32 Architectures Software Developer's Manual", volume 2; Gueron,
//! Krasnov, "Accelerating big integer arithmetic using Intel IFMA extensions", 2016). Eight products
//! take less time than one does otherwise.
//!
//! A number is five limbs of 52 bits, each a vector. The time does not depend on the numbers, not
//! that it had to: all are public.
//!
//! Invariant: in each lane, the lower four limbs are below 2^52 and the highest is below
//! 2^48 + 2^13, so that the instructions, which look at 52 bits, see all of it. What exceeds p is
//! taken off when a number is stored.

use crate::crypto::avx512::{LANES, lanes, vector};
use std::arch::x86_64::*;

/// A number of 256 bits, its lowest 64 first.
pub type Words = [u64; 4];

/// Bits of a limb.
const LIMB_BITS: u32 = 52;
const LIMB: u64 = (1 << LIMB_BITS) - 1;
/// Bits of the highest limb of a number below 2^256.
const TOP_BITS: u32 = 48;
const TOP: u64 = (1 << TOP_BITS) - 1;
/// 2^256 modulo p.
const EXCESS: u64 = 0x1_0000_03d1;
/// How far 2^260, where limbs end, is above 2^256.
const LIMBS_ABOVE: u32 = 5 * LIMB_BITS - 256;
/// p in words.
const P: Words = [0xffff_fffe_ffff_fc2f, u64::MAX, u64::MAX, u64::MAX];
/// p in limbs.
const P_LIMBS: [u64; 5] = [LIMB + 1 - EXCESS, LIMB, LIMB, LIMB, TOP];
/// How often p is added to a sum with negative terms, so that none of its limbs is negative.
const ABOVE_FACTORS: u64 = 64;

/// As many numbers as there are [`LANES`].
#[derive(Clone, Copy)]
pub struct Numbers([__m512i; 5]);

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn all(number: u64) -> __m512i {
    _mm512_set1_epi64(number as i64)
}

/// The limbs of a·b, not yet carried.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn product(a: &Numbers, b: &Numbers) -> [__m512i; 10] {
    let mut limbs = [all(0); 10];
    for (place, limb) in limbs.iter_mut().enumerate() {
        // The lower halves of products of limbs that belong here, and the upper ones of those that
        // belong one place below.
        let (mut low, mut high) = (all(0), all(0));
        for i in 0..5 {
            if place >= i && place - i < 5 {
                low = _mm512_madd52lo_epu64(low, a.0[i], b.0[place - i]);
            }
            if place > i && place - 1 - i < 5 {
                high = _mm512_madd52hi_epu64(high, a.0[i], b.0[place - 1 - i]);
            }
        }
        *limb = _mm512_add_epi64(low, high);
    }
    limbs
}

/// From ten limbs below 2^58 of a number below 2^514.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn reduced(mut limbs: [__m512i; 10]) -> Numbers {
    for at in 5..9 {
        carry(&mut limbs, at);
    }
    let excess = all(EXCESS << LIMBS_ABOVE);
    let [a, b, c, d, e, upper @ ..] = limbs;
    let mut sums = [a, b, c, d, e, all(0)];
    for (at, limb) in upper.into_iter().enumerate() {
        sums[at] = _mm512_madd52lo_epu64(sums[at], limb, excess);
        sums[at + 1] = _mm512_madd52hi_epu64(sums[at + 1], limb, excess);
    }
    let [a, b, c, d, e, above] = sums;
    carried([a, b, c, d, e], _mm512_slli_epi64::<LIMBS_ABOVE>(above))
}

/// Moves to the next limb what a limb is too much.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn carry(limbs: &mut [__m512i], at: usize) {
    let too_much = _mm512_srli_epi64::<LIMB_BITS>(limbs[at]);
    limbs[at + 1] = _mm512_add_epi64(limbs[at + 1], too_much);
    limbs[at] = _mm512_and_si512(limbs[at], all(LIMB));
}

/// From limbs below 2^59, and what is to be added to the multiple of 2^256: below 2^40.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn carried(mut limbs: [__m512i; 5], above: __m512i) -> Numbers {
    let above = _mm512_add_epi64(above, _mm512_srli_epi64::<TOP_BITS>(limbs[4]));
    limbs[4] = _mm512_and_si512(limbs[4], all(TOP));
    limbs[0] = _mm512_madd52lo_epu64(limbs[0], above, all(EXCESS));
    limbs[1] = _mm512_madd52hi_epu64(limbs[1], above, all(EXCESS));
    for at in 0..4 {
        carry(&mut limbs, at);
    }
    Numbers(limbs)
}

impl Numbers {
    /// From numbers below p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn load(words: &[Words; LANES]) -> Self {
        let mut of_words = [[0; LANES]; 4];
        for (lane, words) in words.iter().enumerate() {
            for (of_words, word) in of_words.iter_mut().zip(words) {
                of_words[lane] = *word;
            }
        }
        let [a, b, c, d] = of_words.map(vector);
        let limb = |limb| _mm512_and_si512(limb, all(LIMB));
        Numbers([
            limb(a),
            limb(_mm512_or_si512(_mm512_srli_epi64::<52>(a), _mm512_slli_epi64::<12>(b))),
            limb(_mm512_or_si512(_mm512_srli_epi64::<40>(b), _mm512_slli_epi64::<24>(c))),
            limb(_mm512_or_si512(_mm512_srli_epi64::<28>(c), _mm512_slli_epi64::<36>(d))),
            _mm512_srli_epi64::<16>(d),
        ])
    }

    /// The same number in all lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn all(words: Words) -> Self {
        Self::load(&[words; LANES])
    }

    /// As numbers below p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn store(&self) -> [Words; LANES] {
        let [a, b, c, d, e] = self.0.map(lanes);
        std::array::from_fn(|lane| {
            let words = [
                a[lane] | b[lane] << 52,
                b[lane] >> 12 | c[lane] << 40,
                c[lane] >> 24 | d[lane] << 28,
                d[lane] >> 36 | e[lane] << 16,
            ];
            below_p(words, e[lane] >> TOP_BITS)
        })
    }

    /// The products.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn mul(&self, other: &Self) -> Self {
        reduced(product(self, other))
    }

    /// The squares.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn square(&self) -> Self {
        let a = &self.0;
        let mut limbs = [all(0); 10];
        for (place, limb) in limbs.iter_mut().enumerate() {
            // Twice what is off the diagonal, and the diagonal.
            let (mut low, mut high) = (all(0), all(0));
            for i in 0..5 {
                if place > 2 * i && place - i < 5 {
                    low = _mm512_madd52lo_epu64(low, a[i], a[place - i]);
                }
                if place > 2 * i + 1 && place - 1 - i < 5 {
                    high = _mm512_madd52hi_epu64(high, a[i], a[place - 1 - i]);
                }
            }
            let half = _mm512_add_epi64(low, high);
            let twice = _mm512_add_epi64(half, half);
            let diagonal = a[place / 2];
            *limb = if place % 2 == 0 {
                _mm512_madd52lo_epu64(twice, diagonal, diagonal)
            } else {
                _mm512_madd52hi_epu64(twice, diagonal, diagonal)
            };
        }
        reduced(limbs)
    }

    /// a·b + c·d, for less than two products.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn dot(a: &Self, b: &Self, c: &Self, d: &Self) -> Self {
        let mut limbs = product(a, b);
        for (limb, other) in limbs.iter_mut().zip(product(c, d)) {
            *limb = _mm512_add_epi64(*limb, other);
        }
        reduced(limbs)
    }

    /// Each of the terms as often as its factor says, added up. Neither the negative factors nor the
    /// others add up to more than 63.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn combine<const N: usize>(terms: [(&Self, i64); N]) -> Self {
        let total = |sign: i64| terms.iter().map(|term| (sign * term.1).max(0)).sum::<i64>();
        debug_assert!(total(1) < ABOVE_FACTORS as i64 && total(-1) < ABOVE_FACTORS as i64);
        // In two's complement, from what keeps each sum positive.
        let above = if total(-1) > 0 { ABOVE_FACTORS } else { 0 };
        let mut limbs = P_LIMBS.map(|limb| all(above * limb));
        for (term, factor) in terms {
            for (limb, of_term) in limbs.iter_mut().zip(term.0) {
                let times = _mm512_mullo_epi64(of_term, _mm512_set1_epi64(factor));
                *limb = _mm512_add_epi64(*limb, times);
            }
        }
        carried(limbs, all(0))
    }

    /// The sums.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn add(&self, other: &Self) -> Self {
        Self::combine([(self, 1), (other, 1)])
    }

    /// In each lane, what the lane holds in the table's entry at the lane's place.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn pick<'a>(table: impl IntoIterator<Item = &'a Self>, places: &[u64; LANES]) -> Self {
        let places = vector(*places);
        let mut picked = Numbers([all(0); 5]);
        for (place, entry) in table.into_iter().enumerate() {
            let here = _mm512_cmpeq_epi64_mask(places, all(place as u64));
            for (picked, limb) in picked.0.iter_mut().zip(entry.0) {
                *picked = _mm512_mask_mov_epi64(*picked, here, limb);
            }
        }
        picked
    }

    /// Each lane has what the lane so many further had.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn rotated<const BY: i32>(&self) -> Self {
        Numbers(self.0.map(|limb| _mm512_alignr_epi64::<BY>(limb, limb)))
    }

    /// The numbers with the other sign where a lane's place is one, as they are where it is zero.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn negated_where(&self, places: &[u64; LANES]) -> Self {
        Self::pick([self, &Self::combine([(self, -1)])], places)
    }
}

/// Of each the square root, if it has one: its power (p + 1) / 4, since p is 3 modulo 4.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn roots<const N: usize>(of: &[Numbers; N]) -> [Numbers; N] {
    let (ones_2, ones_22, ones_223) = powers_of_ones(of);
    let powers = shifted(&ones_223, 23, &ones_22);
    let mut powers = shifted(&powers, 6, &ones_2);
    for power in &mut powers {
        *power = power.square().square();
    }
    powers
}

/// Of each the inverse, and zero of zero: its power p - 2.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn reciprocals<const N: usize>(of: &[Numbers; N]) -> [Numbers; N] {
    let (ones_2, ones_22, ones_223) = powers_of_ones(of);
    let powers = shifted(&ones_223, 23, &ones_22);
    let powers = shifted(&powers, 5, of);
    let powers = shifted(&powers, 3, &ones_2);
    shifted(&powers, 2, of)
}

/// Powers whose exponents are 2, 22 and 223 ones in binary: p is 223 ones, a zero, 22 ones and ten
/// more bits. Those of several numbers do not wait for one another.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn powers_of_ones<const N: usize>(of: &[Numbers; N]) -> ([Numbers; N], [Numbers; N], [Numbers; N]) {
    let ones_2 = shifted(of, 1, of);
    let ones_3 = shifted(&ones_2, 1, of);
    let ones_6 = shifted(&ones_3, 3, &ones_3);
    let ones_9 = shifted(&ones_6, 3, &ones_3);
    let ones_11 = shifted(&ones_9, 2, &ones_2);
    let ones_22 = shifted(&ones_11, 11, &ones_11);
    let ones_44 = shifted(&ones_22, 22, &ones_22);
    let ones_88 = shifted(&ones_44, 44, &ones_44);
    let ones_176 = shifted(&ones_88, 88, &ones_88);
    let ones_220 = shifted(&ones_176, 44, &ones_44);
    let ones_223 = shifted(&ones_220, 3, &ones_3);
    (ones_2, ones_22, ones_223)
}

/// Appends zeros to the exponent of each power, then adds that of its factor.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn shifted<const N: usize>(
    powers: &[Numbers; N],
    zeros: usize,
    factors: &[Numbers; N],
) -> [Numbers; N] {
    let mut powers = *powers;
    for _ in 0..zeros {
        for power in &mut powers {
            *power = power.square();
        }
    }
    for (power, factor) in powers.iter_mut().zip(factors) {
        *power = power.mul(factor);
    }
    powers
}

/// words + above · 2^256 modulo p, where that is less than 2p.
fn below_p(words: Words, above: u64) -> Words {
    let mut rest = words;
    let mut borrow = false;
    for (word, p) in rest.iter_mut().zip(P) {
        (*word, borrow) = word.borrowing_sub(p, borrow);
    }
    if above == 0 && borrow { words } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::avx512::{Available, say_skipped};
    use crate::types::U256;
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    const MODULUS: U256 = U256::from_limbs(P);

    /// Limbs at and near the most that the invariant allows.
    fn limbs() -> impl Strategy<Value = [u64; 5]> {
        let limb = prop_oneof![Just(0), Just(1), Just(LIMB), Just(LIMB - 1), 0..=LIMB];
        let top_max = TOP + (1 << 13);
        let top = prop_oneof![Just(0), Just(TOP), Just(TOP + 1), Just(top_max), 0..=top_max];
        (prop::array::uniform4(limb), top).prop_map(|([a, b, c, d], e)| [a, b, c, d, e])
    }

    /// The number that limbs stand for, modulo p.
    fn number(limbs: &[u64; 5]) -> U256 {
        limbs.iter().rev().fold(U256::ZERO, |sum, limb| {
            sum.mul_mod(U256::from(LIMB + 1), MODULUS).add_mod(U256::from(*limb), MODULUS)
        })
    }

    /// Of two, which one in each lane.
    const PLACES: [u64; LANES] = [0, 1, 1, 0, 1, 0, 0, 1];

    /// Computes on raw limbs; also checks the invariant of what comes out.
    struct OfLimbs<'a>(&'a [Vec<[u64; 5]>], i64);

    impl OfLimbs<'_> {
        #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
        fn results(&self) -> Vec<[Words; LANES]> {
            let [a, b, c, d] = std::array::from_fn(|number| {
                Numbers(std::array::from_fn(|limb| {
                    vector(std::array::from_fn(|lane| self.0[lane][number][limb]))
                }))
            });
            let results = [
                a,
                a.mul(&b),
                a.square(),
                Numbers::dot(&a, &b, &c, &d),
                Numbers::combine([(&a, self.1), (&b, 63 - self.1.abs())]),
                Numbers::combine([(&a, self.1), (&b, self.1.abs() - 63)]),
                Numbers::load(&b.store()),
                a.rotated::<1>(),
                Numbers::pick([&a, &b], &PLACES),
                a.negated_where(&PLACES),
            ];
            let checked = |numbers: Numbers| {
                let [lower @ .., top] = numbers.0.map(lanes);
                assert!(lower.as_flattened().iter().all(|limb| *limb <= LIMB));
                assert!(top.iter().all(|limb| *limb <= TOP + (1 << 13)));
                numbers.store()
            };
            results.map(checked).to_vec()
        }

        fn expected(&self, lane: usize) -> Vec<Words> {
            let [a, b, c, d] = std::array::from_fn(|place| number(&self.0[lane][place]));
            let times = |a: U256, b: U256| a.mul_mod(b, MODULUS);
            let multiple = |a: U256, factor: i64| {
                let a = if factor < 0 { MODULUS - a } else { a };
                times(a.reduce_mod(MODULUS), U256::from(factor.unsigned_abs()))
            };
            let rest = 63 - self.1.abs();
            let of_a = multiple(a, self.1);
            let results = [
                a,
                times(a, b),
                times(a, a),
                times(a, b).add_mod(times(c, d), MODULUS),
                of_a.add_mod(multiple(b, rest), MODULUS),
                of_a.add_mod(multiple(b, -rest), MODULUS),
                b,
                number(&self.0[(lane + 1) % LANES][0]),
                if PLACES[lane] == 0 { a } else { b },
                if PLACES[lane] == 0 { a } else { multiple(a, -1) },
            ];
            results.map(U256::into_limbs).to_vec()
        }
    }

    #[test]
    #[allow(unsafe_code)]
    fn limbs_at_the_limit_are_carried() {
        if Available::detect().is_none() {
            return say_skipped("arithmetic of eight numbers at a time");
        }
        let mut runner = TestRunner::new(ProptestConfig::with_cases(500));
        // On the heap: arrays of strategies take more stack than a thread has.
        let numbers = prop::collection::vec(prop::collection::vec(limbs(), 4), LANES);
        let checked = runner.run(&(numbers, -63..=63i64), |(numbers, factor)| {
            let work = OfLimbs(&numbers, factor);
            // SAFETY: the processor has the instructions.
            let results = unsafe { work.results() };
            for lane in 0..LANES {
                let results: Vec<_> = results.iter().map(|result| result[lane]).collect();
                prop_assert_eq!(results, work.expected(lane), "lane {}", lane);
            }
            Ok(())
        });
        checked.expect("numbers modulo p");
    }
}
