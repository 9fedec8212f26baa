//! `florin_`: what Ethereum has no word for, and everything in the runtime's own terms. It is served to
//! those who administer the node: the command line does by it what it does on a ledger of its own.
//!
//! Invariant: an answer is what the runtime's function of the same name returns.

use super::Rpc;
use crate::ethereum;
use crate::pool::Sent;
use crate::rpc::send;
use alloy_primitives::{Address, B256, Bytes};
use florin_runtime::store::LogFilter;
use florin_runtime::types::{Account, Block, Header};
use florin_runtime::{
    Audit, CallRequest, EstimateError, FoundLog, Genesis, Located, LogError, Rejection, Simulation,
    SubmitError,
};
use jsonrpsee::core::{RpcResult, async_trait};
use jsonrpsee::proc_macros::rpc;
use jsonrpsee::types::ErrorObjectOwned;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A transaction, or a call that is to be one, was not taken: the code of that error (EIP-1474).
pub const REJECTED: i32 = -32003;

/// What is known of the gas that a call needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Estimate {
    /// So much is enough.
    Enough(u64),
    /// None is: what happens with all of it.
    Fails(Box<Simulation>),
}

/// How a node is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether connections are encrypted.
    pub encrypted: bool,
    /// Number of the last block.
    pub block: u64,
    /// Time of the last block, in seconds since 1970.
    pub timestamp: u64,
    /// Transactions that wait for an earlier nonce or for a block.
    pub waiting: usize,
    /// Seconds since it started.
    pub uptime: u64,
}

/// The ledger in the runtime's terms.
#[rpc(server, client, namespace = "florin")]
pub trait FlorinApi {
    /// How the node is.
    #[method(name = "status")]
    fn status(&self) -> RpcResult<Status>;

    /// The rules.
    #[method(name = "genesis")]
    fn genesis(&self) -> RpcResult<Genesis>;

    /// The header of the last block.
    #[method(name = "head")]
    fn head(&self) -> RpcResult<Header>;

    /// An account.
    #[method(name = "account", blocking)]
    fn account(&self, address: Address) -> RpcResult<Account>;

    /// The module of a contract.
    #[method(name = "code", blocking)]
    fn code(&self, address: Address) -> RpcResult<Option<Bytes>>;

    /// The value that a contract keeps under a key.
    #[method(name = "storage", blocking)]
    fn storage(&self, address: Address, key: Bytes) -> RpcResult<Option<Bytes>>;

    /// A block by its number.
    #[method(name = "block", blocking)]
    fn block(&self, number: u64) -> RpcResult<Option<Block>>;

    /// A block by its hash.
    #[method(name = "blockByHash", blocking)]
    fn block_by_hash(&self, hash: B256) -> RpcResult<Option<Block>>;

    /// A transaction by its hash.
    #[method(name = "transaction", blocking)]
    fn transaction(&self, hash: B256) -> RpcResult<Option<Located>>;

    /// The logs that a filter finds.
    #[method(name = "logs", blocking)]
    fn logs(&self, filter: LogFilter) -> RpcResult<Vec<FoundLog>>;

    /// What a call would do now.
    #[method(name = "simulate", blocking)]
    fn simulate(&self, request: CallRequest) -> RpcResult<Simulation>;

    /// Gas with which a call succeeds.
    #[method(name = "estimate", blocking)]
    fn estimate(&self, request: CallRequest) -> RpcResult<Estimate>;

    /// Executes a signed transaction; returns when it is durable.
    #[method(name = "submit")]
    async fn submit(&self, transaction: Bytes) -> RpcResult<Located>;

    /// Checks everything on disk against everything else.
    #[method(name = "audit", blocking)]
    fn audit(&self) -> RpcResult<Audit>;

    /// Executes the whole history again: the blocks executed, and the first difference.
    #[method(name = "replay", blocking)]
    fn replay(&self) -> RpcResult<(u64, Option<String>)>;

