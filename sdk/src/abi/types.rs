//! The Solidity types of Rust's own types and of alloy's.

use super::text::decimal;
use super::{AbiType, Decoder, Encoder, Malformed, START, Text};
use crate::grow::{copied, push, reserve};
use alloc::string::String;
use alloc::vec::Vec;
use alloy_primitives::{Address, FixedBytes};

/// Longest canonical name of a type with parameters.
const NAME_BYTES: usize = 1024;
/// Longest ABI JSON of a tuple's components.
const COMPONENTS_BYTES: usize = 4096;

/// A type whose every value is one word.
pub trait Word: Sized {
    /// The value as a word.
    fn to_word(&self) -> [u8; 32];
    /// The value of a word; words that no value encodes to are refused.
    fn from_word(word: &[u8; 32]) -> Result<Self, Malformed>;
}

/// Makes a [`Word`] an [`AbiType`] (and, by the same word, an indexed event field).
#[doc(hidden)]
#[macro_export]
macro_rules! __word_type {
    ([$($generics:tt)*] $type:ty, $name:expr) => {
        impl<$($generics)*> $crate::abi::AbiType for $type {
            const NAME: &'static str = $name;
            // One copy for each type: there are more who write words than there are types of them.
            #[inline(never)]
            fn encode(&self, to: &mut $crate::abi::Encoder<'_>) {
                to.word(&$crate::abi::Word::to_word(self));
            }
            #[inline]
            fn decode(
                from: &mut $crate::abi::Decoder<'_>,
            ) -> ::core::result::Result<Self, $crate::abi::Malformed> {
                <Self as $crate::abi::Word>::from_word(from.word()?)
            }
        }
        impl<$($generics)*> $crate::event::Indexed for $type {
            #[inline]
            fn write_topic(&self, to: &mut $crate::abi::Encoder<'_>) {
                $crate::abi::AbiType::encode(self, to);
            }
            fn from_topic(topic: &[u8; 32]) -> ::core::option::Option<Self> {
                <Self as $crate::abi::Word>::from_word(topic).ok()
            }
        }
    };
}

/// The `H` high bytes of a word and its `L` low ones.
#[inline]
fn halves<const H: usize, const L: usize>(
    word: &[u8; 32],
) -> Result<([u8; H], [u8; L]), Malformed> {
    const { assert!(H + L == 32) };
    match (word.first_chunk(), word.last_chunk()) {
        (Some(high), Some(low)) => Ok((*high, *low)),
        _ => Err(Malformed),
    }
}

macro_rules! integers {
    ($($int:ty, $name:literal, $negative:expr;)*) => {$(
        impl Word for $int {
            #[inline]
            fn to_word(&self) -> [u8; 32] {
                const SIZE: usize = size_of::<$int>();
                let negative: fn(&$int) -> bool = $negative;
                let mut word = if negative(self) { [0xff; 32] } else { [0; 32] };
                word[32 - SIZE..].copy_from_slice(&self.to_be_bytes());
                word
            }
            #[inline]
            fn from_word(word: &[u8; 32]) -> Result<Self, Malformed> {
                const SIZE: usize = size_of::<$int>();
                let negative: fn(&$int) -> bool = $negative;
                let (high, low) = halves::<{ 32 - SIZE }, SIZE>(word)?;
                let value = <$int>::from_be_bytes(low);
                let fill = if negative(&value) { 0xff } else { 0 };
                if high == [fill; 32 - SIZE] { Ok(value) } else { Err(Malformed) }
            }
        }
        __word_type!([] $int, $name);
    )*};
}
integers! {
    u8, "uint8", |_| false;
    u16, "uint16", |_| false;
    u32, "uint32", |_| false;
    u64, "uint64", |_| false;
    u128, "uint128", |_| false;
    i8, "int8", |v| *v < 0;
    i16, "int16", |v| *v < 0;
    i32, "int32", |v| *v < 0;
    i64, "int64", |v| *v < 0;
    i128, "int128", |v| *v < 0;
}

