//! `txpool_`: what waits.

use super::Rpc;
use crate::ethereum;
use crate::pool::Parked;
use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use alloy_rpc_types_eth::Transaction;
use alloy_rpc_types_txpool::{TxpoolContent, TxpoolContentFrom, TxpoolInspect, TxpoolStatus};
use florin_runtime::Fault;
use jsonrpsee::{core::RpcResult, proc_macros::rpc};
use std::collections::BTreeMap;

/// What waits: `pending` for the next block, `queued` for an earlier nonce.
#[rpc(server, client, namespace = "txpool")]
pub trait TxpoolApi {
    /// How many wait.
    #[method(name = "status", blocking)]
    fn status(&self) -> RpcResult<TxpoolStatus>;

    /// Everything that waits.
    #[method(name = "content", blocking)]
    fn content(&self) -> RpcResult<TxpoolContent<Transaction>>;

    /// What of a sender waits.
    #[method(name = "contentFrom", blocking)]
    fn content_from(&self, sender: Address) -> RpcResult<TxpoolContentFrom<Transaction>>;

    /// Everything that waits, a line each.
    #[method(name = "inspect", blocking)]
    fn inspect(&self) -> RpcResult<TxpoolInspect>;
}

/// By sender and nonce.
type Listed<T> = BTreeMap<Address, BTreeMap<String, T>>;

impl TxpoolApiServer for Rpc {
    fn status(&self) -> RpcResult<TxpoolStatus> {
        let (pending, queued) = self.split(|_, _| Ok(())).map_err(ethereum::fault)?;
        let count = |listed: Listed<()>| listed.values().map(|line| line.len() as u64).sum();
        Ok(TxpoolStatus { pending: count(pending), queued: count(queued) })
    }

    fn content(&self) -> RpcResult<TxpoolContent<Transaction>> {
        let show = |parked: &Parked, sender| ethereum::parked(&parked.bytes, sender);
        let (pending, queued) = self.split(show).map_err(ethereum::fault)?;
        Ok(TxpoolContent { pending, queued })
    }

    fn content_from(&self, sender: Address) -> RpcResult<TxpoolContentFrom<Transaction>> {
        let TxpoolContent { mut pending, mut queued } = TxpoolApiServer::content(self)?;
        let of = |listed: &mut Listed<_>| listed.remove(&sender).unwrap_or_default();
        Ok(TxpoolContentFrom { pending: of(&mut pending), queued: of(&mut queued) })
    }

    fn inspect(&self) -> RpcResult<TxpoolInspect> {
        let show = |parked: &Parked, sender| {
            let transaction = ethereum::parked(&parked.bytes, sender)?;
            Ok(alloy_rpc_types_txpool::TxpoolInspectSummary {
                to: transaction.to(),
                value: transaction.value(),
                gas: transaction.gas_limit(),
                gas_price: transaction.max_fee_per_gas(),
            })
        };
        let (pending, queued) = self.split(show).map_err(ethereum::fault)?;
        Ok(TxpoolInspect { pending, queued })
    }
}

impl Rpc {
    /// What waits for the next block, and what for an earlier nonce.
    fn split<T>(
        &self,
        mut show: impl FnMut(&Parked, Address) -> Result<T, Fault>,
    ) -> Result<(Listed<T>, Listed<T>), Fault> {
        let ledger = self.0.ledger();
        let (mut pending, mut queued) = (Listed::new(), Listed::new());
        for (sender, line) in ledger.pool.lines() {
            let mut next = ledger.chain.account(&sender)?.nonce;
            for (nonce, parked) in line {
                let listed = if nonce <= next { &mut pending } else { &mut queued };
                next = next.max(if nonce == next { nonce + 1 } else { next });
                let line: &mut BTreeMap<_, _> = listed.entry(sender).or_default();
                line.insert(nonce.to_string(), show(&parked, sender)?);
            }
        }
        Ok((pending, queued))
    }
}
