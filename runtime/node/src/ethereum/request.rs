//! Calls that nobody signed, and what they suppose.

use super::error::{invalid, server};
use alloy_primitives::{B256, TxKind, U256, keccak256};
use alloy_rpc_types_eth::state::{AccountOverride, StateOverride};
use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest};
use florin_runtime::host::BlockEnv;
use florin_runtime::state::Patch;
use florin_runtime::types::{Account, Address, Bytes, NO_CODE, StateKey};
use florin_runtime::{CallRequest, Fault};
use jsonrpsee::core::RpcResult;
use std::collections::{BTreeMap, BTreeSet};

/// A call in a block. What it does not say is as geth has it: from nobody, with all the gas of a
/// block, which is free.
///
/// # Errors
/// It contradicts itself, or is for another chain.
pub fn call_request(request: TransactionRequest, block: &BlockEnv) -> RpcResult<CallRequest> {
    if request.chain_id.is_some_and(|id| id != block.chain_id) {
        let (got, ours) = (request.chain_id.unwrap_or_default(), block.chain_id);
        return Err(invalid(format!("chainId does not match node's (have={got}, want={ours})")));
    }
    if request.max_fee_per_blob_gas.is_some() || request.blob_versioned_hashes.is_some() {
        return Err(invalid("blob transactions are not supported"));
    }
    if request.authorization_list.is_some() {
        return Err(invalid("set-code transactions (EIP-7702) are not supported"));
    }
    let to = match request.to {
        Some(TxKind::Call(to)) => Some(to),
        Some(TxKind::Create) | None => None,
    };
    let gas_price = price(&request, block)?;
    let input = request.input;
    if let (Some(input), Some(data)) = (&input.input, &input.data)
        && input != data
    {
        return Err(invalid(
            "both \"data\" and \"input\" are set and not equal. Please use \"input\" to pass transaction call data",
        ));
    }
    Ok(CallRequest {
        from: request.from.unwrap_or_default(),
        to,
        value: request.value.unwrap_or_default(),
        input: input.into_input().unwrap_or_default(),
        gas: request.gas.filter(|gas| *gas > 0).map(|gas| gas.min(block.gas_limit)),
        gas_price,
        access_list: request.access_list.unwrap_or_default(),
    })
}

/// What a unit of gas costs; `None` if it is free.
fn price(request: &TransactionRequest, block: &BlockEnv) -> RpcResult<Option<u128>> {
    let (max, tip) = (request.max_fee_per_gas, request.max_priority_fee_per_gas);
    if request.gas_price.is_some() && (max.is_some() || tip.is_some()) {
        return Err(invalid("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified"));
    }
    if let (Some(max), Some(tip)) = (max, tip)
        && tip > max
    {
        return Err(invalid(format!("maxFeePerGas ({max}) < maxPriorityFeePerGas ({tip})")));
    }
    let dynamic = max.map(|max| max.min(block.gas_price.saturating_add(tip.unwrap_or_default())));
    Ok(request.gas_price.or(dynamic).filter(|price| *price > 0))
}

/// What is supposed of the state. `account` tells what it is otherwise.
///
/// A slot of 32 bytes is the storage entry whose key and value are these bytes, see
/// `eth_getStorageAt`.
///
/// # Errors
/// It contradicts itself.
pub fn patch(
    overrides: StateOverride,
    mut account: impl FnMut(&Address) -> Result<Account, Fault>,
) -> RpcResult<Patch> {
    let (mut entries, mut emptied) = (BTreeMap::new(), BTreeSet::new());
    // Whoever is supposed to have no end of money has so much that the sum of all still has one.
    let rich = overrides.values().filter(|wanted| wanted.balance.is_some()).count();
    let most = (U256::MAX >> 1) / U256::from(rich.max(1));
    for (address, wanted) in overrides {
        let AccountOverride { balance, nonce, code, state, state_diff, move_precompile_to } =
            wanted;
        if move_precompile_to.is_some() {
            return Err(server(format!("account {address} is not a precompile")));
        }
        if balance.is_some() || nonce.is_some() || code.is_some() {
            let now = account(&address).map_err(super::fault)?;
            let code_hash = match &code {
                Some(code) if code.is_empty() => NO_CODE,
                Some(code) => {
                    let refused = |reason| invalid(format!("code of {address}: {reason}"));
                    florin_runtime::vm::check(code).map_err(refused)?;
                    keccak256(code)
                }
                None => now.code_hash,
            };
            let changed = Account {
                balance: balance.map_or(now.balance, |balance| balance.min(most)),
                nonce: nonce.unwrap_or(now.nonce),
                code_hash,
            };
            entries.insert(StateKey::Account(address), Some(changed.to_bytes()));
            if let Some(code) = code.filter(|code| !code.is_empty()) {
                entries.insert(StateKey::Code(code_hash), Some(code));
            }
        }
        if state.is_some() && state_diff.is_some() {
            return Err(invalid(format!("account {address} has both 'state' and 'stateDiff'")));
        }
        if state.is_some() {
            emptied.insert(address);
        }
        for (slot, value) in state.or(state_diff).into_iter().flatten() {
            let key = StateKey::Storage(address, Bytes::copy_from_slice(slot.as_slice()));
            let value = (value != B256::ZERO).then(|| Bytes::copy_from_slice(value.as_slice()));
            entries.insert(key, value);
        }
    }
    Ok(Patch::new(entries, emptied))
}

/// A block with what is supposed of it.
///
/// # Errors
/// A number is too large.
pub fn blocks_of(block: BlockEnv, overrides: &BlockOverrides) -> RpcResult<BlockEnv> {
    let small = |number: U256, name: &str| {
        u64::try_from(number).map_err(|_| invalid(format!("{name} is more than 64 bits hold")))
    };
    let number = overrides.number.map(|number| small(number, "number")).transpose()?;
    let fee = overrides.base_fee.map(|fee| small(fee, "baseFeePerGas")).transpose()?;
    Ok(BlockEnv {
        chain_id: block.chain_id,
        number: number.unwrap_or(block.number),
        timestamp: overrides.time.unwrap_or(block.timestamp),
        gas_price: fee.map_or(block.gas_price, u128::from),
        // No block has more: what executes it is bounded by that.
        gas_limit: overrides.gas_limit.unwrap_or(block.gas_limit).min(block.gas_limit),
        fee_recipient: overrides.coinbase.unwrap_or(block.fee_recipient),
    })
}
