//! What only a node for development does: signs for whoever asks, and on a sandbox changes the state,
//! the time and the past, by the names that anvil and hardhat gave these methods.
//!
//! Invariant: none of these methods is there on any other node.

use super::Rpc;
use super::fill::fill;
use crate::connection::Connection;
use crate::development::{MineOptions, Mined, Saved};
use crate::node::{Interval, Node};
use crate::pool::Sealing;
use crate::{development, ethereum};
use alloy_dyn_abi::TypedData;
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_signer::SignerSync;
use jsonrpsee::core::{RpcResult, async_trait};
use jsonrpsee::proc_macros::rpc;
use jsonrpsee::{Extensions, RpcModule};
use serde_json::Value;
use std::time::Duration;

/// Signing for whoever asks.
#[rpc(server, client)]
pub trait SignApi {
    /// Fills in, signs and sends a transaction of an account that the node has the key of, or that is
    /// impersonated.
    #[method(name = "eth_sendTransaction", with_extensions)]
    async fn send_transaction(&self, request: TransactionRequest) -> RpcResult<B256>;

    /// Fills in and sends a transaction in anybody's name, on a sandbox.
    #[method(name = "eth_sendUnsignedTransaction", with_extensions)]
    async fn send_unsigned_transaction(&self, request: TransactionRequest) -> RpcResult<B256>;

    /// Fills in and signs a transaction.
    #[method(name = "eth_signTransaction", blocking)]
    fn sign_transaction(&self, request: TransactionRequest) -> RpcResult<Value>;

    /// Signs a message (EIP-191).
    #[method(name = "eth_sign")]
    fn sign(&self, address: Address, message: Bytes) -> RpcResult<Bytes>;

    /// Signs a message (EIP-191).
    #[method(name = "personal_sign")]
    fn personal_sign(&self, message: Bytes, address: Address) -> RpcResult<Bytes>;

    /// Signs typed data (EIP-712).
    #[method(name = "eth_signTypedData_v4", aliases = ["eth_signTypedData"])]
    fn sign_typed_data(&self, address: Address, data: Value) -> RpcResult<Bytes>;
}

/// Blocks, time and state at will.
#[rpc(server, client)]
pub trait SandboxApi {
    /// Makes a block, or several; `timestamp` is that of the first.
    #[method(name = "evm_mine", blocking)]
    fn mine_one(&self, options: Option<MineOptions>) -> RpcResult<String>;

    /// Makes blocks, `interval` seconds apart.
    #[method(name = "anvil_mine", aliases = ["hardhat_mine"], blocking)]
    fn mine(&self, blocks: Option<U256>, interval: Option<U256>) -> RpcResult<Value>;

    /// Makes blocks and tells what is in them.
    #[method(name = "anvil_mineDetailed", aliases = ["evm_mine_detailed"], blocking)]
    fn mine_detailed(&self, options: Option<MineOptions>) -> RpcResult<Vec<Mined>>;

    /// Whether a block is made as soon as there is a transaction.
    #[method(name = "anvil_getAutomine", aliases = ["hardhat_getAutomine"])]
    fn automine(&self) -> RpcResult<bool>;

    /// Decides that.
    #[method(name = "evm_setAutomine", aliases = ["anvil_setAutomine"])]
    async fn set_automine(&self, on: bool) -> RpcResult<Value>;

    /// Makes a block every so many seconds; 0 for never.
    #[method(name = "evm_setIntervalMining", aliases = ["anvil_setIntervalMining"])]
    fn set_interval(&self, seconds: u64) -> RpcResult<Value>;

    /// How many seconds are between blocks that are made at intervals; `null` if none are.
    #[method(name = "anvil_getIntervalMining")]
    fn interval(&self) -> RpcResult<Option<u64>>;

    /// Taken and ignored: what is logged is up to whoever runs the node.
    #[method(name = "anvil_setLoggingEnabled", aliases = ["hardhat_setLoggingEnabled"])]
    fn set_logging(&self, on: bool) -> RpcResult<Value>;

