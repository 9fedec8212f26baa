//! The durable store: the history of blocks, and the state they lead to.
//!
//! ```text
//! genesis.json   the ledger's configuration, bytes as given; the journal starts from its hash
//! journal/       every block since genesis, hash-chained: the truth          -> journal.rs
//! acknowledged   the last block that somebody was told is durable            -> acknowledged.rs
//! state/         accounts, storage, code and indexes, derived from journal/  -> schema.rs
//! lock           held by the process that has the ledger open                -> lock.rs
//! ```
//!
//! A commit checks that the block follows the head and applies to its state, appends it to the
//! journal, syncs the disk, writes the mark, and then applies it to the state. The state is not
//! synced: opening compares its head with the journal and applies what is missing. Opening also
//! reads the whole state and compares it with the commitment in the head block's header, at a cost
//! of about two microseconds per entry; so a byte that changed on disk is found before anybody
//! reads it.
//!
//! ```text
//! commit: check -> journal, fdatasync -> acknowledged -> state (one batch) -> published to readers
//! open:   lock -> genesis -> state's head -> apply the journal from there on -> its tail against
//!         acknowledged -> scan the state
//! ```
//!
//! Architecture Invariants: nothing acknowledged is ever dropped silently. Whatever is read is what
//! was committed, or an error that says what to do. After a failed write the store refuses further
//! ones until it is opened again.

mod acknowledged;
mod audit;
mod backup;
mod commitment;
mod error;
mod index;
mod journal;
mod lock;
mod open;
mod recent;
mod record;
mod schema;
mod transition;
mod view;

pub use audit::Verification;
pub use commitment::Commitment;
pub use error::{Damage, Refusal, Remedy, Result, StoreError};
pub use index::LogFilter;
pub use journal::Durability;
pub use open::Rebuilt;
pub use schema::Counts;
pub use view::View;

use crate::types::{Account, Address, B256, Block, Bytes, Header, Write};
use acknowledged::Acknowledged;
use alloy_primitives::Sealed;
use journal::{Journal, Reader};
use recent::{Change, Recent};
use schema::{Head, State};
use std::{
    collections::BTreeSet,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

/// The file of the ledger's configuration.
const GENESIS: &str = "genesis.json";
const JOURNAL: &str = "journal";
const ACKNOWLEDGED: &str = "acknowledged";
const STATE: &str = "state";
const LOCK: &str = "lock";

/// Blocks after which the state is handed to the operating system: opening after a crash applies at
/// most this many again, and the four milliseconds that it takes are shared by as many.
const FLUSH_BLOCKS: u64 = 64;

/// Told how much of a long operation is done: (done, total), in units of its own.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// An open ledger. Reads go on in any number of threads while one commits.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    config: Bytes,
    journal: Arc<Reader>,
    state: State,
    recent: Recent,
    /// Held for writing while a block is applied: a page of entries is of one block.
    applying: RwLock<()>,
    writer: Mutex<Writer>,
    // The last field, so that everything is closed when the lock goes.
    _lock: lock::Lock,
}

/// What only the committing thread needs.
#[derive(Debug)]
struct Writer {
    journal: Journal,
    acknowledged: Acknowledged,
    head: Head,
    unflushed: u64,
    /// Why no more blocks are accepted.
    stopped: Option<String>,
    /// Where some writes lead, computed for the sealer; the commit that follows needs the same.
    foreseen: Option<(Vec<Write>, Commitment)>,
}

impl Store {
    /// The ledger's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The configuration that the ledger was created with.
    pub fn genesis_config(&self) -> &Bytes {
        &self.config
    }

    /// The header of the last block, with its hash.
    pub fn head(&self) -> Arc<Sealed<Header>> {
        self.recent.head()
    }

    /// Numbers of entries, transactions and logs.
    pub fn counts(&self) -> Counts {
        self.writer().head.counts
    }

    /// The commitment to the state.
    pub fn commitment(&self) -> Commitment {
        self.writer().head.commitment.clone()
    }

    /// The `state_root` of a next block with these writes.
    pub fn commitment_after(&self, writes: &[Write]) -> B256 {
        let mut writer = self.writer();
        let mut commitment = writer.head.commitment.clone();
        commitment.apply(writes);
        let digest = commitment.digest();
        writer.foreseen = Some((writes.to_vec(), commitment));
        digest
    }

    /// Makes a block durable and applies it. When this returns, the block survives whatever happens
    /// to the process.
    ///
    /// It checks that the block follows and fits the state, not that anybody signed its
    /// transactions or that they lead to its writes: that is for [`crate::Chain::seal`], which
    /// gives its store to nobody.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if the block does not follow the head: nothing happened. After any
    /// other error it is not known whether the block is durable; the store refuses further blocks
    /// until it is opened again.
    pub fn commit(&self, block: &Block) -> Result<()> {
        let mut writer = self.writer();
        if let Some(cause) = &writer.stopped {
            return Err(StoreError::Stopped { cause: cause.clone() });
        }
        let foreseen = writer.foreseen.take().filter(|(writes, _)| *writes == block.body.writes);
        let commitment = foreseen.map(|(_, commitment)| commitment);
        let read = |key: &[u8]| match schema::Table::of(key) {
            Some(schema::Table::Index) => self.state.get(key),
            _ => self.recent.get(None, key, || self.state.get(key)),
        };
        let commitment = transition::check(Some(&writer.head), block, commitment, read)?;
        // Stays so if what follows panics.
        writer.stopped = Some("a commit did not come to its end".to_owned());
        let written = self.write(&mut writer, block, commitment);
        writer.stopped = match &written {
            Ok(()) | Err(StoreError::Refused(_)) => None,
            Err(error) => Some(error.to_string()),
        };
        written
    }

