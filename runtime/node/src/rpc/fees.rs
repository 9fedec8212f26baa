//! `eth_feeHistory`: what gas cost.

use crate::ethereum;
use crate::limits::{FEE_HISTORY_BLOCKS, FEE_HISTORY_PERCENTILES};
use crate::node::Node;
use alloy_rpc_types_eth::{BlockNumberOrTag, FeeHistory};
use florin_runtime::types::Block;
use jsonrpsee::core::RpcResult;

/// The blocks up to `newest`, at most `count` of them, and the prices after them.
pub fn history(
    node: &Node,
    count: u64,
    newest: BlockNumberOrTag,
    percentiles: Option<&[f64]>,
) -> RpcResult<FeeHistory> {
    if let Some(percentiles) = percentiles {
        check(percentiles)?;
    }
    let (chain, newest) = (node.chain(), node.number(newest));
    let head = chain.head().number;
    if newest > head {
        return Err(ethereum::server(format!(
            "request beyond head block: requested {newest}, head {head}"
        )));
    }
    let count = count.min(FEE_HISTORY_BLOCKS).min(newest + 1);
    if count == 0 {
        return Ok(FeeHistory::default());
    }
    let oldest = newest + 1 - count;
    let price = chain.genesis().gas_price;
    let mut history = FeeHistory {
        // One more: that of the block after them.
        base_fee_per_gas: vec![price; count as usize + 1],
        base_fee_per_blob_gas: vec![0; count as usize + 1],
        blob_gas_used_ratio: vec![0.0; count as usize],
        oldest_block: oldest,
        reward: percentiles.map(|_| Vec::new()),
        ..FeeHistory::default()
    };
    for number in oldest..=newest {
        let block = chain.block(number).map_err(ethereum::fault)?;
        let block = block.ok_or_else(|| ethereum::not_found("block"))?;
        let ratio = block.header.gas_used as f64 / block.header.gas_limit.max(1) as f64;
        history.gas_used_ratio.push(ratio);
        if let (Some(rewards), Some(percentiles)) = (&mut history.reward, percentiles) {
            rewards.push(tips(&block, price, percentiles));
        }
    }
    Ok(history)
}

fn check(percentiles: &[f64]) -> RpcResult<()> {
    if percentiles.len() > FEE_HISTORY_PERCENTILES {
        return Err(ethereum::invalid(format!(
            "{} reward percentiles; at most {FEE_HISTORY_PERCENTILES} are told at once",
            percentiles.len()
        )));
    }
    let in_range = percentiles.iter().all(|percentile| (0.0..=100.0).contains(percentile));
    if !in_range || !percentiles.is_sorted() {
        return Err(ethereum::invalid(
            "invalid reward percentile: they must be between 0 and 100, in ascending order",
        ));
    }
    Ok(())
}

/// What was paid above the price, at percentiles of the block's gas.
fn tips(block: &Block, price: u128, percentiles: &[f64]) -> Vec<u128> {
    let receipts = &block.body.receipts;
    let mut tips: Vec<_> =
        receipts.iter().map(|r| (r.gas_price.saturating_sub(price), r.gas_used)).collect();
    tips.sort_unstable();
    let tip_at = |percentile: &f64| {
        let wanted = block.header.gas_used as f64 * percentile / 100.0;
        let mut gas = 0;
        let reached = |(_, used): &&(u128, u64)| {
            gas += used;
            gas as f64 >= wanted
        };
        tips.iter().find(reached).map_or(0, |(tip, _)| *tip)
    };
    percentiles.iter().map(tip_at).collect()
}
