//! The beginnings of an open store: creating a ledger, opening one, building its state again.

use super::{
    ACKNOWLEDGED, Durability, GENESIS, JOURNAL, Progress, STATE, Store, Writer,
    acknowledged::{Acknowledged, HALF_A_MARK, Mark},
    commitment::{Commitment, IndexSum},
    error::{Damage, IoContext, Result, StoreError},
    journal::{Journal, Position, Reader, Tail, create_directories, sync_directory},
    lock::Lock,
    recent::Recent,
    schema::{Head, State, Table},
    transition::{check, transition},
};
use crate::types::{Account, B256, Block, Bytes, Header, U256};
use alloy_primitives::Sealed;
use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::Path,
    sync::{Arc, Mutex, RwLock},
};

/// Where a state is built before it takes its place, and where the old one goes before it is
/// removed.
const STATE_NEW: &str = "state.new";
const STATE_OLD: &str = "state.old";
/// Entries between two reports of progress.
const REPORT_ENTRIES: u64 = 4096;

/// What the first record names as its predecessor: it ties the journal to the configuration.
pub(super) fn anchor(config: &[u8]) -> B256 {
    B256::from(blake3::derive_key("florin 1 genesis configuration", config))
}

impl Store {
    /// Creates a ledger in `dir`, which may exist if no ledger is in it. `genesis` is block 0; its
    /// writes are the allocations. `config` is kept as it is and comes back from
    /// [`Store::genesis_config`].
    pub fn create(
        dir: &Path,
        genesis: &Block,
        config: &[u8],
        durability: Durability,
    ) -> Result<Self> {
        create_directories(dir)?;
        for name in [GENESIS, JOURNAL, ACKNOWLEDGED, STATE] {
            let path = dir.join(name);
            if path.exists() {
                read_config(dir)?; // says more of what is not whole
                return Err(StoreError::AlreadyExists { path });
            }
        }
        let lock = Lock::acquire(dir)?;
        let commitment = check(None, genesis, None, |_| Ok(None))?;
        let (journal, position) =
            Journal::create(&dir.join(JOURNAL), anchor(config), genesis, durability)?;
        let state = State::create(&dir.join(STATE))?;
        let (entries, head) = transition(None, genesis, position, commitment);
        state.apply(entries, &head)?;
        state.sync()?;
        let acknowledged = Acknowledged::create(&dir.join(ACKNOWLEDGED), journal.tail().mark())?;
        // The last, because it makes the directory a ledger.
        write_new(&dir.join(GENESIS), config)?;
        sync_directory(dir)?;
        let header = Sealed::new_unchecked(genesis.header.clone(), genesis.hash);
        let parts = Parts { config: config.to_vec().into(), journal, acknowledged, state, head };
        Ok(parts.assemble(dir, header, lock))
    }

    /// Opens a ledger: brings the state up to the journal and compares every entry with the
    /// commitment.
    ///
    /// # Errors
    /// [`StoreError::NotALedger`], [`StoreError::Locked`], or [`StoreError::Damaged`], which says
    /// whether [`Store::rebuild`] helps.
    pub fn open(dir: &Path, durability: Durability, progress: Progress) -> Result<Self> {
        let config = read_config(dir)?;
        let lock = Lock::acquire(dir)?;
        let (acknowledged, marks) = Acknowledged::open(&dir.join(ACKNOWLEDGED))?;
        let mark = marks.newest;
        let reader = Arc::new(Reader::new(&dir.join(JOURNAL)));
        check_anchor(dir, &reader, &config)?;
        let (state, mut head) = State::open(&dir.join(STATE))?;
        let (mut header, mut suspect) = (None, None);
        let first = (head.position, head.number);
        let tail = reader.scan(first.0, first.1, None, Some(mark), |position, block| {
            if block.header.number > mark.number {
                suspect.get_or_insert(position);
            }
            if block.header.number > head.number {
                head = apply(&state, Some(&head), &block, position)?;
            } else if block.hash != head.hash {
                return Err(state.damage("its head is not the block that the journal has"));
            }
            header = Some(Sealed::new_unchecked(block.header, block.hash));
            Ok(())
        })?;
        if reader.is_torn(&tail, Some(mark.number))? {
            if !marks.whole {
                // What cannot be read may be what the lost mark named.
                return Err(Damage::repairable(dir.join(ACKNOWLEDGED), HALF_A_MARK));
            }
            reader.clear_torn(&tail)?;
        }
        // `scan` has visited the state's head at least.
        let header = header.ok_or_else(|| state.damage("its head is not in the journal"))?;
        check_state(&state, &head, &header, progress)?;
        let journal = Journal::resume(reader, suspect, tail, durability)?;
        // Whoever reads the ledger from now on is told of these blocks.
        acknowledged.set(tail.mark())?;
        Ok(Parts { config, journal, acknowledged, state, head }.assemble(dir, header, lock))
    }

