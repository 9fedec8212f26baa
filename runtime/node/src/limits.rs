//! Every limit of the node, each with its reason.

use std::time::Duration;

/// Transactions that wait for an earlier nonce, or for the next block if blocks are made at
/// intervals, at most: with [`PARKED_BYTES`] what a node keeps for those who may never go on.
pub const PARKED_TRANSACTIONS: usize = 16 << 10;
/// Bytes of them at most.
pub const PARKED_BYTES: usize = 64 << 20;
/// Those of one sender at most, geth's number: so that nobody takes all of it.
pub const PARKED_PER_SENDER: usize = 64;
/// How long a transaction waits for an earlier nonce before it is forgotten, as in geth.
pub const PARKED_LIFETIME: Duration = Duration::from_secs(3 * 60 * 60);
/// By how many per cent a transaction must raise both fees to replace one of the same nonce, as in
/// geth: else replacing would cost nothing.
pub const REPLACEMENT_PER_CENT: u128 = 10;
/// Transactions that one connection may have on their way to a block: an eighth of the queue, so that
/// eight floods do not yet keep others out.
pub const IN_FLIGHT_PER_CONNECTION: usize = 8 << 10;

/// Most bytes of a request. A deployment of the largest module is less than half of it in hex.
pub const REQUEST_BYTES: u32 = 16 << 20;
/// Most bytes of a response: a block of a hundred thousand transactions, in full.
pub const RESPONSE_BYTES: u32 = 160 << 20;
/// Requests in one batch at most, as in geth.
pub const BATCH_REQUESTS: u32 = 1_000;
/// Requests that may be answered at a time, beside those that send transactions; each may hold a thread
/// that reads. Some of these threads are left for others.
pub const READS: usize = 48;
/// Requests that may wait for that.
pub const READS_WAITING: usize = 4 << 10;
/// Requests of one batch that are answered at a time.
pub const BATCH_AT_ONCE: usize = 256;
/// Connections at a time: the idle subscribers of a busy shop, and a margin.
pub const CONNECTIONS: u32 = 16 << 10;
/// Subscriptions of one connection.
pub const SUBSCRIPTIONS_PER_CONNECTION: u32 = 128;
/// Messages that wait for a slow subscriber before it is dropped.
pub const SUBSCRIPTION_BUFFER: u32 = 1_024;
/// Blocks that wait to be told to subscribers; whoever is further behind is dropped.
pub const BLOCKS_BEHIND: usize = 1_024;

/// Filters at a time, which bounds their memory; the one that was asked longest ago goes first.
pub const FILTERS: usize = 4_096;
/// Blocks of which a filter tells the hashes, or those of their transactions, at once.
pub const FILTER_BLOCKS: u64 = 4_096;
/// How long a filter lives that nobody asks, as in geth.
pub const FILTER_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Blocks of which `eth_feeHistory` tells at once, as in geth.
pub const FEE_HISTORY_BLOCKS: u64 = 1_024;
/// Percentiles of which it tells at once, as in geth.
pub const FEE_HISTORY_PERCENTILES: usize = 100;
/// Storage entries that one `eth_getStorageValues` asks for, as in geth.
pub const STORAGE_VALUES: usize = 1_024;
/// Blocks of one `eth_simulateV1`, as in geth.
pub const SIMULATED_BLOCKS: u64 = 256;
/// Gas that all calls of one `eth_simulateV1` use at most, in blocks.
pub const SIMULATED_GAS_BLOCKS: u64 = 4;
/// Calls of one `eth_simulateV1`: each may take all the gas that is left of a block's.
pub const SIMULATED_CALLS: usize = 1_000;

/// Blocks that a node for development makes at once on demand.
pub const BLOCKS_AT_ONCE: u64 = 10_000;
/// The latest time that it can be made to have, in seconds since 1970: the last second of the year
/// 9999, with which every client can do.
pub const LATEST_TIME: u64 = 253_402_300_799;
/// Places in the past that it remembers; the oldest go first.
pub const SNAPSHOTS: usize = 1_024;

/// How long `eth_sendRawTransactionSync` waits for a transaction that waits itself, unless it says
/// otherwise (EIP-7966).
pub const SYNC_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest that it may say.
pub const SYNC_TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// How long `eth_sendRawTransactionSync` waits for a nonce that is missing, before it says so: what was
/// sent together may pass each other on the way, and who hears of a gap may sign again.
pub const NONCE_PATIENCE: Duration = Duration::from_millis(250);
/// How long the answer to `eth_subscribe` may wait for a client who does not read.
pub const SUBSCRIBE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a node that is told to stop waits for what was begun.
pub const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// After how long a request executes nothing more, unless the operator says otherwise, as in geth.
pub const READ_TIME: Duration = Duration::from_secs(5);
/// Connections of administrators at a time, and of those who watch: few, so that the ledger has files
/// left.
pub const PRIVATE_CONNECTIONS: usize = 64;
/// How long a connection may send nothing, or take nothing of an answer. geth's is as long, but only
/// between requests: here an answer that takes longer to be given and read is cut off as well.
pub const IDLE: Duration = Duration::from_secs(120);
/// How long a client may pause within a request.
pub const BODY_PAUSE: Duration = Duration::from_secs(15);
/// How long a client may take to agree on keys.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long to wait before the next connection is accepted, if one could not be.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often it is looked whether a ledger is still read that is served no more.
pub const FORGET_PAUSE: Duration = Duration::from_millis(50);
/// How often what has expired is looked for.
pub const HOUSEKEEPING: Duration = Duration::from_secs(10);
