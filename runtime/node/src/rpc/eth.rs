//! `eth_`, as execution-apis specifies it and geth does it.

use super::fill::fill;
use super::{Rpc, fees, filter, send, simulate};
use crate::connection::Connection;
use crate::ethereum::{self, erc6492};
use crate::filters::Wanted;
use crate::limits::STORAGE_VALUES;
use alloy_consensus::Transaction as _;
use alloy_eips::Encodable2718;
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, B256, Bytes, Signature, U64, U128, U256};
use alloy_rpc_types_eth::simulate::{SimulatePayload, SimulatedBlock};
use alloy_rpc_types_eth::state::StateOverride;
use alloy_rpc_types_eth::{
    AccessListResult, Block, BlockId, BlockNumberOrTag, BlockOverrides, FeeHistory,
    FillTransaction, Filter, FilterChanges, Index, Log, SyncStatus, Transaction,
    TransactionReceipt, TransactionRequest,
};
use alloy_serde::JsonStorageKey;
use florin_runtime::limits::HISTORY_STEPS;
use florin_runtime::{Located, Snapshot};
use jsonrpsee::Extensions;
use jsonrpsee::core::{RpcResult, async_trait};
use jsonrpsee::proc_macros::rpc;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Accounts, blocks, calls, transactions, logs.
#[rpc(server, client, namespace = "eth")]
pub trait EthApi {
    /// The EIP-155 chain id.
    #[method(name = "chainId")]
    fn chain_id(&self) -> RpcResult<U64>;

    /// The version of the wire protocol that geth last had: nobody speaks it here.
    #[method(name = "protocolVersion")]
    fn protocol_version(&self) -> RpcResult<U64>;

    /// Number of the last block.
    #[method(name = "blockNumber")]
    fn block_number(&self) -> RpcResult<U64>;

    /// `false`: a node has all there is.
    #[method(name = "syncing")]
    fn syncing(&self) -> RpcResult<SyncStatus>;

    /// What can be asked about: the last block, and the oldest of which there is the state (now: it
    /// depends on what happened since), transactions, receipts and logs.
    #[method(name = "capabilities", blocking)]
    fn capabilities(&self) -> RpcResult<Value>;

    /// The accounts that the node signs for: none, but in development.
    #[method(name = "accounts")]
    fn accounts(&self) -> RpcResult<Vec<Address>>;

    /// Who is paid for gas.
    #[method(name = "coinbase")]
    fn coinbase(&self) -> RpcResult<Address>;

    /// `false`: there is no mining.
    #[method(name = "mining")]
    fn mining(&self) -> RpcResult<bool>;

    /// Price of a unit of gas.
    #[method(name = "gasPrice")]
    fn gas_price(&self) -> RpcResult<U256>;

    /// Price of a unit of gas in the next block, which is that of all.
    #[method(name = "baseFee")]
    fn base_fee(&self) -> RpcResult<U256>;

    /// What to offer above the price to be in the next block: nothing.
    #[method(name = "maxPriorityFeePerGas")]
    fn max_priority_fee_per_gas(&self) -> RpcResult<U256>;

    /// Price of a unit of blob gas: there are no blobs, and so it is 0.
    #[method(name = "blobBaseFee")]
    fn blob_base_fee(&self) -> RpcResult<U256>;

    /// What gas cost in the blocks up to `newest`, and how full they were.
    #[method(name = "feeHistory", blocking)]
    fn fee_history(
        &self,
        block_count: U64,
        newest_block: BlockNumberOrTag,
        reward_percentiles: Option<Vec<f64>>,
    ) -> RpcResult<FeeHistory>;

    /// Native balance in the smallest unit.
    #[method(name = "getBalance", with_extensions, blocking)]
    fn get_balance(&self, address: Address, block: Option<BlockId>) -> RpcResult<U256>;

    /// The module of a contract.
    #[method(name = "getCode", blocking)]
    fn get_code(&self, address: Address, block: Option<BlockId>) -> RpcResult<Bytes>;

