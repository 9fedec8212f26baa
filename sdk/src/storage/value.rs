//! The bytes of stored values and of keys.
//!
//! Fixed-size types take exactly their size (integers most significant byte first), so keys sort as
//! their values do. A type of variable size takes a 4-byte length before it, except at the very end
//! of a value or key, where the end is the length.

use crate::abi::{Bytes, Text};
use crate::grow::{append, copied, push};
use crate::u256::U256;
use alloc::string::String;
use alloc::vec::Vec;
use alloy_primitives::{Address, FixedBytes};

/// Longest text of a stored type with parameters.
const SCHEMA_BYTES: usize = 1024;

/// A value that can be stored, and be a key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored",
    label = "not a storage value",
    note = "use bool, integers, U256, Address, FixedBytes<N>, Bytes, String, Option, Vec, arrays or tuples of these",
    note = "for a struct or an enum of your own, add #[derive(StorageValue)]"
)]
pub trait StorageValue: Sized {
    /// The type as it stands in the section `florin.layout`.
    const SCHEMA: &'static str;
    /// The size in bytes, if every value has the same.
    const SIZE: Option<usize> = None;

    /// Appends the value.
    fn write(&self, out: &mut Vec<u8>);
    /// Takes a value off the front; `None` if there is none.
    fn read(from: &mut &[u8]) -> Option<Self>;

    /// Appends the value as the last thing there is.
    fn write_last(&self, out: &mut Vec<u8>) {
        self.write(out);
    }
    /// Takes a value that is the last thing there is.
    fn read_last(from: &mut &[u8]) -> Option<Self> {
        Self::read(from)
    }
}

/// Takes `N` bytes off the front.
#[inline]
fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*bytes)
}

macro_rules! fixed {
    ($([$($generics:tt)*] $type:ty, $schema:expr, $size:expr,
        |$value:ident| $write:expr, |$bytes:ident| $read:expr;)*) => {$(
        impl<$($generics)*> StorageValue for $type {
            const SCHEMA: &'static str = $schema;
            const SIZE: Option<usize> = Some($size);
            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                let $value = self;
                append(out, &$write);
            }
            #[inline]
            fn read(from: &mut &[u8]) -> Option<Self> {
                let $bytes = take::<{ $size }>(from)?;
                $read
            }
        }
    )*};
}
macro_rules! integers {
    ($($int:ident)*) => { fixed! { $(
        [] $int, stringify!($int), size_of::<$int>(), |v| v.to_be_bytes(), |b| Some($int::from_be_bytes(b));
    )* } };
}
integers!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128);
fixed! {
    [] bool, "bool", 1, |v| [u8::from(*v)], |b| match b { [0] => Some(false), [1] => Some(true), _ => None };
    [] U256, "U256", 32, |v| v.to_be_bytes(), |b| Some(U256::from_be_bytes(b));
    [] Address, "Address", 20, |v| v.0.0, |b| Some(Address::from(b));
}

/// The text of a stored type with parameters, computed once per instance.
trait Composed {
    const SCHEMA: Text<SCHEMA_BYTES>;
}

impl<const N: usize> Composed for FixedBytes<N> {
    const SCHEMA: Text<SCHEMA_BYTES> =
        Text::new(&["FixedBytes<", crate::abi::decimal(N).as_str(), ">"]);
}

impl<const N: usize> StorageValue for FixedBytes<N> {
    const SCHEMA: &'static str = <Self as Composed>::SCHEMA.as_str();
    const SIZE: Option<usize> = Some(N);
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        append(out, self.as_slice());
    }
    #[inline]
    fn read(from: &mut &[u8]) -> Option<Self> {
        take(from).map(FixedBytes)
    }
}

/// Appends a length.
fn write_length(length: usize, out: &mut Vec<u8>) {
    (length as u32).write(out);
}

macro_rules! byte_strings {
    ($($type:ty, $schema:literal, |$value:ident| $as_bytes:expr, |$bytes:ident| $read:expr;)*) => {$(
        impl StorageValue for $type {
            const SCHEMA: &'static str = $schema;
            fn write(&self, out: &mut Vec<u8>) {
                write_length(self.len(), out);
                self.write_last(out);
            }
            fn read(from: &mut &[u8]) -> Option<Self> {
                let length = u32::read(from)? as usize;
                let (mut bytes, rest) = from.split_at_checked(length)?;
                *from = rest;
                Self::read_last(&mut bytes)
            }
            fn write_last(&self, out: &mut Vec<u8>) {
                let $value = self;
                append(out, $as_bytes);
            }
            fn read_last(from: &mut &[u8]) -> Option<Self> {
                let $bytes = copied(core::mem::take(from));
                $read
            }
        }
    )*};
}
byte_strings! {
    String, "String", |v| v.as_bytes(), |b| String::from_utf8(b).ok();
    Bytes, "Bytes", |v| v, |b| Some(Bytes(b));
}

