//! Calls that nobody signed: one, or blocks of them (`eth_simulateV1`).

use crate::ethereum;
use crate::limits::{SIMULATED_BLOCKS, SIMULATED_CALLS, SIMULATED_GAS_BLOCKS};
use crate::node::Node;
use alloy_consensus::transaction::Recovered;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_network_primitives::BlockTransactions;
use alloy_primitives::{Address, B256, Bytes, LogData, Signature, TxKind, U256, address, b256};
use alloy_rpc_types_eth::simulate::{
    SimBlock, SimCallResult, SimulateError, SimulatePayload, SimulatedBlock,
};
use alloy_rpc_types_eth::state::StateOverride;
use alloy_rpc_types_eth::{
    Block as EthBlock, BlockId, BlockOverrides, Header as EthHeader, Log as EthLog, Transaction,
    TransactionRequest,
};
use alloy_sol_types::SolValue;
use florin_runtime::host::{BlockEnv, TraceCall};
use florin_runtime::pipeline::{receipts_root, transactions_root};
use florin_runtime::types::{Header, Log, Outcome, Receipt};
use florin_runtime::{CallRequest, Simulation, Simulator};
use jsonrpsee::core::RpcResult;
use jsonrpsee::types::ErrorObjectOwned;

/// Whose logs tell of native value that moved, if that is asked for, and the event they are: a
/// token's `Transfer`.
const NATIVE: Address = address!("eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// Codes of execution-apis for calls that a block could not have.
const NONCE_TOO_LOW: i32 = -38010;
const NONCE_TOO_HIGH: i32 = -38011;
const INSUFFICIENT_FUNDS: i32 = -38014;
const BLOCK_GAS: i32 = -38015;
const FEE_TOO_LOW: i32 = -38012;
const INTRINSIC_GAS: i32 = -38013;
const BLOCK_ORDER: i32 = -38020;
const TIME_ORDER: i32 = -38021;
const TOO_MANY: i32 = -38026;

fn error(code: i32, message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code, message, None::<()>)
}

/// What a call is executed by, and the call.
pub fn prepare(
    node: &Node,
    request: TransactionRequest,
    block: Option<BlockId>,
    state: Option<StateOverride>,
    overrides: Option<&BlockOverrides>,
) -> RpcResult<(Simulator, CallRequest)> {
    let (mut snapshot, mut block) = node.snapshot(block)?;
    if let Some(overrides) = overrides {
        block = ethereum::blocks_of(block, overrides)?;
    }
    if let Some(state) = state {
        let patch = ethereum::patch(state, |address| snapshot.account(address))?;
        snapshot = snapshot.supposing(patch);
    }
    Ok((node.simulator(&snapshot, block), ethereum::call_request(request, &block)?))
}

/// Blocks of calls.
pub fn simulate(
    node: &Node,
    payload: SimulatePayload,
    base: Option<BlockId>,
) -> RpcResult<Vec<SimulatedBlock>> {
    let SimulatePayload {
        block_state_calls,
        trace_transfers,
        validation,
        return_full_transactions,
    } = payload;
    if block_state_calls.is_empty() {
        return Err(ethereum::invalid("empty input"));
    }
    let calls: usize = block_state_calls.iter().map(|block| block.calls.len()).sum();
    if calls > SIMULATED_CALLS {
        return Err(error(TOO_MANY, format!("too many calls: {calls}, at most {SIMULATED_CALLS}")));
    }
    let (snapshot, first) = node.snapshot(base)?;
    let base = snapshot.header();
    let mut parent = (base.inner().clone(), base.hash());
    let mut simulator = node.simulator(&snapshot, first);
    let (mut done, mut budget) = (Vec::new(), SIMULATED_GAS_BLOCKS * first.gas_limit);
    for (block, state, calls) in with_gaps(&parent.0, block_state_calls)? {
        let next = BlockEnv {
            number: parent.0.number + 1,
            timestamp: first.timestamp.max(parent.0.timestamp.saturating_add(1)),
            gas_price: if validation { node.chain().genesis().gas_price } else { 0 },
            ..first
        };
        simulator.block = ethereum::blocks_of(next, &block)?;
        if simulator.block.timestamp <= parent.0.timestamp {
            let (now, before) = (simulator.block.timestamp, parent.0.timestamp);
            return Err(error(
                TIME_ORDER,
                format!("block timestamps must increase: {now} after {before}"),
            ));
        }
        if let Some(state) = state {
            let patch = ethereum::patch(state, |address| simulator.account(address))?;
            simulator.suppose(patch);
        }
        let mut open = Open { validation, trace_transfers, ..Open::default() };
        for call in calls {
            open.call(&mut simulator, call)?;
            if open.gas_used > budget {
                let text =
                    format!("the calls use more gas than {SIMULATED_GAS_BLOCKS} blocks have");
                return Err(error(TOO_MANY, text));
            }
        }
        budget -= open.gas_used;
        let (block, header) = open.close(&simulator.block, &parent, return_full_transactions);
        parent = header;
        done.push(block);
    }
    Ok(done)
}

