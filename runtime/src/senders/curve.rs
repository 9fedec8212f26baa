//! Many points of secp256k1 at once: decompression and addition where the costly step, a square
//! root or an inversion, is shared or overlapped. `k256` has the field; its own point type adds one
//! pair at a time, in twice the multiplications that an addition takes here.
//!
//! Everything here is public data (signatures and public keys), so nothing has to take constant
//! time.
//!
//! Invariant: the coordinates of a [`Point`] have magnitude 1 (`k256` reduces lazily; a product's
//! factors may have up to 8), and it is on the curve and not at infinity.

use k256::elliptic_curve::hazmat::FieldArithmetic;
use k256::elliptic_curve::point::AffineCoordinates;
use k256::{AffinePoint, FieldBytes, ProjectivePoint, Secp256k1};
use std::ops::Range;

/// An integer modulo p of SEC 2, section 2.4.1.
type Field = <Secp256k1 as FieldArithmetic>::FieldElement;

/// A cube root of one modulo p: (βx, y) is λ(x, y) (Gallant, Lambert, Vanstone 2001).
pub(super) const BETA: [u8; 32] = [
    0x7a, 0xe9, 0x6a, 0x2b, 0x65, 0x7c, 0x07, 0x10, 0x6e, 0x64, 0x47, 0x9e, 0xac, 0x34, 0x34, 0xe9,
    0x9c, 0xf0, 0x49, 0x75, 0x12, 0xf5, 0x89, 0x95, 0xc1, 0x39, 0x6c, 0x28, 0x71, 0x95, 0x01, 0xee,
];

/// Chains of multiplications that go on at the same time. Those of one, 267 for a square root, wait
/// for one another, so the processor has room for a second chain, which saves a quarter; not for a
/// third.
const LANES: usize = 2;

/// A point of the curve, not the one at infinity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    x: Field,
    y: Field,
}

impl Point {
    /// From x then y; `None` if that is not on the curve.
    pub fn from_bytes(key: &[u8; 64]) -> Option<Self> {
        let (x, y) = (field(&key[..32])?, field(&key[32..])?);
        are_equal(&cube_plus_seven(&x), &y.square()).then_some(Point { x, y })
    }

    /// From `k256`; `None` for infinity.
    pub fn from_affine(point: &AffinePoint) -> Option<Self> {
        let (x, y) = (field(&point.x())?, field(&point.y())?);
        (!bool::from(x.is_zero() & y.is_zero())).then_some(Point { x, y })
    }

    /// (x/z, y/z), of numbers below p; `None` if z is zero.
    #[cfg(target_arch = "x86_64")]
    pub fn divided(x: &[u8; 32], y: &[u8; 32], z: &[u8; 32]) -> Option<Self> {
        let inverse: Field = Option::from(field(z)?.invert_vartime())?;
        Some(Point { x: field(x)?.mul(&inverse), y: field(y)?.mul(&inverse) })
    }

    /// λ times the point, at the price of one multiplication.
    pub fn endomorphism(&self) -> Self {
        let beta = Field::from_bytes(&BETA.into()).unwrap_or(Field::ONE);
        Point { x: self.x.mul(&beta), y: self.y }
    }

    /// `-self` if `negate` says so.
    pub fn negated_if(&self, negate: bool) -> Self {
        let y = if negate { self.y.negate(1).normalize_weak() } else { self.y };
        Point { x: self.x, y }
    }

    /// x then y.
    pub fn to_bytes(self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.x.to_bytes());
        bytes[32..].copy_from_slice(&self.y.normalize().to_bytes());
        bytes
    }

    /// As `k256` has it.
    pub fn to_projective(self) -> ProjectivePoint {
        let point = AffinePoint::from_coordinates(&self.x.to_bytes(), &self.y.to_bytes());
        point.map(ProjectivePoint::from).unwrap_or(ProjectivePoint::IDENTITY)
    }
}

/// A number below p.
fn field(bytes: &[u8]) -> Option<Field> {
    let bytes: [u8; 32] = bytes.try_into().ok()?;
    Field::from_bytes(&FieldBytes::from(bytes)).into()
}

