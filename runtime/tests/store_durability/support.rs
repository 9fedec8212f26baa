//! A generator of ledgers: synthetic blocks that hang together, and a model in memory of what they
//! amount to.

use florin_runtime::{
    store::{Commitment, Durability, LogFilter, Options, Rebuilt, Result, Store},
    types::{
        Account, Address, B256, Block, BlockBody, Bytes, GasReport, Header, Log, Outcome, Receipt,
        StateKey, U256, Write,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The configuration of every generated ledger.
pub const CONFIG: &[u8] = br#"{"chain": 1, "note": "generated"}"#;

/// SplitMix64 (Steele, Lea, Flood 2014): the same sequence for the same seed, in every process.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn bytes(&mut self, limit: u64) -> Bytes {
        let length = self.below(limit);
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// What a ledger should hold.
pub struct Model {
    random: Random,
    pub blocks: Vec<Block>,
    pub state: BTreeMap<StateKey, Bytes>,
    commitment: Commitment,
}

impl Model {
    /// A ledger with its genesis block.
    pub fn new(seed: u64) -> Self {
        let mut model = Model {
            random: Random(seed),
            blocks: Vec::new(),
            state: BTreeMap::new(),
            commitment: Commitment::default(),
        };
        let writes = model.writes(8);
        model.push(BlockBody { writes: Arc::new(writes), ..BlockBody::default() });
        model
    }

    /// The same ledger as any other of this seed, with blocks up to `number`.
    pub fn up_to(seed: u64, number: u64) -> Self {
        let mut model = Model::new(seed);
        while model.head().header.number < number {
            model.extend();
        }
        model
    }

    pub fn head(&self) -> &Block {
        self.blocks.last().expect("genesis is there")
    }

    /// Makes a next block.
    pub fn extend(&mut self) -> Block {
        let count = self.random.below(4);
        let (transactions, receipts) = (0..count).map(|_| self.transaction()).unzip();
        let most = 1 + self.random.below(12);
        let writes = self.writes(most);
        self.push(BlockBody { transactions, receipts, writes: Arc::new(writes) })
    }

    /// Makes a next block with a module of its own.
    pub fn add_module(&mut self, bytes: usize) -> Block {
        let module: Bytes = (0..bytes).map(|_| self.random.next() as u8).collect();
        let key = StateKey::Code(alloy_primitives::keccak256(&module));
        let writes = vec![Write { key, before: None, after: Some(module) }];
        self.push(BlockBody { writes: Arc::new(writes), ..BlockBody::default() })
    }

    fn push(&mut self, body: BlockBody) -> Block {
        for write in body.writes.iter() {
            match &write.after {
                Some(after) => self.state.insert(write.key.clone(), after.clone()),
                None => self.state.remove(&write.key),
            };
        }
        self.commitment.apply(&body.writes);
        let header = Header {
            number: self.blocks.len() as u64,
            parent_hash: self.blocks.last().map_or(B256::ZERO, |parent| parent.hash),
            state_root: self.commitment.digest(),
            base_fee_per_gas: Some(7),
            timestamp: 1_700_000_000 + self.blocks.len() as u64,
            ..Header::default()
        };
        let block = Block::new(header, body);
        self.blocks.push(block.clone());
        block
    }

    fn address(&mut self) -> Address {
        Address::repeat_byte(self.random.below(6) as u8)
    }

    fn transaction(&mut self) -> (Bytes, Receipt) {
        let mut raw = self.random.next().to_be_bytes().to_vec();
        raw.extend_from_slice(&self.random.bytes(80));
        let logs = (0..self.random.below(3)).map(|_| self.log()).collect();
        let receipt = Receipt {
            transaction: alloy_primitives::keccak256(&raw),
            kind: 2,
            sender: self.address(),
            to: Some(self.address()),
            value: U256::from(self.random.next()),
            outcome: Outcome::Success { output: self.random.bytes(40) },
            gas_used: 21_000,
            cumulative_gas_used: 21_000,
            gas_price: 1,
            created: None,
            logs,
            gas: GasReport { intrinsic: 21_000, ..GasReport::default() },
        };
        (raw.into(), receipt)
    }

    fn log(&mut self) -> Log {
        let topics = (0..self.random.below(5))
            .map(|_| B256::repeat_byte(self.random.below(4) as u8))
            .collect();
        Log::new_unchecked(self.address(), topics, self.random.bytes(40))
    }

    fn writes(&mut self, most: u64) -> Vec<Write> {
        let keys: BTreeSet<StateKey> = (0..most).map(|_| self.key()).collect();
        let mut writes = Vec::new();
        for key in keys {
            let before = self.state.get(&key).cloned();
            let after = match (&key, before.is_some() && self.random.below(4) == 0) {
                (StateKey::Code(_), _) => Some(Bytes::from(module(&key))),
                (_, true) => None,
                (StateKey::Account(_), _) => Some(self.account().to_bytes()),
                (StateKey::Storage(..), _) => Some(self.random.bytes(60)),
            };
            if after != before {
                writes.push(Write { key, before, after });
            }
        }
        writes
    }

    fn account(&mut self) -> Account {
        let balance = U256::from(self.random.next());
        Account { nonce: 1 + self.random.below(1000), balance, ..Account::default() }
    }

    fn key(&mut self) -> StateKey {
        match self.random.below(8) {
            0..3 => StateKey::Account(self.address()),
            3..7 => StateKey::Storage(self.address(), self.random.bytes(3)),
            _ => code_key(self.random.below(3) as u8),
        }
    }

    /// Asserts that a store holds exactly this.
    pub fn assert_equals(&self, store: &Store) {
        assert_eq!((store.head().number, store.head().hash()), self.position());
        assert_eq!(self.read_state(store).expect("the state can be read"), self.state);
        for block in &self.blocks {
            self.check_block(store, block).expect("the history can be read");
        }
        assert_eq!(store.block(self.blocks.len() as u64).expect("an answer"), None);
    }

    /// Asserts the same with less work: of the blocks only some are looked up in every way.
    pub fn assert_holds(&self, store: &Store, looked_up: usize, random: &mut Random) {
        assert_eq!((store.head().number, store.head().hash()), self.position());
        assert_eq!(self.read_state(store).expect("the state can be read"), self.state);
        for block in &self.blocks {
            let found = store.block(block.header.number).expect("the block can be read");
            assert_eq!(found.as_ref(), Some(block));
        }
        for _ in 0..looked_up {
            let block = &self.blocks[random.below(self.blocks.len() as u64) as usize];
            self.check_block(store, block).expect("the indexes can be read");
        }
        assert_eq!(store.block(self.blocks.len() as u64).expect("an answer"), None);
    }

    fn position(&self) -> (u64, B256) {
        (self.head().header.number, self.head().hash)
    }

    /// Asserts that what a store reads is right, or an error.
    pub fn assert_never_wrong(&self, store: &Store) {
        let head = store.head();
        assert_eq!((head.number, head.hash()), self.position());
        if let Ok(state) = self.read_state(store) {
            assert_eq!(state, self.state);
        }
        for block in &self.blocks {
            // An error is allowed here; a wrong answer panics.
            let _ = self.check_block(store, block);
        }
    }

    fn read_state(&self, store: &Store) -> Result<BTreeMap<StateKey, Bytes>> {
        let mut state = BTreeMap::new();
        let mut after = None;
        // Pages of two, so that turning the page is tested as well.
        loop {
            let page = store.accounts_page(after.as_ref(), 2)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (address, account) in page {
                assert_eq!(store.account(&address)?, Some(account));
                state.insert(StateKey::Account(address), account.to_bytes());
            }
        }
        for address in (0..6).map(Address::repeat_byte) {
            let mut after: Option<Bytes> = None;
            loop {
                let page = store.storage_page(&address, after.as_ref().map(|key| &key[..]), 2)?;
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                for (key, value) in page {
                    assert_eq!(store.storage(&address, &key)?.as_ref(), Some(&value));
                    state.insert(StateKey::Storage(address, key), value);
                }
            }
        }
        let added = self.state.keys().filter(|key| matches!(key, StateKey::Code(_))).cloned();
        for key in (0..3).map(code_key).chain(added) {
            let StateKey::Code(hash) = key else { unreachable!("a code key") };
            if let Some(module) = store.code(&hash)? {
                state.insert(key, module);
            }
        }
        Ok(state)
    }

    fn check_block(&self, store: &Store, block: &Block) -> Result<()> {
        let number = block.header.number;
        assert_eq!(store.block(number)?.as_ref(), Some(block));
        assert_eq!(store.block_number(&block.hash)?, Some(number));
        for (index, receipt) in block.body.receipts.iter().enumerate() {
            let found = store.transaction(&receipt.transaction)?;
            assert_eq!(found, Some((block.clone(), index)));
        }
        let all = LogFilter { from: number, to: number, ..LogFilter::default() };
        let by_address =
            LogFilter { addresses: vec![Address::ZERO, Address::repeat_byte(1)], ..all.clone() };
        let mut by_topics = LogFilter { topics: Default::default(), ..by_address.clone() };
        by_topics.topics[1] = vec![B256::repeat_byte(1), B256::repeat_byte(2)];
        let mut by_other_topics = LogFilter { topics: Default::default(), ..all.clone() };
        by_other_topics.topics[0] = vec![B256::repeat_byte(3)];
        let logs = || block.body.receipts.iter().flat_map(|receipt| &receipt.logs);
        for filter in [all, by_address, by_other_topics, by_topics] {
            let found = store.log_blocks(&filter, &(number..=number), &mut 99)?;
            let is_found = found.expect("little work").contains(&number);
            // With one condition exactly the blocks that have one, with several at least those.
            let conditions = filter.topics.iter().filter(|topics| !topics.is_empty()).count()
                + usize::from(!filter.addresses.is_empty());
            let is_there = conditions == 0 || logs().any(|log| filter.matches(log));
            assert!(is_found == is_there || is_found && conditions > 1);
        }
        Ok(())
    }

    /// Creates the ledger on disk, with all blocks.
    pub fn create(&self, dir: &Path) -> Store {
        self.create_with(dir, SMALL)
    }

    pub fn create_with(&self, dir: &Path, options: Options) -> Store {
        let store = Store::create(dir, &self.blocks[0], CONFIG, options);
        let store = store.expect("a new ledger");
        for block in &self.blocks[1..] {
            store.commit(block).expect("the next block");
        }
        store
    }
}

fn module(key: &StateKey) -> Vec<u8> {
    (0..3)
        .map(|n| vec![n; 700])
        .find(|module| *key == StateKey::Code(alloy_primitives::keccak256(module)))
        .expect("one of three")
}

fn code_key(n: u8) -> StateKey {
    StateKey::Code(alloy_primitives::keccak256(vec![n; 700]))
}

/// So little memory that a checkpoint is due every few blocks.
pub const SMALL: Options =
    Options { durability: Durability::Unsynced, memory: 32 << 10, segment: Options::SEGMENT };

/// A directory for a test that is about what is in files, not about the disk: in memory, where a
/// sync takes no time, if the machine has such a place.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory")
}

/// A number from the environment, to make a test longer.
pub fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Opens a ledger for a test.
pub fn open(dir: &Path) -> Result<Store> {
    open_with(dir, SMALL)
}

pub fn open_with(dir: &Path, options: Options) -> Result<Store> {
    Store::open(dir, options, &mut |done, total| assert!(done <= total))
}

/// Builds the state of a ledger again.
pub fn rebuild(dir: &Path) -> Result<Rebuilt> {
    Store::rebuild(dir, &mut |done, total| assert!(done <= total))
}

/// All files of a directory, to be put back as they were.
#[derive(Debug, Default, Clone)]
pub struct Snapshot {
    pub files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Snapshot {
    pub fn take(dir: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut pending = vec![dir.to_owned()];
        while let Some(path) = pending.pop() {
            if path.is_dir() {
                pending.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                let bytes = fs::read(&path).unwrap();
                files.insert(path.strip_prefix(dir).unwrap().to_owned(), bytes);
            }
        }
        Snapshot { files }
    }

    pub fn put(&self, dir: &Path) {
        if dir.exists() {
            fs::remove_dir_all(dir).unwrap();
        }
        for (name, bytes) in &self.files {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    /// Puts back what has changed in a directory that was put, page by page: most is as it was.
    pub fn put_back(&self, dir: &Path) {
        const PAGE: usize = 4096;
        let now = Snapshot::take(dir);
        for name in now.files.keys().filter(|name| !self.files.contains_key(*name)) {
            fs::remove_file(dir.join(name)).unwrap();
        }
        for (name, bytes) in &self.files {
            let path = dir.join(name);
            let now = now.files.get(name).map_or(&[][..], |now| now);
            if now == bytes {
                continue;
            }
            if now.len() != bytes.len() {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
                continue;
            }
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            let pages = now.chunks(PAGE).zip(bytes.chunks(PAGE));
            for (number, (_, page)) in pages.enumerate().filter(|(_, (now, page))| now != page) {
                file.write_all_at(page, (number * PAGE) as u64).unwrap();
            }
        }
    }

    /// The same, but for one file.
    pub fn with(&self, name: &Path, bytes: Vec<u8>) -> Self {
        let mut files = self.files.clone();
        files.insert(name.to_owned(), bytes);
        Snapshot { files }
    }

    /// The same, but with some files and directories as they are in another.
    pub fn with_parts_of(&self, other: &Snapshot, parts: &[&str]) -> Self {
        let is_part = |name: &Path| parts.iter().any(|part| name.starts_with(part));
        let mut files = self.files.clone();
        files.retain(|name, _| !is_part(name));
        let others = other.files.iter().filter(|(name, _)| is_part(name));
        files.extend(others.map(|(name, bytes)| (name.clone(), bytes.clone())));
        Snapshot { files }
    }
}
