//! `net_` and `web3_`: who one talks to.

use super::Rpc;
use crate::CLIENT;
use alloy_primitives::{B256, Bytes, U64, keccak256};
use jsonrpsee::{core::RpcResult, proc_macros::rpc};

/// The network.
#[rpc(server, client, namespace = "net")]
pub trait NetApi {
    /// The chain id, in decimal digits.
    #[method(name = "version")]
    fn version(&self) -> RpcResult<String>;

    /// Whether the node listens for others: there are none, and it is not waiting for any.
    #[method(name = "listening")]
    fn listening(&self) -> RpcResult<bool>;

    /// How many other nodes it is connected to: none.
    #[method(name = "peerCount")]
    fn peer_count(&self) -> RpcResult<U64>;
}

/// The client.
#[rpc(server, client, namespace = "web3")]
pub trait Web3Api {
    /// Name and version of the node.
    #[method(name = "clientVersion")]
    fn client_version(&self) -> RpcResult<String>;

    /// keccak-256 of `data` (which is not the SHA3 that was standardised).
    #[method(name = "sha3")]
    fn sha3(&self, data: Bytes) -> RpcResult<B256>;
}

impl NetApiServer for Rpc {
    fn version(&self) -> RpcResult<String> {
        Ok(self.0.chain().genesis().chain_id.to_string())
    }

    fn listening(&self) -> RpcResult<bool> {
        Ok(true)
    }

    fn peer_count(&self) -> RpcResult<U64> {
        Ok(U64::ZERO)
    }
}

impl Web3ApiServer for Rpc {
    fn client_version(&self) -> RpcResult<String> {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        Ok(format!("{CLIENT}/{os}-{arch}/rust"))
    }

    fn sha3(&self, data: Bytes) -> RpcResult<B256> {
        Ok(keccak256(data))
    }
}
