//! What the methods share: the ledger, what waits, the clock, and who is told of blocks.

use crate::clock::Clock;
use crate::config::Config;
use crate::development::Sandbox;
use crate::ethereum;
use crate::filters::Filters;
use crate::limits::BLOCKS_BEHIND;
use crate::listeners::Listeners;
use crate::metrics::Metrics;
use crate::pool::{Pool, Sealing};
use crate::rate::Rate;
use crate::resume::Wishes;
use alloy_rpc_types_eth::{BlockId, BlockNumberOrTag, RpcBlockHash};
use alloy_signer_local::PrivateKeySigner;
use florin_runtime::host::BlockEnv;
use florin_runtime::limits::HISTORY_STEPS;
use florin_runtime::types::{Address, B256, Block};
use florin_runtime::{Allowance, Chain, Fault, Rejection, Simulator, Snapshot};
use futures_util::future::join_all;
use jsonrpsee::core::RpcResult;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, watch};

/// A ledger that is served, and the way into its blocks.
pub struct Ledger {
    /// The ledger.
    pub chain: Chain,
    /// What is not in it yet.
    pub pool: Pool,
}

/// How blocks are made at intervals.
#[derive(Debug, Clone, Copy)]
pub struct Interval {
    /// How long to wait for the next.
    pub every: Duration,
    /// Whether there is one although there is nothing for it.
    pub empty: bool,
}

/// A running node.
pub struct Node {
    /// Only a node for development ever gets another one.
    ledger: RwLock<Arc<Ledger>>,
    /// What the operator decided.
    pub config: Config,
    /// Where it listens.
    pub address: SocketAddr,
    /// When it started.
    pub started: Instant,
    /// The time.
    pub clock: Arc<Clock>,
    /// Whoever polls.
    pub filters: Filters,
    /// Blocks, as they become durable.
    pub heads: broadcast::Sender<Arc<Block>>,
    /// Who wants to hear of which logs.
    pub listeners: Arc<Listeners>,
    /// Hashes of transactions that were taken but wait.
    pub parked: broadcast::Sender<B256>,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Who may ask how often.
    pub rate: Option<Arc<Rate>>,
    /// What the holder of a sandbox has decided.
    pub sandbox: Sandbox,
    /// Who wants what waits to be sent again.
    wishes: Wishes,
    /// How long to wait between blocks that are made at intervals.
    pub interval: watch::Sender<Option<Interval>>,
    /// Whether a block is made as soon as there is a transaction.
    immediate: AtomicBool,
    /// Why no block can be made any more.
    failed: OnceLock<String>,
    /// Held by whoever makes another ledger of this one.
    pub going_back: Mutex<()>,
}

impl Node {
    /// Serves `chain`.
    ///
    /// # Errors
    /// The operating system has no more threads.
    pub fn new(
        chain: Chain,
        config: Config,
        address: SocketAddr,
        wishes: Wishes,
    ) -> io::Result<Arc<Self>> {
        let (heads, parked) =
            (broadcast::channel(BLOCKS_BEHIND).0, broadcast::channel(BLOCKS_BEHIND).0);
        let clock = Arc::new(Clock::default());
        let (told, metrics) = (heads.clone(), Arc::new(Metrics::default()));
        let (measured, listeners) = (metrics.clone(), Arc::<Listeners>::default());
        let concerned = listeners.clone();
        chain.watch(move |block, took| {
            measured.sealed(block, took);
            concerned.tell(block);
            let _ = told.send(block.clone()); // nobody may be listening
        });
        let ledger = RwLock::new(Node::serve(chain, &clock, &wishes)?);
        let rate = config.rate.map(|per_second| Arc::new(Rate::new(per_second)));
        let immediate = AtomicBool::new(config.interval.is_none());
        let interval = config.interval.map(|every| Interval { every, empty: config.empty_blocks });
        let interval = watch::channel(interval).0;
        Ok(Arc::new(Node {
            ledger,
            config,
            address,
            started: Instant::now(),
            clock,
            filters: Filters::default(),
            heads,
            listeners,
            parked,
            metrics,
            rate,
            sandbox: Sandbox::default(),
            wishes,
            interval,
            immediate,
            failed: OnceLock::new(),
            going_back: Mutex::default(),
        }))
    }

    fn serve(chain: Chain, clock: &Arc<Clock>, wishes: &Wishes) -> io::Result<Arc<Ledger>> {
        let clock = clock.clone();
        let sequencer = chain.sequencer(move || clock.begin_block())?;
        let pool = Pool::new(chain.clone(), sequencer, wishes.clone());
        Ok(Arc::new(Ledger { chain, pool }))
    }