    /// Copies history and rules to a folder of the node's machine that does not exist: number and hash
    /// of the last block in the copy.
    #[method(name = "backup", blocking)]
    fn backup(&self, to: PathBuf) -> RpcResult<(u64, B256)>;
}

fn rejected(rejection: &Rejection) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(REJECTED, rejection.to_string(), None::<()>)
}

fn submission(error: SubmitError) -> ErrorObjectOwned {
    match error {
        SubmitError::Rejected(rejection) => rejected(&rejection),
        SubmitError::Fault(error) => ethereum::fault(error),
    }
}

#[async_trait]
impl FlorinApiServer for Rpc {
    fn status(&self) -> RpcResult<Status> {
        let ledger = self.0.ledger();
        let head = ledger.chain.head();
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            address: self.0.address,
            encrypted: self.0.config.tls.is_some(),
            block: head.number,
            timestamp: head.timestamp,
            waiting: ledger.pool.len(),
            uptime: self.0.started.elapsed().as_secs(),
        })
    }

    fn genesis(&self) -> RpcResult<Genesis> {
        Ok(self.0.chain().genesis().clone())
    }

    fn head(&self) -> RpcResult<Header> {
        Ok(self.0.chain().head())
    }

    fn account(&self, address: Address) -> RpcResult<Account> {
        self.0.chain().account(&address).map_err(ethereum::fault)
    }

    fn code(&self, address: Address) -> RpcResult<Option<Bytes>> {
        self.0.chain().code(&address).map_err(ethereum::fault)
    }

    fn storage(&self, address: Address, key: Bytes) -> RpcResult<Option<Bytes>> {
        self.0.chain().storage(&address, &key).map_err(ethereum::fault)
    }

    fn block(&self, number: u64) -> RpcResult<Option<Block>> {
        self.0.chain().block(number).map_err(ethereum::fault)
    }

    fn block_by_hash(&self, hash: B256) -> RpcResult<Option<Block>> {
        self.0.chain().block_by_hash(&hash).map_err(ethereum::fault)
    }

    fn transaction(&self, hash: B256) -> RpcResult<Option<Located>> {
        self.0.chain().transaction(&hash).map_err(ethereum::fault)
    }

    fn logs(&self, filter: LogFilter) -> RpcResult<Vec<FoundLog>> {
        self.0.chain().logs(&filter).map_err(|error| match error {
            LogError::Fault(error) => ethereum::fault(error),
            error => ethereum::server(error.to_string()),
        })
    }

    fn simulate(&self, request: CallRequest) -> RpcResult<Simulation> {
        self.0.chain().simulate(&request, self.0.clock.now()).map_err(submission)
    }

    fn estimate(&self, request: CallRequest) -> RpcResult<Estimate> {
        match self.0.chain().estimate(&request, self.0.clock.now()) {
            Ok(gas) => Ok(Estimate::Enough(gas)),
            Err(EstimateError::Fails(simulation)) => Ok(Estimate::Fails(simulation)),
            Err(EstimateError::Rejected(rejection)) => Err(rejected(&rejection)),
            Err(EstimateError::Fault(error)) => Err(ethereum::fault(error)),
        }
    }

    async fn submit(&self, transaction: Bytes) -> RpcResult<Located> {
        match send::submit(&self.0, transaction).await? {
            Sent::Sealed(located) => Ok(located),
            Sent::Parked { hash, .. } => send::wait(&self.0, hash).await,
        }
    }

    fn audit(&self) -> RpcResult<Audit> {
        self.0.chain().audit(&mut |_, _| {}).map_err(ethereum::fault)
    }

    fn replay(&self) -> RpcResult<(u64, Option<String>)> {
        self.0.chain().replay(&mut |_, _| {}).map_err(ethereum::fault)
    }

    fn backup(&self, to: PathBuf) -> RpcResult<(u64, B256)> {
        self.0.chain().backup(&to, &mut |_, _| {}).map_err(ethereum::fault)
    }
}