/// What is asked of a block.
type Asked = (BlockOverrides, Option<StateOverride>, Vec<TransactionRequest>);

/// The blocks in order, with empty ones where numbers are left out.
fn with_gaps(base: &Header, blocks: Vec<SimBlock>) -> RpcResult<Vec<Asked>> {
    let (mut all, mut last) = (Vec::new(), base.number);
    for SimBlock { block_overrides, state_overrides, calls } in blocks {
        let mut overrides = block_overrides.unwrap_or_default();
        let number = overrides.number.unwrap_or(U256::from(last + 1));
        if number <= U256::from(last) {
            return Err(error(
                BLOCK_ORDER,
                format!("block numbers must be in order: {number} <= {last}"),
            ));
        }
        if number - U256::from(base.number) > U256::from(SIMULATED_BLOCKS) {
            return Err(error(TOO_MANY, format!("too many blocks: at most {SIMULATED_BLOCKS}")));
        }
        let number: u64 = number.to();
        all.extend((last + 1..number).map(|_| (BlockOverrides::default(), None, Vec::new())));
        overrides.number = Some(U256::from(number));
        all.push((overrides, state_overrides, calls));
        last = number;
    }
    Ok(all)
}

/// A block that takes calls.
#[derive(Default)]
struct Open {
    validation: bool,
    trace_transfers: bool,
    results: Vec<SimCallResult>,
    receipts: Vec<Receipt>,
    transactions: Vec<Recovered<TxEnvelope>>,
    gas_used: u64,
    logs: u64,
}

impl Open {
    fn call(&mut self, simulator: &mut Simulator, call: TransactionRequest) -> RpcResult<()> {
        let block = simulator.block;
        let left = block.gas_limit - self.gas_used;
        let nonce = call.nonce;
        if let Some(wanted) = call.gas.filter(|gas| *gas > left) {
            return Err(error(BLOCK_GAS, format!("block gas limit reached: {wanted} >= {left}")));
        }
        if call.gas == Some(0) {
            return Err(error(INTRINSIC_GAS, "intrinsic gas too low: the call has no gas at all"));
        }
        let mut request = ethereum::call_request(call, &block)?;
        request.gas = Some(request.gas.unwrap_or(left).min(simulator.gas_allowed()));
        let account = simulator.account(&request.from).map_err(ethereum::fault)?;
        if self.validation {
            request.gas_price = Some(request.gas_price.unwrap_or(0));
            match nonce {
                Some(nonce) if nonce < account.nonce => {
                    let message =
                        format!("nonce too low: next nonce {}, tx nonce {nonce}", account.nonce);
                    return Err(error(NONCE_TOO_LOW, message));
                }
                Some(nonce) if nonce > account.nonce => {
                    let message =
                        format!("nonce too high: next nonce {}, tx nonce {nonce}", account.nonce);
                    return Err(error(NONCE_TOO_HIGH, message));
                }
                _ => {}
            }
        }
        let Simulation { mut receipt, trace } = simulator.call(&request, true).map_err(refused)?;
        self.gas_used += receipt.gas_used;
        receipt.cumulative_gas_used = self.gas_used;
        let transaction = unsigned(&request, account.nonce, block.chain_id);
        receipt.transaction = *transaction.tx_hash();
        if self.trace_transfers {
            receipt.logs = with_transfers(&receipt, &trace);
        }
        self.results.push(self.result(&block, &receipt));
        self.logs += receipt.logs.len() as u64;
        self.transactions.push(transaction);
        self.receipts.push(receipt);
        Ok(())
    }

    fn result(&self, block: &BlockEnv, receipt: &Receipt) -> SimCallResult {
        let error = ethereum::answer_of(&receipt.outcome).err().map(|error| SimulateError {
            code: if error.code() == ethereum::REVERTED {
                ethereum::REVERTED
            } else {
                ethereum::HALTED
            },
            message: error.message().to_owned(),
            data: match &receipt.outcome {
                Outcome::Reverted { output } => Some(output.clone()),
                _ => None,
            },
        });
        let log = |(log, place): (&Log, u64)| EthLog {
            inner: log.clone(),
            block_number: Some(block.number),
            block_timestamp: Some(block.timestamp),
            transaction_hash: Some(receipt.transaction),
            transaction_index: Some(self.receipts.len() as u64),
            log_index: Some(place),
            ..EthLog::default()
        };
        let return_data = match &receipt.outcome {
            Outcome::Success { output } | Outcome::Reverted { output } => output.clone(),
            Outcome::Halted { .. } => Bytes::new(),
        };
        SimCallResult {
            return_data,
            logs: receipt.logs.iter().zip(self.logs..).map(log).collect(),
            gas_used: receipt.gas_used,
            max_used_gas: Some(receipt.gas_used),
            status: receipt.is_success(),
            error,
        }
    }