    /// What a contract keeps under a key of 32 bytes, if that is 32 bytes or fewer; else zero.
    /// Florin's contracts keep byte strings under byte strings: `florin_storage` reads any.
    #[method(name = "getStorageAt", blocking)]
    fn get_storage_at(
        &self,
        address: Address,
        slot: JsonStorageKey,
        block: Option<BlockId>,
    ) -> RpcResult<B256>;

    /// What contracts keep under keys of 32 bytes, as `eth_getStorageAt` tells.
    #[method(name = "getStorageValues", blocking)]
    fn get_storage_values(
        &self,
        wanted: BTreeMap<Address, Vec<JsonStorageKey>>,
        block: Option<BlockId>,
    ) -> RpcResult<BTreeMap<Address, Vec<B256>>>;

    /// The next nonce of an account; with `pending`, after what waits.
    #[method(name = "getTransactionCount", with_extensions, blocking)]
    fn get_transaction_count(&self, address: Address, block: Option<BlockId>) -> RpcResult<U64>;

    /// Refused: the state commitment is a sum, which has no Merkle proofs.
    #[method(name = "getProof")]
    fn get_proof(
        &self,
        address: Address,
        slots: Vec<JsonStorageKey>,
        block: Option<BlockId>,
    ) -> RpcResult<Bytes>;

    /// What a call would return.
    #[method(name = "call", blocking)]
    fn call(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
        block_overrides: Option<Box<BlockOverrides>>,
    ) -> RpcResult<Bytes>;

    /// Gas with which a transaction succeeds.
    #[method(name = "estimateGas", with_extensions, blocking)]
    fn estimate_gas(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
        block_overrides: Option<Box<BlockOverrides>>,
    ) -> RpcResult<U64>;

    /// An access list that makes a transaction cheaper: always the empty one, since reading costs the
    /// same with and without; with the gas that the transaction takes.
    #[method(name = "createAccessList", blocking)]
    fn create_access_list(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
    ) -> RpcResult<AccessListResult>;

    /// A transaction with all that its request left open, to be signed: nonce, gas, fees, chain.
    #[method(name = "fillTransaction", with_extensions, blocking)]
    fn fill_transaction(&self, request: TransactionRequest) -> RpcResult<FillTransaction<Value>>;

    /// Blocks of calls, one after the other, as if they had been made.
    #[method(name = "simulateV1", blocking)]
    fn simulate_v1(
        &self,
        payload: SimulatePayload,
        block: Option<BlockId>,
    ) -> RpcResult<Vec<SimulatedBlock>>;

    /// Takes a signed transaction. Its hash is returned when it is durable in a block, or when it
    /// waits for an earlier nonce of its sender.
    #[method(name = "sendRawTransaction", with_extensions)]
    async fn send_raw_transaction(&self, transaction: Bytes) -> RpcResult<B256>;

    /// Takes a signed transaction and answers with its durable receipt (EIP-7966).
    #[method(name = "sendRawTransactionSync", with_extensions)]
    async fn send_raw_transaction_sync(
        &self,
        transaction: Bytes,
        timeout: Option<U64>,
    ) -> RpcResult<TransactionReceipt>;

    /// A transaction by its hash, also one that waits.
    #[method(name = "getTransactionByHash", blocking)]
    fn get_transaction_by_hash(&self, hash: B256) -> RpcResult<Option<Transaction>>;

    /// A transaction by the hash of its block and its place there.
    #[method(name = "getTransactionByBlockHashAndIndex", blocking)]
    fn get_transaction_by_block_hash_and_index(
        &self,
        hash: B256,
        index: Index,
    ) -> RpcResult<Option<Transaction>>;

    /// A transaction by the number of its block and its place there.
    #[method(name = "getTransactionByBlockNumberAndIndex", blocking)]
    fn get_transaction_by_block_number_and_index(
        &self,
        block: BlockNumberOrTag,
        index: Index,
    ) -> RpcResult<Option<Transaction>>;

