//! The node of Florin: a clock, a queue and a socket around the runtime.
//!
//! [`spawn`] serves a ledger over JSON-RPC, as execution-apis specifies it and geth does it, so that
//! wallets, libraries and tools made for Ethereum need nothing else.
//!
//! ```
//! use florin_node::{Config, spawn};
//! use florin_runtime::{Chain, Genesis, store::Durability};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let chain = Chain::create(&folder.path().join("ledger"), &Genesis::default(), Durability::Synced)?;
//! let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
//! let node = spawn(chain, config).await?;
//! println!("http://{} and ws://{}", node.address(), node.address());
//! node.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # How it is made
//! `server` accepts connections, `door` is what every request passes, `rpc` has the methods, a
//! namespace each, and `ethereum` puts Florin's nouns into Ethereum's words. A signed transaction goes
//! to the runtime's sequencer at once; `pool` keeps what cannot be executed yet. Nothing here decides
//! what is valid or what happens: that is the runtime's.
//!
//! Invariant: a receipt is given out only after its block is durable, and so is the hash of a
//! transaction that can be executed.

mod access;
mod clock;
mod config;
mod connection;
mod development;
mod door;
mod ethereum;
mod filters;
mod health;
pub mod limits;
mod listeners;
mod metrics;
mod node;
mod pool;
mod rate;
mod resume;
pub mod rpc;
mod server;
mod tls;

pub use access::Access;
pub use config::{Config, Development, Tls};
pub use tls::TlsError;

use florin_runtime::{Chain, Fault};
use futures_util::future::OptionFuture;
use jsonrpsee::server::{Methods, ServerHandle, stop_channel};
use limits::{HOUSEKEEPING, STOP_PATIENCE};
use node::Node;
use resume::Wishes;
use server::{Audience, Layers, Served};
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tls::Certificates;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// Name and version of the node, as clients are told.
const CLIENT: &str = concat!("Florin/v", env!("CARGO_PKG_VERSION"));

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// Nobody can listen there.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The operating system has no more threads.
    #[error("cannot start: {0}")]
    Threads(io::Error),
    /// A host name is none; the reason.
    #[error("a host name that is allowed is none: {0}")]
    Host(String),
    /// An origin is none.
    #[error("{0:?} is no origin; write it as in https://shop.example")]
    Origin(String),
    /// There is no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Two methods have the same name.
    #[error("internal error: {0}; please report it")]
    Methods(#[from] jsonrpsee::core::RegisterMethodError),
}

/// A node that runs. Dropping it stops the node without waiting.
pub struct Handle {
    address: SocketAddr,
    access: Option<Access>,
    metrics: Option<SocketAddr>,
    tls: Option<Arc<Certificates>>,
    server: ServerHandle,
    tasks: Vec<JoinHandle<()>>,
    node: Arc<Node>,
}

/// Serves `chain` until the handle is stopped or dropped.
///
/// # Errors
/// [`SpawnError`]: nothing was started.
pub async fn spawn(chain: Chain, config: Config) -> Result<Handle, SpawnError> {
    let layers = Layers::new(&config)?;
    let tls = config.tls.clone().map(Certificates::new).transpose()?.map(Arc::new);
    let (listener, address) = listen_at(config.listen).await?;
    let administrators =
        OptionFuture::from(config.administration.map(listen_at)).await.transpose()?;
    let watchers = OptionFuture::from(config.metrics.map(listen_at)).await.transpose()?;
    let (wishes, wished) = Wishes::new();
    let node = Node::new(chain, config, address, wishes).map_err(SpawnError::Threads)?;
    let methods: Methods = rpc::methods(node.clone())?.into();
    let administrative: Methods = rpc::administration(node.clone()).into();
    node.metrics.name(methods.method_names().chain(administrative.method_names()));
    let (stop, server) = stop_channel();
    let mut tasks = Vec::new();
    let mut serve = |listener, served| {
        tasks.push(tokio::spawn(server::serve(listener, node.clone(), served, stop.clone())));
    };
    let (refused, to) = (rpc::refused(&node).into(), Audience::Public(tls.clone()));
    serve(listener, Served { methods, refused, layers, to });
    let apart = |methods, to| Served { methods, refused: Arc::new([]), layers: Layers::open(), to };
    let (mut access, mut metrics) = (None, None);
    if let Some((listener, address)) = administrators {
        let (made, config) = Access::new(address)?;
        let to = Audience::Administrators(config, made.token.as_str().into());
        serve(listener, apart(administrative, to));
        access = Some(made);
    }
    if let Some((listener, address)) = watchers {
        serve(listener, apart(Methods::new(), Audience::Watchers));
        metrics = Some(address);
    }
    tasks.extend([
        tokio::spawn(resume::run(node.clone(), wished)),
        tokio::spawn(keep_house(node.clone())),
        tokio::spawn(seal_at_intervals(node.clone())),
    ]);
    Ok(Handle { address, access, metrics, tls, server, tasks, node })
}

