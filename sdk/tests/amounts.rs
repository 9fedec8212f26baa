//! Amounts compute what arbitrary precision says, or end the call.
#![allow(missing_docs, reason = "tests are not documentation")]

use alloy_primitives::{U256 as Raw, U512};
use florin_sdk::U256;
use proptest::prelude::*;
use std::panic::catch_unwind;

/// Amounts of all sizes, with the edges often.
fn amounts() -> impl Strategy<Value = Raw> {
    prop_oneof![
        any::<[u8; 32]>().prop_map(Raw::from_be_bytes),
        any::<u64>().prop_map(Raw::from),
        any::<u128>().prop_map(Raw::from),
        any::<u8>().prop_map(|distance| Raw::MAX - Raw::from(distance)),
        (0usize..256).prop_map(|bit| Raw::from(1) << bit),
        Just(Raw::ZERO),
    ]
}

/// The result of an operator, or `None` if it ended the call.
fn run(compute: impl FnOnce() -> U256 + std::panic::UnwindSafe) -> Option<Raw> {
    catch_unwind(compute).ok().map(Raw::from_ours)
}

trait FromOurs {
    fn from_ours(value: U256) -> Self;
}
impl FromOurs for Raw {
    fn from_ours(value: U256) -> Raw {
        value.into()
    }
}

proptest! {
    #[test]
    fn operators(a in amounts(), b in amounts()) {
        let (x, y) = (U256::from(a), U256::from(b));
        prop_assert_eq!(run(move || x + y), a.checked_add(b));
        prop_assert_eq!(run(move || x - y), a.checked_sub(b));
        prop_assert_eq!(run(move || x * y), a.checked_mul(b));
        prop_assert_eq!(run(move || x / y), a.checked_div(b));
        prop_assert_eq!(run(move || x % y), a.checked_rem(b));
        prop_assert_eq!(x.checked_add(y).map(Raw::from_ours), a.checked_add(b));
        prop_assert_eq!(x.checked_sub(y).map(Raw::from_ours), a.checked_sub(b));
        prop_assert_eq!(x.checked_mul(y).map(Raw::from_ours), a.checked_mul(b));
        prop_assert_eq!(Raw::from_ours(x.saturating_add(y)), a.saturating_add(b));
        prop_assert_eq!(Raw::from_ours(x.saturating_sub(y)), a.saturating_sub(b));
        prop_assert_eq!(Raw::from_ours(x.saturating_mul(y)), a.saturating_mul(b));
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        prop_assert_eq!(x.to_string(), a.to_string());
        prop_assert_eq!(a.to_string().parse::<U256>().unwrap(), x);
        prop_assert_eq!(U256::from_be_bytes(x.to_be_bytes()), x);
    }

    #[test]
    fn shares(a in amounts(), b in amounts(), c in amounts()) {
        let (x, y, z) = (U256::from(a), U256::from(b), U256::from(c));
        let product: U512 = a.widening_mul(b);
        let fits = |wide: U512| (wide <= U512::from(Raw::MAX)).then(|| wide.to::<Raw>());
        let exact = |up: bool| {
            let (quotient, remainder) = (!c.is_zero()).then(|| product.div_rem(U512::from(c)))?;
            fits(quotient + U512::from(up && !remainder.is_zero()))
        };
        prop_assert_eq!(run(move || x.mul_div(y, z)), exact(false));
        prop_assert_eq!(run(move || x.mul_div_up(y, z)), exact(true));
    }

    #[test]
    fn powers(base in 0u64..1000, exponent in 0u32..300) {
        let expected = Raw::from(base).checked_pow(Raw::from(exponent));
        prop_assert_eq!(U256::from(base).checked_pow(exponent).map(Raw::from_ours), expected);
        prop_assert_eq!(run(move || U256::from(base).pow(exponent)), expected);
    }

    #[test]
    fn conversions(a in amounts(), small in any::<u128>()) {
        prop_assert_eq!(u128::try_from(U256::from(a)).ok(), u128::try_from(a).ok());
        prop_assert_eq!(u64::try_from(U256::from(a)).ok(), u64::try_from(a).ok());
        prop_assert_eq!(u8::try_from(U256::from(a)).ok(), u8::try_from(a).ok());
        prop_assert_eq!(U256::new(small), U256::from(Raw::from(small)));
    }
}

#[test]
fn literals_are_not_negative() {
    assert_eq!(U256::from(5), U256::new(5));
    assert!(catch_unwind(|| U256::from(-1)).is_err());
}
