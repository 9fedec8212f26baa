//! One transaction, executed: `(state, block, transaction) → (receipt, changes)`.

use super::settle;
use crate::error::Fault;
use crate::gas::FUEL_PER_GAS;
use crate::host::{BlockEnv, Ending, Finished, Message, Part, TraceCall, TraceKind, World};
use crate::limits::{EFFECT_BYTES, RECEIPT_BYTES};
use crate::state::{Checkpoint, Overlay};
use crate::types::{Address, Bytes, Call, Halt, Intent, Log, Receipt, U256};
use crate::vm::Permit;

/// What an execution yields besides its changes to the overlay.
#[derive(Debug)]
pub struct Executed {
    /// The receipt; its cumulative gas counts from `gas_before`.
    pub receipt: Receipt,
    /// What the transaction adds to its block at most, besides its own bytes.
    pub bytes: usize,
    /// The calls it made, if they were asked for.
    pub trace: Vec<TraceCall>,
}

/// Executes an admitted transaction over `overlay`, in a block that has used `gas_before` already.
pub fn execute(
    mut overlay: Box<Overlay>,
    block: &BlockEnv,
    permit: Permit,
    intent: &Intent,
    gas_before: u64,
    traced: bool,
) -> Result<(Box<Overlay>, Executed), Fault> {
    let price = intent.effective_gas_price(block.gas_price);
    settle::buy(&mut overlay, intent, price)?;
    let mut world = Box::new(World::new(overlay, *block, intent.sender, price, permit));
    world.trace = traced.then(Vec::new);
    let (mut world, finished, bytes) = run_all(world, intent)?;
    let gas = world.spent.report(intent.intrinsic_gas);
    let gas_used = gas.parts().iter().map(|(_, gas)| gas).sum();
    settle::settle(&mut world.overlay, intent, price, gas_used, &block.fee_recipient)?;
    world.overlay.keep();
    let (to, value, created) = subject(intent);
    let receipt = Receipt {
        transaction: intent.hash,
        kind: intent.kind,
        sender: intent.sender,
        to,
        value,
        created: created.filter(|_| finished.ending == Ending::Success),
        outcome: finished.outcome(),
        gas_used,
        cumulative_gas_used: gas_before + gas_used,
        gas_price: price,
        logs: std::mem::take(&mut world.logs),
        gas,
    };
    let World { overlay, trace, .. } = *world;
    let (bytes, trace) = (bytes + RECEIPT_BYTES, trace.unwrap_or_default());
    Ok((overlay, Executed { receipt, bytes, trace }))
}

/// What a receipt says of an intent: whom it called, the value, and the contract it may have
/// created.
fn subject(intent: &Intent) -> (Option<Address>, U256, Option<Address>) {
    let first = intent.calls.first();
    let to = first.and_then(|call| call.to);
    let created = match to {
        None => Some(intent.sender.create(intent.nonce)),
        Some(_) => None,
    };
    (to, intent.total_value().unwrap_or_default(), created)
}

/// Makes the calls of an intent, all or nothing; the result is that of the last one, or of the one
/// that failed. Also says what it all takes in a block, which is never more than [`EFFECT_BYTES`].
fn run_all(mut world: Box<World>, intent: &Intent) -> Result<(Box<World>, Finished, usize), Fault> {
    let gas = intent.gas_limit.saturating_sub(intent.intrinsic_gas);
    let mut fuel = gas.checked_mul(FUEL_PER_GAS).ok_or(Fault::Bug("gas overflowed fuel"))?;
    let checkpoint = world.overlay.checkpoint();
    let mut last = Finished { ending: Ending::Success, output: Bytes::new(), fuel_left: fuel };
    for call in &intent.calls {
        (world, last) = run_one(world, intent, call, fuel)?;
        fuel = last.fuel_left;
        if last.ending != Ending::Success {
            break;
        }
    }
    let (mut bytes, limit) = (effect_bytes(&world, checkpoint, &last), EFFECT_BYTES);
    if bytes > limit {
        world.spent.add(Part::Forfeited, last.fuel_left);
        let ending = Ending::Halted(Halt::TooLarge { bytes, limit });
        last = Finished { ending, output: Bytes::new(), fuel_left: 0 };
    }
    if last.ending != Ending::Success {
        world.overlay.revert(checkpoint);
        world.logs.clear();
        bytes = effect_bytes(&world, checkpoint, &last);
    }
    Ok((world, last, bytes))
}

/// What a transaction's changes, logs and result take in a block.
fn effect_bytes(world: &World, checkpoint: Checkpoint, finished: &Finished) -> usize {
    /// An address and lengths.
    const LOG_BYTES: usize = 32;
    let log = |log: &Log| LOG_BYTES + log.topics().len() * 33 + log.data.data.len();
    let logs: usize = world.logs.iter().map(log).sum();
    let result = match &finished.ending {
        Ending::Halted(halt) => halt.to_string().len(),
        Ending::Success | Ending::Reverted => finished.output.len(),
    };
    world.overlay.bytes_since(checkpoint) + logs + result
}

fn run_one(
    mut world: Box<World>,
    intent: &Intent,
    call: &Call,
    fuel: u64,
) -> Result<(Box<World>, Finished), Fault> {
    let (caller, value) = (intent.sender, call.value);
    let (part, price) = match call.to {
        Some(target) => (Part::Calls, Some(world.loading_price(&target)?)),
        None => (Part::Code, world.code_price(&call.input, fuel)?),
    };
    let Some((price, rest)) = price.and_then(|price| Some((price, fuel.checked_sub(price)?)))
    else {
        world.spent.add(Part::Forfeited, fuel);
        return Ok((world, Finished::out_of_gas()));
    };
    world.spent.add(part, price);
    if let Some(target) = call.to {
        let input = call.input.clone();
        let message = Message { kind: TraceKind::Call, caller, target, value, input, fuel: rest };
        let (world, finished) = world.call(message, false);
        return Ok((world, finished?));
    }
    let prepared = match world.prepare(&call.input)? {
        Ok(prepared) => prepared,
        Err(reason) => return Ok((world, Finished::refused(reason, rest))),
    };
    let target = caller.create(intent.nonce);
    let input = prepared.arguments.clone();
    let message = Message { kind: TraceKind::Create, caller, target, value, input, fuel: rest };
    let (world, finished) = world.create(message, prepared);
    Ok((world, finished?))
}