    /// The bytes of a transaction (EIP-2718), also of one that waits.
    #[method(name = "getRawTransactionByHash", blocking)]
    fn get_raw_transaction_by_hash(&self, hash: B256) -> RpcResult<Option<Bytes>>;

    /// The bytes of a transaction by the hash of its block and its place there.
    #[method(name = "getRawTransactionByBlockHashAndIndex", blocking)]
    fn get_raw_transaction_by_block_hash_and_index(
        &self,
        hash: B256,
        index: Index,
    ) -> RpcResult<Option<Bytes>>;

    /// The bytes of a transaction by the number of its block and its place there.
    #[method(name = "getRawTransactionByBlockNumberAndIndex", blocking)]
    fn get_raw_transaction_by_block_number_and_index(
        &self,
        block: BlockNumberOrTag,
        index: Index,
    ) -> RpcResult<Option<Bytes>>;

    /// The receipt of a transaction.
    #[method(name = "getTransactionReceipt", blocking)]
    fn get_transaction_receipt(&self, hash: B256) -> RpcResult<Option<TransactionReceipt>>;

    /// The receipts of a block.
    #[method(name = "getBlockReceipts", blocking)]
    fn get_block_receipts(&self, block: BlockId) -> RpcResult<Option<Vec<TransactionReceipt>>>;

    /// A block by its hash, with whole transactions or their hashes.
    #[method(name = "getBlockByHash", blocking)]
    fn get_block_by_hash(&self, hash: B256, full: bool) -> RpcResult<Option<Block>>;

    /// A block by its number, with whole transactions or their hashes.
    #[method(name = "getBlockByNumber", blocking)]
    fn get_block_by_number(&self, block: BlockNumberOrTag, full: bool) -> RpcResult<Option<Block>>;

    /// The header of a block by its hash.
    #[method(name = "getHeaderByHash", blocking)]
    fn get_header_by_hash(&self, hash: B256) -> RpcResult<Option<alloy_rpc_types_eth::Header>>;

    /// The header of a block by its number.
    #[method(name = "getHeaderByNumber", blocking)]
    fn get_header_by_number(
        &self,
        block: BlockNumberOrTag,
    ) -> RpcResult<Option<alloy_rpc_types_eth::Header>>;

    /// How many transactions a block has.
    #[method(name = "getBlockTransactionCountByHash", blocking)]
    fn get_block_transaction_count_by_hash(&self, hash: B256) -> RpcResult<Option<U64>>;

    /// How many transactions a block has.
    #[method(name = "getBlockTransactionCountByNumber", blocking)]
    fn get_block_transaction_count_by_number(
        &self,
        block: BlockNumberOrTag,
    ) -> RpcResult<Option<U64>>;

    /// How many uncles a block has: none.
    #[method(name = "getUncleCountByBlockHash", blocking)]
    fn get_uncle_count_by_block_hash(&self, hash: B256) -> RpcResult<Option<U64>>;

    /// How many uncles a block has: none.
    #[method(name = "getUncleCountByBlockNumber", blocking)]
    fn get_uncle_count_by_block_number(&self, block: BlockNumberOrTag) -> RpcResult<Option<U64>>;

    /// The logs that a filter finds.
    #[method(name = "getLogs", blocking)]
    fn get_logs(&self, filter: Filter) -> RpcResult<Vec<Log>>;

    /// A filter for logs from now on.
    #[method(name = "newFilter")]
    fn new_filter(&self, filter: Filter) -> RpcResult<U256>;

    /// A filter for blocks from now on.
    #[method(name = "newBlockFilter")]
    fn new_block_filter(&self) -> RpcResult<U256>;

    /// A filter for transactions from now on.
    #[method(name = "newPendingTransactionFilter")]
    fn new_pending_transaction_filter(&self) -> RpcResult<U256>;

