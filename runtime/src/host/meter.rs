//! The meter: what is left of a call's gas, and what the transaction's gas went into.

use crate::gas::FUEL_PER_GAS;
use crate::types::GasReport;

/// What gas is used for; the parts of a [`GasReport`] that accrue while contracts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Instructions and starting instances.
    Compute,
    /// Memory and tables.
    Memory,
    /// Input, output, context, hashes, signatures.
    Host,
    /// Storage.
    Storage,
    /// Logs.
    Logs,
    /// Value, calls, creations.
    Calls,
    /// New code.
    Code,
    /// What a halted call had left.
    Forfeited,
}

/// Fuel spent by a transaction, by part.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent([u64; 8]);

impl Spent {
    /// Adds to a part.
    pub fn add(&mut self, part: Part, fuel: u64) {
        self.0[part as usize] += fuel;
    }

    /// Everything spent.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The report in gas. Each part is rounded down and compute takes what rounding leaves, so that
    /// the parts add up to the gas that is paid for.
    pub fn report(&self, intrinsic: u64) -> GasReport {
        let [compute, memory, host, storage, logs, calls, code, forfeited] =
            self.0.map(|fuel| fuel / FUEL_PER_GAS);
        let others = memory + host + storage + logs + calls + code + forfeited;
        debug_assert!(compute + others <= self.total().div_ceil(FUEL_PER_GAS));
        let compute = self.total().div_ceil(FUEL_PER_GAS) - others;
        GasReport { intrinsic, compute, memory, host, storage, logs, calls, code, forfeited }
    }
}
