//! What a Rust panic becomes: Solidity's `Panic(uint256)`, so that every tool recognises it.
//!
//! On wasm32 this is the panic handler. It compares the static message only, never formats, so no formatting machinery
//! is linked. With `--cfg florin_dev` it reverts with `Error(string)` holding message, file and line instead.

/// Solidity's panic codes that a contract can end with.
pub mod code {
    /// Anything else: a failed assertion, `unwrap`, `unreachable!`.
    pub const OTHER: u8 = 0x01;
    /// Arithmetic overflow or underflow.
    pub const OVERFLOW: u8 = 0x11;
    /// Division by zero.
    pub const DIVISION: u8 = 0x12;
    /// Stored bytes that are not what the contract's types say.
    pub const STORAGE: u8 = 0x22;
    /// An index or a range out of bounds.
    pub const BOUNDS: u8 = 0x32;
}

/// The ABI encoding of `Panic(code)`: the selector 0x4e487b71 and one word.
pub(crate) const fn panic_data(code: u8) -> [u8; 36] {
    let mut data = [0; 36];
    [data[0], data[1], data[2], data[3]] = [0x4e, 0x48, 0x7b, 0x71];
    data[35] = code;
    data
}

/// Ends the call with `Panic(code)`.
#[cold]
#[inline(never)]
pub(crate) fn fail(code: u8) -> ! {
    #[cfg(not(target_arch = "wasm32"))]
    if !crate::native::is_hosted() {
        match code {
            code::OVERFLOW => panic!("attempt to compute with overflow"),
            code::DIVISION => panic!("attempt to divide by zero"),
            _ => panic!("Panic({code:#04x})"),
        }
    }
    match crate::host::revert(&panic_data(code)) {}
}

/// The code for a panic message that rustc or core wrote: "attempt to add with overflow", "attempt to divide by zero",
/// "attempt to calculate the remainder with a divisor of zero" and the like.
fn code_of(message: &str) -> u8 {
    match message.strip_prefix("attempt to ") {
        Some(what) if what.ends_with("zero") => code::DIVISION,
        Some(_) => code::OVERFLOW,
        None => code::OTHER,
    }
}

/// The revert data for a panic caught natively.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn revert_data(message: &str) -> [u8; 36] {
    let bounds = message.starts_with("index out of bounds") || message.starts_with("range ");
    panic_data(if bounds { code::BOUNDS } else { code_of(message) })
}

#[cfg(all(target_arch = "wasm32", not(florin_dev)))]
#[panic_handler]
fn handle(info: &core::panic::PanicInfo<'_>) -> ! {
    // A message with arguments is left unread, for reading it would link core::fmt. In core those are the indices and
    // ranges out of bounds, and `unwrap` of an `Err`.
    fail(match info.message().as_str() {
        Some(message) => code_of(message),
        None => code::BOUNDS,
    })
}

#[cfg(all(target_arch = "wasm32", florin_dev))]
#[panic_handler]
fn handle(info: &core::panic::PanicInfo<'_>) -> ! {
    let text = match info.location() {
        Some(at) => alloc::format!("{}, at {}:{}", info.message(), at.file(), at.line()),
        None => alloc::format!("{}", info.message()),
    };
    match crate::host::revert(&crate::error::error_string(&text)) {}
}
