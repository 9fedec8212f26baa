//! `debug_`: what a transaction did, and raw bytes.

use super::eth::EthApiServer;
use super::{Rpc, simulate};
use crate::ethereum;
use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_eth::state::StateOverride;
use alloy_rpc_types_eth::{BlockId, BlockNumberOrTag, BlockOverrides, TransactionRequest};
use alloy_rpc_types_trace::geth::{
    CallConfig, GethDebugBuiltInTracerType as Built, GethDebugTracerType as Tracer,
    GethDebugTracingCallOptions, GethDebugTracingOptions, GethTrace, NoopFrame, PreStateConfig,
    TraceResult,
};
use florin_runtime::limits::HISTORY_STEPS;
use florin_runtime::pipeline::encode_receipt;
use florin_runtime::types::Block;
use florin_runtime::{Located, Simulator, SubmitError};
use jsonrpsee::core::RpcResult;
use jsonrpsee::proc_macros::rpc;

/// Traces and raw bytes.
#[rpc(server, client, namespace = "debug")]
pub trait DebugApi {
    /// Executes a transaction again and tells what it did. Tracers: `callTracer`, `prestateTracer`,
    /// `noopTracer`, and `florinTracer`, which tells everything: calls with their logs, what they
    /// printed, how each ended, and what the gas was used for.
    #[method(name = "traceTransaction", blocking)]
    fn trace_transaction(
        &self,
        hash: B256,
        options: Option<GethDebugTracingOptions>,
    ) -> RpcResult<GethTrace>;

    /// Executes a call and tells what it does.
    #[method(name = "traceCall", blocking)]
    fn trace_call(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        options: Option<GethDebugTracingCallOptions>,
    ) -> RpcResult<GethTrace>;

    /// Executes a block again and tells what each of its transactions did.
    #[method(name = "traceBlockByNumber", blocking)]
    fn trace_block_by_number(
        &self,
        block: BlockNumberOrTag,
        options: Option<GethDebugTracingOptions>,
    ) -> RpcResult<Vec<TraceResult>>;

    /// Executes a block again and tells what each of its transactions did.
    #[method(name = "traceBlockByHash", blocking)]
    fn trace_block_by_hash(
        &self,
        hash: B256,
        options: Option<GethDebugTracingOptions>,
    ) -> RpcResult<Vec<TraceResult>>;

    /// A transaction's bytes (EIP-2718).
    #[method(name = "getRawTransaction", blocking)]
    fn get_raw_transaction(&self, hash: B256) -> RpcResult<Bytes>;

    /// A block's receipts in Ethereum's encoding (EIP-2718).
    #[method(name = "getRawReceipts", blocking)]
    fn get_raw_receipts(&self, block: BlockId) -> RpcResult<Vec<Bytes>>;

    /// A block in Ethereum's encoding (RLP): header, transactions, no uncles.
    #[method(name = "getRawBlock", blocking)]
    fn get_raw_block(&self, block: BlockId) -> RpcResult<Bytes>;

    /// Blocks that were refused: there never are any, since nobody else makes blocks.
    #[method(name = "getBadBlocks")]
    fn get_bad_blocks(&self) -> RpcResult<Vec<Bytes>>;

    /// A header in Ethereum's encoding (RLP).
    #[method(name = "getRawHeader", blocking)]
    fn get_raw_header(&self, block: BlockId) -> RpcResult<Bytes>;
}

impl DebugApiServer for Rpc {
    fn trace_transaction(
        &self,
        hash: B256,
        options: Option<GethDebugTracingOptions>,
    ) -> RpcResult<GethTrace> {
        let located = self.0.chain().transaction(&hash).map_err(ethereum::fault)?;
        let Located { block, index } = located.ok_or_else(|| ethereum::not_found("transaction"))?;
        let mut simulator = self.before(&block)?;
        for bytes in &block.body.transactions[..index] {
            simulator.transaction(bytes, false).map_err(ethereum::submission)?;
        }
        trace_one(&mut simulator, &block, index, &options.unwrap_or_default())
    }

    fn trace_call(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        options: Option<GethDebugTracingCallOptions>,
    ) -> RpcResult<GethTrace> {
        let options = options.unwrap_or_default();
        let state: Option<StateOverride> = options.state_overrides;
        let overrides: Option<BlockOverrides> = options.block_overrides;
        let (mut simulator, request) =
            simulate::prepare(&self.0, request, block, state, overrides.as_ref())?;
        let gas_limit = request.gas.unwrap_or(u64::MAX).min(simulator.gas_allowed());
        let run = |simulator: &mut Simulator| simulator.call(&request, true);
        trace(&mut simulator, gas_limit, run, &options.tracing_options)
    }

    fn trace_block_by_number(
        &self,
        block: BlockNumberOrTag,
        options: Option<GethDebugTracingOptions>,
    ) -> RpcResult<Vec<TraceResult>> {
        self.trace_block(block.into(), options)
    }

    fn trace_block_by_hash(
        &self,
        hash: B256,
        options: Option<GethDebugTracingOptions>,
    ) -> RpcResult<Vec<TraceResult>> {
        self.trace_block(hash.into(), options)
    }

