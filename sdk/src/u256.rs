//! Amounts: 256-bit unsigned integers whose operators cannot silently go wrong.
//!
//! Rust's own integers are checked by the profile contracts are built with; alloy's and ruint's
//! wrap whatever the profile. Money must not wrap, so amounts are this newtype. Invariant: an
//! operator gives the exact result or ends the call with Solidity's `Panic(0x11)` (overflow) or
//! `Panic(0x12)` (division by zero).

use crate::abi::{Malformed, Word};
use crate::panic::{code, fail};
use core::fmt;
use core::ops::{
    Add, AddAssign, BitAnd, BitOr, Div, DivAssign, Mul, MulAssign, Rem, RemAssign, Shl, Shr, Sub,
    SubAssign,
};
use ruint::aliases::{U256 as Raw, U512};

/// A 256-bit unsigned integer with checked operators: Solidity's `uint256`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct U256(Raw);

impl U256 {
    /// 0.
    pub const ZERO: U256 = U256(Raw::ZERO);
    /// 1.
    pub const ONE: U256 = U256(Raw::ONE);
    /// 2^256 - 1.
    pub const MAX: U256 = U256(Raw::MAX);

    /// A small number as a constant.
    pub const fn new(value: u128) -> U256 {
        U256(Raw::from_limbs([value as u64, (value >> 64) as u64, 0, 0]))
    }

    /// Whether this is 0.
    #[inline]
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The sum, or `None` if it exceeds [`MAX`](Self::MAX).
    #[inline]
    pub fn checked_add(self, other: U256) -> Option<U256> {
        self.0.checked_add(other.0).map(U256)
    }

    /// The difference, or `None` if it is negative.
    #[inline]
    pub fn checked_sub(self, other: U256) -> Option<U256> {
        self.0.checked_sub(other.0).map(U256)
    }

    /// The product, or `None` if it exceeds [`MAX`](Self::MAX).
    #[inline]
    pub fn checked_mul(self, other: U256) -> Option<U256> {
        self.0.checked_mul(other.0).map(U256)
    }

    /// The quotient rounded down, or `None` for a divisor of 0.
    #[inline]
    pub fn checked_div(self, other: U256) -> Option<U256> {
        self.0.checked_div(other.0).map(U256)
    }

    /// The remainder, or `None` for a divisor of 0.
    #[inline]
    pub fn checked_rem(self, other: U256) -> Option<U256> {
        self.0.checked_rem(other.0).map(U256)
    }

    /// The power, or `None` if it exceeds [`MAX`](Self::MAX).
    pub fn checked_pow(self, exponent: u32) -> Option<U256> {
        self.0.checked_pow(Raw::from(exponent)).map(U256)
    }

    /// The sum, or [`MAX`](Self::MAX) if it exceeds that.
    #[inline]
    pub fn saturating_add(self, other: U256) -> U256 {
        U256(self.0.saturating_add(other.0))
    }

    /// The difference, or 0 if it is negative.
    #[inline]
    pub fn saturating_sub(self, other: U256) -> U256 {
        U256(self.0.saturating_sub(other.0))
    }

    /// The product, or [`MAX`](Self::MAX) if it exceeds that.
    #[inline]
    pub fn saturating_mul(self, other: U256) -> U256 {
        U256(self.0.saturating_mul(other.0))
    }

    /// The power. Ends the call with `Panic(0x11)` if it exceeds [`MAX`](Self::MAX).
    pub fn pow(self, exponent: u32) -> U256 {
        self.checked_pow(exponent).unwrap_or_else(|| fail(code::OVERFLOW))
    }

    /// `self * factor / divisor`, rounded down, with the product in 512 bits, so that a share of a
    /// large amount is exact. Ends the call with `Panic(0x12)` for a divisor of 0 and `Panic(0x11)`
    /// if the result exceeds [`MAX`](Self::MAX).
    pub fn mul_div(self, factor: U256, divisor: U256) -> U256 {
        self.wide_mul_div(factor, divisor).0
    }

    /// [`mul_div`](Self::mul_div), rounded up.
    pub fn mul_div_up(self, factor: U256, divisor: U256) -> U256 {
        let (quotient, exact) = self.wide_mul_div(factor, divisor);
        if exact { quotient } else { quotient + U256::ONE }
    }

    /// The quotient rounded down, and whether nothing was rounded.
    fn wide_mul_div(self, factor: U256, divisor: U256) -> (U256, bool) {
        if divisor.is_zero() {
            fail(code::DIVISION)
        }
        let product: U512 = self.0.widening_mul(factor.0);
        let (quotient, remainder) = product.div_rem(U512::from(divisor.0));
        match Raw::checked_from_limbs_slice(quotient.as_limbs()) {
            Some(quotient) => (U256(quotient), remainder.is_zero()),
            None => fail(code::OVERFLOW),
        }
    }

