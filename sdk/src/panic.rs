//! What a Rust panic becomes: Solidity's `Panic(uint256)`, so that every tool recognises it. The
//! code follows from how the message begins, on wasm32 and natively alike:
//!
//! | message | who writes it | code |
//! | --- | --- | --- |
//! | "attempt to divide by zero", "attempt to calculate the remainder with a divisor of zero" | rustc | 0x12 |
//! | any other "attempt to ...", as in "attempt to add with overflow" | rustc | 0x11 |
//! | "index out of bounds ...", "range ...", "slice index ..." | core, of `[]` | 0x32 |
//! | anything else: `assert!`, `assert_eq!`, `panic!`, `unwrap`, `expect`, `unreachable!` | | 0x01 |
//!
//! What the SDK itself checks ([`U256`](crate::U256), [`List`](crate::storage::List), memory) ends
//! the call with the same codes and no message. So a contract that computes in `U256` and indexes
//! nothing links none of this.
//!
//! On wasm32 this is the panic handler. A message of one static piece is compared as it is. One
//! with arguments is written, to a writer that takes its first piece and ends the call there: so
//! `core::fmt::write` is linked, and none of what formats the arguments. With `--cfg florin_dev`
//! the handler reverts with `Error(string)` holding message, file and line instead.

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

/// The code for a panic message, or for its first piece.
fn code_of(message: &str) -> u8 {
    const BOUNDS: [&str; 3] = ["index out of bounds", "range ", "slice index "];
    match message.strip_prefix("attempt to ") {
        Some(what) if what.ends_with("zero") => code::DIVISION,
        Some(_) => code::OVERFLOW,
        None if BOUNDS.iter().any(|start| message.starts_with(start)) => code::BOUNDS,
        None => code::OTHER,
    }
}

/// The revert data for a panic caught natively.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn revert_data(message: &str) -> [u8; 36] {
    panic_data(code_of(message))
}

#[cfg(all(target_arch = "wasm32", not(florin_dev)))]
#[panic_handler]
fn handle(info: &core::panic::PanicInfo<'_>) -> ! {
    /// Ends the call at the first piece of a message.
    struct First;
    impl core::fmt::Write for First {
        fn write_str(&mut self, piece: &str) -> core::fmt::Result {
            fail(code_of(piece))
        }
        // Only so that the default, which encodes UTF-8, is not linked.
        fn write_char(&mut self, _: char) -> core::fmt::Result {
            fail(code::OTHER)
        }
    }
    let message = info.message();
    if let Some(text) = message.as_str() {
        fail(code_of(text));
    }
    // It does not come back, unless the message is empty.
    let _ = core::fmt::write(&mut First, format_args!("{message}"));
    fail(code::OTHER)
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
