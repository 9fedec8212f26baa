//! From the state as of one block to the state as of the next. The same function serves a commit,
//! the catching up of a state that is behind, and building it from scratch.
//!
//! Invariant: a block applies to the state it was made for, or not at all.

use super::{
    commitment::Commitment,
    error::{Refusal, Result},
    index::index_entries,
    journal::Position,
    schema::{Counts, Entry, Head, state_key, transaction_key},
};
use crate::crypto::keccak256;
use crate::types::{Account, B256, Block, BlockBody, Bytes, StateKey, Write};
use std::collections::HashSet;

/// Checks that a block follows `head` (`None` before genesis), of whose state `read` yields the
/// values. `commitment` is what the writes lead to, if it is already known.
pub(super) fn check(
    head: Option<&Head>,
    block: &Block,
    commitment: Option<Commitment>,
    read: impl Fn(&[u8]) -> Result<Option<Bytes>>,
) -> Result<Commitment> {
    let Block { header, hash, body } = block;
    let expected = head.map_or(0, |head| head.number + 1);
    if header.number != expected {
        return Err(Refusal::Number { expected, found: header.number }.into());
    }
    let expected = head.map_or(B256::ZERO, |head| head.hash);
    if header.parent_hash != expected {
        return Err(Refusal::Parent { expected, found: header.parent_hash }.into());
    }
    let expected = header.hash_slow();
    if *hash != expected {
        return Err(Refusal::Hash { expected, found: *hash }.into());
    }
    check_transactions(block, &read)?;
    check_writes(&body.writes, &read)?;
    let commitment = commitment.unwrap_or_else(|| {
        let mut commitment = head.map(|head| head.commitment.clone()).unwrap_or_default();
        commitment.apply(&body.writes);
        commitment
    });
    let expected = commitment.digest();
    if header.state_root != expected {
        return Err(Refusal::Commitment { expected, found: header.state_root }.into());
    }
    Ok(commitment)
}

/// A transaction is in one block only, or its index entry would be ambiguous.
fn check_transactions(block: &Block, read: &impl Fn(&[u8]) -> Result<Option<Bytes>>) -> Result<()> {
    let BlockBody { transactions, receipts, .. } = &block.body;
    if transactions.len() != receipts.len() {
        let (transactions, receipts) = (transactions.len(), receipts.len());
        return Err(Refusal::Receipts { transactions, receipts }.into());
    }
    let mut seen = HashSet::new();
    for (index, receipt) in receipts.iter().enumerate() {
        let again = !seen.insert(receipt.transaction)
            || read(&transaction_key(&receipt.transaction))?.is_some();
        if again {
            return Err(Refusal::Transaction { index }.into());
        }
    }
    Ok(())
}

fn check_writes(writes: &[Write], read: &impl Fn(&[u8]) -> Result<Option<Bytes>>) -> Result<()> {
    for (index, write) in writes.iter().enumerate() {
        let in_order = index == 0 || writes[index - 1].key < write.key;
        if !in_order || write.before == write.after {
            return Err(Refusal::Order { index }.into());
        }
        let fits = match (&write.key, &write.after) {
            (StateKey::Account(_), Some(value)) => Account::from_bytes(value).is_some(),
            (StateKey::Code(hash), Some(module)) => keccak256(module) == *hash,
            _ => true,
        };
        if !fits {
            return Err(Refusal::Value { index }.into());
        }
        if read(&state_key(&write.key))? != write.before {
            return Err(Refusal::Before { index }.into());
        }
    }
    Ok(())
}

/// What a checked block changes in the tree.
pub(super) fn transition(
    head: Option<&Head>,
    block: &Block,
    position: Position,
    commitment: Commitment,
) -> (Vec<Entry>, Head) {
    let mut head = Head {
        number: block.header.number,
        hash: block.hash,
        position,
        commitment,
        index: head.map(|head| head.index).unwrap_or_default(),
        counts: head.map(|head| head.counts).unwrap_or_default(),
    };
    let mut entries = Vec::new();
    for write in &block.body.writes {
        let Counts { accounts, storage, code, .. } = &mut head.counts;
        let count = match write.key {
            StateKey::Account(_) => accounts,
            StateKey::Storage(..) => storage,
            StateKey::Code(_) => code,
        };
        // `check` made sure that what goes was there.
        *count = *count + u64::from(write.after.is_some()) - u64::from(write.before.is_some());
        entries.push((state_key(&write.key), write.after.as_ref().map(|after| after.to_vec())));
    }
    for (key, value) in index_entries(block, position) {
        head.index.add(&key, &value);
        head.counts.index += 1;
        entries.push((key, Some(value)));
    }
    let receipts = &block.body.receipts;
    head.counts.transactions += receipts.len() as u64;
    head.counts.logs += receipts.iter().map(|receipt| receipt.logs.len() as u64).sum::<u64>();
    (entries, head)
}
