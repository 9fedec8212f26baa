//! Reading ABI data, whoever wrote it.

use super::Word;
use core::cell::Cell;

/// The data is not an ABI encoding of the type asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Reads the elements of one frame.
///
/// Invariant: all tails together take at most as many bytes as the input has, however their offsets
/// overlap.
pub struct Decoder<'a> {
    frame: &'a [u8],
    /// What was not yet read of the frame's head, and all that follows.
    rest: &'a [u8],
    budget: &'a Cell<usize>,
}

impl<'a> Decoder<'a> {
    /// The budget to decode `data` with.
    pub fn budget(data: &[u8]) -> Cell<usize> {
        Cell::new(data.len())
    }

    /// Reads `data` as a frame.
    #[inline]
    pub fn new(data: &'a [u8], budget: &'a Cell<usize>) -> Self {
        Decoder { frame: data, rest: data, budget }
    }

    /// Reads a word from the head.
    #[inline]
    pub fn word(&mut self) -> Result<&'a [u8; 32], Malformed> {
        let (word, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(word)
    }

    /// Follows the offset in the head to a tail of at least `head` bytes.
    pub fn tail(&mut self, head: usize) -> Result<Decoder<'a>, Malformed> {
        let offset = number(self.word()?)?;
        let frame = self.frame.get(offset..).ok_or(Malformed)?;
        self.claim(frame, head)?;
        Ok(Decoder { frame, rest: frame, budget: self.budget })
    }

    /// Follows the offset in the head to a dynamic array whose elements take `head` bytes each;
    /// returns its length and the frame of its elements.
    pub fn array(&mut self, head: usize) -> Result<(usize, Decoder<'a>), Malformed> {
        let mut tail = self.tail(32)?;
        let length = number(tail.word()?)?;
        let frame = tail.rest;
        self.claim(frame, length.checked_mul(head).ok_or(Malformed)?)?;
        Ok((length, Decoder { frame, rest: frame, budget: self.budget }))
    }

    /// Follows the offset in the head to bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let (length, rest) = self.array(1)?;
        rest.frame.get(..length).ok_or(Malformed)
    }

    /// Takes `bytes` at the beginning of `frame` out of the budget.
    fn claim(&self, frame: &[u8], bytes: usize) -> Result<(), Malformed> {
        let left = self.budget.get().checked_sub(bytes).ok_or(Malformed)?;
        self.budget.set(left);
        if bytes <= frame.len() { Ok(()) } else { Err(Malformed) }
    }
}

/// A length or an offset: anything beyond 32 bits is beyond every input.
fn number(word: &[u8; 32]) -> Result<usize, Malformed> {
    u32::from_word(word).map(|number| number as usize)
}