    /// Builds the state again from the journal, checks it, and puts it in the place of the old one.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the mark or the old state knows of a block that cannot be read.
    pub fn rebuild(dir: &Path, progress: Progress) -> Result<Rebuilt> {
        let config = read_config(dir)?;
        let _lock = Lock::acquire(dir)?;
        let marks = match Acknowledged::read(&dir.join(ACKNOWLEDGED)) {
            Err(StoreError::Damaged(_)) => None,
            read => Some(read?),
        };
        let mark = marks.map(|marks| marks.newest);
        // Mark and old state are witnesses, as far as they can still speak; either may know more.
        let state = State::open(&dir.join(STATE)).ok().map(|(_, head)| head.number);
        let durable = mark.map(|mark| mark.number).max(state);
        let reader = Reader::new(&dir.join(JOURNAL));
        check_anchor(dir, &reader, &config)?;
        let fresh = dir.join(STATE_NEW);
        remove_directory(&fresh)?;
        let (tail, head) = build(&reader, &fresh, mark, anchor(&config), progress)?;
        let torn = reader.is_torn(&tail, durable)?;
        if torn {
            reader.clear_torn(&tail)?;
        }
        let whole = marks.is_some_and(|marks| marks.whole);
        if !whole {
            reader.write_again(head.position, tail.end, Durability::Synced)?;
            Acknowledged::create(&dir.join(ACKNOWLEDGED), tail.mark())?;
        }
        let (current, old) = (dir.join(STATE), dir.join(STATE_OLD));
        remove_directory(&old)?;
        if current.exists() {
            fs::rename(&current, &old).context("move away", &current)?;
        }
        fs::rename(&fresh, &current).context("put into place", &fresh)?;
        sync_directory(dir)?;
        remove_directory(&old)?;
        Ok(Rebuilt { number: head.number, hash: head.hash, doubtful: torn && !whole })
    }
}

/// Where building a state again arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// The last block.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// What followed it could not be read and was cleared, while the mark was damaged: it may have
    /// been a block that was acknowledged.
    pub doubtful: bool,
}

/// Builds a state in a new directory from the whole journal. Returns where both end.
fn build(
    reader: &Reader,
    dir: &Path,
    mark: Option<Mark>,
    anchor: B256,
    progress: Progress,
) -> Result<(Tail, Head)> {
    let state = State::create(dir)?;
    let mut last: Option<(Head, Header)> = None;
    let total = reader.bytes()?;
    let mut done = 0;
    let tail = reader.scan(Position::FIRST, 0, Some(anchor), mark, |position, block| {
        let head = apply(&state, last.as_ref().map(|(head, _)| head), &block, position)?;
        last = Some((head, block.header));
        done = reader.bytes_before(position).max(done);
        progress(done.min(total), total);
        Ok(())
    })?;
    // `scan` has visited genesis at least.
    let (head, header) = last.ok_or_else(|| state.damage("the journal leads to none"))?;
    check_state(&state, &head, &header, &mut |_, _| {})?;
    state.sync()?;
    progress(total, total);
    Ok((tail, head))
}

/// The parts of an open store.
struct Parts {
    config: Bytes,
    journal: Journal,
    acknowledged: Acknowledged,
    state: State,
    head: Head,
}

