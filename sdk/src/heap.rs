//! The allocator of a contract: memory is handed out upwards and the last piece can be given back.
//!
//! A call lives for microseconds and then its whole memory is dropped, so freeing is wasted work,
//! and growing the memory is the dearest thing a contract can do. Invariant: `next` only moves
//! within `[heap base, end of memory]`.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};
use core::cell::Cell;
use core::ptr::NonNull;

const PAGE: usize = 64 * 1024;

unsafe extern "C" {
    /// Where the linker placed the end of stack and data.
    static __heap_base: u8;
}

struct Bump {
    /// First free address, or 0 before the first allocation.
    next: Cell<usize>,
}

// SAFETY: a contract has one thread.
unsafe impl Sync for Bump {}

#[global_allocator]
static HEAP: Bump = Bump { next: Cell::new(0) };

impl Bump {
    /// A piece of `size` bytes. Not inlined: there are many who allocate. They know by the type
    /// that there is one, so no message about its absence is linked.
    #[inline(never)]
    fn take(&self, size: usize, align: usize) -> NonNull<u8> {
        let next = match self.next.get() {
            0 => &raw const __heap_base as usize,
            next => next,
        };
        let padding = next.wrapping_neg() & (align - 1);
        // A layout's size, padded to its alignment, is at most `isize::MAX`: this does not wrap.
        self.advance(next.checked_add(padding.wrapping_add(size)));
        // SAFETY: the heap begins behind the stack, and `advance` has refused an end that wraps.
        unsafe { NonNull::new_unchecked(next.wrapping_add(padding) as *mut u8) }
    }

    /// Takes back the last piece. Not inlined, as [`take`](Self::take).
    #[inline(never)]
    fn give_back(&self, start: usize, size: usize) {
        if start.wrapping_add(size) == self.next.get() {
            self.next.set(start);
        }
    }

    /// Moves the first free address to `end`. A contract that runs out of memory ends as one that
    /// runs out of gas does; returning null instead would link the message that the standard
    /// library has for it.
    fn advance(&self, end: Option<usize>) {
        let Some(end) = end else { core::arch::wasm32::unreachable() };
        let missing = end.div_ceil(PAGE).saturating_sub(memory_size(0));
        if missing > 0 && memory_grow(0, missing) == usize::MAX {
            core::arch::wasm32::unreachable()
        }
        self.next.set(end);
    }
}

// SAFETY: pieces never overlap, since each begins where the previous ended, and are aligned as
// asked.
unsafe impl GlobalAlloc for Bump {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.take(layout.size(), layout.align()).as_ptr()
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.give_back(pointer as usize, layout.size());
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let start = pointer as usize;
        if start.wrapping_add(layout.size()) == self.next.get() {
            self.advance(start.checked_add(size));
            return pointer;
        }
        // SAFETY: the caller's promises about `layout` and `size` are those that `alloc` needs.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            new.copy_from_nonoverlapping(pointer, layout.size().min(size));
            new
        }
    }
}
