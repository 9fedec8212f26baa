//! The exit codes of `florin`, all of them, so that scripts can tell one failure from another.

use std::fmt;

/// How the program ends when it does not succeed. Bad usage is 2 and ends in clap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Anything that has no code of its own.
    Failure = 1,
    /// The transaction was refused; it is in no block and cost nothing.
    Rejected = 3,
    /// The transaction is in a block, was paid for, and took no effect.
    Reverted = 4,
    /// Another process has the ledger open.
    Locked = 5,
    /// The ledger's files are damaged; the message says what to do.
    Damaged = 6,
}

impl Exit {
    /// An error that ends the program with this code.
    pub fn because(self, message: impl fmt::Display) -> anyhow::Error {
        Coded { exit: self, message: message.to_string() }.into()
    }

    /// The code an error asks for.
    pub fn of(error: &anyhow::Error) -> Exit {
        let coded = error.chain().find_map(|cause| cause.downcast_ref::<Coded>());
        coded.map_or(Exit::Failure, |coded| coded.exit)
    }
}

/// A message with an exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Coded {
    exit: Exit,
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found_under_context() {
        let error = Exit::Locked.because("in use").context("opening the ledger");
        assert_eq!(Exit::of(&error), Exit::Locked);
        assert_eq!(Exit::of(&anyhow::anyhow!("other")), Exit::Failure);
    }
}
