//! Vectors that grow without what the standard library has to say when they cannot.
//!
//! `Vec`'s own methods link a message for memory that ran out, and with it the formatting of
//! numbers: two kilobytes of every contract. Invariant: the SDK's code for encoding, decoding and
//! storage grows vectors only through here.

use crate::panic::{code, fail};
use alloc::string::String;
use alloc::vec::Vec;

/// Least room that is made, in bytes: most keys, values and encodings grow only once.
const ROOM: usize = 64;

/// Makes room for `more` items, or to double what is there. Ends the call if no memory could hold
/// them.
#[inline]
pub(crate) fn reserve<T>(out: &mut Vec<T>, more: usize) {
    let short = |out: &Vec<T>| out.capacity().wrapping_sub(out.len()) < more;
    let room = more.max(ROOM / size_of::<T>().max(1)).max(out.len());
    // Asked again because then the compiler knows, and `Vec` does not grow once more.
    if short(out) && (out.try_reserve_exact(room).is_err() || short(out)) {
        fail(code::OTHER)
    }
}

/// Appends an item.
#[inline]
pub(crate) fn push<T>(out: &mut Vec<T>, item: T) {
    reserve(out, 1);
    out.push(item);
}

/// `length` zeros.
pub(crate) fn zeros(length: usize) -> Vec<u8> {
    let mut out = Vec::new();
    append_zeros(&mut out, length);
    out
}

/// A copy of `bytes`.
pub(crate) fn copied(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, bytes);
    out
}

/// A copy of `text`.
pub(crate) fn text(text: &str) -> String {
    let mut out = String::new();
    if out.try_reserve(text.len()).is_err() || out.capacity() < text.len() {
        fail(code::OTHER)
    }
    out.push_str(text);
    out
}

/// Appends `bytes`.
#[inline(never)]
pub fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    reserve(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends `more` zeros.
#[inline(never)]
pub(crate) fn append_zeros(out: &mut Vec<u8>, more: usize) {
    reserve(out, more);
    out.extend(core::iter::repeat_n(0, more));
}
