//! How a node is run.

use crate::limits::CONNECTIONS;
use std::fmt;
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
    /// Requests a second that a client may make, told apart by address; without it, any number.
    pub rate: Option<NonZeroU32>,
    /// With what certificates; without, connections are not encrypted.
    pub tls: Option<Tls>,
    /// Where whoever holds the token may do everything; without it, nobody.
    pub administration: Option<Administration>,
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

/// The administrative interface.
#[derive(Clone)]
pub struct Administration {
    /// Where it listens: on the loopback, for it has no encryption.
    pub listen: SocketAddr,
    /// What its clients prove themselves by (`authorization: Bearer ...`).
    pub token: String,
}

impl fmt::Debug for Administration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The token is nobody's business.
        f.debug_struct("Administration").field("listen", &self.listen).finish_non_exhaustive()
    }
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
            rate: None,
            tls: None,
            administration: None,
            development: None,
        }
    }
}