impl StorageValue for () {
    const SCHEMA: &'static str = "()";
    const SIZE: Option<usize> = Some(0);
    fn write(&self, _: &mut Vec<u8>) {}
    fn read(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl<T: StorageValue> Composed for Option<T> {
    const SCHEMA: Text<SCHEMA_BYTES> = Text::new(&["Option<", T::SCHEMA, ">"]);
}

impl<T: StorageValue> StorageValue for Option<T> {
    const SCHEMA: &'static str = <Self as Composed>::SCHEMA.as_str();
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }
    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(if bool::read(from)? { Some(T::read(from)?) } else { None })
    }
}

impl<T: StorageValue> Composed for Vec<T> {
    const SCHEMA: Text<SCHEMA_BYTES> = Text::new(&["Vec<", T::SCHEMA, ">"]);
}

impl<T: StorageValue> StorageValue for Vec<T> {
    const SCHEMA: &'static str = <Self as Composed>::SCHEMA.as_str();
    fn write(&self, out: &mut Vec<u8>) {
        write_length(self.len(), out);
        self.iter().for_each(|value| value.write(out));
    }
    fn read(from: &mut &[u8]) -> Option<Self> {
        let mut values = Vec::new();
        for _ in 0..u32::read(from)? {
            push(&mut values, T::read(from)?);
        }
        Some(values)
    }
}

impl<T: StorageValue, const N: usize> Composed for [T; N] {
    const SCHEMA: Text<SCHEMA_BYTES> =
        Text::new(&["[", T::SCHEMA, ";", crate::abi::decimal(N).as_str(), "]"]);
}

impl<T: StorageValue, const N: usize> StorageValue for [T; N] {
    const SCHEMA: &'static str = <Self as Composed>::SCHEMA.as_str();
    const SIZE: Option<usize> = match T::SIZE {
        Some(size) => Some(N * size),
        None => None,
    };
    fn write(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|value| value.write(out));
    }
    fn read(from: &mut &[u8]) -> Option<Self> {
        let mut values = Vec::new();
        for _ in 0..N {
            push(&mut values, T::read(from)?);
        }
        values.try_into().ok()
    }
}

/// The size of two things together.
#[doc(hidden)]
pub const fn add_sizes(a: Option<usize>, b: Option<usize>) -> Option<usize> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        _ => None,
    }
}

macro_rules! tuples {
    ($(($($item:ident $index:tt,)* .. $last:ident $last_index:tt);)*) => {$(
        impl<$($item: StorageValue,)* $last: StorageValue> Composed for ($($item,)* $last,) {
            const SCHEMA: Text<SCHEMA_BYTES> =
                Text::new(&["(", $($item::SCHEMA, ",",)* $last::SCHEMA, ")"]);
        }
        impl<$($item: StorageValue,)* $last: StorageValue> StorageValue for ($($item,)* $last,) {
            const SCHEMA: &'static str = <Self as Composed>::SCHEMA.as_str();
            const SIZE: Option<usize> = {
                let size = $last::SIZE;
                $(let size = add_sizes(size, $item::SIZE);)*
                size
            };
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$index.write(out);)*
                self.$last_index.write(out);
            }
            fn read(from: &mut &[u8]) -> Option<Self> {
                Some(($($item::read(from)?,)* $last::read(from)?,))
            }
            fn write_last(&self, out: &mut Vec<u8>) {
                $(self.$index.write(out);)*
                self.$last_index.write_last(out);
            }
            fn read_last(from: &mut &[u8]) -> Option<Self> {
                Some(($($item::read(from)?,)* $last::read_last(from)?,))
            }
        }
    )*};
}
tuples! {
    (.. A 0);
    (A 0, .. B 1);
    (A 0, B 1, .. C 2);
    (A 0, B 1, C 2, .. D 3);
    (A 0, B 1, C 2, D 3, .. E 4);
    (A 0, B 1, C 2, D 3, E 4, .. F 5);
}
