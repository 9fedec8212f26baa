//! From the state as of one block to the state as of the next. The same function serves a commit,
//! opening a state that is behind, and building it from scratch.
//!
//! Invariant: a block applies to the state it was made for, or not at all.

use super::{
    commitment::Commitment,
    error::{Refusal, Result},
    journal::Position,
    schema::{Counts, Head},
};
use crate::crypto::keccak256;
use crate::types::{Account, B256, Block, BlockBody, Bytes, Receipt, StateKey, Write};
use alloy_primitives::map::B256Set;

/// Checks that a block follows `head` (`None` before genesis) and leads to the state that its
/// header commits to. `commitment` is what the writes lead to, if it is already known.
/// `check_before` compares what the writes start from with what is there; a block out of the
/// journal does not need that: writes that start from other values lead elsewhere.
pub(super) fn check(
    head: Option<&Head>,
    block: &Block,
    commitment: Option<Commitment>,
    check_before: impl FnOnce() -> Result<()>,
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
    check_transactions(&body.receipts, &body.transactions)?;
    check_writes(&body.writes)?;
    check_before()?;
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

/// A transaction is in a block once; that it is in no other is for its nonce.
fn check_transactions(receipts: &[Receipt], transactions: &[Bytes]) -> Result<()> {
    if transactions.len() != receipts.len() {
        let (transactions, receipts) = (transactions.len(), receipts.len());
        return Err(Refusal::Receipts { transactions, receipts }.into());
    }
    let mut seen = B256Set::default();
    match receipts.iter().position(|receipt| !seen.insert(receipt.transaction)) {
        Some(index) => Err(Refusal::Transaction { index }.into()),
        None => Ok(()),
    }
}

fn check_writes(writes: &[Write]) -> Result<()> {
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
    }
    Ok(())
}

/// Checks that writes start from the values that are there: `is_there` compares.
pub(super) fn check_before(
    writes: &[Write],
    is_there: impl Fn(&StateKey, &Option<Bytes>) -> Result<bool>,
) -> Result<()> {
    for (index, write) in writes.iter().enumerate() {
        if !is_there(&write.key, &write.before)? {
            return Err(Refusal::Before { index }.into());
        }
    }
    Ok(())
}

/// What the state amounts to after a checked block.
pub(super) fn advance(
    head: Option<&Head>,
    block: &Block,
    position: Position,
    commitment: Commitment,
) -> Head {
    let Block { header, hash, body: BlockBody { writes, receipts, .. } } = block;
    let mut counts = head.map(|head| head.counts).unwrap_or_default();
    for write in writes.iter() {
        let Counts { accounts, storage, code, .. } = &mut counts;
        let count = match write.key {
            StateKey::Account(_) => accounts,
            StateKey::Storage(..) => storage,
            StateKey::Code(_) => code,
        };
        // What goes was there, or the state does not amount to what is said of it.
        *count = (*count + u64::from(write.after.is_some()))
            .saturating_sub(u64::from(write.before.is_some()));
    }
    counts.transactions += receipts.len() as u64;
    counts.logs += receipts.iter().map(|receipt| receipt.logs.len() as u64).sum::<u64>();
    Head { number: header.number, hash: *hash, position, commitment, counts }
}