impl Parts {
    fn assemble(self, dir: &Path, header: Sealed<Header>, lock: Lock) -> Store {
        let Parts { config, journal, acknowledged, state, head } = self;
        Store {
            dir: dir.to_owned(),
            config,
            journal: journal.reader().clone(),
            state,
            recent: Recent::new(header),
            applying: RwLock::new(()),
            writer: Mutex::new(Writer {
                journal,
                acknowledged,
                head,
                unflushed: 0,
                stopped: None,
                foreseen: None,
            }),
            _lock: lock,
        }
    }
}

/// Applies a block of the journal to a state that is behind.
fn apply(state: &State, head: Option<&Head>, block: &Block, position: Position) -> Result<Head> {
    let commitment =
        check(head, block, None, |key| state.get(key)).map_err(|error| match error {
            StoreError::Refused(refusal) => state
                .damage(format!("block {} does not apply to it: {refusal}", block.header.number)),
            other => other,
        })?;
    let (entries, head) = transition(head, block, position, commitment);
    state.apply(entries, &head)?;
    Ok(head)
}

/// Reads every entry of the state and compares what they amount to with its head and the head
/// block's header. Returns the sum of all balances.
pub(super) fn check_state(
    state: &State,
    head: &Head,
    header: &Header,
    progress: Progress,
) -> Result<U256> {
    let (mut commitment, mut index) = (Commitment::default(), IndexSum::default());
    let mut balances = U256::ZERO;
    let total = head.counts.entries();
    let mut done = 0;
    state.visit(Vec::new(), |key, value| {
        if let Some(Table::Account) = Table::of(key) {
            let account = Account::from_bytes(value);
            let account = account.ok_or_else(|| state.damage("an account cannot be decoded"))?;
            balances = balances.wrapping_add(account.balance);
        }
        match Table::of(key) {
            Some(Table::Head) => return Ok(true),
            Some(Table::Account | Table::Storage | Table::Code) => commitment.add(key, value),
            Some(Table::Index) => index.add(key, value),
            None => return Err(state.damage("it has an entry of an unknown kind")),
        }
        done += 1;
        if done % REPORT_ENTRIES == 0 {
            progress(done.min(total), total);
        }
        Ok(true)
    })?;
    progress(total, total);
    if commitment != head.commitment || commitment.digest() != header.state_root {
        return Err(state.damage("accounts, storage and code are not what the head block says"));
    }
    if index != head.index || done != total {
        return Err(state.damage("the indexes are not what the journal leads to"));
    }
    Ok(balances)
}

pub(super) fn read_config(dir: &Path) -> Result<Bytes> {
    let path = dir.join(GENESIS);
    match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound && dir.join(JOURNAL).exists() => {
            // It is written last, so without it either nobody was ever told of a block, or it was
            // lost.
            let mark = Acknowledged::read(&dir.join(ACKNOWLEDGED));
            let was_used = mark.is_ok_and(|mark| mark.newest.number > 0)
                || Reader::new(&dir.join(JOURNAL)).goes_beyond_genesis()?;
            Err(match was_used {
                true => Damage::history(path, 0, None, "it is missing"),
                false => StoreError::Unfinished { dir: dir.to_owned() },
            })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(StoreError::NotALedger { dir: dir.to_owned() })
        }
        read => Ok(read.context("read", &path)?.into()),
    }
}

/// Compares the configuration with what the journal starts from.
pub(super) fn check_anchor(dir: &Path, reader: &Reader, config: &[u8]) -> Result<()> {
    if reader.anchor()? != anchor(config) {
        let what = "it is not the configuration that the ledger was created with";
        return Err(Damage::history(dir.join(GENESIS), 0, None, what));
    }
    Ok(())
}

/// Writes a file that must not exist, durably but for its name.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create_new(path).context("create", path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).context("write", path)
}