/// Listens; where, if any port would do.
async fn listen_at(address: SocketAddr) -> Result<(TcpListener, SocketAddr), SpawnError> {
    let cannot = |source| SpawnError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    Ok((listener, address))
}

impl Handle {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What opens its administrative interface, if it has one.
    pub fn access(&self) -> Option<&Access> {
        self.access.as_ref()
    }

    /// Where it answers `GET /metrics` to everybody, if it does.
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// SHA-256 of its certificate, as browsers show it, if it has one.
    pub fn fingerprint(&self) -> Option<String> {
        self.tls.as_ref().map(|certificates| certificates.fingerprint())
    }

    /// Reads its certificates again; connections that there are keep the old ones.
    ///
    /// # Errors
    /// They cannot be used; those from before stay in use.
    pub fn reload_certificates(&self) -> Result<(), TlsError> {
        self.tls.as_ref().map_or(Ok(()), |certificates| certificates.reload())
    }

    /// Why the ledger takes no more blocks, if so: then the node is of no use but for reading.
    pub fn failure(&self) -> Option<String> {
        self.node.failure().cloned()
    }

    /// Stops: takes no more connections, answers what was begun, makes a block of what waits only for
    /// one, and makes what is on disk whole.
    ///
    /// # Errors
    /// The disk refuses. What was acknowledged as durable is durable all the same.
    pub async fn stop(mut self) -> Result<(), Fault> {
        let _ = self.server.stop(); // it may have been stopped already
        if timeout(STOP_PATIENCE, self.server.clone().stopped()).await.is_err() {
            tracing::warn!("some clients did not let go in time");
        }
        for task in self.tasks.drain(..) {
            task.abort();
            let _ = task.await;
        }
        let node = self.node.clone();
        let closing = beside(move || {
            while node.failure().is_none() && node.seal(false)?.is_some() {}
            node.chain().close()
        });
        closing.await.unwrap_or(Err(Fault::Bug("closing the ledger panicked")))
    }
}

/// Does what must not wait for reads, on a thread of its own; `None` if it panicked.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, finished) = tokio::sync::oneshot::channel();
    let work = move || {
        let _ = done.send(work()); // whoever asked may be gone
    };
    std::thread::Builder::new().name("node".to_owned()).spawn(work).ok()?;
    finished.await.ok()
}

impl Drop for Handle {
    fn drop(&mut self) {
        let _ = self.server.stop();
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Forgets what has expired.
async fn keep_house(node: Arc<Node>) {
    let mut ticks = interval(HOUSEKEEPING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        node.filters.expire();
        node.rate.iter().for_each(|rate| rate.forget());
        node.ledger().pool.expire();
    }
}

/// Makes blocks at intervals, as long as somebody wants that.
async fn seal_at_intervals(node: Arc<Node>) {
    let mut wanted = node.interval.subscribe();
    loop {
        let interval = *wanted.borrow_and_update();
        let is_time = async {
            match interval {
                Some(interval) => sleep(interval.every).await,
                None => pending().await,
            }
        };
        tokio::select! {
            changed = wanted.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            () = is_time => {}
        }
        let (sealing, empty) = (node.clone(), interval.is_some_and(|interval| interval.empty));
        match beside(move || sealing.seal(empty)).await {
            Some(Ok(_)) => {}
            Some(Err(_)) => return, // it is remembered
            None => return node.fail(&Fault::Bug("a thread that makes blocks panicked")),
        }
    }
}
