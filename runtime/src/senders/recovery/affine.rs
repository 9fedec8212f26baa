//! Recovery on any processor.
//!
//! One by one, it is some 130 doublings and as many additions of points in projective coordinates,
//! which need no division. Here all signatures take each step at the same time, so that its
//! divisions share an inversion (Montgomery's trick), affine coordinates cost half as much, and the
//! processor has work that does not wait for itself.
//!
//! Invariant: the keys are those that one by one recovery gives.

use super::{Factors, OF_GENERATOR, OF_POINT, generator_digits_at, points};
use crate::pipeline::authenticate::WellFormed;
use crate::senders::curve::{Lockstep, Point};
use crate::senders::multiply::{Cut, Half};
use k256::AffinePoint;
use std::sync::LazyLock;

/// From the generator on, its multiples.
static GENERATOR_MULTIPLES: LazyLock<Vec<Option<Point>>> = LazyLock::new(generator_multiples);

/// From the generator on, as many multiples as a digit of its factors may say: what is there and
/// the last of it added to each, so that there are twice as many.
pub(super) fn generator_multiples() -> Vec<Option<Point>> {
    let mut multiples = vec![Point::from_affine(&AffinePoint::GENERATOR)];
    while multiples.len() < 1 << (OF_GENERATOR.width - 1) {
        let last = multiples[multiples.len() - 1];
        let mut sums = Lockstep::new(multiples.clone());
        sums.add(&vec![last; multiples.len()]);
        multiples.extend(sums.sums());
    }
    multiples
}

/// The key (x then y) that made each signature; `None` where nobody can have made it.
pub(super) fn recover_all(
    signatures: &[&WellFormed],
    factors: &[Factors],
) -> Vec<Option<[u8; 64]>> {
    let points = points(signatures);
    let keys = sums(factors, points.clone());
    points.iter().zip(keys).map(|(point, key)| point.and(key).map(Point::to_bytes)).collect()
}

/// Of each: factor · G + factor · point.
fn sums(factors: &[Factors], points: Vec<Option<Point>>) -> Vec<Option<Point>> {
    let of_generator: Vec<_> = factors.iter().map(|factors| factors.of_generator).collect();
    let of_points: Vec<_> = factors.iter().map(|factors| factors.of_point).collect();
    let mut sums = Lockstep::new(vec![None; points.len()]);
    let multiples = multiples(points, 1 << (OF_POINT.width - 1));
    for position in (0..OF_POINT.positions()).rev() {
        for _ in 0..OF_POINT.width {
            sums.double();
        }
        add_digits(&mut sums, &of_points, &OF_POINT, position, |index, place| {
            multiples[place][index]
        });
        if let Some(position) = generator_digits_at(position) {
            let multiple = |_, place: usize| GENERATOR_MULTIPLES[place];
            add_digits(&mut sums, &of_generator, &OF_GENERATOR, position, multiple);
        }
    }
    sums.sums().to_vec()
}

/// Adds to each sum what the digits of its factor at a position stand for. `multiple` tells the
/// multiples of a sum's point, from the point itself on.
fn add_digits(
    sums: &mut Lockstep,
    factors: &[[Half; 2]],
    cut: &Cut,
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
        let digits = magnitudes.map(|magnitude| cut.digit(magnitude, position));
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
