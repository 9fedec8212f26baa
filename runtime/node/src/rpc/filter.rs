//! Logs, and the filters of clients that poll.

use crate::ethereum;
use crate::filters::{Polled, Wanted};
use crate::node::Node;
use alloy_primitives::{B256, U256, keccak256};
use alloy_rpc_types_eth::{BlockNumberOrTag, Filter, FilterBlockOption, FilterChanges, Log};
use florin_runtime::limits::LOG_QUERY_BLOCKS;
use florin_runtime::types::Block;
use jsonrpsee::core::RpcResult;

/// The logs that a filter finds.
pub fn logs(node: &Node, filter: &Filter) -> RpcResult<Vec<Log>> {
    check(filter)?;
    let head = node.chain().head().number;
    let (from, to) = match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let block = node.chain().block_by_hash(&hash).map_err(ethereum::fault)?;
            let number = block.ok_or_else(|| ethereum::server("unknown block"))?.header.number;
            (number, number)
        }
        FilterBlockOption::Range { from_block, to_block } => {
            let place = |tag: Option<BlockNumberOrTag>| tag.map_or(head, |tag| node.number(tag));
            (place(from_block), place(to_block))
        }
    };
    if from > head || to > head {
        return Err(ethereum::invalid("block range extends beyond current head block"));
    }
    if from > to {
        return Err(ethereum::invalid("invalid block range params"));
    }
    find(node, filter, from, to)
}

/// Whether a filter makes sense by itself.
pub fn check(filter: &Filter) -> RpcResult<()> {
    let FilterBlockOption::Range {
        from_block: Some(BlockNumberOrTag::Number(from)),
        to_block: Some(BlockNumberOrTag::Number(to)),
    } = filter.block_option
    else {
        return Ok(());
    };
    if from > to { Err(ethereum::invalid("invalid block range params")) } else { Ok(()) }
}

fn find(node: &Node, filter: &Filter, from: u64, to: u64) -> RpcResult<Vec<Log>> {
    let wanted = ethereum::filter_of(filter, from, to);
    let found = node.chain().logs(&wanted).map_err(ethereum::log_query)?;
    Ok(found.into_iter().map(ethereum::found).collect())
}

/// A filter for what happens from now on.
pub fn add(node: &Node, wanted: Wanted) -> U256 {
    node.filters.add(wanted, node.chain().head().number + 1)
}

fn known(node: &Node, name: U256) -> RpcResult<Polled> {
    node.filters.get(name).ok_or_else(|| ethereum::server("filter not found"))
}

/// What a filter found since it was asked the last time.
pub fn changes(node: &Node, name: U256) -> RpcResult<FilterChanges> {
    let Polled { wanted, next, mut told, .. } = known(node, name)?;
    let head = node.chain().head().number;
    let found = match wanted {
        Wanted::Logs(filter) => {
            let FilterBlockOption::Range { from_block, to_block } = filter.block_option else {
                return Ok(FilterChanges::Empty);
            };
            let numbers = |tag: Option<BlockNumberOrTag>| match tag {
                Some(BlockNumberOrTag::Number(number)) => Some(number),
                _ => None,
            };
            let from = numbers(from_block).map_or(next, |from| from.max(next));
            let to = numbers(to_block).map_or(head, |to| to.min(head));
            if from > to {
                FilterChanges::Empty
            } else {
                FilterChanges::Logs(find(node, &filter, from, to)?)
            }
        }
        Wanted::Blocks => {
            FilterChanges::Hashes(hashes(node, next, head, |block| vec![block.hash])?)
        }
        Wanted::Transactions => {
            let transactions = |block: &Block| {
                let receipts = block.body.receipts.iter();
                receipts.map(|receipt| receipt.transaction).collect()
            };
            let mut new = hashes(node, next, head, transactions)?;
            new.retain(|hash| !told.remove(hash));
            let waiting = node.ledger().pool.ready().into_iter().map(keccak256);
            new.extend(waiting.filter(|hash| told.insert(*hash)));
            FilterChanges::Hashes(new)
        }
    };
    node.filters.told(name, next.max(head + 1), told);
    Ok(match found {
        FilterChanges::Logs(logs) if logs.is_empty() => FilterChanges::Empty,
        FilterChanges::Hashes(hashes) if hashes.is_empty() => FilterChanges::Empty,
        found => found,
    })
}

fn hashes(
    node: &Node,
    from: u64,
    to: u64,
    of: impl Fn(&Block) -> Vec<B256>,
) -> RpcResult<Vec<B256>> {
    let mut hashes = Vec::new();
    // Whoever polls so rarely that more happened misses the oldest, as with every bounded buffer.
    for number in from.max((to + 1).saturating_sub(LOG_QUERY_BLOCKS))..=to {
        let block = node.chain().block(number).map_err(ethereum::fault)?;
        hashes.extend(block.iter().flat_map(&of));
    }
    Ok(hashes)
}

/// All that a filter for logs finds.
pub fn all(node: &Node, name: U256) -> RpcResult<Vec<Log>> {
    match known(node, name)?.wanted {
        Wanted::Logs(filter) => logs(node, &filter),
        Wanted::Blocks | Wanted::Transactions => Err(ethereum::server("filter not found")),
    }
}
