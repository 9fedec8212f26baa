//! Writing ABI data: frames of heads, each followed by its tails.

use crate::grow::{append, append_zeros};
use alloc::vec::Vec;

/// Writes the elements of one frame (the arguments of a call, the fields of a tuple, the elements
/// of an array).
///
/// Invariant: the head of the frame was reserved when it was opened, and tails are only appended.
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    /// Where the frame begins; offsets count from here.
    start: usize,
    /// Where the next head goes.
    next: usize,
}

impl Encoder<'_> {
    /// Opens a frame with `head` bytes of heads at the end of `out`.
    #[inline]
    pub fn frame(out: &mut Vec<u8>, head: usize, fill: impl FnOnce(&mut Encoder<'_>)) {
        fill(&mut Encoder::open(out, head));
    }

    /// Not inlined, nor is [`word`](Self::word): with one copy of each, a token is a tenth smaller.
    #[inline(never)]
    fn open(out: &mut Vec<u8>, head: usize) -> Encoder<'_> {
        let start = out.len();
        append_zeros(out, head);
        Encoder { out, start, next: start }
    }

    /// Writes a word into the head.
    #[inline(never)]
    pub fn word(&mut self, word: &[u8; 32]) {
        // The head was reserved, so there is room; `if let` keeps a panic out of the code.
        if let Some(head) = self.out.get_mut(self.next..).and_then(<[u8]>::first_chunk_mut) {
            *head = *word;
        }
        self.next = self.next.wrapping_add(32);
    }

    /// Writes the offset of a tail into the head and opens the tail as a frame of its own.
    pub fn tail(&mut self, head: usize, fill: impl FnOnce(&mut Encoder<'_>)) {
        self.offset();
        Encoder::frame(self.out, head, fill);
    }

    /// Writes a dynamic array as a tail: its length, then a frame of its elements.
    pub fn array(&mut self, length: usize, head: usize, fill: impl FnOnce(&mut Encoder<'_>)) {
        self.offset();
        append(self.out, &word_of(length));
        Encoder::frame(self.out, head, fill);
    }

    /// Writes bytes as a tail: their length, then themselves, padded to whole words.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.offset();
        append(self.out, &word_of(bytes.len()));
        append(self.out, bytes);
        append_zeros(self.out, bytes.len().wrapping_neg() % 32);
    }

    /// Writes the offset of a tail, which begins where the output ends, into the head.
    fn offset(&mut self) {
        self.word(&word_of(self.out.len().wrapping_sub(self.start)));
    }
}

/// A length or an offset as a word.
#[inline]
fn word_of(number: usize) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&(number as u64).to_be_bytes());
    word
}
