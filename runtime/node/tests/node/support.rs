//! A node on a ledger of its own, and a client.

use alloy_network::EthereumWallet;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_provider::{DynProvider, Provider, ProviderBuilder, WsConnect};
use alloy_rpc_types_eth::{TransactionReceipt, TransactionRequest};
use alloy_signer_local::PrivateKeySigner;
use florin_node::{Config, Development, Handle, spawn};
use florin_runtime::store::Durability;
use florin_runtime::{Chain, Genesis};
use serde_json::{Value, json};

pub const CHAIN_ID: u64 = 77;
pub const GAS_PRICE: u128 = 10;
pub const BOB: Address = Address::repeat_byte(0xb0);

/// The account that signs.
pub fn alice() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).expect("a key")
}

/// A node, with a client that signs as Alice.
pub struct Running {
    pub node: Handle,
    pub client: DynProvider,
    _folder: tempfile::TempDir,
}

impl Running {
    /// One as operators run it.
    pub async fn new() -> Self {
        Running::with(Config::default(), false).await
    }

    /// One for development, on a sandbox.
    pub async fn for_development() -> Self {
        let keys = vec![alice()];
        let development = Some(Development { keys, branches: None });
        Running::with(Config { development, ..Config::default() }, true).await
    }

    pub async fn with(config: Config, sandbox: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let rich = U256::from(10).pow(U256::from(24));
        let genesis = Genesis {
            chain_id: CHAIN_ID,
            gas_price: GAS_PRICE,
            sandbox,
            allocations: [(alice().address(), rich)].into(),
            ..Genesis::default()
        };
        let path = folder.path().join("ledger");
        let chain = Chain::create(&path, &genesis, Durability::Unsynced).expect("a ledger");
        let mut config = Config { listen: ([127, 0, 0, 1], 0).into(), ..config };
        if let Some(development) = &mut config.development {
            development.branches = Some(folder.path().to_owned());
        }
        let node = spawn(chain, config).await.expect("a node");
        let url = format!("http://{}", node.address()).parse().expect("a URL");
        let wallet = EthereumWallet::from(alice());
        let client = ProviderBuilder::new().wallet(wallet).connect_http(url).erased();
        Running { node, client, _folder: folder }
    }

    /// Stops it; its folder stays as long as what is returned.
    pub async fn stop(self) -> tempfile::TempDir {
        self.node.stop().await.expect("it stops");
        self._folder
    }

    /// The same by WebSocket.
    pub async fn websocket(&self) -> DynProvider {
        let url = format!("ws://{}", self.node.address());
        let wallet = EthereumWallet::from(alice());
        let client = ProviderBuilder::new().wallet(wallet).connect_ws(WsConnect::new(url)).await;
        client.expect("a connection").erased()
    }

    /// A request, and its result or the error's code, message and data.
    pub async fn ask(&self, method: &str, params: Value) -> Result<Value, (i64, String, Value)> {
        let answer = self.client.raw_request::<_, Value>(method.to_owned().into(), params).await;
        answer.map_err(|error| {
            let error =
                error.as_error_resp().unwrap_or_else(|| panic!("{method}: {error}")).clone();
            let data = error.data.map(|data| serde_json::from_str(data.get()).expect("JSON"));
            (error.code, error.message.into_owned(), data.unwrap_or_default())
        })
    }

    /// The same, which must have a result.
    pub async fn get(&self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error:?}"))
    }

    /// Sends as Alice, and waits for the receipt.
    pub async fn send(&self, request: TransactionRequest) -> TransactionReceipt {
        let sent = self.client.send_transaction(request).await.expect("it is taken");
        sent.get_receipt().await.expect("a receipt")
    }

    /// Deploys WebAssembly text as Alice.
    pub async fn deploy(&self, text: &str) -> Address {
        let request = TransactionRequest {
            to: Some(TxKind::Create),
            input: deployment(text).into(),
            ..TransactionRequest::default()
        };
        self.send(request).await.contract_address.expect("a contract")
    }
}

/// Data of the transaction that creates a contract from WebAssembly text.
pub fn deployment(text: &str) -> Bytes {
    let module = wat::parse_str(text).expect("valid text");
    // The header of a deployment: a magic number, a version, the length.
    let length = u32::try_from(module.len()).expect("a small module").to_be_bytes();
    [&[0xef, 0xf1, 1][..], &length, &module].concat().into()
}

/// A payment by Alice that is signed by hand.
pub fn payment(nonce: u64, value: u64, fee: u128) -> Bytes {
    use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
    use alloy_eips::Encodable2718;
    use alloy_signer::SignerSync;
    let transaction = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: fee,
        max_priority_fee_per_gas: 0,
        to: TxKind::Call(BOB),
        value: U256::from(value),
        ..TxEip1559::default()
    };
    let signature = alice().sign_hash_sync(&transaction.signature_hash()).expect("a signature");
    TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
}

/// A call as JSON.
pub fn call(to: Address, data: &[u8]) -> Value {
    json!({ "from": alice().address(), "to": to, "data": Bytes::copy_from_slice(data) })
}