    /// What a filter found since it was asked the last time.
    #[method(name = "getFilterChanges", blocking)]
    fn get_filter_changes(&self, name: U256) -> RpcResult<FilterChanges>;

    /// All that a filter for logs finds.
    #[method(name = "getFilterLogs", blocking)]
    fn get_filter_logs(&self, name: U256) -> RpcResult<Vec<Log>>;

    /// Forgets a filter.
    #[method(name = "uninstallFilter")]
    fn uninstall_filter(&self, name: U256) -> RpcResult<bool>;
}

#[async_trait]
impl EthApiServer for Rpc {
    fn chain_id(&self) -> RpcResult<U64> {
        Ok(U64::from(self.0.chain().genesis().chain_id))
    }

    fn protocol_version(&self) -> RpcResult<U64> {
        Ok(U64::from(68))
    }

    fn block_number(&self) -> RpcResult<U64> {
        Ok(U64::from(self.0.chain().head().number))
    }

    fn syncing(&self) -> RpcResult<SyncStatus> {
        Ok(SyncStatus::None)
    }

    fn capabilities(&self) -> RpcResult<Value> {
        let chain = self.0.chain();
        let state = chain.oldest(HISTORY_STEPS).map_err(ethereum::fault)?;
        let head = chain.latest().header().clone();
        let since = |oldest: u64| json!({ "disabled": false, "oldestBlock": U64::from(oldest) });
        Ok(json!({
            "head": { "number": U64::from(head.number), "hash": head.hash() },
            "state": since(state),
            "tx": since(0),
            "logs": since(0),
            "receipts": since(0),
            "blocks": since(0),
            "stateproofs": { "disabled": true },
        }))
    }

    fn accounts(&self) -> RpcResult<Vec<Address>> {
        Ok(self.0.accounts())
    }

    fn coinbase(&self) -> RpcResult<Address> {
        Ok(self.0.chain().genesis().fee_recipient)
    }

    fn mining(&self) -> RpcResult<bool> {
        Ok(false)
    }

    fn gas_price(&self) -> RpcResult<U256> {
        Ok(U256::from(self.0.chain().genesis().gas_price))
    }

    fn base_fee(&self) -> RpcResult<U256> {
        self.gas_price()
    }

    fn max_priority_fee_per_gas(&self) -> RpcResult<U256> {
        Ok(U256::ZERO)
    }

    fn blob_base_fee(&self) -> RpcResult<U256> {
        Ok(U256::ZERO)
    }

    fn fee_history(
        &self,
        block_count: U64,
        newest_block: BlockNumberOrTag,
        reward_percentiles: Option<Vec<f64>>,
    ) -> RpcResult<FeeHistory> {
        fees::history(
            &self.0,
            block_count.to(),
            newest_block,
            reward_percentiles.as_deref().filter(|list| !list.is_empty()),
        )
    }

    fn get_balance(
        &self,
        extensions: &Extensions,
        address: Address,
        block: Option<BlockId>,
    ) -> RpcResult<U256> {
        let (snapshot, _) = self.0.snapshot(block)?;
        let account = snapshot.account(&address).map_err(ethereum::fault)?;
        Connection::of(extensions).asked_about(address, account.nonce);
        Ok(account.balance)
    }

    fn get_code(&self, address: Address, block: Option<BlockId>) -> RpcResult<Bytes> {
        let (snapshot, _) = self.0.snapshot(block)?;
        Ok(snapshot.code(&address).map_err(ethereum::fault)?.unwrap_or_default())
    }

    fn get_storage_at(
        &self,
        address: Address,
        slot: JsonStorageKey,
        block: Option<BlockId>,
    ) -> RpcResult<B256> {
        let (snapshot, _) = self.0.snapshot(block)?;
        slot_value(&snapshot, &address, slot)
    }