    fn write(&self, writer: &mut Writer, block: &Block, commitment: Commitment) -> Result<()> {
        let position = writer.journal.append(block)?;
        writer.acknowledged.set(writer.journal.tail().mark())?;
        let (entries, head) =
            transition::transition(Some(&writer.head), block, position, commitment);
        self.recent.begin(head.number, changes(&block.body.writes));
        let applying = self.applying.write().unwrap_or_else(PoisonError::into_inner);
        self.state.apply(entries, &head)?;
        drop(applying);
        writer.head = head;
        self.recent.publish(Sealed::new_unchecked(block.header.clone(), block.hash));
        writer.unflushed += 1;
        if writer.unflushed >= FLUSH_BLOCKS {
            self.state.flush()?;
            writer.unflushed = 0;
        }
        Ok(())
    }

    /// Hands the state to the disk and accepts no more blocks. Not needed for durability, but the
    /// next opening is faster, and after a power failure the state is whole.
    pub fn close(&self) -> Result<()> {
        let mut writer = self.writer();
        writer.stopped.get_or_insert_with(|| "it was closed".to_owned());
        self.state.sync()
    }

    /// An account at the head; `None` if it was never touched.
    pub fn account(&self, address: &Address) -> Result<Option<Account>> {
        view::account(self, None, address)
    }

    /// A contract's storage entry at the head.
    pub fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>> {
        view::storage(self, None, address, key)
    }

    /// A module by its keccak-256.
    pub fn code(&self, hash: &B256) -> Result<Option<Bytes>> {
        self.state.get(&schema::code_key(hash))
    }

    /// The state at the head, unmoved by blocks that are committed later. A view costs memory for
    /// what those change: drop it when done.
    pub fn view(self: &Arc<Self>) -> View {
        View::new(self.clone())
    }

    /// Up to `limit` storage entries of a contract at the head, in order of key, after a given key.
    pub fn storage_page(
        &self,
        address: &Address,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>> {
        let page = self.page(&schema::storage_key(address, &[]), after, limit)?;
        Ok(page.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// Up to `limit` accounts at the head, in order of address, after a given address.
    pub fn accounts_page(
        &self,
        after: Option<&Address>,
        limit: usize,
    ) -> Result<Vec<(Address, Account)>> {
        let prefix = schema::account_key(&Address::ZERO)[..1].to_vec();
        let page = self.page(&prefix, after.map(|after| after.as_slice()), limit)?;
        page.into_iter()
            .map(|(key, value)| {
                let address = Address::try_from(&*key)
                    .map_err(|_| self.state.damage("an account has a malformed address"))?;
                Ok((address, view::decode(self, &address, &value)?))
            })
            .collect()
    }

    fn page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>> {
        let _still = self.applying.read().unwrap_or_else(PoisonError::into_inner);
        self.state.page(prefix, after, limit)
    }

    /// A block by number; `None` if there is none yet.
    pub fn block(&self, number: u64) -> Result<Option<Block>> {
        let Some(value) = self.state.get(&schema::block_key(number))? else { return Ok(None) };
        let position = index::decode_position(&value)
            .ok_or_else(|| self.state.damage("an entry of the block index is cut off"))?;
        self.journal.read(position, number).map(Some)
    }

    /// The number of the block with a hash.
    pub fn block_number(&self, hash: &B256) -> Result<Option<u64>> {
        let value = self.state.get(&schema::block_hash_key(hash))?;
        let number = |value: Bytes| {
            let number = value.as_ref().try_into().map(u64::from_be_bytes);
            number.map_err(|_| self.state.damage("an entry of the block hash index is cut off"))
        };
        value.map(number).transpose()
    }

    /// The block that holds a transaction, and the transaction's position in it.
    pub fn transaction(&self, hash: &B256) -> Result<Option<(Block, usize)>> {
        let Some(value) = self.state.get(&schema::transaction_key(hash))? else { return Ok(None) };
        let damage = || self.state.damage("an entry of the transaction index leads nowhere");
        let (number, index) = index::decode_transaction(&value).ok_or_else(damage)?;
        let block = self.block(number)?.ok_or_else(damage)?;
        let index = index as usize;
        let found = block.body.receipts.get(index).is_some_and(|r| r.transaction == *hash);
        if found { Ok(Some((block, index))) } else { Err(damage()) }
    }

    /// The blocks of a range that may hold logs which match a filter, in order: those where each of
    /// its conditions is met by some log. Its own range is not looked at. Takes a step off `work`
    /// for each index entry that is looked at; `None` if there are not enough.
    pub fn log_blocks(
        &self,
        filter: &LogFilter,
        range: &RangeInclusive<u64>,
        work: &mut u64,
    ) -> Result<Option<BTreeSet<u64>>> {
        index::log_blocks(&self.state, filter, range, work)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic in a commit leaves `stopped` set.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn changes(writes: &[Write]) -> Vec<Change> {
    let change = |write: &Write| Change {
        key: schema::state_key(&write.key),
        before: write.before.clone(),
        after: write.after.clone(),
    };
    writes.iter().map(change).collect()
}