/// a - b, of magnitude 2 more than a's; b's is 1.
fn difference(a: &Field, b: &Field) -> Field {
    *a + b.negate(1)
}

/// `==` of `k256` compares representations where debug assertions are on; this compares numbers.
/// The magnitude of b is 1.
fn are_equal(a: &Field, b: &Field) -> bool {
    difference(a, b).normalizes_to_zero().into()
}

/// x³ + 7, of magnitude 2: the square of y on the curve.
fn cube_plus_seven(x: &Field) -> Field {
    x.square().mul(x) + Field::from_u64(7)
}

/// The points with these x coordinates whose y is odd or not (SEC 1, 2.3.4); `None` where there is
/// none.
pub(super) fn decompress(compressed: &[([u8; 32], bool)]) -> Vec<Option<Point>> {
    let mut points = Vec::with_capacity(compressed.len());
    for chunk in compressed.chunks(LANES) {
        let mut xs = [None; LANES];
        for (x, (bytes, _)) in xs.iter_mut().zip(chunk) {
            *x = field(bytes);
        }
        let squares = xs.map(|x| cube_plus_seven(&x.unwrap_or(Field::ONE)).normalize_weak());
        let roots = square_roots(squares);
        points.extend(chunk.iter().enumerate().map(|(lane, &(_, is_odd))| {
            let (x, y) = (xs[lane]?, roots[lane].normalize());
            let is_root = are_equal(&squares[lane], &y.square());
            is_root.then(|| Point { x, y }.negated_if(bool::from(y.is_odd()) != is_odd))
        }));
    }
    points
}

/// The square root of each that has one: its power (p + 1) / 4, since p is 3 modulo 4. That
/// exponent is, in binary, blocks of 223, 22 and 2 ones with zeros between and after; a power whose
/// exponent is n ones is called `ones_n`.
fn square_roots(of: [Field; LANES]) -> [Field; LANES] {
    let ones_2 = shift_and_multiply(of, 1, of);
    let ones_3 = shift_and_multiply(ones_2, 1, of);
    let ones_6 = shift_and_multiply(ones_3, 3, ones_3);
    let ones_9 = shift_and_multiply(ones_6, 3, ones_3);
    let ones_11 = shift_and_multiply(ones_9, 2, ones_2);
    let ones_22 = shift_and_multiply(ones_11, 11, ones_11);
    let ones_44 = shift_and_multiply(ones_22, 22, ones_22);
    let ones_88 = shift_and_multiply(ones_44, 44, ones_44);
    let ones_176 = shift_and_multiply(ones_88, 88, ones_88);
    let ones_220 = shift_and_multiply(ones_176, 44, ones_44);
    let ones_223 = shift_and_multiply(ones_220, 3, ones_3);
    let with_22 = shift_and_multiply(ones_223, 23, ones_22);
    let with_2 = shift_and_multiply(with_22, 6, ones_2);
    with_2.map(|power| power.square().square())
}

/// Appends `shift` zeros to each exponent, then adds those of `factors`.
fn shift_and_multiply(
    mut powers: [Field; LANES],
    shift: usize,
    factors: [Field; LANES],
) -> [Field; LANES] {
    for _ in 0..shift {
        for power in &mut powers {
            *power = power.square();
        }
    }
    for (power, factor) in powers.iter_mut().zip(&factors) {
        *power = power.mul(factor);
    }
    powers
}

/// Points in groups, to be summed group by group.
#[derive(Debug, Default)]
pub(super) struct Groups {
    points: Vec<Point>,
    groups: Vec<Range<usize>>,
}

impl Groups {
    /// A group of points that lie in `points` from where the last group ended.
    pub fn push(&mut self, points: impl IntoIterator<Item = Point>) {
        let start = self.points.len();
        self.points.extend(points);
        self.groups.push(start..self.points.len());
    }

    /// Groups that lie one after the other in `points`, each as long as `lengths` says.
    pub fn new(points: Vec<Point>, lengths: &[usize]) -> Self {
        let mut start = 0;
        let mut range = |length: &usize| {
            start += length;
            start - length..start
        };
        Groups { groups: lengths.iter().map(&mut range).collect(), points }
    }