    fn get_storage_values(
        &self,
        wanted: BTreeMap<Address, Vec<JsonStorageKey>>,
        block: Option<BlockId>,
    ) -> RpcResult<BTreeMap<Address, Vec<B256>>> {
        let slots: usize = wanted.values().map(Vec::len).sum();
        if slots == 0 {
            return Err(ethereum::invalid("empty request"));
        }
        if slots > STORAGE_VALUES {
            let text = format!("too many slots: {slots}, at most {STORAGE_VALUES}");
            return Err(ethereum::invalid(text));
        }
        let (snapshot, _) = self.0.snapshot(block)?;
        let values = |(address, slots): (Address, Vec<JsonStorageKey>)| {
            let values = slots.into_iter().map(|slot| slot_value(&snapshot, &address, slot));
            Ok((address, values.collect::<RpcResult<_>>()?))
        };
        wanted.into_iter().map(values).collect()
    }

    fn get_transaction_count(
        &self,
        extensions: &Extensions,
        address: Address,
        block: Option<BlockId>,
    ) -> RpcResult<U64> {
        let is_pending = block == Some(BlockId::pending());
        let (snapshot, _) = self.0.snapshot(block)?;
        let mut nonce = snapshot.account(&address).map_err(ethereum::fault)?.nonce;
        if is_pending {
            nonce = self.0.ledger().pool.nonce_after(&address, nonce);
        }
        Connection::of(extensions).asked_about(address, nonce);
        Ok(U64::from(nonce))
    }

    fn get_proof(
        &self,
        _: Address,
        _: Vec<JsonStorageKey>,
        _: Option<BlockId>,
    ) -> RpcResult<Bytes> {
        let message = "eth_getProof is not supported: the state commitment is a sum over all entries, of \
                       which none can be proved by itself";
        Err(ethereum::not_supported(message))
    }

    fn call(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
        block_overrides: Option<Box<BlockOverrides>>,
    ) -> RpcResult<Bytes> {
        let (mut simulator, request) =
            simulate::prepare(&self.0, request, block, state, block_overrides.as_deref())?;
        if request.to.is_none()
            && request.value.is_zero()
            && let Some(claim) = erc6492::recognise(&request.input)
        {
            let is_true = erc6492::holds(&claim, &mut simulator, &request)?;
            return Ok(Bytes::from(vec![u8::from(is_true)]));
        }
        let simulation = simulator.call(&request, false).map_err(ethereum::submission)?;
        ethereum::answer_of(&simulation.receipt.outcome)
    }

    fn estimate_gas(
        &self,
        extensions: &Extensions,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
        block_overrides: Option<Box<BlockOverrides>>,
    ) -> RpcResult<U64> {
        let (mut simulator, request) =
            simulate::prepare(&self.0, request, block, state, block_overrides.as_deref())?;
        let nonce = simulator.account(&request.from).map_err(ethereum::fault)?.nonce;
        Connection::of(extensions).asked_about(request.from, nonce);
        Ok(U64::from(simulator.estimate(&request).map_err(ethereum::fails)?))
    }

    fn create_access_list(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
    ) -> RpcResult<AccessListResult> {
        let (mut simulator, request) = simulate::prepare(&self.0, request, block, state, None)?;
        let simulation = simulator.call(&request, false).map_err(ethereum::submission)?;
        let error = ethereum::answer_of(&simulation.receipt.outcome).err();
        Ok(AccessListResult {
            access_list: AccessList::default(),
            gas_used: U256::from(simulation.receipt.gas_used),
            error: error.map(|error| error.message().to_owned()),
        })
    }

    fn fill_transaction(
        &self,
        extensions: &Extensions,
        request: TransactionRequest,
    ) -> RpcResult<FillTransaction<Value>> {
        let from = request.from.unwrap_or_default();
        let tx = fill(&self.0, request, from)?;
        Connection::of(extensions).asked_about(from, tx.nonce());
        let unsigned = Signature::new(U256::ZERO, U256::ZERO, false);
        let mut shown = json!(tx);
        if tx.is_dynamic_fee() {
            // What is in no block yet has this as well, and there it is the most that is paid.
            shown["gasPrice"] = json!(U128::from(tx.max_fee_per_gas()));
        }
        let raw = tx.into_envelope(unsigned).encoded_2718().into();
        Ok(FillTransaction { raw, tx: shown })
    }