impl Word for bool {
    #[inline]
    fn to_word(&self) -> [u8; 32] {
        u8::from(*self).to_word()
    }
    #[inline]
    fn from_word(word: &[u8; 32]) -> Result<Self, Malformed> {
        match u8::from_word(word)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }
}
__word_type!([] bool, "bool");

impl Word for Address {
    #[inline]
    fn to_word(&self) -> [u8; 32] {
        let mut word = [0; 32];
        word[12..].copy_from_slice(self.as_slice());
        word
    }
    #[inline]
    fn from_word(word: &[u8; 32]) -> Result<Self, Malformed> {
        match halves(word)? {
            (high, low) if high == [0; 12] => Ok(Address::new(low)),
            _ => Err(Malformed),
        }
    }
}
__word_type!([] Address, "address");

impl<const N: usize> Word for FixedBytes<N> {
    #[inline]
    fn to_word(&self) -> [u8; 32] {
        let mut word = [0; 32];
        word[..N].copy_from_slice(self.as_slice());
        word
    }
    #[inline]
    fn from_word(word: &[u8; 32]) -> Result<Self, Malformed> {
        let value = FixedBytes::from_slice(&word[..N]);
        if value.to_word() == *word { Ok(value) } else { Err(Malformed) }
    }
}
__word_type!([const N: usize] FixedBytes<N>, fixed_name(N));

/// `bytesN`; a longer or empty `FixedBytes` has no Solidity type and fails to compile.
const fn fixed_name(n: usize) -> &'static str {
    assert!(n >= 1 && n <= 32, "Solidity's fixed bytes are bytes1 to bytes32");
    FIXED_NAMES[n - 1]
}

const FIXED_NAMES: [&str; 32] = [
    "bytes1", "bytes2", "bytes3", "bytes4", "bytes5", "bytes6", "bytes7", "bytes8", "bytes9",
    "bytes10", "bytes11", "bytes12", "bytes13", "bytes14", "bytes15", "bytes16", "bytes17",
    "bytes18", "bytes19", "bytes20", "bytes21", "bytes22", "bytes23", "bytes24", "bytes25",
    "bytes26", "bytes27", "bytes28", "bytes29", "bytes30", "bytes31", "bytes32",
];

/// A byte string: Solidity's `bytes`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl core::ops::Deref for Bytes {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl core::ops::DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl<T: Into<Vec<u8>>> From<T> for Bytes {
    fn from(bytes: T) -> Self {
        Bytes(bytes.into())
    }
}

impl AbiType for Bytes {
    const NAME: &'static str = "bytes";
    const DYNAMIC: bool = true;
    fn encode(&self, to: &mut Encoder<'_>) {
        to.bytes(&self.0);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Ok(Bytes(copied(from.bytes()?)))
    }
}

impl AbiType for String {
    const NAME: &'static str = "string";
    const DYNAMIC: bool = true;
    fn encode(&self, to: &mut Encoder<'_>) {
        to.bytes(self.as_bytes());
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        String::from_utf8(copied(from.bytes()?)).map_err(|_| Malformed)
    }
}

/// The names of a type with parameters, computed once per instance.
trait Composed {
    const NAME: Text<NAME_BYTES>;
    const KIND: Text<NAME_BYTES>;
}

impl<T: AbiType> Composed for Vec<T> {
    const NAME: Text<NAME_BYTES> = Text::new(&[T::NAME, "[]"]);
    const KIND: Text<NAME_BYTES> = Text::new(&[T::KIND, "[]"]);
}

impl<T: AbiType> AbiType for Vec<T> {
    const NAME: &'static str = <Self as Composed>::NAME.as_str();
    const KIND: &'static str = <Self as Composed>::KIND.as_str();
    const COMPONENTS: &'static str = T::COMPONENTS;
    const DYNAMIC: bool = true;
    fn encode(&self, to: &mut Encoder<'_>) {
        const { assert!(T::HEAD > 0, "an array needs elements of at least one word") };
        to.array(self.len(), self.len() * T::HEAD, |to| {
            self.iter().for_each(|item| item.encode(to))
        });
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        const { assert!(T::HEAD > 0, "an array needs elements of at least one word") };
        let (length, mut items) = from.array(T::HEAD)?;
        let mut out = Vec::new();
        reserve(&mut out, length);
        for _ in 0..length {
            push(&mut out, T::decode(&mut items)?);
        }
        Ok(out)
    }
}

