//! The guest's memory as host functions see it: a port with two implementations, WebAssembly's
//! linear memory and, for natively compiled contracts, the process's own.

use crate::host::Exit;
use crate::types::Halt;
use florin_abi::{Pointer, Slice};

/// Bounds-checked access to guest memory.
pub trait GuestMemory {
    /// The bytes at `slice`, or `None` if it reaches beyond the memory.
    fn get(&self, slice: Slice) -> Option<&[u8]>;
    /// The same, to be written.
    fn get_mut(&mut self, slice: Slice) -> Option<&mut [u8]>;

    /// Reads up to `limit` bytes; more, or any outside the memory, end the call.
    fn read(&self, slice: Slice, limit: u32, what: &'static str) -> Result<&[u8], Exit> {
        if slice.length > limit {
            let length = slice.length;
            return Err(misuse(format!("{what} of {length} bytes; at most {limit} are allowed")));
        }
        self.get(slice).ok_or_else(|| outside(slice, what))
    }

    /// Reads a value of fixed size.
    fn read_array<const N: usize>(&self, at: Pointer, what: &'static str) -> Result<[u8; N], Exit> {
        let slice = Slice { pointer: at.0, length: N as u32 };
        let bytes = self.get(slice).and_then(|bytes| bytes.first_chunk());
        bytes.copied().ok_or_else(|| outside(slice, what))
    }

    /// Writes as much of `bytes` as fits; returns how much that is.
    fn write(&mut self, out: Slice, bytes: &[u8], what: &'static str) -> Result<u32, Exit> {
        let out = self.get_mut(out).ok_or_else(|| outside(out, what))?;
        let length = out.len().min(bytes.len());
        out[..length].copy_from_slice(&bytes[..length]);
        Ok(length as u32)
    }

    /// Writes a value of fixed size.
    fn write_array<const N: usize>(
        &mut self,
        out: Pointer,
        bytes: &[u8; N],
        what: &'static str,
    ) -> Result<(), Exit> {
        self.write(Slice { pointer: out.0, length: N as u32 }, bytes, what).map(drop)
    }
}

fn misuse(message: String) -> Exit {
    Exit::Halt(Halt::Misuse(message))
}

fn outside(slice: Slice, what: &'static str) -> Exit {
    let Slice { pointer, length } = slice;
    misuse(format!("{what}: {length} bytes at {pointer:#x} are outside the memory"))
}

/// The linear memory of a WebAssembly instance.
pub struct LinearMemory<'a>(pub &'a mut [u8]);

impl GuestMemory for LinearMemory<'_> {
    fn get(&self, slice: Slice) -> Option<&[u8]> {
        let start = usize::try_from(slice.pointer).ok()?;
        self.0.get(start..start.checked_add(slice.length as usize)?)
    }

    fn get_mut(&mut self, slice: Slice) -> Option<&mut [u8]> {
        let start = usize::try_from(slice.pointer).ok()?;
        self.0.get_mut(start..start.checked_add(slice.length as usize)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_memory_is_exact() {
        let mut bytes = [1, 2, 3, 4];
        let mut memory = LinearMemory(&mut bytes);
        let slice = |pointer, length| Slice { pointer, length };
        assert_eq!(memory.get(slice(0, 4)), Some(&[1, 2, 3, 4][..]));
        assert_eq!(memory.get(slice(4, 0)), Some(&[][..]));
        for (pointer, length) in
            [(0, 5), (4, 1), (5, 0), (u64::MAX, 1), (u32::MAX as u64, u32::MAX)]
        {
            assert_eq!(memory.get(slice(pointer, length)), None);
            assert!(memory.write(slice(pointer, length), b"x", "test").is_err());
        }
        assert_eq!(memory.write(slice(2, 2), b"abc", "test").ok(), Some(2));
        assert!(memory.read(slice(0, 4), 3, "test").is_err());
        assert_eq!(memory.read(slice(0, 4), 4, "test").ok(), Some(&[1, 2, b'a', b'b'][..]));
    }
}