    /// The ledger that is served.
    pub fn ledger(&self) -> Arc<Ledger> {
        self.ledger.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same, open for reading.
    pub fn chain(&self) -> Chain {
        self.ledger().chain.clone()
    }

    /// Serves another ledger from now on, a branch of the one that is served.
    ///
    /// # Errors
    /// The operating system has no more threads.
    pub fn replace(&self, branch: Chain) -> io::Result<()> {
        let branch = Node::serve(branch, &self.clock, &self.wishes)?;
        *self.ledger.write().unwrap_or_else(PoisonError::into_inner) = branch;
        Ok(())
    }

    /// Sends again whatever waits for nothing.
    pub async fn resume_all(&self) {
        let senders = self.ledger().pool.senders();
        join_all(senders.into_iter().map(|sender| self.wishes.resume(sender))).await;
    }

    /// How blocks come about.
    pub fn sealing(&self) -> Sealing {
        match self.immediate.load(Ordering::Relaxed) {
            true => Sealing::Immediately,
            false => Sealing::OnDemand,
        }
    }

    /// Decides how blocks come about.
    pub fn set_sealing(&self, sealing: Sealing) {
        self.immediate.store(sealing == Sealing::Immediately, Ordering::Relaxed);
    }

    /// Makes a block of what waits; an empty one if nothing does and `empty` says so.
    ///
    /// # Errors
    /// The ledger failed.
    pub fn seal(&self, empty: bool) -> Result<Option<Arc<Block>>, Fault> {
        self.seal_ready(empty).inspect_err(|fault| self.fail(fault))
    }

    fn seal_ready(&self, empty: bool) -> Result<Option<Arc<Block>>, Fault> {
        let ledger = self.ledger();
        let ready = ledger.pool.ready();
        if ready.is_empty() && !empty {
            return Ok(None);
        }
        let bytes = ready.iter().map(|parked| parked.bytes.clone()).collect();
        let sealed = ledger.chain.seal(bytes, self.clock.begin_block())?;
        // What there was no room for waits for the next block, and so does what follows it.
        let waits = |result: &Result<usize, Rejection>| {
            use Rejection::{BlockFull, BlockTooLarge, NonceTooHigh};
            matches!(result, Err(BlockFull { .. } | BlockTooLarge { .. } | NonceTooHigh { .. }))
        };
        let done = ready.iter().zip(&sealed.results).filter(|(_, result)| !waits(result));
        ledger.pool.forget(done.map(|(parked, _)| parked.hash));
        match sealed.block {
            None if empty => Ok(ledger.chain.seal(Vec::new(), self.clock.begin_block())?.block),
            block => Ok(block),
        }
    }

    /// Remembers that the ledger takes no more blocks.
    pub fn fail(&self, fault: &Fault) {
        tracing::error!(%fault, "no block can be made any more");
        let _ = self.failed.set(fault.to_string()); // the first cause is the cause
    }

    /// Why the ledger takes no more blocks, if so.
    pub fn failure(&self) -> Option<&String> {
        self.failed.get()
    }

    /// The number that a block parameter stands for. Whatever is acknowledged is final, so all tags
    /// but `earliest` stand for the last block.
    pub fn number(&self, tag: BlockNumberOrTag) -> u64 {
        match tag {
            BlockNumberOrTag::Earliest => 0,
            BlockNumberOrTag::Number(number) => number,
            _ => self.chain().head().number,
        }
    }

    /// The block that a parameter stands for, if there is one.
    ///
    /// # Errors
    /// The ledger failed.
    pub fn block(&self, id: BlockId) -> RpcResult<Option<Block>> {
        let chain = self.chain();
        let found = match id {
            BlockId::Number(tag) => chain.block(self.number(tag)),
            BlockId::Hash(RpcBlockHash { block_hash, .. }) => chain.block_by_hash(&block_hash),
        };
        found.map_err(ethereum::fault)
    }

    /// The ledger as of a block, and the block in which a call over it is executed: the next one, of
    /// this moment, over the last; else the block itself, as its own transactions saw it.
    ///
    /// # Errors
    /// There is no such block, or too much happened since then.
    pub fn snapshot(&self, id: Option<BlockId>) -> RpcResult<(Snapshot, BlockEnv)> {
        let chain = self.chain();
        let number = match id.unwrap_or_default() {
            BlockId::Number(BlockNumberOrTag::Number(number)) => number,
            BlockId::Number(BlockNumberOrTag::Earliest) => 0,
            BlockId::Number(_) => {
                let latest = chain.latest();
                let next = latest.next_block(self.clock.now());
                return Ok((latest, next));
            }
            BlockId::Hash(RpcBlockHash { block_hash, .. }) => {
                let block = chain.block_by_hash(&block_hash).map_err(ethereum::fault)?;
                block.ok_or_else(|| ethereum::not_found("header for hash"))?.header.number
            }
        };
        let snapshot = chain.at(number, HISTORY_STEPS).map_err(ethereum::history)?;
        let snapshot = snapshot.ok_or_else(|| ethereum::not_found("header"))?;
        let own = snapshot.own_block();
        Ok((snapshot, own))
    }

    /// What executes calls of strangers, within what one request may take.
    pub fn simulator(&self, snapshot: &Snapshot, block: BlockEnv) -> Simulator {
        let mut simulator = snapshot.simulator(block);
        simulator.allowance = Allowance { gas: self.config.read_gas, time: self.config.read_time };
        simulator
    }

    /// The accounts that the node signs for.
    pub fn accounts(&self) -> Vec<Address> {
        self.keys().map(|key| key.address()).collect()
    }

    /// Their keys.
    pub fn keys(&self) -> impl Iterator<Item = &PrivateKeySigner> {
        self.config.development.iter().flat_map(|development| &development.keys)
    }
}
