//! What a transaction of a test did, and what the test expects of it.

use super::trace::Names;
use crate::call::CallError;
use crate::error::Error;
use crate::event::Event;
use florin_runtime::types::{Log, Outcome, Receipt};
use std::sync::Arc;

/// A transaction that is in a block.
#[must_use = "say what is expected: `.succeeds()`, `.reverts_with(..)`, `.reverts()` or `.halts()`"]
pub struct Sent<R> {
    receipt: Receipt,
    names: Arc<Names>,
    tree: String,
    decode: Box<dyn Fn(&[u8]) -> Result<R, CallError>>,
}

impl<R> Sent<R> {
    pub(super) fn new(
        receipt: Receipt,
        names: Arc<Names>,
        tree: String,
        decode: Box<dyn Fn(&[u8]) -> Result<R, CallError>>,
    ) -> Self {
        Sent { receipt, names, tree, decode }
    }

    /// Its receipt.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The gas it paid for.
    pub fn gas(&self) -> u64 {
        self.receipt.gas_used
    }

    /// The tree of its calls: who called what with which arguments, the gas, and how each ended.
    pub fn trace(&self) -> &str {
        &self.tree
    }

    /// The events of a type that it left, of whatever contract, in order.
    pub fn events<E: Event>(&self) -> Vec<E> {
        let read = |log: &Log| {
            let topics: Vec<[u8; 32]> = log.topics().iter().map(|topic| topic.0).collect();
            E::read(&topics, &log.data.data)
        };
        self.receipt.logs.iter().filter_map(read).collect()
    }

    /// What the call returned; it must have succeeded.
    #[track_caller]
    pub fn succeeds(self) -> R {
        match &self.receipt.outcome {
            Outcome::Success { output } => (self.decode)(output)
                .unwrap_or_else(|error| self.fail(&format!("it returned garbage: {error:?}"))),
            _ => self.fail("it should have succeeded"),
        }
    }

    /// It must have reverted with this error.
    #[track_caller]
    pub fn reverts_with<E: Error>(self, expected: E) {
        let expected = expected.encode();
        match &self.receipt.outcome {
            Outcome::Reverted { output } if **output == expected => {}
            _ => {
                let mut names = Names::clone(&self.names);
                names.add_errors(&E::LIST);
                let expected = names.reason(&expected.into());
                self.fail(&format!("it should have reverted with {expected}"))
            }
        }
    }

    /// The error it reverted with, if it did with one of this type.
    pub fn error<E: Error>(&self) -> Option<E> {
        match &self.receipt.outcome {
            Outcome::Reverted { output } => E::decode(output),
            _ => None,
        }
    }

    /// It must have reverted; returns the revert data.
    #[track_caller]
    pub fn reverts(self) -> Vec<u8> {
        match &self.receipt.outcome {
            Outcome::Reverted { output } => output.to_vec(),
            _ => self.fail("it should have reverted"),
        }
    }

    /// It must have been halted by the host; returns why, in words.
    #[track_caller]
    pub fn halts(self) -> String {
        match &self.receipt.outcome {
            Outcome::Halted { halt } => halt.to_string(),
            _ => self.fail("it should have been halted"),
        }
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        panic!("{what}; it did this:\n{}", self.tree)
    }
}
