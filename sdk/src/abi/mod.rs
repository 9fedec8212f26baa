//! Solidity's contract ABI: the types, their names and their encoding.
//!
//! One trait, [`AbiType`], says of a Rust type which Solidity type it is and how its value travels.
//! The codec is a small head/tail codec of our own: static words are read and written directly,
//! which is what makes a token transfer cheap. Decoding is strict about values (dirty high bytes,
//! bad booleans) and bounded: no offset or length is followed beyond the input, and no byte is
//! decoded twice, so that nothing can be amplified.

mod decode;
mod encode;
mod text;
mod types;

pub use decode::{Decoder, Malformed};
pub use encode::Encoder;
pub use text::{Text, as_str, join, length};
pub(crate) use text::{decimal, put, same};
pub use types::{Bytes, Word};

use alloc::vec::Vec;

/// A Rust type that has a Solidity type.
///
/// | Rust | Solidity |
/// | --- | --- |
/// | `bool`, `u8`..`u128`, `i8`..`i128`, `U256` | `bool`, `uint8`..`uint128`, `int8`..`int128`, `uint256` |
/// | `Address`, `FixedBytes<N>` (`B256` = `FixedBytes<32>`) | `address`, `bytesN` |
/// | `Bytes`, `String` | `bytes`, `string` |
/// | `Vec<T>`, `[T; N]`, tuples up to 8 | `T[]`, `T[N]`, tuples |
/// | `#[derive(AbiType)]` struct, fieldless enum | tuple, `uint8` |
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no Solidity type",
    label = "cannot cross the ABI",
    note = "use bool, u8..u128, i8..i128, U256, Address, FixedBytes<N>, Bytes, String, Vec<T>, [T; N] or a tuple",
    note = "for a struct or a fieldless enum of your own, add #[derive(AbiType)]"
)]
pub trait AbiType: Sized {
    /// The canonical name, as it stands in signatures: `uint256`, `(address,uint256)[]`.
    const NAME: &'static str;
    /// The name in ABI JSON, where a struct is called `tuple`.
    const KIND: &'static str = Self::NAME;
    /// The fields of a tuple, as the elements of ABI JSON's `components`.
    const COMPONENTS: &'static str = "";
    /// Whether the encoding has a tail.
    const DYNAMIC: bool = false;
    /// Bytes in the head of a frame.
    const HEAD: usize = 32;
    /// Whether this is a Rust tuple, which as a result means several results.
    const SEQUENCE: bool = false;
    /// Bytes in the head of a frame that holds this as its whole content.
    const BODY: usize = Self::HEAD;

    /// What follows the type's name in ABI JSON; a parameter is `{"name":"x","type":"`, `KIND`,
    /// `OPEN`, `COMPONENTS`, `CLOSE`.
    #[doc(hidden)]
    const OPEN: &'static str =
        if Self::COMPONENTS.is_empty() { r#"""# } else { r#"","components":["# };
    /// What ends a parameter in ABI JSON.
    #[doc(hidden)]
    const CLOSE: &'static str = if Self::COMPONENTS.is_empty() { "}" } else { "]}" };
    /// The pieces of ABI JSON's `outputs` for a method that returns this.
    #[doc(hidden)]
    const OUTPUTS: [&'static str; 5] = if Self::SEQUENCE {
        ["", "", "", Self::COMPONENTS, ""]
    } else {
        [START, Self::KIND, Self::OPEN, Self::COMPONENTS, Self::CLOSE]
    };

    /// Writes the value as the next element of the current frame.
    fn encode(&self, to: &mut Encoder<'_>);
    /// Reads the next element of the current frame.
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed>;

    /// Writes the value as the whole content of a frame.
    fn encode_body(&self, to: &mut Encoder<'_>) {
        self.encode(to);
    }
    /// Reads the value from the whole content of a frame.
    fn decode_body(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Self::decode(from)
    }
}

/// How an unnamed parameter begins in ABI JSON.
const START: &str = r#"{"name":"","type":""#;

/// Encodes a value as Solidity's `abi.encode(value)`; a tuple as `abi.encode(a, b, ...)`.
pub fn encode<T: AbiType>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::frame(&mut out, T::BODY, |frame| value.encode_body(frame));
    out
}

/// Decodes what [`encode`] wrote. Bytes after the value are ignored, as Solidity does.
pub fn decode<T: AbiType>(data: &[u8]) -> Result<T, Malformed> {
    let budget = Decoder::budget(data);
    T::decode_body(&mut Decoder::new(data, &budget))
}