    fn simulate_v1(
        &self,
        payload: SimulatePayload,
        block: Option<BlockId>,
    ) -> RpcResult<Vec<SimulatedBlock>> {
        simulate::simulate(&self.0, payload, block)
    }

    async fn send_raw_transaction(
        &self,
        extensions: &Extensions,
        transaction: Bytes,
    ) -> RpcResult<B256> {
        send::raw(&self.0, &Connection::of(extensions), transaction).await
    }

    async fn send_raw_transaction_sync(
        &self,
        extensions: &Extensions,
        transaction: Bytes,
        timeout: Option<U64>,
    ) -> RpcResult<TransactionReceipt> {
        send::raw_sync(&self.0, &Connection::of(extensions), transaction, timeout).await
    }

    fn get_transaction_by_hash(&self, hash: B256) -> RpcResult<Option<Transaction>> {
        let ledger = self.0.ledger();
        // What waits is looked for first: it leaves the line only when it is in a block.
        let parked = ledger.pool.find(&hash);
        if let Some(Located { block, index }) =
            ledger.chain.transaction(&hash).map_err(ethereum::fault)?
        {
            return ethereum::transaction(&block, index).map(Some).map_err(ethereum::fault);
        }
        let parked = parked.map(|(sender, _, parked)| ethereum::parked(&parked.bytes, sender));
        parked.transpose().map_err(ethereum::fault)
    }

    fn get_transaction_by_block_hash_and_index(
        &self,
        hash: B256,
        index: Index,
    ) -> RpcResult<Option<Transaction>> {
        self.transaction_at(hash.into(), index)
    }

    fn get_transaction_by_block_number_and_index(
        &self,
        block: BlockNumberOrTag,
        index: Index,
    ) -> RpcResult<Option<Transaction>> {
        self.transaction_at(block.into(), index)
    }

    fn get_raw_transaction_by_hash(&self, hash: B256) -> RpcResult<Option<Bytes>> {
        let ledger = self.0.ledger();
        // What waits is looked for first, as above.
        let parked = ledger.pool.find(&hash);
        let located = ledger.chain.transaction(&hash).map_err(ethereum::fault)?;
        let located = located.map(|at| at.block.body.transactions[at.index].clone());
        Ok(located.or(parked.map(|(_, _, parked)| parked.bytes)))
    }

    fn get_raw_transaction_by_block_hash_and_index(
        &self,
        hash: B256,
        index: Index,
    ) -> RpcResult<Option<Bytes>> {
        self.raw_at(hash.into(), index)
    }

    fn get_raw_transaction_by_block_number_and_index(
        &self,
        block: BlockNumberOrTag,
        index: Index,
    ) -> RpcResult<Option<Bytes>> {
        self.raw_at(block.into(), index)
    }

    fn get_transaction_receipt(&self, hash: B256) -> RpcResult<Option<TransactionReceipt>> {
        let located = self.0.chain().transaction(&hash).map_err(ethereum::fault)?;
        Ok(located.map(|located| ethereum::receipt(&located)))
    }

    fn get_block_receipts(&self, block: BlockId) -> RpcResult<Option<Vec<TransactionReceipt>>> {
        let Some(block) = self.0.block(block)?.map(Arc::new) else { return Ok(None) };
        let all = 0..block.body.receipts.len();
        let receipt = |index| ethereum::receipt(&Located { block: block.clone(), index });
        Ok(Some(all.map(receipt).collect()))
    }

    fn get_block_by_hash(&self, hash: B256, full: bool) -> RpcResult<Option<Block>> {
        self.block_at(hash.into(), full)
    }