    /// Forgets a transaction that waits.
    #[method(name = "anvil_dropTransaction", aliases = ["hardhat_dropTransaction"])]
    fn drop_transaction(&self, hash: B256) -> RpcResult<Option<B256>>;

    /// Lets time pass; how many seconds the clock is ahead then.
    #[method(name = "evm_increaseTime", aliases = ["anvil_increaseTime"])]
    fn increase_time(&self, seconds: U256) -> RpcResult<i64>;

    /// Sets the time of the next block, in seconds since 1970.
    #[method(name = "evm_setNextBlockTimestamp", aliases = ["anvil_setNextBlockTimestamp"])]
    fn set_next_time(&self, time: U256) -> RpcResult<Value>;

    /// Sets the time, in seconds since 1970.
    #[method(name = "evm_setTime", aliases = ["anvil_setTime"])]
    fn set_time(&self, time: U256) -> RpcResult<i64>;

    /// Makes each block so many seconds later than the one before it.
    #[method(name = "anvil_setBlockTimestampInterval")]
    fn set_time_step(&self, seconds: u64) -> RpcResult<Value>;

    /// Lets the clock decide again.
    #[method(name = "anvil_removeBlockTimestampInterval")]
    fn remove_time_step(&self) -> RpcResult<bool>;

    /// Remembers where the ledger is; the name of that.
    #[method(name = "evm_snapshot", aliases = ["anvil_snapshot"], blocking)]
    fn snapshot(&self) -> RpcResult<U256>;

    /// Goes back to where the ledger was, and forgets what was remembered since then.
    #[method(name = "evm_revert", aliases = ["anvil_revert"], blocking)]
    fn revert(&self, name: U256) -> RpcResult<bool>;

    /// Goes back to the beginning.
    #[method(name = "anvil_reset", aliases = ["hardhat_reset"], blocking)]
    fn reset(&self, options: Option<Value>) -> RpcResult<Value>;

    /// Sets an account's native balance.
    #[method(name = "anvil_setBalance", aliases = ["hardhat_setBalance"], blocking)]
    fn set_balance(&self, address: Address, balance: U256) -> RpcResult<Value>;

    /// Sets an account's next nonce.
    #[method(name = "anvil_setNonce", aliases = ["hardhat_setNonce"], blocking)]
    fn set_nonce(&self, address: Address, nonce: U256) -> RpcResult<Value>;

    /// Sets a contract's module; nothing makes an account of it that has no code.
    #[method(name = "anvil_setCode", aliases = ["hardhat_setCode"], blocking)]
    fn set_code(&self, address: Address, code: Bytes) -> RpcResult<Value>;

    /// Sets what a contract keeps under a key of 32 bytes; zero for nothing.
    #[method(name = "anvil_setStorageAt", aliases = ["hardhat_setStorageAt"], blocking)]
    fn set_storage(&self, address: Address, slot: U256, value: B256) -> RpcResult<bool>;

    /// Takes transactions in an account's name.
    #[method(name = "anvil_impersonateAccount", aliases = ["hardhat_impersonateAccount"])]
    fn impersonate(&self, address: Address) -> RpcResult<Value>;

    /// No longer does.
    #[method(name = "anvil_stopImpersonatingAccount", aliases = ["hardhat_stopImpersonatingAccount"])]
    fn stop_impersonating(&self, address: Address) -> RpcResult<Value>;

    /// Takes transactions in everybody's name, or no longer.
    #[method(name = "anvil_autoImpersonateAccount")]
    fn impersonate_all(&self, on: bool) -> RpcResult<Value>;

    /// The whole state, to be loaded again.
    #[method(name = "anvil_dumpState", aliases = ["hardhat_dumpState"], blocking)]
    fn dump_state(&self) -> RpcResult<Bytes>;

