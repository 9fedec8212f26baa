//! The methods, a namespace each: a trait that is the server, the client and the document of it.
//!
//! Invariant: a method that executes or reads much is `blocking`, so it runs beside the threads that
//! talk to clients, and slow reads do not stop payments.

mod debug;
mod dev;
mod eth;
mod fees;
mod fill;
mod filter;
mod florin;
mod net;
mod send;
mod simulate;
mod subscribe;
mod txpool;

pub use debug::{DebugApiClient, DebugApiServer};
pub use dev::{SandboxApiClient, SignApiClient};
pub use eth::{EthApiClient, EthApiServer};
pub use florin::{Estimate, FlorinApiClient, FlorinApiServer, REJECTED, Status};
pub use net::{NetApiClient, NetApiServer, Web3ApiClient, Web3ApiServer};
pub use subscribe::EthPubSubServer;
pub use txpool::{TxpoolApiClient, TxpoolApiServer};

use crate::node::Node;
use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::server::ResponsePayload;
use std::sync::Arc;

/// What answers: the node, for every namespace.
#[derive(Clone)]
pub struct Rpc(pub Arc<Node>);

/// The methods that this node does not have, though one for development, or on a sandbox, would.
pub fn refused(node: &Arc<Node>) -> Vec<(&'static str, &'static str)> {
    let rpc = Rpc(node.clone());
    let (sign, sandbox) = (dev::signing(rpc.clone()), dev::sandbox(rpc));
    let all = sign.method_names().map(|name| (name, dev::Kind::Sign));
    let all = all.chain(sandbox.method_names().map(|name| (name, dev::Kind::Sandbox)));
    all.filter_map(|(name, kind)| Some((name, dev::missing(node, kind)?))).collect()
}

/// The methods of the administrative interface.
pub fn administration(node: Arc<Node>) -> RpcModule<Rpc> {
    FlorinApiServer::into_rpc(Rpc(node))
}

/// All methods of a node.
///
/// # Errors
/// Two methods have the same name, which a test would find.
pub fn methods(node: Arc<Node>) -> Result<RpcModule<()>, RegisterMethodError> {
    let rpc = Rpc(node);
    let mut all = RpcModule::new(());
    all.merge(EthApiServer::into_rpc(rpc.clone()))?;
    all.merge(EthPubSubServer::into_rpc(rpc.clone()))?;
    all.merge(NetApiServer::into_rpc(rpc.clone()))?;
    all.merge(Web3ApiServer::into_rpc(rpc.clone()))?;
    all.merge(TxpoolApiServer::into_rpc(rpc.clone()))?;
    all.merge(DebugApiServer::into_rpc(rpc.clone()))?;
    if dev::missing(&rpc.0, dev::Kind::Sign).is_none() {
        all.merge(dev::signing(rpc.clone()))?;
    }
    if dev::missing(&rpc.0, dev::Kind::Sandbox).is_none() {
        all.merge(dev::sandbox(rpc))?;
    }
    let namespaces: std::collections::BTreeMap<String, String> = all
        .method_names()
        .filter_map(|name| name.split_once('_'))
        .chain([("rpc", "")])
        .map(|(namespace, _)| (namespace.to_owned(), "1.0".to_owned()))
        .collect();
    all.register_method("rpc_modules", move |_, _, _| {
        ResponsePayload::success(namespaces.clone())
    })?;
    Ok(all)
}
