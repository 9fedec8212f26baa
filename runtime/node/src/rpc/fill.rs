//! What a request for a transaction leaves open: nonce, gas, fees, chain.
//!
//! Invariant: what the request says stays as it is; with the gas that is filled in, the transaction
//! would succeed now.

use crate::ethereum;
use crate::node::Node;
use alloy_consensus::TypedTransaction;
use alloy_primitives::{Address, TxKind};
use alloy_rpc_types_eth::TransactionRequest;
use florin_runtime::Rejection;
use jsonrpsee::core::RpcResult;

/// The transaction that a request is for. Its type is the one that was asked for; else the oldest that
/// can hold what was said of its price.
///
/// # Errors
/// It contradicts itself, or there is no gas with which it would succeed.
pub fn fill(
    node: &Node,
    mut request: TransactionRequest,
    from: Address,
) -> RpcResult<TypedTransaction> {
    let contradiction = |kind, field| {
        Err(ethereum::invalid(format!("a transaction of type {kind} has no {field}")))
    };
    let has_list = request.access_list.as_ref().is_some_and(|list| !list.is_empty());
    let kind = match (request.transaction_type, request.gas_price) {
        (Some(kind), _) => kind,
        (None, None) => 2,
        (None, Some(_)) => u8::from(has_list),
    };
    match kind {
        0 if has_list => return contradiction(0, "accessList"),
        0 | 1 if request.max_fee_per_gas.or(request.max_priority_fee_per_gas).is_some() => {
            return contradiction(kind, "maxFeePerGas, maxPriorityFeePerGas");
        }
        2 if request.gas_price.is_some() => return contradiction(2, "gasPrice"),
        0..=2 => {}
        other => return Err(ethereum::server(format!("transaction type not supported: {other}"))),
    }
    let ledger = node.ledger();
    let latest = ledger.chain.latest();
    let block = latest.next_block(node.clock.now());
    let most = match kind {
        0 | 1 => *request.gas_price.get_or_insert(block.gas_price),
        _ => {
            let tip = *request.max_priority_fee_per_gas.get_or_insert(0);
            *request.max_fee_per_gas.get_or_insert(block.gas_price.saturating_add(tip))
        }
    };
    if most < block.gas_price {
        let too_low = Rejection::FeeTooLow { offered: most, price: block.gas_price };
        return Err(ethereum::submission(too_low.into()));
    }
    request.from = Some(from);
    let call = ethereum::call_request(request.clone(), &block)?;
    if call.to.is_none() && call.input.is_empty() {
        return Err(ethereum::server("contract creation without any data provided"));
    }
    if request.nonce.is_none() {
        let next = latest.account(&from).map_err(ethereum::fault)?.nonce;
        request.nonce = Some(ledger.pool.nonce_after(&from, next));
    }
    if request.gas.is_none() {
        let estimate = node.simulator(&latest, block).estimate(&call);
        request.gas = Some(estimate.map_err(ethereum::fails)?);
    }
    request.chain_id = Some(block.chain_id);
    request.to = Some(call.to.map_or(TxKind::Create, TxKind::Call));
    request.input = call.input.into();
    let built = match kind {
        0 => request.build_legacy().map(TypedTransaction::from),
        1 => request.build_2930().map(TypedTransaction::from),
        _ => request.build_1559().map(TypedTransaction::from),
    };
    built.map_err(|error| ethereum::invalid(error.to_string()))
}