pub(super) fn remove_directory(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.context("remove", path),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{error::Remedy, schema};
    use super::*;
    use crate::types::{Address, BlockBody, StateKey, Write};

    fn genesis() -> Block {
        let account = Account { balance: U256::from(100), ..Account::default() };
        let writes = [
            (StateKey::Account(Address::ZERO), account.to_bytes()),
            (StateKey::Storage(Address::ZERO, Bytes::from_static(b"k")), Bytes::from_static(b"v")),
        ];
        let writes = writes.map(|(key, value)| Write { key, before: None, after: Some(value) });
        let mut commitment = Commitment::default();
        commitment.apply(&writes);
        let header = Header { state_root: commitment.digest(), ..Header::default() };
        Block::new(header, BlockBody { writes: writes.to_vec(), ..BlockBody::default() })
    }

    fn open(dir: &Path) -> Result<Store> {
        Store::open(dir, Durability::Unsynced, &mut |_, _| {})
    }

    #[test]
    fn a_state_that_was_changed_behind_our_back_is_refused_and_repaired() {
        let genesis = genesis();
        let rich = Account { balance: U256::from(101), ..Account::default() }.to_bytes().to_vec();
        let other = Address::repeat_byte(1);
        let changes = [
            (schema::account_key(&Address::ZERO), Some(rich.clone())),
            (schema::account_key(&Address::ZERO), None),
            (schema::account_key(&other), Some(rich)),
            (schema::storage_key(&Address::ZERO, b"k"), Some(b"w".to_vec())),
            (schema::storage_key(&Address::ZERO, b""), Some(b"kv".to_vec())),
            (schema::block_key(0), Some(vec![1; 12])),
            (schema::block_key(1), Some(vec![0; 12])),
            (schema::block_hash_key(&genesis.hash), None),
            (vec![99], Some(vec![])),
        ];
        let dir = tempfile::tempdir().unwrap();
        drop(Store::create(dir.path(), &genesis, b"{}", Durability::Unsynced).unwrap());
        for change in changes {
            let (state, head) = State::open(&dir.path().join(STATE)).unwrap();
            state.apply(vec![change.clone()], &head).unwrap();
            state.flush().unwrap();
            drop(state);
            match open(dir.path()) {
                Err(StoreError::Damaged(damage)) => assert_eq!(damage.remedy, Remedy::Repair),
                other => panic!("{change:?}: {:?}", other.map(drop)),
            }
            Store::rebuild(dir.path(), &mut |_, _| {}).unwrap();
            let store = open(dir.path()).unwrap();
            assert_eq!(store.accounts_page(None, 9).unwrap().len(), 1);
            assert_eq!(store.block(0).unwrap().as_ref(), Some(&genesis));
        }
    }

    #[test]
    fn a_backup_that_leads_to_no_state_is_named_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let (backup, new) = (dir.path().join("backup"), dir.path().join("new"));
        fs::create_dir(&backup).unwrap();
        write_new(&backup.join(GENESIS), b"{}").unwrap();
        let genesis = Block::new(Header::default(), genesis().body);
        let (journal, _) =
            Journal::create(&backup.join(JOURNAL), anchor(b"{}"), &genesis, Durability::Unsynced)
                .unwrap();
        Acknowledged::create(&backup.join(ACKNOWLEDGED), journal.tail().mark()).unwrap();
        let error = Store::restore(&backup, &new, &mut |_, _| {}).unwrap_err();
        let StoreError::Damaged(damage) = &error else { panic!("{error}") };
        assert_eq!((&damage.file, damage.remedy), (&backup, Remedy::OtherBackup), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_interrupted_rebuild_is_begun_again() {
        let dir = tempfile::tempdir().unwrap();
        drop(Store::create(dir.path(), &genesis(), b"{}", Durability::Unsynced).unwrap());
        // Stopped between moving the old state away and putting the new one into its place.
        fs::rename(dir.path().join(STATE), dir.path().join(STATE_OLD)).unwrap();
        fs::create_dir(dir.path().join(STATE_NEW)).unwrap();
        assert!(matches!(open(dir.path()), Err(StoreError::Damaged(_))));
        Store::rebuild(dir.path(), &mut |_, _| {}).unwrap();
        assert_eq!(open(dir.path()).unwrap().counts().accounts, 1);
        assert!(!dir.path().join(STATE_OLD).exists() && !dir.path().join(STATE_NEW).exists());
    }
}