impl<T: AbiType, const N: usize> Composed for [T; N] {
    const NAME: Text<NAME_BYTES> = Text::new(&[T::NAME, "[", decimal(N).as_str(), "]"]);
    const KIND: Text<NAME_BYTES> = Text::new(&[T::KIND, "[", decimal(N).as_str(), "]"]);
}

impl<T: AbiType, const N: usize> AbiType for [T; N] {
    const NAME: &'static str = <Self as Composed>::NAME.as_str();
    const KIND: &'static str = <Self as Composed>::KIND.as_str();
    const COMPONENTS: &'static str = T::COMPONENTS;
    const DYNAMIC: bool = T::DYNAMIC;
    const HEAD: usize = if T::DYNAMIC { 32 } else { N * T::HEAD };
    fn encode(&self, to: &mut Encoder<'_>) {
        if T::DYNAMIC {
            to.tail(N * T::HEAD, |to| self.iter().for_each(|item| item.encode(to)));
        } else {
            self.iter().for_each(|item| item.encode(to));
        }
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        const { assert!(N > 0, "an array needs at least one element") };
        let mut tail;
        let items = if T::DYNAMIC {
            tail = from.tail(N * T::HEAD)?;
            &mut tail
        } else {
            from
        };
        let mut out = Vec::new();
        reserve(&mut out, N);
        for _ in 0..N {
            push(&mut out, T::decode(items)?);
        }
        out.try_into().map_err(|_| Malformed)
    }
}

/// What a tuple has beyond its names.
trait ComposedTuple: Composed {
    const COMPONENTS: Text<COMPONENTS_BYTES>;
}

macro_rules! tuples {
    ($(($($item:ident $index:tt),*) [$($parts:tt)*] [$($components:tt)*];)*) => {$(
        impl<$($item: AbiType),*> Composed for ($($item,)*) {
            const NAME: Text<NAME_BYTES> = Text::new(&["(", $($parts)* ")"]);
            const KIND: Text<NAME_BYTES> = Text::new(&["tuple"]);
        }
        impl<$($item: AbiType),*> ComposedTuple for ($($item,)*) {
            const COMPONENTS: Text<COMPONENTS_BYTES> = Text::new(&[$($components)*]);
        }
        impl<$($item: AbiType),*> AbiType for ($($item,)*) {
            const NAME: &'static str = <Self as Composed>::NAME.as_str();
            const KIND: &'static str = "tuple";
            const COMPONENTS: &'static str = <Self as ComposedTuple>::COMPONENTS.as_str();
            const DYNAMIC: bool = false $(|| $item::DYNAMIC)*;
            const HEAD: usize = if Self::DYNAMIC { 32 } else { Self::BODY };
            const SEQUENCE: bool = true;
            const BODY: usize = 0 $(+ $item::HEAD)*;
            fn encode(&self, to: &mut Encoder<'_>) {
                if Self::DYNAMIC {
                    to.tail(Self::BODY, |to| self.encode_body(to));
                } else {
                    self.encode_body(to);
                }
            }
            fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
                if Self::DYNAMIC {
                    Self::decode_body(&mut from.tail(Self::BODY)?)
                } else {
                    Self::decode_body(from)
                }
            }
            #[allow(unused_variables)]
            fn encode_body(&self, to: &mut Encoder<'_>) {
                $(self.$index.encode(to);)*
            }
            #[allow(unused_variables)]
            fn decode_body(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
                Ok(($($item::decode(from)?,)*))
            }
        }
    )*};
}
macro_rules! tuple {
    ($($first:ident 0 $(, $item:ident $index:tt)*)?) => {
        tuples! {
            ($($first 0 $(, $item $index)*)?)
            [$($first::NAME, $(",", $item::NAME,)*)?]
            [$(START, $first::KIND, $first::OPEN, $first::COMPONENTS, $first::CLOSE,
                $(",", START, $item::KIND, $item::OPEN, $item::COMPONENTS, $item::CLOSE,)*)?];
        }
    };
}
tuple!();
tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