    /// The sum of each group, `None` for infinity.
    ///
    /// Adds neighbours in pairs until one is left. An addition of affine points takes a division;
    /// the pairs of all groups share one inversion, which leaves five multiplications and a
    /// squaring each.
    pub fn sum(mut self) -> Vec<Option<Point>> {
        let mut divisors = Vec::with_capacity(self.points.len() / 2);
        let mut products = Vec::with_capacity(self.points.len() / 2);
        loop {
            divisors.clear();
            for group in &self.groups {
                let pairs = self.points[group.clone()].chunks_exact(2);
                divisors.extend(pairs.map(|pair| divisor(&pair[0], &pair[1])));
            }
            if divisors.is_empty() {
                break;
            }
            invert_all(&mut divisors, &mut products);
            let mut inverses = divisors.iter();
            for group in &mut self.groups {
                *group = add_pairs(&mut self.points, group.clone(), &mut inverses);
            }
        }
        self.groups.iter().map(|group| self.points[group.clone()].first().copied()).collect()
    }
}

/// Replaces the points in `group` by the sums of neighbours, the last as it is if their number is
/// odd.
fn add_pairs<'a>(
    points: &mut [Point],
    group: Range<usize>,
    inverses: &mut impl Iterator<Item = &'a Field>,
) -> Range<usize> {
    if group.len() < 2 {
        return group;
    }
    let mut end = group.start;
    for (first, inverse) in group.clone().step_by(2).take(group.len() / 2).zip(inverses) {
        if let Some(sum) = add(&points[first], &points[first + 1], inverse) {
            points[end] = sum;
            end += 1;
        }
    }
    if group.len() % 2 == 1 {
        points[end] = points[group.end - 1];
        end += 1;
    }
    group.start..end
}

/// Sums that are computed side by side, a step of all at a time, so that each step takes one
/// inversion. `None` is infinity.
#[derive(Debug)]
pub(super) struct Lockstep {
    sums: Vec<Option<Point>>,
    divisors: Vec<Field>,
    products: Vec<Field>,
}

impl Lockstep {
    /// Sums that begin with these points.
    pub fn new(sums: Vec<Option<Point>>) -> Self {
        let room = || Vec::with_capacity(sums.len());
        Lockstep { divisors: room(), products: room(), sums }
    }

    /// The sums as they are.
    pub fn sums(&self) -> &[Option<Point>] {
        &self.sums
    }

    /// Doubles every sum.
    pub fn double(&mut self) {
        let Lockstep { sums, divisors, products } = self;
        divisors.clear();
        divisors.extend(sums.iter().flatten().map(|sum| sum.y.double()));
        invert_all(divisors, products);
        for (sum, inverse) in sums.iter_mut().flatten().zip(divisors) {
            *sum = double(sum, inverse);
        }
    }

    /// Adds a point to every sum.
    pub fn add(&mut self, addends: &[Option<Point>]) {
        let Lockstep { sums, divisors, products } = self;
        divisors.clear();
        let pairs = sums.iter().zip(addends);
        divisors.extend(
            pairs.filter_map(|(sum, addend)| Some(divisor(sum.as_ref()?, addend.as_ref()?))),
        );
        invert_all(divisors, products);
        let mut inverses = divisors.iter();
        for (sum, addend) in sums.iter_mut().zip(addends) {
            *sum = match (&*sum, addend) {
                (Some(a), Some(b)) => inverses.next().and_then(|inverse| add(a, b, inverse)),
                (one, other) => one.or(*other),
            };
        }
    }
}

/// What the slope of the line through two points is divided by: never zero.
fn divisor(a: &Point, b: &Point) -> Field {
    let run = difference(&b.x, &a.x);
    if !bool::from(run.normalizes_to_zero()) {
        run
    } else if are_equal(&a.y, &b.y) {
        a.y.double() // the tangent; no point of this curve has y = 0, its order being odd
    } else {
        Field::ONE // they cancel
    }
}

/// a + b, given the inverse of their [`divisor`]; `None` for infinity.
fn add(a: &Point, b: &Point, inverse: &Field) -> Option<Point> {
    if !are_equal(&a.x, &b.x) {
        Some(third(a, &b.x, &difference(&b.y, &a.y).mul(inverse)))
    } else if are_equal(&a.y, &b.y) {
        Some(double(a, inverse))
    } else {
        None
    }
}