    /// The block as it would be, but for the commitment to its state, which is its parent's.
    fn close(
        mut self,
        block: &BlockEnv,
        (parent, parent_hash): &(Header, B256),
        full: bool,
    ) -> (SimulatedBlock, (Header, B256)) {
        let encoded: Vec<Bytes> =
            self.transactions.iter().map(|tx| tx.encoded_2718().into()).collect();
        let header = Header {
            parent_hash: *parent_hash,
            beneficiary: block.fee_recipient,
            state_root: parent.state_root,
            transactions_root: transactions_root(&encoded),
            receipts_root: receipts_root(&self.receipts),
            logs_bloom: self.receipts.iter().flat_map(|receipt| &receipt.logs).collect(),
            number: block.number,
            gas_limit: block.gas_limit,
            gas_used: self.gas_used,
            timestamp: block.timestamp,
            base_fee_per_gas: Some(u64::try_from(block.gas_price).unwrap_or(u64::MAX)),
            ..Header::default()
        };
        let hash = header.hash_slow();
        for log in self.results.iter_mut().flat_map(|result| &mut result.logs) {
            log.block_hash = Some(hash);
        }
        let receipts = self.receipts.iter();
        let transactions = if full {
            let all = self.transactions.into_iter().zip(receipts).zip(0..);
            let whole = |((inner, receipt), index): ((_, &Receipt), u64)| Transaction {
                inner,
                block_hash: Some(hash),
                block_number: Some(block.number),
                transaction_index: Some(index),
                effective_gas_price: Some(receipt.gas_price),
                block_timestamp: Some(block.timestamp),
            };
            BlockTransactions::Full(all.map(whole).collect())
        } else {
            BlockTransactions::Hashes(receipts.map(|receipt| receipt.transaction).collect())
        };
        let size = Some(U256::from(ethereum::size(&header, &encoded)));
        let shown = EthHeader { hash, inner: header.clone(), size, ..EthHeader::default() };
        let inner = EthBlock { header: shown, uncles: Vec::new(), transactions, withdrawals: None };
        (SimulatedBlock { inner, calls: self.results }, (header, hash))
    }
}

/// Why a block could not have had a call.
fn refused(refusal: florin_runtime::SubmitError) -> ErrorObjectOwned {
    use florin_runtime::{Rejection, SubmitError};
    let code = match &refusal {
        SubmitError::Rejected(Rejection::InsufficientFunds { .. }) => INSUFFICIENT_FUNDS,
        SubmitError::Rejected(Rejection::IntrinsicGas { .. }) => INTRINSIC_GAS,
        SubmitError::Rejected(Rejection::FeeTooLow { .. }) => FEE_TOO_LOW,
        _ => return ethereum::submission(refusal),
    };
    error(code, ethereum::submission(refusal).message())
}

/// The transaction that a call would be, without a signature.
fn unsigned(request: &CallRequest, nonce: u64, chain_id: u64) -> Recovered<TxEnvelope> {
    let price = request.gas_price.unwrap_or(0);
    let transaction = TxEip1559 {
        chain_id,
        nonce,
        gas_limit: request.gas.unwrap_or(0),
        max_fee_per_gas: price,
        max_priority_fee_per_gas: price,
        to: request.to.map_or(TxKind::Create, TxKind::Call),
        value: request.value,
        access_list: request.access_list.clone(),
        input: request.input.clone(),
    };
    let signature = Signature::new(U256::ZERO, U256::ZERO, false);
    Recovered::new_unchecked(transaction.into_signed(signature).into(), request.from)
}

/// The logs, with one for each time native value moved, where it did.
fn with_transfers(receipt: &Receipt, trace: &[TraceCall]) -> Vec<Log> {
    if !receipt.is_success() {
        return Vec::new();
    }
    let (mut logs, mut rest) = (Vec::new(), receipt.logs.iter());
    let mut taken = 0;
    // Calls deeper than this are in one that was undone.
    let mut undone: Option<usize> = None;
    for call in trace {
        if undone.is_some_and(|depth| call.depth > depth) {
            continue;
        }
        undone = None;
        if !matches!(call.outcome, Some(Outcome::Success { .. })) {
            undone = Some(call.depth);
        } else if !call.value.is_zero() {
            logs.extend(rest.by_ref().take(call.logs_before - taken).cloned());
            taken = call.logs_before.max(taken);
            let topics = vec![TRANSFER, call.caller.into_word(), call.target.into_word()];
            let data = LogData::new_unchecked(topics, call.value.abi_encode().into());
            logs.push(Log { address: NATIVE, data });
        }
    }
    logs.extend(rest.cloned());
    logs
}
