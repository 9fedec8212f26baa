//! How a node is run.

use crate::limits::{CONNECTIONS, IDLE, READ_TIME};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where HTTP and WebSocket are served, both at the same place. Port 0 takes any.
    pub listen: SocketAddr,
    /// Origins of web pages that browsers may let ask (CORS); `*` stands for all.
    pub origins: Vec<String>,
    /// Host names by which clients may call the node; empty for all. It keeps web pages from
    /// reaching a node on their visitor's own machine by a name that they point to it.
    pub hosts: Vec<String>,
    /// How long to wait between blocks; without it a block is made as soon as there is a transaction.
    pub interval: Option<Duration>,
    /// Whether a block is made at an interval although there is nothing for it.
    pub empty_blocks: bool,
    /// Connections at a time; each takes a file descriptor, of which the ledger needs some as well.
    pub connections: u32,
    /// How long a connection may send nothing, or take nothing of an answer: so an answer has to be given
    /// and read within that. WebSockets send something when they are pinged, every half a minute.
    pub idle: Duration,
    /// Requests a second that a client may make, told apart by address; without it, any number.
    pub rate: Option<NonZeroU32>,
    /// Most gas of a call that nobody signed (`eth_call`, `eth_estimateGas` and others); without it, a
    /// block's. A transaction that needs more cannot be estimated.
    pub read_gas: Option<u64>,
    /// How long after its first turn a request may begin to execute something: what has begun ends, at
    /// its gas at the latest.
    pub read_time: Option<Duration>,
    /// With what certificates; without, connections are not encrypted.
    pub tls: Option<Tls>,
    /// Where the administrative interface listens, for whoever has its [`Access`](crate::Access);
    /// without it, there is none.
    pub administration: Option<SocketAddr>,
    /// Where `GET /metrics` is answered to everybody; without it, to administrators only.
    pub metrics: Option<SocketAddr>,
    /// For development: what that allows.
    pub development: Option<Development>,
}

/// Where certificates come from.
#[derive(Debug, Clone)]
pub enum Tls {
    /// From files, in PEM.
    Files {
        /// The node's certificate, and those that lead from it to one that clients trust.
        certificates: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// One is made for the moment, which nobody trusts by itself: for development.
    SelfSigned {
        /// Names and addresses by which clients call the node.
        names: Vec<String>,
    },
}

/// What only a node for development does.
#[derive(Debug, Clone)]
pub struct Development {
    /// Keys that it signs with for whoever asks.
    pub keys: Vec<alloy_signer_local::PrivateKeySigner>,
    /// Where it makes ledgers that go back in time; without it, it does not.
    pub branches: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8545)),
            origins: Vec::new(),
            hosts: Vec::new(),
            interval: None,
            empty_blocks: false,
            connections: CONNECTIONS,
            idle: IDLE,
            rate: None,
            read_gas: None,
            read_time: Some(READ_TIME),
            tls: None,
            administration: None,
            metrics: None,
            development: None,
        }
    }
}