    /// Adds a state that was dumped to the one that is there.
    #[method(name = "anvil_loadState", aliases = ["hardhat_loadState"], blocking)]
    fn load_state(&self, state: Bytes) -> RpcResult<bool>;

    /// What the node is, and where.
    #[method(name = "anvil_metadata", aliases = ["hardhat_metadata"])]
    fn metadata(&self) -> RpcResult<Value>;

    /// What the node is, and where.
    #[method(name = "anvil_nodeInfo")]
    fn node_info(&self) -> RpcResult<Value>;

    /// Refused: the price of gas is a rule of the ledger.
    #[method(
        name = "anvil_setNextBlockBaseFeePerGas",
        aliases = ["hardhat_setNextBlockBaseFeePerGas", "anvil_setMinGasPrice"]
    )]
    fn set_base_fee(&self, fee: U256) -> RpcResult<Value>;
}

/// What a method for development needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Keys.
    Sign,
    /// A ledger that is a toy.
    Sandbox,
}

/// What a node lacks for methods of a kind.
pub fn missing(node: &Node, kind: Kind) -> Option<&'static str> {
    if node.config.development.is_none() {
        Some("it is for development; start the node with --dev")
    } else if kind == Kind::Sandbox && !node.chain().genesis().sandbox {
        Some("the ledger is no sandbox: its genesis does not say so")
    } else {
        None
    }
}

/// The methods that sign.
pub fn signing(rpc: Rpc) -> RpcModule<Rpc> {
    SignApiServer::into_rpc(rpc)
}

/// The methods that change a sandbox.
pub fn sandbox(rpc: Rpc) -> RpcModule<Rpc> {
    SandboxApiServer::into_rpc(rpc)
}

fn small(number: U256, what: &str) -> RpcResult<u64> {
    u64::try_from(number)
        .map_err(|_| ethereum::invalid(format!("{what} is more than 64 bits hold")))
}

#[async_trait]
impl SignApiServer for Rpc {
    async fn send_transaction(
        &self,
        extensions: &Extensions,
        request: TransactionRequest,
    ) -> RpcResult<B256> {
        let from = self.0.sender(&request)?;
        let is_impersonated = self.0.is_impersonated(&from);
        self.fill_and_send(extensions, request, from, is_impersonated).await
    }

    async fn send_unsigned_transaction(
        &self,
        extensions: &Extensions,
        request: TransactionRequest,
    ) -> RpcResult<B256> {
        let from = request.from.ok_or_else(|| ethereum::invalid("from is missing"))?;
        self.fill_and_send(extensions, request, from, true).await
    }

    fn sign_transaction(&self, request: TransactionRequest) -> RpcResult<Value> {
        let from = self.0.sender(&request)?;
        if self.0.is_impersonated(&from) {
            return Err(ethereum::server(
                "there is no key to sign with: the account is impersonated",
            ));
        }
        let signed = self.0.sign(fill(&self.0, request, from)?, from, false)?;
        Ok(serde_json::json!({ "raw": Bytes::from(signed.encoded_2718()), "tx": signed }))
    }

    fn sign(&self, address: Address, message: Bytes) -> RpcResult<Bytes> {
        let signature = self.0.key(&address)?.sign_message_sync(&message);
        let signature = signature.map_err(|error| ethereum::server(error.to_string()))?;
        Ok(signature.as_bytes().into())
    }

    fn personal_sign(&self, message: Bytes, address: Address) -> RpcResult<Bytes> {
        SignApiServer::sign(self, address, message)
    }

    fn sign_typed_data(&self, address: Address, data: Value) -> RpcResult<Bytes> {
        let key = self.0.key(&address)?;
        // Some clients send it as text within the text.
        let data: TypedData = match data {
            Value::String(text) => serde_json::from_str(&text),
            data => serde_json::from_value(data),
        }
        .map_err(|error| ethereum::invalid(format!("the typed data cannot be read: {error}")))?;
        let bad = |error: &dyn std::fmt::Display| ethereum::invalid(error.to_string());
        let hash = data.eip712_signing_hash().map_err(|error| bad(&error))?;
        let signature = key.sign_hash_sync(&hash).map_err(|error| bad(&error))?;
        Ok(signature.as_bytes().into())
    }
}

