//! `florin node`: serves the ledger to wallets, libraries and tools over JSON-RPC.

use crate::{
    allocator::keep_memory,
    amount::Currency,
    context::Context,
    exit::Exit,
    ledger::{now, open_chain},
    output::{Report, fields, table},
    remote,
};
use alloy_primitives::{Address, B256};
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English};
use anyhow::{Context as _, Result};
use florin_node::{
    Config, Development, Tls,
    limits::{CONNECTIONS, PRIVATE_CONNECTIONS},
    spawn,
};
use florin_runtime::{Chain, Genesis, store::Durability};
use serde::Serialize;
use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The phrase that development tools for Ethereum share: its keys are known to everybody.
const PHRASE: &str = "test test test test test test test test test test test junk";
/// The chain id that those tools expect.
const CHAIN_ID: u64 = 31_337;
/// What each of its accounts has.
const FUNDS: &str = "10000";
/// Where help lists what has to do with it.
const TLS: &str = "TLS";
/// File descriptors that are left for the ledger: its files, and those of compiled modules.
const LEDGER_FILES: u64 = 1_024;
/// How often it is looked whether the ledger still takes blocks.
const WATCH: Duration = Duration::from_secs(1);
/// Threads that may wait for reads at a time, beside those that talk to clients.
const READERS: usize = 64;

/// Arguments of `florin node`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen, for HTTP and WebSocket alike
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8545")]
    listen: SocketAddr,
    /// An origin of web pages that may ask, as in `https://shop.example`, or `*`; may be repeated
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
    /// A host name by which clients may call the node; all if none is named; may be repeated
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Requests a second that one client may make, told apart by address; any number without this
    #[arg(long, value_name = "NUMBER")]
    rate_limit: Option<NonZeroU32>,
    /// Serve HTTPS and WSS with these certificates, in PEM; SIGHUP reads them again
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = TLS)]
    tls_certificates: Option<PathBuf>,
    /// The private key that belongs to the certificates, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificates", help_heading = TLS)]
    tls_key: Option<PathBuf>,
    /// Serve HTTPS and WSS with a certificate that is made for the moment; its fingerprint is printed
    #[arg(long, conflicts_with = "tls_certificates", help_heading = TLS)]
    tls_self_signed: bool,
    /// Where the administrative interface listens, which is opened by what is in the ledger's node.json;
    /// its certificate is for this address and no other
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    admin: SocketAddr,
    /// Where Prometheus and others who watch find /metrics, without proving anything
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// Most gas of a call that nobody signed; a block's without this
    #[arg(long, value_name = "GAS", value_parser = clap::value_parser!(u64).range(21_000..))]
    read_gas: Option<u64>,
    /// After how many seconds a request executes nothing more
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "5")]
    read_time: Duration,
    /// Make a block every so many seconds, instead of as soon as there is a transaction
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    block_time: Option<Duration>,
    /// With --block-time: make blocks also when there is nothing to put into them
    #[arg(long, requires = "block_time")]
    empty_blocks: bool,
    /// Write the log, which FLORIN_LOG chooses (as in `info` or `florin_node=debug`), as JSON
    #[arg(long)]
    log_json: bool,
    /// For development: a ledger that ends with the node, unless --dir names one; ten accounts with
    /// well-known keys and money, which the node signs for
    #[arg(long)]
    dev: bool,
    /// With --dev: how many accounts
    #[arg(long, value_name = "NUMBER", default_value = "10", requires = "dev",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    accounts: u32,
}

#[derive(Serialize)]
struct Serving {
    http: String,
    websocket: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<String>,
    chain_id: u64,
    currency: String,
    block: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<Account>,
}

#[derive(Serialize)]
struct Account {
    address: Address,
    key: B256,
    balance: String,
}

impl Report for Serving {
    fn text(&self) -> String {
        let mut rows = vec![("http", self.http.clone()), ("websocket", self.websocket.clone())];
        rows.extend(self.fingerprint.clone().map(|hash| ("sha-256", hash)));
        rows.extend(self.metrics.clone().map(|place| ("metrics", place)));
        rows.extend([
            ("chain id", self.chain_id.to_string()),
            ("currency", self.currency.clone()),
            ("block", self.block.to_string()),
        ]);
        let serving = fields(rows);
        if self.accounts.is_empty() {
            return serving;
        }
        let row = |account: &Account| {
            [account.address.to_string(), account.balance.clone(), account.key.to_string()]
        };
        let accounts = table(["account", "balance", "key"], self.accounts.iter().map(row));
        format!(
            "{serving}\n{accounts}\nEverybody knows these keys: never send them anything of value."
        )
    }
}

