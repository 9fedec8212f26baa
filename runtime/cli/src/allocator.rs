//! The allocator that serves the binary, and the benchmark.
//!
//! Payments make many small objects in one thread and drop them in another, for which the system's
//! allocator takes a third of the time of an execution.

/// mimalloc's `mi_option_purge_delay`, by its place in the list of its header; the crate has no names.
const PURGE_DELAY: std::ffi::c_int = 15;
/// Its value for: never.
const NEVER: std::ffi::c_long = -1;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keeps memory that was used once, for a process that serves: to give it back and to get it again,
/// cleared, took a sixth of a node's time. `MIMALLOC_PURGE_DELAY` in the environment says otherwise. Call it
/// while there is one thread.
pub fn keep_memory() {
    // SAFETY: sets a number that only the allocator reads; no other thread runs yet.
    #[allow(unsafe_code)]
    unsafe {
        libmimalloc_sys::mi_option_set_default(PURGE_DELAY, NEVER)
    };
}
