//! Traces, in the shapes of geth's tracers and in one of our own.

use alloy_primitives::{B256, U256, keccak256};
use alloy_rpc_types_trace::geth::{
    AccountState, CallConfig, CallFrame, CallLogFrame, DiffMode, PreStateConfig, PreStateFrame,
    PreStateMode,
};
use alloy_sol_types::decode_revert_reason;
use florin_runtime::host::{TraceCall, TraceKind};
use florin_runtime::types::{Account, Address, Bytes, Halt, Outcome, Receipt, StateKey, Write};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The calls as geth's `callTracer` shows them: a tree, whose root has the gas of the transaction.
/// A migration is shown as a call, since it runs a contract's code on its own behalf.
pub fn call_frames(
    trace: &[TraceCall],
    receipt: &Receipt,
    gas_limit: u64,
    config: CallConfig,
) -> CallFrame {
    let with_log = config.with_log.unwrap_or_default();
    let mut root = match trace.is_empty() {
        true => CallFrame::default(),
        false => tree(trace, &mut 0, with_log).0,
    };
    if config.only_top_call.unwrap_or_default() {
        root.calls.clear();
    }
    // The transaction's own gas has what it costs before it runs in it.
    (root.gas, root.gas_used) = (U256::from(gas_limit), U256::from(receipt.gas_used));
    let outcome = Some(&receipt.outcome);
    (root.output, root.error, root.revert_reason) = ending(outcome);
    if let (TraceKind::Create, Some(_)) = (first_kind(trace), receipt.created) {
        root.to = receipt.created;
    }
    root
}

fn first_kind(trace: &[TraceCall]) -> TraceKind {
    trace.first().map_or(TraceKind::Call, |call| call.kind)
}

/// The call at `next` with those that it made, and how many of their logs stand; `next` is then the
/// call after them. Calls nest 64 deep at most, and so does this.
fn tree(trace: &[TraceCall], next: &mut usize, with_log: bool) -> (CallFrame, usize) {
    let call = &trace[*next];
    *next += 1;
    let mut root = frame(call);
    let (mut own, mut index) = (call.logs.iter(), call.logs_before);
    let mut put = |root: &mut CallFrame, index: &mut usize, until: usize| {
        for log in own.by_ref().take(until.saturating_sub(*index)) {
            root.logs.push(CallLogFrame {
                address: Some(log.address),
                topics: Some(log.topics().to_vec()),
                data: Some(log.data.data.clone()),
                position: Some(root.calls.len() as u64),
                index: Some(*index as u64),
            });
            *index += 1;
        }
    };
    while let Some(inner) = trace.get(*next).filter(|inner| inner.depth > call.depth) {
        // Its own logs until then come first.
        put(&mut root, &mut index, inner.logs_before);
        let (inner, logs) = tree(trace, next, with_log);
        index += logs;
        root.calls.push(inner);
    }
    put(&mut root, &mut index, usize::MAX);
    if root.error.is_some() {
        undo(&mut root);
        index = call.logs_before;
    }
    if !with_log {
        root.logs.clear();
    }
    (root, index - call.logs_before)
}

/// Takes the logs of a call that was undone, and of those that it made.
fn undo(frame: &mut CallFrame) {
    frame.logs.clear();
    frame.calls.iter_mut().for_each(undo);
}

fn frame(call: &TraceCall) -> CallFrame {
    let (output, error, revert_reason) = ending(call.outcome.as_ref());
    let kind = match call.kind {
        TraceKind::Call | TraceKind::Migrate => "CALL",
        TraceKind::StaticCall => "STATICCALL",
        TraceKind::Create => "CREATE",
    };
    let is_static = call.kind == TraceKind::StaticCall;
    CallFrame {
        from: call.caller,
        gas: U256::from(call.gas),
        gas_used: U256::from(call.gas_used),
        to: Some(call.target),
        input: call.input.clone(),
        output,
        error,
        revert_reason,
        value: (!is_static).then_some(call.value),
        typ: kind.to_owned(),
        ..CallFrame::default()
    }
}