/// Serves the ledger until it is told to stop.
pub fn run(args: Args, context: &Context) -> Result<()> {
    keep_memory();
    let keys = if args.dev { development_keys(args.accounts)? } else { Vec::new() };
    let temporary = tempfile::tempdir().context("a folder for the ledger")?;
    let chain = match args.dev {
        false => open_chain(&context.dir, &context.out)?,
        true => development_ledger(context, temporary.path(), &keys)?,
    };
    let filter = EnvFilter::try_from_env("FLORIN_LOG").unwrap_or_else(|_| "warn".into());
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    match args.log_json {
        true => log.json().init(),
        false => log.init(),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(READERS)
        .build()
        .context("no threads to serve with")?;
    let branches = (!context.dir_is_given).then(|| temporary.path().to_owned());
    runtime.block_on(serve(args, context, chain, keys, branches))
}

async fn serve(
    args: Args,
    context: &Context,
    chain: Chain,
    keys: Vec<PrivateKeySigner>,
    branches: Option<PathBuf>,
) -> Result<()> {
    let tls = tls(&args);
    let secure = if tls.is_some() { "s" } else { "" };
    // As many as there may be; where there are few, both get half.
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(LEDGER_FILES);
    let connections =
        files.saturating_sub(LEDGER_FILES + 2 * PRIVATE_CONNECTIONS as u64).max(files / 2);
    let connections = connections.min(CONNECTIONS.into()) as u32;
    let config = Config {
        connections,
        tls,
        administration: Some(args.admin),
        metrics: args.metrics,
        read_gas: args.read_gas,
        read_time: Some(args.read_time),
        listen: args.listen,
        origins: args.origin,
        hosts: args.host,
        rate: args.rate_limit,
        interval: args.block_time,
        empty_blocks: args.empty_blocks,
        development: args.dev.then(|| Development { keys: keys.clone(), branches }),
        ..Config::default()
    };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let node = spawn(chain.clone(), config).await?;
    let address = node.address();
    let native = Currency::native(chain.genesis().currency.clone());
    let _left = node.access().map(|access| remote::leave(access, chain.dir())).transpose()?;
    let account = |key: &PrivateKeySigner| {
        let balance = native.display(chain.account(&key.address())?.balance);
        Ok(Account { address: key.address(), key: key.to_bytes(), balance })
    };
    context.out.show(&Serving {
        http: format!("http{secure}://{address}"),
        websocket: format!("ws{secure}://{address}"),
        fingerprint: node.fingerprint(),
        metrics: node.metrics().map(|address| format!("http://{address}/metrics")),
        chain_id: chain.genesis().chain_id,
        currency: chain.genesis().currency.clone(),
        block: chain.head().number,
        accounts: keys.iter().map(account).collect::<Result<_>>()?,
    })?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            () = tokio::time::sleep(WATCH) => if let Some(cause) = node.failure() {
                return Err(Exit::Failure.because(format!("the ledger takes no more blocks: {cause}")));
            },
            _ = hang_up.recv() => match node.reload_certificates() {
                Ok(()) => context.out.note("the certificates were read again"),
                Err(error) => context.out.warn(format!("the old certificates stay: {error}")),
            },
        }
    }
    context.out.note("stopping");
    node.stop().await?;
    Ok(())
}

/// What connections are encrypted with.
fn tls(args: &Args) -> Option<Tls> {
    if args.tls_self_signed {
        let names = vec!["localhost".to_owned(), args.listen.ip().to_string()];
        return Some(Tls::SelfSigned { names });
    }
    let (certificates, key) = (args.tls_certificates.clone()?, args.tls_key.clone()?);
    Some(Tls::Files { certificates, key })
}

/// The ledger of a node for development: the one that `--dir` names, made if it is not there, or one
/// in a folder that goes when the node does.
fn development_ledger(
    context: &Context,
    temporary: &std::path::Path,
    keys: &[PrivateKeySigner],
) -> Result<Chain> {
    let (dir, durability) = match context.dir_is_given {
        true => (context.dir.clone(), Durability::Synced),
        // It ends with the node, so nobody misses it after a power failure.
        false => (temporary.join("ledger"), Durability::Unsynced),
    };
    if dir.join("genesis.json").exists() {
        return open_chain(&dir, &context.out);
    }
    let standard = Genesis::default();
    let funds = Currency::native(standard.currency.clone()).parse(FUNDS)?;
    let genesis = Genesis {
        chain_id: CHAIN_ID,
        timestamp: now(),
        gas_price: 1_000_000_000,
        development: true,
        sandbox: true,
        allocations: keys.iter().map(|key| (key.address(), funds)).collect(),
        ..standard
    };
    crate::files::private_dir(&dir)?;
    Ok(Chain::create(&dir, &genesis, durability)?)
}

fn development_keys(count: u32) -> Result<Vec<PrivateKeySigner>> {
    let key = |index| {
        let builder = MnemonicBuilder::<English>::default().phrase(PHRASE).index(index)?;
        Ok(builder.build()?)
    };
    (0..count).map(key).collect()
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write seconds, as in 2 or 0.5")?;
    let possible = (0.01..=86_400.0).contains(&seconds);
    possible.then(|| Duration::from_secs_f64(seconds)).ok_or("between 0.01 and 86400".to_owned())
}
