//! The host functions, as plain methods that know no WebAssembly engine.
//!
//! [`Host`] is one running call: its own [`Frame`] and the [`World`] that all calls of the transaction share. The
//! functions of `florin_abi`'s table are its methods, a file for each group, over two ports: guest
//! memory ([`GuestMemory`]) and state ([`crate::state::StateView`], through the world's overlay).
//!
//! Invariant: every function charges, then checks, then acts.

mod context;
mod crypto;
mod logs;
mod memory;
mod meter;
mod storage;
mod value;
mod world;

pub use memory::{GuestMemory, LinearMemory};
pub use meter::{Part, Spent};
pub use value::module_price;
pub use world::{BlockEnv, Ending, Finished, HOST_ERRORS, Message, TraceCall, TraceKind, World};

use crate::error::Fault;
use crate::limits::EXECUTION_MEMORY_BYTES;
use crate::types::{Address, Bytes, Halt, U256};

/// Why a host function does not return to its contract.
#[derive(Debug)]
pub enum Exit {
    /// The contract reverts with this reason.
    Revert(Bytes),
    /// The contract is stopped.
    Halt(Halt),
    /// The host stops.
    Fault(Fault),
}

impl From<Fault> for Exit {
    fn from(fault: Fault) -> Self {
        Exit::Fault(fault)
    }
}

/// What is one call's own.
#[derive(Debug)]
pub struct Frame {
    /// The contract that runs, and whose storage it is.
    pub address: Address,
    /// Who called it.
    pub caller: Address,
    /// Native value sent along.
    pub value: U256,
    /// Whether state must not change.
    pub is_static: bool,
    /// What the call was given.
    pub input: Bytes,
    /// What it returns or reverts with.
    pub output: Bytes,
    /// What its last nested call returned.
    pub returned: Bytes,
    /// What is left to spend.
    pub fuel: u64,
    /// Bytes of linear memory it holds.
    pub memory: usize,
}

/// One running call.
pub struct Host {
    /// What is its own.
    pub frame: Frame,
    /// What it shares with the other calls of the transaction; away while a nested call runs.
    world: Option<Box<World>>,
}

impl Host {
    /// A call about to run.
    pub fn new(frame: Frame, world: Box<World>) -> Self {
        Host { frame, world: Some(world) }
    }

    /// The call is over.
    pub fn finish(mut self) -> (Frame, Box<World>) {
        let world = self.take_world();
        (self.frame, world)
    }

    fn world(&mut self) -> &mut World {
        self.world.as_mut().expect("the world is only away while a nested call runs")
    }

    fn take_world(&mut self) -> Box<World> {
        self.world.take().expect("the world is only away while a nested call runs")
    }

    /// Spends `fuel`, or ends the call if there is less.
    pub fn charge(&mut self, part: Part, fuel: u64) -> Result<(), Exit> {
        match self.frame.fuel.checked_sub(fuel) {
            Some(rest) => {
                self.frame.fuel = rest;
                self.world().spent.add(part, fuel);
                Ok(())
            }
            None => Err(Exit::Halt(Halt::OutOfGas)),
        }
    }

    /// Takes more memory for this call, until it ends; `false`, and nothing taken, if the
    /// transaction's running calls would hold too much.
    pub fn hold_memory(&mut self, bytes: usize) -> bool {
        let held = self.world().held_memory + bytes;
        let allowed = held <= EXECUTION_MEMORY_BYTES;
        if allowed {
            self.world().held_memory = held;
            self.frame.memory += bytes;
        }
        allowed
    }

    /// Takes over what the engine's own meter says is left.
    pub fn set_fuel(&mut self, left: u64) {
        let used = self.frame.fuel.saturating_sub(left);
        self.world().spent.add(Part::Compute, used);
        self.frame.fuel = left;
    }

    fn deny_static(&self, what: &str) -> Result<(), Exit> {
        match self.frame.is_static {
            true => Err(Exit::Halt(Halt::StaticViolation(what.into()))),
            false => Ok(()),
        }
    }
}