/// Output, error and reason, as geth words them.
fn ending(outcome: Option<&Outcome>) -> (Option<Bytes>, Option<String>, Option<String>) {
    match outcome {
        None => (None, None, None),
        Some(Outcome::Success { output }) => {
            (Some(output.clone()).filter(|output| !output.is_empty()), None, None)
        }
        Some(Outcome::Reverted { output }) => {
            let error = Some("execution reverted".to_owned());
            let reason = decode_revert_reason(output);
            (Some(output.clone()).filter(|output| !output.is_empty()), error, reason)
        }
        Some(Outcome::Halted { halt: Halt::OutOfGas }) => {
            (None, Some("out of gas".to_owned()), None)
        }
        Some(Outcome::Halted { halt }) => (None, Some(halt.to_string()), None),
    }
}

/// The calls with all that is known of them, in the order in which they began: what used the gas,
/// what was printed, and what each ended with.
pub fn host_frames(trace: &[TraceCall], receipt: &Receipt) -> Value {
    let gas: BTreeMap<_, _> = receipt.gas.parts().into_iter().collect();
    json!({
        "outcome": receipt.outcome,
        "gasUsed": receipt.gas_used,
        "gas": gas,
        "calls": trace,
    })
}

/// What an execution looked at.
type Touched = (Vec<(Address, Account)>, Vec<(Address, Bytes, Option<Bytes>)>);

/// The state that an execution looked at, as it was before, as geth's `prestateTracer` shows it; and
/// in its diff mode what `writes` made of it.
pub fn prestate(
    touched: Touched,
    writes: &[Write],
    mut module: impl FnMut(B256) -> Option<Bytes>,
    config: &PreStateConfig,
) -> PreStateFrame {
    let (accounts, storage) = touched;
    let with_storage = !config.disable_storage.unwrap_or_default();
    let with_code = !config.disable_code.unwrap_or_default();
    let mut state = |account: &Account| {
        let code =
            (with_code && account.is_contract()).then(|| module(account.code_hash)).flatten();
        AccountState::from_account_info(account.nonce, account.balance, code)
    };
    let mut pre: BTreeMap<Address, AccountState> =
        accounts.iter().map(|(address, account)| (*address, state(account))).collect();
    for (address, key, value) in storage.iter().filter(|_| with_storage) {
        let entry = pre.entry(*address).or_default();
        entry.storage.insert(word(key), value.as_ref().map_or(B256::ZERO, word));
    }
    if !config.diff_mode.unwrap_or_default() {
        return PreStateMode(pre).into();
    }
    let mut post = pre.clone();
    for Write { key, after, .. } in writes {
        match key {
            StateKey::Account(address) => {
                let account = after.as_ref().and_then(|bytes| Account::from_bytes(bytes));
                let mut changed = state(&account.unwrap_or_default());
                changed.storage = post.remove(address).map(|old| old.storage).unwrap_or_default();
                post.insert(*address, changed);
            }
            StateKey::Storage(address, key) if with_storage => {
                let value = after.as_ref().map_or(B256::ZERO, word);
                post.entry(*address).or_default().storage.insert(word(key), value);
            }
            StateKey::Storage(..) | StateKey::Code(_) => {}
        }
    }
    // Of what changed, all that it was before; of what it is now, only what is different.
    pre.retain(|address, old| post.get(address) != Some(old));
    post.retain(|address, _| pre.contains_key(address));
    for (address, new) in &mut post {
        let Some(old) = pre.get_mut(address) else { continue };
        let unchanged = |key: &B256, value: &B256| old.storage.get(key) == Some(value);
        let same: Vec<B256> = new
            .storage
            .iter()
            .filter(|(key, value)| unchanged(key, value))
            .map(|(key, _)| *key)
            .collect();
        for key in same {
            new.storage.remove(&key);
            old.storage.remove(&key);
        }
        new.remove_matching_account_info(old);
    }
    let mut diff = DiffMode { post, pre };
    diff.remove_zero_storage_values();
    diff.into()
}

/// A key or value in 32 bytes: itself if it has so many, else its keccak-256. The trace of our own
/// has them whole.
fn word(bytes: &Bytes) -> B256 {
    B256::try_from(&bytes[..]).unwrap_or_else(|_| keccak256(bytes))
}
