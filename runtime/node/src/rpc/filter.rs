//! Logs, and the filters of clients that poll.

use crate::ethereum;
use crate::filters::{Polled, Wanted};
use crate::limits::FILTER_BLOCKS;
use crate::node::Node;
use alloy_primitives::{B256, U256};
use alloy_rpc_types_eth::{BlockNumberOrTag, Filter, FilterBlockOption, FilterChanges, Log};
use florin_runtime::LogError;
use florin_runtime::limits::LOG_QUERY_ITEMS;
use florin_runtime::types::Block;
use jsonrpsee::core::RpcResult;
use std::collections::HashSet;
use std::ops::Range;

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
    let lists = filter.topics.iter().map(|topics| topics.iter().count());
    let longest = lists.chain([filter.address.iter().count()]).max().unwrap_or(0);
    if longest > LOG_QUERY_ITEMS {
        return Err(ethereum::log_query(LogError::TooManyItems(longest)));
    }
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
    Ok(found.into_iter().map(ethereum::log).collect())
}

/// A filter for what happens from now on.
pub fn add(node: &Node, wanted: Wanted) -> U256 {
    node.filters.add(wanted, node.chain().head().number + 1)
}

fn known(node: &Node, name: U256) -> RpcResult<Polled> {
    node.filters.get(name).ok_or_else(|| ethereum::server("filter not found"))
}

/// What a filter found since it was asked the last time. If that is more than is found at once, it is
/// a part, and what is next comes with the next question.
pub fn changes(node: &Node, name: U256) -> RpcResult<FilterChanges> {
    let Polled { wanted, next, mut told, .. } = known(node, name)?;
    let mut end = node.chain().head().number.max(next.saturating_sub(1)) + 1;
    let found = match wanted {
        Wanted::Logs(filter) => {
            let (logs, reached) = logs_from(node, &filter, next, end)?;
            end = reached;
            FilterChanges::Logs(logs)
        }
        Wanted::Blocks => {
            end = end.min(next + FILTER_BLOCKS);
            FilterChanges::Hashes(hashes(node, next..end, |block| vec![block.hash])?)
        }
        Wanted::Transactions => {
            end = end.min(next + FILTER_BLOCKS);
            let transactions = |block: &Block| {
                let receipts = block.body.receipts.iter();
                receipts.map(|receipt| receipt.transaction).collect()
            };
            let mut new = hashes(node, next..end, transactions)?;
            new.retain(|hash| !told.contains(hash));
            let waiting: HashSet<_> =
                node.ledger().pool.ready().into_iter().map(|parked| parked.hash).collect();
            new.extend(waiting.iter().filter(|hash| !told.contains(*hash)));
            told = waiting;
            FilterChanges::Hashes(new)
        }
    };
    node.filters.told(name, next, end, told);
    Ok(match found {
        FilterChanges::Logs(logs) if logs.is_empty() => FilterChanges::Empty,
        FilterChanges::Hashes(hashes) if hashes.is_empty() => FilterChanges::Empty,
        found => found,
    })
}

/// The logs of blocks from `next` to before `end`, as far as they are found at once, and where that
/// is.
fn logs_from(node: &Node, filter: &Filter, next: u64, end: u64) -> RpcResult<(Vec<Log>, u64)> {
    let FilterBlockOption::Range { from_block, to_block } = filter.block_option else {
        return Ok((Vec::new(), end));
    };
    let number = |tag: Option<BlockNumberOrTag>| match tag {
        Some(BlockNumberOrTag::Number(number)) => Some(number),
        _ => None,
    };
    let from = number(from_block).map_or(next, |from| from.max(next));
    let last = number(to_block).map_or(end - 1, |to| to.min(end - 1));
    if from > last {
        return Ok((Vec::new(), end));
    }
    let mut to = last;
    loop {
        match find(node, filter, from, to) {
            Ok(logs) => return Ok((logs, if to == last { end } else { to + 1 })),
            // Too much at once: half of it.
            Err(_) if to > from => to = from + (to - from) / 2,
            Err(error) => return Err(error),
        }
    }
}

fn hashes(
    node: &Node,
    numbers: Range<u64>,
    of: impl Fn(&Block) -> Vec<B256>,
) -> RpcResult<Vec<B256>> {
    let mut hashes = Vec::new();
    for number in numbers {
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