/// a + a, given the inverse of their [`divisor`].
fn double(a: &Point, inverse: &Field) -> Point {
    third(a, &a.x, &a.x.square().mul_single(3).mul(inverse))
}

/// The sum of a and a point whose x is `b`, given the slope of the line through both.
fn third(a: &Point, b: &Field, slope: &Field) -> Point {
    let x = difference(&difference(&slope.square(), &a.x), b).normalize_weak();
    let y = difference(&slope.mul(&difference(&a.x, &x)), &a.y).normalize_weak();
    Point { x, y }
}

/// Inverts all elements, none of which is zero, with one inversion (Montgomery's trick); `products`
/// is room for as many. Neighbours are in different products, whose multiplications overlap.
fn invert_all(elements: &mut [Field], products: &mut Vec<Field>) {
    products.clear();
    let mut product = [Field::ONE; LANES];
    for (place, element) in elements.iter().enumerate() {
        let product = &mut product[place % LANES];
        products.push(*product);
        *product = product.mul(element);
    }
    let [even, odd] = product;
    let inverse = even.mul(&odd).invert_vartime().unwrap_or(Field::ONE);
    let mut inverse = [inverse.mul(&odd), inverse.mul(&even)];
    for (place, (element, product)) in elements.iter_mut().zip(products).enumerate().rev() {
        let inverse = &mut inverse[place % LANES];
        let inverted = inverse.mul(product);
        *inverse = inverse.mul(element);
        *element = inverted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k256::Scalar;
    use k256::elliptic_curve::point::DecompressPoint;
    use proptest::prelude::*;

    fn multiple(of_generator: i64) -> ProjectivePoint {
        let point = ProjectivePoint::GENERATOR * Scalar::from(of_generator.unsigned_abs());
        if of_generator < 0 { -point } else { point }
    }

    fn point(of_generator: i64) -> Point {
        Point::from_affine(&multiple(of_generator).to_affine()).expect("not infinity")
    }

    #[test]
    fn infinity_and_what_is_off_the_curve_is_no_point() {
        assert!(Point::from_affine(&AffinePoint::IDENTITY).is_none());
        assert!(Point::from_bytes(&[0; 64]).is_none());
        assert!(Point::from_bytes(&[0xff; 64]).is_none());
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&point(5).x.to_bytes());
        bytes[32..].copy_from_slice(&point(5).y.to_bytes());
        let same = Point::from_bytes(&bytes).expect("a point");
        assert_eq!(same.to_projective(), multiple(5));
        bytes[63] ^= 1;
        assert!(Point::from_bytes(&bytes).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn decompression_is_that_of_k256(
            compressed in prop::collection::vec((any::<[u8; 32]>(), any::<bool>()), 0..7),
        ) {
            let mut compressed = compressed;
            compressed.push(([0xff; 32], false)); // not below p
            let points = decompress(&compressed);
            prop_assert_eq!(points.len(), compressed.len());
            for ((x, is_odd), found) in compressed.into_iter().zip(points) {
                let expected = AffinePoint::decompress(&x.into(), u8::from(is_odd).into());
                let expected: Option<AffinePoint> = expected.into();
                let expected = expected.map(ProjectivePoint::from);
                prop_assert_eq!(found.map(Point::to_projective), expected);
            }
        }

        #[test]
        fn groups_are_summed_each_by_itself(
            groups in prop::collection::vec(
                prop::collection::vec(prop_oneof![-3..0i64, 1..=3i64, 1..1000i64], 0..12),
                0..8,
            ),
        ) {
            let mut all = Groups::default();
            for group in &groups {
                all.push(group.iter().map(|of_generator| point(*of_generator)));
            }
            let sums = all.sum();
            prop_assert_eq!(sums.len(), groups.len());
            for (group, sum) in groups.iter().zip(sums) {
                let sum = sum.map_or(ProjectivePoint::IDENTITY, Point::to_projective);
                prop_assert_eq!(sum, multiple(group.iter().sum()));
            }
        }
    }
}
