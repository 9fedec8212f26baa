//! Custom errors: what a reverting method tells its caller.

use alloc::vec::Vec;

/// A type whose values are Solidity custom errors; derive it: `#[derive(Error)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a contract error",
    label = "cannot be given to a caller as the reason of a revert",
    note = "declare an enum with one variant per error and put #[derive(Error)] on it"
)]
pub trait Error: Sized {
    /// The errors as the ABI lists them.
    #[doc(hidden)]
    const LIST: ErrorList;
    /// The revert data: selector and arguments.
    fn encode(&self) -> Vec<u8>;
    /// The error in revert data, if it is one of these.
    fn decode(data: &[u8]) -> Option<Self>;
}

/// The ABI JSON of an error type's errors.
#[doc(hidden)]
pub struct ErrorList {
    /// Those it declares.
    pub own: &'static [&'static str],
    /// Those of the error types it wraps.
    pub nested: &'static [&'static ErrorList],
}

/// The revert data of Solidity's `Error(string)`, selector 0x08c379a0.
pub fn error_string(message: &str) -> Vec<u8> {
    let mut data = alloc::vec![0x08, 0xc3, 0x79, 0xa0];
    crate::abi::Encoder::frame(&mut data, 32, |to| to.bytes(message.as_bytes()));
    data
}

/// Returns `Err(error)` from the method unless `condition` holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $error:expr $(,)?) => {
        if !$condition {
            return ::core::result::Result::Err(::core::convert::From::from($error));
        }
    };
}