    fn get_block_by_number(&self, block: BlockNumberOrTag, full: bool) -> RpcResult<Option<Block>> {
        self.block_at(block.into(), full)
    }

    fn get_header_by_hash(&self, hash: B256) -> RpcResult<Option<alloy_rpc_types_eth::Header>> {
        Ok(self.0.block(hash.into())?.map(|block| ethereum::header(&block)))
    }

    fn get_header_by_number(
        &self,
        block: BlockNumberOrTag,
    ) -> RpcResult<Option<alloy_rpc_types_eth::Header>> {
        Ok(self.0.block(block.into())?.map(|block| ethereum::header(&block)))
    }

    fn get_block_transaction_count_by_hash(&self, hash: B256) -> RpcResult<Option<U64>> {
        self.transactions_in(hash.into())
    }

    fn get_block_transaction_count_by_number(
        &self,
        block: BlockNumberOrTag,
    ) -> RpcResult<Option<U64>> {
        self.transactions_in(block.into())
    }

    fn get_uncle_count_by_block_hash(&self, hash: B256) -> RpcResult<Option<U64>> {
        Ok(self.0.block(hash.into())?.map(|_| U64::ZERO))
    }

    fn get_uncle_count_by_block_number(&self, block: BlockNumberOrTag) -> RpcResult<Option<U64>> {
        Ok(self.0.block(block.into())?.map(|_| U64::ZERO))
    }

    fn get_logs(&self, filter: Filter) -> RpcResult<Vec<Log>> {
        filter::logs(&self.0, &filter)
    }

    fn new_filter(&self, filter: Filter) -> RpcResult<U256> {
        filter::check(&filter)?;
        Ok(filter::add(&self.0, Wanted::Logs(Box::new(filter))))
    }

    fn new_block_filter(&self) -> RpcResult<U256> {
        Ok(filter::add(&self.0, Wanted::Blocks))
    }

    fn new_pending_transaction_filter(&self) -> RpcResult<U256> {
        Ok(filter::add(&self.0, Wanted::Transactions))
    }

    fn get_filter_changes(&self, name: U256) -> RpcResult<FilterChanges> {
        filter::changes(&self.0, name)
    }

    fn get_filter_logs(&self, name: U256) -> RpcResult<Vec<Log>> {
        filter::all(&self.0, name)
    }

    fn uninstall_filter(&self, name: U256) -> RpcResult<bool> {
        Ok(self.0.filters.remove(name))
    }
}

/// What a contract keeps under a key of 32 bytes, if that fits into 32 bytes.
fn slot_value(snapshot: &Snapshot, address: &Address, slot: JsonStorageKey) -> RpcResult<B256> {
    let value = snapshot.storage(address, slot.as_b256().as_slice());
    let value = value.map_err(ethereum::fault)?.unwrap_or_default();
    Ok(if value.len() <= 32 { B256::left_padding_from(&value) } else { B256::ZERO })
}

impl Rpc {
    fn block_at(&self, id: BlockId, full: bool) -> RpcResult<Option<Block>> {
        let block = self.0.block(id)?;
        let block = block.map(|block| ethereum::block(&block, full));
        block.transpose().map_err(ethereum::fault)
    }

    fn transaction_at(&self, id: BlockId, index: Index) -> RpcResult<Option<Transaction>> {
        let block = self.0.block(id)?;
        let block = block.filter(|block| index.0 < block.body.transactions.len());
        let found = block.map(|block| ethereum::transaction(&block, index.0));
        found.transpose().map_err(ethereum::fault)
    }

    fn raw_at(&self, id: BlockId, index: Index) -> RpcResult<Option<Bytes>> {
        let block = self.0.block(id)?;
        Ok(block.and_then(|block| block.body.transactions.get(index.0).cloned()))
    }

    fn transactions_in(&self, id: BlockId) -> RpcResult<Option<U64>> {
        let block = self.0.block(id)?;
        Ok(block.map(|block| U64::from(block.body.transactions.len())))
    }
}