impl Rpc {
    async fn fill_and_send(
        &self,
        extensions: &Extensions,
        request: TransactionRequest,
        from: Address,
        is_impersonated: bool,
    ) -> RpcResult<B256> {
        let node = self.0.clone();
        let sign = move || node.sign(fill(&node, request, from)?, from, is_impersonated);
        let signed = tokio::task::spawn_blocking(sign).await;
        let signed = signed.map_err(|_| ethereum::server("signing panicked"))??;
        let bytes = signed.encoded_2718().into();
        super::send::raw(&self.0, &Connection::of(extensions), bytes).await
    }
}

#[async_trait]
impl SandboxApiServer for Rpc {
    fn mine_one(&self, options: Option<MineOptions>) -> RpcResult<String> {
        self.0.mine(&options.unwrap_or_default())?;
        Ok("0x0".to_owned())
    }

    fn mine(&self, blocks: Option<U256>, interval: Option<U256>) -> RpcResult<Value> {
        let blocks = small(blocks.unwrap_or(U256::ONE), "the number of blocks")?;
        let apart = small(interval.unwrap_or_default(), "the interval")?;
        self.0.mine_many(blocks, None, apart)?;
        Ok(Value::Null)
    }

    fn mine_detailed(&self, options: Option<MineOptions>) -> RpcResult<Vec<Mined>> {
        let blocks = self.0.mine(&options.unwrap_or_default())?;
        let show = |block: &_| ethereum::block(block, true).map_err(ethereum::fault);
        blocks.iter().map(|block| show(block).map(Mined)).collect()
    }

    fn automine(&self) -> RpcResult<bool> {
        Ok(self.0.sealing() == Sealing::Immediately)
    }

    async fn set_automine(&self, on: bool) -> RpcResult<Value> {
        self.0.set_sealing(if on { Sealing::Immediately } else { Sealing::OnDemand });
        if on {
            self.0.resume_all().await;
        }
        Ok(Value::Null)
    }

    fn set_interval(&self, seconds: u64) -> RpcResult<Value> {
        let interval = (seconds > 0).then(|| Duration::from_secs(seconds));
        if interval.is_some() {
            self.0.set_sealing(Sealing::OnDemand);
        }
        // Tests wait for time to pass, also when nothing happens.
        self.0.interval.send_replace(interval.map(|every| Interval { every, empty: true }));
        Ok(Value::Null)
    }

    fn interval(&self) -> RpcResult<Option<u64>> {
        Ok(self.0.interval.borrow().map(|interval| interval.every.as_secs()))
    }

    fn set_logging(&self, _on: bool) -> RpcResult<Value> {
        Ok(Value::Null)
    }

    fn drop_transaction(&self, hash: B256) -> RpcResult<Option<B256>> {
        Ok(self.0.ledger().pool.drop_transaction(&hash).then_some(hash))
    }

    fn increase_time(&self, seconds: U256) -> RpcResult<i64> {
        let seconds = development::possible(small(seconds, "the time")?)?;
        development::possible(self.0.clock.now().saturating_add(seconds))?;
        Ok(self.0.clock.advance(seconds))
    }

    fn set_next_time(&self, time: U256) -> RpcResult<Value> {
        let time = self.0.future(small(time, "the time")?)?;
        self.0.clock.set_next(time);
        Ok(Value::Null)
    }

    fn set_time(&self, time: U256) -> RpcResult<i64> {
        self.0.clock.set(development::possible(small(time, "the time")?)?);
        Ok(self.0.clock.ahead())
    }

    fn set_time_step(&self, seconds: u64) -> RpcResult<Value> {
        self.0.clock.set_step(Some(development::possible(seconds)?));
        Ok(Value::Null)
    }

