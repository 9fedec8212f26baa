//! Vectors of eight numbers of 64 bits, on processors that have AVX-512 with IFMA (Intel since Ice
//! Lake, AMD since Zen 4).
//!
//! Invariant: an [`Available`] exists only where the processor has the instructions, so whoever has
//! one may call what is compiled for them.

use std::arch::x86_64::__m512i;

/// Numbers in a vector.
pub const LANES: usize = 8;

/// Shows that this processor has AVX-512 F, DQ and IFMA.
#[derive(Debug, Clone, Copy)]
pub struct Available(());

impl Available {
    /// `None` if it has not.
    pub fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512ifma");
        has_all.then_some(Available(()))
    }
}

/// A vector of these numbers.
#[allow(unsafe_code)]
#[inline]
pub fn vector(lanes: [u64; LANES]) -> __m512i {
    // SAFETY: both are 64 bytes, and any are right.
    unsafe { std::mem::transmute(lanes) }
}

/// The numbers of a vector.
#[allow(unsafe_code)]
#[inline]
pub fn lanes(vector: __m512i) -> [u64; LANES] {
    // SAFETY: both are 64 bytes, and any are right.
    unsafe { std::mem::transmute(vector) }
}

/// Says that a test looked at less than it could, past libtest, which hides what passing tests say.
#[cfg(test)]
pub fn say_skipped(what: &str) {
    use std::io::Write;
    let line = format!("SKIPPED: {what}: this processor has no AVX-512 IFMA\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