    fn get_raw_transaction(&self, hash: B256) -> RpcResult<Bytes> {
        let found = EthApiServer::get_raw_transaction_by_hash(self, hash)?;
        found.ok_or_else(|| ethereum::not_found("transaction"))
    }

    fn get_raw_receipts(&self, block: BlockId) -> RpcResult<Vec<Bytes>> {
        let block = self.known(block)?;
        Ok(block.body.receipts.iter().map(|receipt| encode_receipt(receipt).into()).collect())
    }

    fn get_raw_block(&self, block: BlockId) -> RpcResult<Bytes> {
        let whole = ethereum::block(&self.known(block)?, true).map_err(ethereum::fault)?;
        let header = whole.header.inner;
        let transactions = whole.transactions.into_transactions();
        let transactions = transactions.map(|transaction| transaction.inner.into_inner());
        let body = alloy_consensus::BlockBody {
            transactions: transactions.collect(),
            ommers: Vec::<alloy_consensus::Header>::new(),
            withdrawals: None,
        };
        Ok(alloy_rlp::encode(alloy_consensus::Block { header, body }).into())
    }

    fn get_bad_blocks(&self) -> RpcResult<Vec<Bytes>> {
        Ok(Vec::new())
    }

    fn get_raw_header(&self, block: BlockId) -> RpcResult<Bytes> {
        Ok(alloy_rlp::encode(&self.known(block)?.header).into())
    }
}

impl Rpc {
    fn known(&self, id: BlockId) -> RpcResult<Block> {
        self.0.block(id)?.ok_or_else(|| ethereum::not_found("block"))
    }

    /// What executes a block's transactions again.
    fn before(&self, block: &Block) -> RpcResult<Simulator> {
        let parent = block.header.number.checked_sub(1);
        let parent = parent.ok_or_else(|| ethereum::server("genesis is not traceable"))?;
        let before = self.0.chain().at(parent, HISTORY_STEPS).map_err(ethereum::history)?;
        let before = before.ok_or_else(|| ethereum::not_found("block"))?;
        let environment = before.next_block(block.header.timestamp);
        Ok(self.0.simulator(&before, environment))
    }

    fn trace_block(
        &self,
        id: BlockId,
        options: Option<GethDebugTracingOptions>,
    ) -> RpcResult<Vec<TraceResult>> {
        let (block, options) = (self.known(id)?, options.unwrap_or_default());
        let mut simulator = self.before(&block)?;
        let all = 0..block.body.transactions.len();
        let traced = all.map(|index| {
            let result = trace_one(&mut simulator, &block, index, &options)?;
            let tx_hash = Some(block.body.receipts[index].transaction);
            Ok(TraceResult::Success { result, tx_hash })
        });
        traced.collect()
    }
}

/// Executes a transaction of a block again, over what came before it.
fn trace_one(
    simulator: &mut Simulator,
    block: &Block,
    index: usize,
    options: &GethDebugTracingOptions,
) -> RpcResult<GethTrace> {
    use alloy_consensus::Transaction as _;
    let bytes = &block.body.transactions[index];
    let whole = ethereum::transaction(block, index).map_err(ethereum::fault)?;
    let run = |simulator: &mut Simulator| simulator.transaction(bytes, true);
    trace(simulator, whole.inner.gas_limit(), run, options)
}

fn trace(
    simulator: &mut Simulator,
    gas_limit: u64,
    run: impl FnOnce(&mut Simulator) -> Result<florin_runtime::Simulation, SubmitError>,
    options: &GethDebugTracingOptions,
) -> RpcResult<GethTrace> {
    let config = &options.tracer_config;
    let bad = |error: serde_json::Error| ethereum::invalid(format!("tracerConfig: {error}"));
    match &options.tracer {
        Some(Tracer::BuiltInTracer(Built::CallTracer)) => {
            let config: CallConfig = config.clone().into_call_config().map_err(bad)?;
            let done = run(simulator).map_err(ethereum::submission)?;
            let root = ethereum::call_frames(&done.trace, &done.receipt, gas_limit, config);
            Ok(GethTrace::CallTracer(root))
        }
        Some(Tracer::BuiltInTracer(Built::PreStateTracer)) => {
            let config: PreStateConfig = config.clone().into_pre_state_config().map_err(bad)?;
            simulator.changes(); // those before it
            run(simulator).map_err(ethereum::submission)?;
            let (touched, writes) = (simulator.touched(), simulator.changes());
            let code = |hash| simulator.module(&hash).ok().flatten();
            Ok(GethTrace::PreStateTracer(ethereum::prestate(touched, &writes, code, &config)))
        }
        Some(Tracer::BuiltInTracer(Built::NoopTracer)) => {
            run(simulator).map_err(ethereum::submission)?;
            Ok(GethTrace::NoopTracer(NoopFrame::default()))
        }
        Some(Tracer::JsTracer(name)) if name == "florinTracer" => {
            let done = run(simulator).map_err(ethereum::submission)?;
            Ok(GethTrace::JS(ethereum::host_frames(&done.trace, &done.receipt)))
        }
        None => Err(ethereum::invalid(
            "there are no EVM instructions to list; name a tracer: callTracer, prestateTracer or florinTracer",
        )),
        Some(other) => Err(ethereum::invalid(format!(
            "tracer {} is not known; use callTracer, prestateTracer or florinTracer",
            other.as_str()
        ))),
    }
}