    fn remove_time_step(&self) -> RpcResult<bool> {
        self.0.clock.set_step(None);
        Ok(true)
    }

    fn snapshot(&self) -> RpcResult<U256> {
        Ok(U256::from(self.0.remember()))
    }

    fn revert(&self, name: U256) -> RpcResult<bool> {
        let Ok(name) = u64::try_from(name) else { return Ok(false) };
        self.0.return_to(name)
    }

    fn reset(&self, _options: Option<Value>) -> RpcResult<Value> {
        self.0.begin_again()?;
        Ok(Value::Null)
    }

    fn set_balance(&self, address: Address, balance: U256) -> RpcResult<Value> {
        self.0.change_account(address, |account| account.balance = balance)?;
        Ok(Value::Null)
    }

    fn set_nonce(&self, address: Address, nonce: U256) -> RpcResult<Value> {
        let nonce = small(nonce, "the nonce")?;
        self.0.change_account(address, |account| account.nonce = nonce)?;
        Ok(Value::Null)
    }

    fn set_code(&self, address: Address, code: Bytes) -> RpcResult<Value> {
        self.0.change_code(address, code)?;
        Ok(Value::Null)
    }

    fn set_storage(&self, address: Address, slot: U256, value: B256) -> RpcResult<bool> {
        self.0.change_storage(address, slot.into(), value)?;
        Ok(true)
    }

    fn impersonate(&self, address: Address) -> RpcResult<Value> {
        self.0.sandbox.impersonate(address, true);
        Ok(Value::Null)
    }

    fn stop_impersonating(&self, address: Address) -> RpcResult<Value> {
        self.0.sandbox.impersonate(address, false);
        Ok(Value::Null)
    }

    fn impersonate_all(&self, on: bool) -> RpcResult<Value> {
        self.0.sandbox.impersonate_all(on);
        Ok(Value::Null)
    }

    fn dump_state(&self) -> RpcResult<Bytes> {
        let saved = Saved::of(&self.0.chain()).map_err(ethereum::fault)?;
        let text = serde_json::to_vec(&saved);
        Ok(text.map_err(|error| ethereum::server(error.to_string()))?.into())
    }

    fn load_state(&self, state: Bytes) -> RpcResult<bool> {
        let saved: Saved = serde_json::from_slice(&state)
            .map_err(|error| ethereum::invalid(format!("that is no state: {error}")))?;
        self.0.load(saved)?;
        Ok(true)
    }

    fn metadata(&self) -> RpcResult<Value> {
        let chain = self.0.chain();
        let head = chain.latest();
        Ok(serde_json::json!({
            "clientVersion": crate::CLIENT,
            "chainId": chain.genesis().chain_id,
            "latestBlockNumber": head.header().number,
            "latestBlockHash": head.header().hash(),
            "instanceId": chain.block(0).map_err(ethereum::fault)?.map(|block| block.hash),
            "snapshots": self.0.sandbox.snapshots(),
        }))
    }

    fn node_info(&self) -> RpcResult<Value> {
        let chain = self.0.chain();
        let (head, genesis) = (chain.latest(), chain.genesis());
        Ok(serde_json::json!({
            "currentBlockNumber": U64::from(head.header().number),
            "currentBlockTimestamp": head.header().timestamp,
            "currentBlockHash": head.header().hash(),
            "hardFork": "london",
            "transactionOrder": "fifo",
            "environment": {
                "baseFee": U256::from(genesis.gas_price),
                "chainId": genesis.chain_id,
                "gasLimit": U64::from(genesis.block_gas_limit),
                "gasPrice": U256::from(genesis.gas_price),
            },
            "forkConfig": {},
        }))
    }

    fn set_base_fee(&self, _fee: U256) -> RpcResult<Value> {
        let message = "the price of gas is a rule of the ledger, which never changes; begin one with the price \
                       that you want (florin init --gas-price)";
        Err(ethereum::not_supported(message))
    }
}
