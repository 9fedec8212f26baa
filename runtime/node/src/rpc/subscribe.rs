//! `eth_subscribe`: told instead of asking, over WebSocket.
//!
//! Invariant: who does not read is dropped, and nobody else waits for it.

use super::{Rpc, filter};
use crate::ethereum;
use crate::limits::{PARKED_TRANSACTIONS, SUBSCRIBE_PATIENCE};
use crate::listeners::Listener;
use alloy_rpc_types_eth::pubsub::{Params, SubscriptionKind};
use florin_runtime::store::LogFilter;
use florin_runtime::types::Block;
use jsonrpsee::core::{SubscriptionResult, async_trait, to_json_raw_value};
use jsonrpsee::proc_macros::rpc;
use jsonrpsee::{PendingSubscriptionSink, SubscriptionSink, TrySendError};
use serde::Serialize;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::timeout;

/// Subscriptions.
#[rpc(server, namespace = "eth")]
pub trait EthPubSub {
    /// `newHeads`, `logs` (with a filter), `newPendingTransactions` (hashes, or with `true` whole
    /// transactions), `syncing`.
    #[subscription(
        name = "subscribe" => "subscription",
        unsubscribe = "unsubscribe",
        item = serde_json::Value
    )]
    async fn subscribe(&self, kind: SubscriptionKind, params: Option<Params>)
    -> SubscriptionResult;
}

#[async_trait]
impl EthPubSubServer for Rpc {
    async fn subscribe(
        &self,
        pending: PendingSubscriptionSink,
        kind: SubscriptionKind,
        params: Option<Params>,
    ) -> SubscriptionResult {
        let params = params.unwrap_or_default();
        let refuse = |message: &str| ethereum::invalid(message);
        // Who listens does so from here on, so that nothing is missed between the answer and the
        // first block; and only who reads, since what is not read is kept.
        let heads = || self.0.heads.subscribe();
        match (kind, params) {
            (SubscriptionKind::NewHeads, Params::None) => {
                follow(pending, heads(), |block| vec![ethereum::header(block)]).await
            }
            (SubscriptionKind::Logs, Params::None) => {
                self.logs(pending, ethereum::filter_of(&Default::default(), 0, u64::MAX)).await
            }
            (SubscriptionKind::Logs, Params::Logs(filter)) => {
                if let Err(error) = filter::check(&filter) {
                    pending.reject(error).await;
                    return Ok(());
                }
                self.logs(pending, ethereum::filter_of(&filter, 0, u64::MAX)).await
            }
            (SubscriptionKind::NewPendingTransactions, Params::None | Params::Bool(false)) => {
                self.hashes(pending, heads()).await
            }
            (SubscriptionKind::NewPendingTransactions, Params::Bool(true)) => {
                let whole = |block: &Block| {
                    let all = 0..block.body.transactions.len();
                    all.filter_map(|index| ethereum::transaction(block, index).ok()).collect()
                };
                follow(pending, heads(), whole).await
            }
            (SubscriptionKind::Syncing, Params::None) => {
                let sink = pending.accept().await?;
                sink.send(to_json_raw_value(&false)?).await?;
                sink.closed().await;
                Ok(())
            }
            (SubscriptionKind::TransactionReceipts, _) => {
                pending.reject(refuse("no such subscription")).await;
                Ok(())
            }
            _ => {
                pending.reject(refuse("the subscription does not take these parameters")).await;
                Ok(())
            }
        }
    }
}

impl Rpc {
    /// Tells the logs that a filter finds.
    async fn logs(
        &self,
        pending: PendingSubscriptionSink,
        wanted: LogFilter,
    ) -> SubscriptionResult {
        let mut listener = Listener::new(self.0.listeners.clone(), &wanted);
        // Blocks are kept for who waits here, because what it was answered before is not read.
        let Ok(sink) = timeout(SUBSCRIBE_PATIENCE, pending.accept()).await else { return Ok(()) };
        let mut sink = sink?;
        loop {
            tokio::select! {
                () = sink.closed() => return Ok(()),
                block = listener.block() => {
                    let block = block.ok_or_else(|| behind(RecvError::Lagged(1)))?;
                    tell(&mut sink, ethereum::logs_of(&block, &wanted))?;
                }
            }
        }
    }

    /// Tells the hashes of transactions once: of those that wait only for a block when they are taken,
    /// of all others when they are in one.
    async fn hashes(
        &self,
        pending: PendingSubscriptionSink,
        mut heads: Receiver<Arc<Block>>,
    ) -> SubscriptionResult {
        let mut parked = self.0.parked.subscribe();
        let mut sink = pending.accept().await?;
        let mut told = HashSet::new();
        loop {
            let hashes = tokio::select! {
                biased;
                () = sink.closed() => return Ok(()),
                hash = parked.recv() => {
                    let hash = hash.map_err(behind)?;
                    if told.len() >= PARKED_TRANSACTIONS {
                        told.clear(); // those that never came into a block
                    }
                    told.insert(hash);
                    vec![hash]
                }
                block = heads.recv() => {
                    let block = block.map_err(behind)?;
                    let all = block.body.receipts.iter().map(|receipt| receipt.transaction);
                    all.filter(|hash| !told.remove(hash)).collect()
                }
            };
            tell(&mut sink, hashes)?;
        }
    }
}

/// Tells what `of` makes of each block.
async fn follow<T: Serialize>(
    pending: PendingSubscriptionSink,
    mut heads: Receiver<Arc<Block>>,
    of: impl Fn(&Block) -> Vec<T>,
) -> SubscriptionResult {
    let mut sink = pending.accept().await?;
    loop {
        tokio::select! {
            () = sink.closed() => return Ok(()),
            block = heads.recv() => tell(&mut sink, of(&*block.map_err(behind)?))?,
        }
    }
}

/// Whoever lags is told why it hears no more.
fn behind(error: RecvError) -> String {
    match error {
        RecvError::Lagged(missed) => {
            format!("the subscriber is too slow; it missed {missed} messages")
        }
        RecvError::Closed => "the node is stopping".to_owned(),
    }
}

fn tell<T: Serialize>(sink: &mut SubscriptionSink, items: Vec<T>) -> Result<(), String> {
    for item in items {
        let message = to_json_raw_value(&item).map_err(|error| error.to_string())?;
        match sink.try_send(message) {
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => return Err(behind(RecvError::Lagged(1))),
        }
    }
    Ok(())
}