    /// The 32 bytes, most significant first.
    // WebAssembly has no byte swap, so a copy in each place that stores or returns an amount would
    // be half of it.
    #[inline(never)]
    pub fn to_be_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes()
    }

    /// The number of 32 bytes, most significant first.
    #[inline(never)]
    pub fn from_be_bytes(bytes: [u8; 32]) -> U256 {
        U256(Raw::from_be_bytes(bytes))
    }
}

macro_rules! checked {
    ($($operator:ident $method:ident $assign:ident $assign_method:ident $checked:ident $code:ident;)*) => {$(
        impl $operator for U256 {
            type Output = U256;
            #[inline(never)]
            fn $method(self, other: U256) -> U256 {
                match self.$checked(other) {
                    Some(result) => result,
                    None => fail(code::$code),
                }
            }
        }
        impl $assign for U256 {
            #[inline]
            fn $assign_method(&mut self, other: U256) {
                *self = $operator::$method(*self, other);
            }
        }
    )*};
}
checked! {
    Add add AddAssign add_assign checked_add OVERFLOW;
    Sub sub SubAssign sub_assign checked_sub OVERFLOW;
    Mul mul MulAssign mul_assign checked_mul OVERFLOW;
    Div div DivAssign div_assign checked_div DIVISION;
    Rem rem RemAssign rem_assign checked_rem DIVISION;
}

impl BitAnd for U256 {
    type Output = U256;
    fn bitand(self, other: U256) -> U256 {
        U256(self.0 & other.0)
    }
}

impl BitOr for U256 {
    type Output = U256;
    fn bitor(self, other: U256) -> U256 {
        U256(self.0 | other.0)
    }
}

/// Bits shifted out are dropped, as in Solidity.
impl Shl<u32> for U256 {
    type Output = U256;
    fn shl(self, bits: u32) -> U256 {
        U256(self.0 << bits as usize)
    }
}

impl Shr<u32> for U256 {
    type Output = U256;
    fn shr(self, bits: u32) -> U256 {
        U256(self.0 >> bits as usize)
    }
}

impl core::iter::Sum for U256 {
    fn sum<I: Iterator<Item = U256>>(numbers: I) -> U256 {
        numbers.fold(U256::ZERO, Add::add)
    }
}

macro_rules! from_unsigned {
    ($($int:ty),*) => {$(
        impl From<$int> for U256 {
            #[inline]
            fn from(value: $int) -> U256 {
                U256::new(value as u128)
            }
        }
    )*};
}
from_unsigned!(u8, u16, u32, u64, u128, usize);

/// For literals: an unsuffixed `5` is an `i32`. Ends the call with `Panic(0x11)` for a negative
/// number.
impl From<i32> for U256 {
    #[inline]
    fn from(value: i32) -> U256 {
        match u32::try_from(value) {
            Ok(value) => value.into(),
            Err(_) => fail(code::OVERFLOW),
        }
    }
}

impl From<Raw> for U256 {
    fn from(value: Raw) -> U256 {
        U256(value)
    }
}

impl From<U256> for Raw {
    fn from(value: U256) -> Raw {
        value.0
    }
}

/// The number does not fit the smaller type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

macro_rules! try_into {
    ($($int:ty),*) => {$(
        impl TryFrom<U256> for $int {
            type Error = TooLarge;
            fn try_from(value: U256) -> Result<$int, TooLarge> {
                match value.0.as_limbs() {
                    [low, high, 0, 0] => {
                        (u128::from(*high) << 64 | u128::from(*low)).try_into().map_err(|_| TooLarge)
                    }
                    _ => Err(TooLarge),
                }
            }
        }
    )*};
}
try_into!(u8, u16, u32, u64, u128);

impl Word for U256 {
    #[inline]
    fn to_word(&self) -> [u8; 32] {
        self.to_be_bytes()
    }
    #[inline]
    fn from_word(word: &[u8; 32]) -> Result<Self, Malformed> {
        Ok(U256::from_be_bytes(*word))
    }
}
crate::__word_type!([] U256, "uint256");

/// In decimal.
impl fmt::Display for U256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// In decimal.
impl fmt::Debug for U256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// From decimal, or hexadecimal after `0x`.
impl core::str::FromStr for U256 {
    type Err = ruint::ParseError;
    fn from_str(text: &str) -> Result<U256, ruint::ParseError> {
        text.parse().map(U256)
    }
}
