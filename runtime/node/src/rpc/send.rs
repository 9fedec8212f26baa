//! Signed transactions into blocks.

use super::REJECTED;
use crate::connection::Connection;
use crate::ethereum;
use crate::limits::{IN_FLIGHT_PER_CONNECTION, NONCE_PATIENCE, SYNC_TIMEOUT, SYNC_TIMEOUT_MAX};
use crate::node::Node;
use crate::pool::{Sealing, SendError, Sent};
use alloy_primitives::{B256, Bytes, U64};
use alloy_rpc_types_eth::TransactionReceipt;
use florin_runtime::senders::Source;
use florin_runtime::{Located, SubmitError};
use jsonrpsee::core::RpcResult;
use jsonrpsee::types::ErrorObjectOwned;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

/// EIP-7966: it was taken, but is in no block yet.
const NOT_IN_TIME: i32 = 4;
/// EIP-7966: it cannot be executed yet, since an earlier nonce is missing.
const NONCE_GAP: i32 = 6;

async fn send(node: &Node, connection: &Connection, transaction: Bytes) -> RpcResult<Sent> {
    check(node)?;
    let ledger = node.ledger();
    let Ok(_room) = connection.room.try_acquire() else {
        let message = format!(
            "this connection has {IN_FLIGHT_PER_CONNECTION} transactions on their way; wait for an answer"
        );
        return Err(ErrorObjectOwned::owned(ethereum::LIMIT_EXCEEDED, message, None::<()>));
    };
    let hint = connection.signer(&transaction);
    let sent = ledger.pool.send(transaction, hint, connection.source, node.sealing()).await;
    let sent = sent.map_err(|error| refused(node, error))?;
    if let (Sent::Parked { hash, missing: None }, Sealing::OnDemand) = (&sent, node.sealing()) {
        let _ = node.parked.send(*hash); // nobody may be listening
    }
    Ok(sent)
}

/// Sends what administrators send.
pub async fn submit(node: &Node, transaction: Bytes) -> RpcResult<Sent> {
    check(node)?;
    let sent = node.ledger().pool.send(transaction, None, Source::MAX, node.sealing()).await;
    sent.map_err(|error| match error {
        SendError::Submit(SubmitError::Fault(_)) => refused(node, error),
        rejected => ErrorObjectOwned::owned(REJECTED, rejected.to_string(), None::<()>),
    })
}

/// Waits for a transaction that waits, as long as is usual.
pub async fn wait(node: &Node, hash: B256) -> RpcResult<Located> {
    // Whoever hears that it failed sends it again, and pays twice: so the next block is waited for.
    let interval = node.interval.borrow().map(|interval| 2 * interval.every).unwrap_or_default();
    let waited = tokio::time::timeout(SYNC_TIMEOUT + interval, sealed(node, hash)).await;
    waited.unwrap_or_else(|_| {
        let text =
            format!("the transaction was sent and waits for a block, do not send it again: {hash}");
        Err(ethereum::server(text))
    })
}

/// Whoever can make no block promises none.
fn check(node: &Node) -> RpcResult<()> {
    match node.failure() {
        Some(cause) => Err(ethereum::server(format!("the ledger takes no more blocks: {cause}"))),
        None => Ok(()),
    }
}

fn refused(node: &Node, error: SendError) -> ErrorObjectOwned {
    if let SendError::Submit(SubmitError::Fault(fault)) = &error {
        node.fail(fault);
    }
    match error {
        SendError::Submit(error) => ethereum::submission(error),
        other => ethereum::server(other.to_string()),
    }
}

/// Sends a transaction; its hash.
pub async fn raw(node: &Node, connection: &Connection, transaction: Bytes) -> RpcResult<B256> {
    Ok(match send(node, connection, transaction).await? {
        Sent::Sealed(located) => located.receipt().transaction,
        Sent::Parked { hash, .. } => hash,
    })
}

/// Sends a transaction; its receipt (EIP-7966).
pub async fn raw_sync(
    node: &Node,
    connection: &Connection,
    transaction: Bytes,
    timeout: Option<U64>,
) -> RpcResult<TransactionReceipt> {
    let asked = timeout.map(|timeout| Duration::from_millis(timeout.to()));
    let timeout = match asked {
        Some(Duration::ZERO) => return Err(ethereum::invalid("the timeout is 0")),
        asked => asked.unwrap_or(SYNC_TIMEOUT).min(SYNC_TIMEOUT_MAX),
    };
    let deadline = Instant::now() + timeout;
    let (hash, missing) = match send(node, connection, transaction).await? {
        Sent::Sealed(located) => return Ok(ethereum::receipt(&located)),
        Sent::Parked { hash, missing } => (hash, missing),
    };
    if missing.is_some() {
        let soon = deadline.min(Instant::now() + NONCE_PATIENCE);
        if let Ok(located) = tokio::time::timeout_at(soon, sealed(node, hash)).await {
            return Ok(ethereum::receipt(&located?));
        }
        if let Some(missing) = node.ledger().pool.missing(&hash).map_err(ethereum::fault)? {
            let message =
                format!("nonce gap: the transaction waits for nonce {missing} of its sender");
            let data = Some(format!("{missing:#x}"));
            return Err(ErrorObjectOwned::owned(NONCE_GAP, message, data));
        }
    }
    match tokio::time::timeout_at(deadline, sealed(node, hash)).await {
        Ok(located) => Ok(ethereum::receipt(&located?)),
        Err(_) => {
            let message = format!(
                "the transaction was added to the mempool but wasn't processed in {} ms",
                timeout.as_millis()
            );
            Err(ErrorObjectOwned::owned(NOT_IN_TIME, message, Some(hash)))
        }
    }
}

/// Waits for the block that has a transaction.
async fn sealed(node: &Node, hash: B256) -> RpcResult<Located> {
    let mut heads = node.heads.subscribe();
    // It may have been in one before anybody listened.
    let mut look = true;
    loop {
        if std::mem::take(&mut look)
            && let Some(located) = node.chain().transaction(&hash).map_err(ethereum::fault)?
        {
            return Ok(located);
        }
        match heads.recv().await {
            Ok(block) => {
                let mut receipts = block.body.receipts.iter();
                if let Some(index) = receipts.position(|receipt| receipt.transaction == hash) {
                    return Ok(Located { block, index });
                }
            }
            Err(RecvError::Lagged(_)) => look = true,
            Err(RecvError::Closed) => return Err(ethereum::server("the node is stopping")),
        }
    }
}
