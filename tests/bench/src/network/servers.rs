//! The servers that are measured, each a process of its own: a node; the JSON-RPC server that it is
//! made with, whose methods do nothing; anvil.
//!
//! Invariant: a server ends with its handle.

use crate::baselines::evm;
use crate::workload::{People, Scale};
use alloy_primitives::{B256, Bytes, hex};
use anyhow::{Context, Result, ensure};
use florin_node::limits::CONNECTIONS;
use florin_node::{Config, spawn};
use florin_runtime::Chain;
use jsonrpsee::RpcModule;
use jsonrpsee::server::{Server as JsonRpc, ServerConfig};
use serde_json::value::RawValue;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Tells a process of this program what it is to serve: a ledger's directory, or nothing.
const SERVE: &str = "FLORIN_BENCH_SERVE";
/// Where anvil is, if it is not where programs are.
const ANVIL: &str = "ANVIL";
/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether it does.
const LOOK: Duration = Duration::from_millis(1);

/// A receipt of a token transfer as nodes answer with it, for the method that does nothing.
const RECEIPT: &str = include_str!("../../fixtures/receipt.json");

/// A server that runs.
pub struct Server {
    process: Child,
    pub address: SocketAddr,
}

impl Server {
    /// A node that serves a ledger.
    pub fn node(ledger: &Path) -> Result<Self> {
        Server::of_this_program(ledger)
    }

    /// The transport by itself: methods of the same names that do nothing.
    pub fn nothing() -> Result<Self> {
        Server::of_this_program(Path::new(""))
    }

    fn of_this_program(serve: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(std::env::args_os().skip(1)); // for the scale
        let mut process = command.env(SERVE, serve).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().context("its output")?;
        let line = BufReader::new(output).lines().next();
        let mut server = Server { process, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        server.address = line.context("a server ended")??.parse()?;
        Ok(server)
    }

    /// Anvil, with everybody's funds, as its options say.
    pub fn anvil(people: &People, dir: &Path, options: &[&str]) -> Result<Self> {
        let genesis = dir.join("anvil.json");
        if !genesis.exists() {
            std::fs::write(&genesis, evm::genesis(people)?.to_string())?;
        }
        // Whoever has the port first keeps it; nobody else on this machine is likely to want it.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let program = std::env::var_os(ANVIL).map_or("anvil".into(), PathBuf::from);
        let process = Command::new(&program)
            .args(["--silent", "--accounts", "1", "--port", &address.port().to_string()])
            // The transactions are those of every other server: nobody pays more than 1 for gas.
            .args(["--block-base-fee-per-gas", "0", "--disable-block-gas-limit", "--init"])
            .arg(&genesis)
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("{} (set {ANVIL} to where it is)", program.display()))?;
        let server = Server { process, address };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(start.elapsed() < PATIENCE, "anvil does not answer");
            std::thread::sleep(LOOK);
        }
        Ok(server)
    }

    /// The memory that it has now, in bytes.
    pub fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes: u64 = line.context("VmRSS")?.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
    }
}

/// Serves what a process of this program was started for; `false` if it was not.
pub fn child(scale: Scale) -> Result<bool> {
    let Some(ledger) = std::env::var_os(SERVE) else { return Ok(false) };
    let runtime = Runtime::new()?;
    let (_node, address) = if ledger.is_empty() {
        (None, runtime.block_on(nothing())?)
    } else {
        let chain = Chain::open(Path::new(&ledger), scale.options(), &mut |_, _| {})?;
        let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
        let node = runtime.block_on(spawn(chain, config))?;
        let address = node.address();
        (Some(node), address)
    };
    println!("{address}");
    // Until somebody kills the process.
    loop {
        std::thread::park();
    }
}

/// Methods that read what they are given, and answer with as many bytes as a node does.
async fn nothing() -> Result<SocketAddr> {
    let config = ServerConfig::builder().max_connections(CONNECTIONS).build();
    let server = JsonRpc::builder().set_config(config).build("127.0.0.1:0").await?;
    let mut methods = RpcModule::new(());
    methods.register_method("eth_sendRawTransaction", |params, (), _| {
        params.one::<Bytes>().map(|_| B256::ZERO)
    })?;
    methods.register_method("eth_sendRawTransactionSync", |params, (), _| {
        let receipt = RawValue::from_string(RECEIPT.trim().to_owned()).expect("JSON");
        params.one::<Bytes>().map(|_| receipt)
    })?;
    methods.register_method("eth_getTransactionCount", |_, (), _| hex::encode_prefixed([0]))?;
    let address = server.local_addr()?;
    let handle = server.start(methods);
    tokio::spawn(handle.stopped());
    Ok(address)
}
