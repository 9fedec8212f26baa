//! What a power failure may leave: a log of the operations of a real run, and the images of the
//! disk that are possible between any two of them.
//!
//! The file system promises what POSIX does and no more. A file has what was written before its
//! last sync; of each sector written since it may have any version, the old one too, whatever the
//! others have; its length may be any of those it had since. A name is there once its directory was
//! synced; of the names created, given and removed since, any subset may be. After a sync that
//! failed, a later one does not write what the failed one should have (Linux takes the pages for
//! clean). A sector is written whole or not at all.
//!
//! sled's directory is not logged but looked at before each operation. It is as it was at its last
//! sync if nothing was written since; else it is anything: as at any earlier moment, a mixture of
//! two, with holes, or not there.

use crate::support::{Random, Snapshot};
use alloy_primitives::B256;
use florin_runtime::store::disk::{self, Operation, Verdict};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
    rc::Rc,
};

const SECTOR: usize = 512;
/// sled writes in pieces of any size; the page cache writes out in these.
const PAGE: usize = 4096;

/// One entry of a log.
#[derive(Debug, Clone)]
pub enum Entry {
    Create(PathBuf),
    Write {
        path: PathBuf,
        offset: usize,
        bytes: Vec<u8>,
    },
    Sync(PathBuf),
    FailedSync(PathBuf),
    CreateDirectory(PathBuf),
    SyncDirectory(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    /// sled's directory has changed.
    State(PathBuf, Rc<Snapshot>),
    /// It was synced.
    SyncState(PathBuf),
    /// What was promised from here on.
    Promise(Promise),
}

/// What somebody was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Promise {
    /// The last block that was acknowledged; before genesis was, the ledger need not be there.
    pub acknowledged: Option<u64>,
    /// The last block that was or is being committed.
    pub committing: u64,
}

type Log = Rc<RefCell<Vec<Entry>>>;

/// Records what a run does to the files under a directory.
pub struct Recorder {
    root: PathBuf,
    log: Log,
}

impl Recorder {
    pub fn new(root: &Path) -> Self {
        Recorder { root: root.to_owned(), log: Log::default() }
    }

    pub fn promise(&self, acknowledged: Option<u64>, committing: u64) {
        self.log.borrow_mut().push(Entry::Promise(Promise { acknowledged, committing }));
    }

    /// Runs something and records it. `fail` says which operations fail; they are not done.
    pub fn record<T>(
        &self,
        mut fail: impl FnMut(&Operation<'_>) -> bool + 'static,
        run: impl FnOnce() -> T,
    ) -> T {
        let (root, log) = (self.root.clone(), self.log.clone());
        let watcher = move |operation: &Operation<'_>| {
            let fails = fail(operation);
            if let Some(entry) = entry(&root, operation, fails) {
                look_at_states(&root, &mut log.borrow_mut());
                log.borrow_mut().push(entry);
            }
            if fails { Verdict::Fail(std::io::Error::from_raw_os_error(5)) } else { Verdict::Go }
        };
        disk::watched(watcher, run)
    }

    /// The log, after everything was dropped that is in it.
    pub fn finish(self) -> Vec<Entry> {
        look_at_states(&self.root, &mut self.log.borrow_mut());
        self.log.take()
    }
}

fn entry(root: &Path, operation: &Operation<'_>, fails: bool) -> Option<Entry> {
    let name = |path: &Path| path.strip_prefix(root).ok().map(Path::to_owned);
    Some(match *operation {
        Operation::Sync(path) if fails => Entry::FailedSync(name(path)?),
        _ if fails => return None,
        Operation::Create(path) => Entry::Create(name(path)?),
        Operation::Open(_) | Operation::Read(_) => return None,
        Operation::Write { path, offset, bytes } => {
            Entry::Write { path: name(path)?, offset: offset as usize, bytes: bytes.to_vec() }
        }
        Operation::Sync(path) => Entry::Sync(name(path)?),
        Operation::CreateDirectory(path) => Entry::CreateDirectory(name(path)?),
        Operation::SyncDirectory(path) => Entry::SyncDirectory(name(path)?),
        Operation::SyncAll(path) => Entry::SyncState(name(path)?),
        Operation::Rename { from, to } => Entry::Rename(name(from)?, name(to)?),
        Operation::Remove(path) => Entry::Remove(name(path)?),
    })
}

/// sled's directories, wherever they are.
fn states(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if name.starts_with("state") {
            found.push(path);
        } else if path.is_dir() && name != "journal" {
            found.extend(states(&path));
        }
    }
    found
}

fn look_at_states(root: &Path, log: &mut Vec<Entry>) {
    for path in states(root) {
        let name = path.strip_prefix(root).unwrap();
        let now = Snapshot::take(&path);
        let last = log.iter().rev().find_map(|entry| match entry {
            Entry::State(path, state) if path == name => Some(state),
            _ => None,
        });
        if last.is_none_or(|last| last.files != now.files) {
            log.push(Entry::State(name.to_owned(), Rc::new(now)));
        }
    }
}

/// A file on a disk that may lose power.
#[derive(Debug, Clone, Default)]
struct File {
    /// As everybody sees it.
    current: Vec<u8>,
    durable: Vec<u8>,
    /// Versions of sectors since the last sync.
    fresh: BTreeMap<usize, Vec<Vec<u8>>>,
    /// Those that a sync failed to write.
    abandoned: BTreeMap<usize, Vec<Vec<u8>>>,
    /// Lengths since the last sync.
    lengths: Vec<usize>,
}

impl File {
    fn durable(bytes: Vec<u8>) -> Self {
        File { current: bytes.clone(), durable: bytes, ..File::default() }
    }

    fn empty(&mut self) {
        let sectors = 0..self.current.len().div_ceil(SECTOR);
        self.current.clear();
        self.lengths.push(0);
        sectors.for_each(|sector| self.note(sector));
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.current.len() {
            self.current.resize(end, 0);
            self.lengths.push(end);
        }
        self.current[offset..end].copy_from_slice(bytes);
        (offset / SECTOR..end.div_ceil(SECTOR)).for_each(|sector| self.note(sector));
    }

    fn note(&mut self, sector: usize) {
        let version = sector_of(&self.current, sector);
        let versions = self.fresh.entry(sector).or_default();
        let is_known = match versions.last() {
            Some(last) => *last == version,
            None => {
                !self.abandoned.contains_key(&sector) && sector_of(&self.durable, sector) == version
            }
        };
        if !is_known {
            versions.push(version);
        }
        if versions.is_empty() {
            self.fresh.remove(&sector);
        }
    }

    fn sync(&mut self) {
        self.durable.resize(self.current.len(), 0);
        for (sector, versions) in std::mem::take(&mut self.fresh) {
            self.abandoned.remove(&sector);
            put_sector(&mut self.durable, sector, versions.last().unwrap());
        }
        self.lengths.clear();
    }

    fn fail_sync(&mut self) {
        for (sector, versions) in std::mem::take(&mut self.fresh) {
            self.abandoned.entry(sector).or_default().extend(versions);
        }
    }

    /// What the sectors may hold beside what is durable.
    fn versions(&self) -> Vec<(usize, Vec<&Vec<u8>>)> {
        let mut all: BTreeMap<usize, Vec<&Vec<u8>>> = BTreeMap::new();
        for (sector, versions) in self.abandoned.iter().chain(&self.fresh) {
            all.entry(*sector).or_default().extend(versions);
        }
        all.into_iter().collect()
    }
}

fn sector_of(bytes: &[u8], sector: usize) -> Vec<u8> {
    let start = (sector * SECTOR).min(bytes.len());
    let mut version = bytes[start..bytes.len().min(start + SECTOR)].to_vec();
    version.resize(SECTOR, 0);
    version
}

/// Replaces what a file has of a sector.
fn put_sector(bytes: &mut [u8], sector: usize, version: &[u8]) {
    let start = (sector * SECTOR).min(bytes.len());
    let end = bytes.len().min(start + SECTOR);
    bytes[start..end].copy_from_slice(&version[..end - start]);
}

/// sled's directory.
#[derive(Debug, Clone, Default)]
struct State {
    history: Vec<Rc<Snapshot>>,
    /// Nothing was written since the last sync.
    is_synced: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Directory,
    File(usize),
    State(usize),
}

#[derive(Debug, Clone)]
enum NameChange {
    Give(PathBuf, Node),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl NameChange {
    fn directory(&self) -> &Path {
        let (NameChange::Give(path, _) | NameChange::Rename(_, path) | NameChange::Remove(path)) =
            self;
        path.parent().unwrap_or(Path::new(""))
    }

    /// Does it to a tree of names, as far as that is possible.
    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            NameChange::Give(path, node) => {
                names.insert(path.clone(), *node);
            }
            NameChange::Remove(path) => names.retain(|name, _| !name.starts_with(path)),
            NameChange::Rename(from, to) if names.contains_key(from) => {
                names.retain(|name, _| !name.starts_with(to));
                let moved: Vec<PathBuf> =
                    names.keys().filter(|name| name.starts_with(from)).cloned().collect();
                for name in moved {
                    let node = names.remove(&name).unwrap();
                    let rest = name.strip_prefix(from).unwrap();
                    let new = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                    names.insert(new, node);
                }
            }
            NameChange::Rename(..) => {}
        }
    }
}

/// A disk that may lose power.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    files: Vec<File>,
    states: Vec<State>,
    /// As everybody sees them.
    names: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    /// Changes of names since.
    pending: Vec<NameChange>,
    pub promise: Option<Promise>,
}

impl Disk {
    /// A disk that has some files, durably.
    pub fn with(snapshot: &Snapshot) -> Self {
        let mut disk = Disk::default();
        let mut states: BTreeMap<PathBuf, Snapshot> = BTreeMap::new();
        for (name, bytes) in &snapshot.files {
            for above in name.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
                disk.names.entry(above.to_owned()).or_insert(Node::Directory);
            }
            let state = name.ancestors().find(|path| path.ends_with("state"));
            if let Some(state) = state {
                let rest = name.strip_prefix(state).unwrap().to_owned();
                let files = states.entry(state.to_owned());
                let files = files.or_insert_with(|| Snapshot { files: BTreeMap::new() });
                files.files.insert(rest, bytes.clone());
                continue;
            }
            disk.files.push(File::durable(bytes.clone()));
            disk.names.insert(name.clone(), Node::File(disk.files.len() - 1));
        }
        for (name, content) in states {
            disk.states.push(State { history: vec![Rc::new(content)], is_synced: true });
            disk.names.retain(|below, _| !below.starts_with(&name));
            disk.names.insert(name, Node::State(disk.states.len() - 1));
        }
        disk.durable = disk.names.clone();
        disk
    }

    /// Does what an entry of the log says.
    pub fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Create(path) => match self.names.get(path) {
                Some(Node::File(file)) => self.files[*file].empty(),
                _ => {
                    self.files.push(File::default());
                    self.give(path, Node::File(self.files.len() - 1));
                }
            },
            Entry::Write { path, offset, bytes } => self.file(path).write(*offset, bytes),
            Entry::Sync(path) => self.file(path).sync(),
            Entry::FailedSync(path) => self.file(path).fail_sync(),
            Entry::CreateDirectory(path) => {
                let is_state = path.file_name().unwrap().to_str().unwrap().starts_with("state");
                if is_state {
                    self.states.push(State::default());
                }
                let state = Node::State(self.states.len().wrapping_sub(1));
                self.give(path, if is_state { state } else { Node::Directory });
            }
            Entry::SyncDirectory(path) => {
                let pending = std::mem::take(&mut self.pending);
                for change in pending {
                    match change.directory() == path {
                        true => change.apply(&mut self.durable),
                        false => self.pending.push(change),
                    }
                }
            }
            Entry::Rename(from, to) => {
                self.change(NameChange::Rename(from.clone(), to.clone()));
            }
            Entry::Remove(path) if self.names.contains_key(path) => {
                self.change(NameChange::Remove(path.clone()));
            }
            Entry::Remove(_) => {}
            Entry::State(path, content) => {
                // One that is moved away has no name yet in the log.
                if let Some(Node::State(state)) = self.names.get(path) {
                    let state = &mut self.states[*state];
                    state.is_synced = state
                        .history
                        .last()
                        .is_some_and(|last| state.is_synced && last.files == content.files);
                    state.history.push(content.clone());
                }
            }
            Entry::SyncState(path) => {
                if let Some(Node::State(state)) = self.names.get(path) {
                    self.states[*state].is_synced = true;
                }
            }
            Entry::Promise(promise) => self.promise = Some(*promise),
        }
    }

    fn file(&mut self, path: &Path) -> &mut File {
        match self.names.get(path) {
            Some(Node::File(file)) => &mut self.files[*file],
            other => panic!("{} is {other:?}", path.display()),
        }
    }

    fn give(&mut self, path: &Path, node: Node) {
        self.change(NameChange::Give(path.to_owned(), node));
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending.push(change);
    }

    /// What a power failure may leave now: all of it if there are at most `all` possibilities, else
    /// nothing of what is not durable, everything, and `some` others.
    pub fn images(&self, all: usize, some: usize, random: &mut Random) -> Vec<Image> {
        let mut choices: Vec<usize> = self.pending.iter().map(|_| 2).collect();
        for file in &self.files {
            choices.push(1 + file.lengths.len());
            choices.extend(file.versions().iter().map(|(_, versions)| 1 + versions.len()));
        }
        let total = choices.iter().try_fold(1usize, |total, n| total.checked_mul(*n));
        match total.filter(|total| *total <= all) {
            Some(total) => (0..total)
                .map(|mut number| {
                    let pick = |n: &usize| {
                        let picked = number % n;
                        number /= n;
                        picked
                    };
                    let picks: Vec<usize> = choices.iter().map(pick).collect();
                    self.image(&picks, random)
                })
                .collect(),
            None => {
                let none = choices.iter().map(|_| 0).collect();
                let all = choices.iter().map(|n| n - 1).collect();
                let any = (0..some)
                    .map(|_| choices.iter().map(|n| random.below(*n as u64) as usize).collect());
                let picks: Vec<Vec<usize>> = [none, all].into_iter().chain(any).collect();
                picks.iter().map(|picks| self.image(picks, random)).collect()
            }
        }
    }

    fn image(&self, picks: &[usize], random: &mut Random) -> Image {
        let mut picks = picks.iter().copied();
        let mut names = self.durable.clone();
        for change in &self.pending {
            if picks.next() == Some(1) {
                change.apply(&mut names);
            }
        }
        let contents: Vec<Vec<u8>> = self
            .files
            .iter()
            .map(|file| {
                let length = picks.next().unwrap();
                let mut bytes = file.durable.clone();
                let full = file.lengths.iter().copied().max().unwrap_or(0).max(bytes.len());
                let length = length.checked_sub(1).map_or(bytes.len(), |n| file.lengths[n]);
                bytes.resize(full, 0);
                for (sector, versions) in file.versions() {
                    if let Some(version) = picks.next().unwrap().checked_sub(1) {
                        put_sector(&mut bytes, sector, versions[version]);
                    }
                }
                bytes.truncate(length);
                bytes
            })
            .collect();
        let mut image = Image::default();
        for (name, node) in &names {
            // What is in a directory without a name is lost with it.
            let is_reachable = name.ancestors().skip(1).all(|above| {
                above.as_os_str().is_empty() || names.get(above) == Some(&Node::Directory)
            });
            match node {
                _ if !is_reachable => {}
                Node::Directory => image.directories.push(name.clone()),
                Node::File(file) => {
                    image.files.files.insert(name.clone(), contents[*file].clone());
                }
                Node::State(state) => {
                    image.directories.push(name.clone());
                    let state = &self.states[*state];
                    image.states.push((name.clone(), state.after(random)));
                    if !state.is_synced && name.ends_with("state") {
                        image.broken.push(name.clone());
                    }
                }
            }
        }
        image
    }
}

impl State {
    fn after(&self, random: &mut Random) -> Snapshot {
        let nothing = Snapshot { files: BTreeMap::new() };
        let Some(last) = self.history.last() else { return nothing };
        if self.is_synced {
            return Snapshot { files: last.files.clone() };
        }
        let early = &self.history[random.below(self.history.len() as u64) as usize];
        match random.below(6) {
            0 | 1 => Snapshot { files: last.files.clone() },
            2 => Snapshot { files: early.files.clone() },
            3 => nothing,
            4 => mixture(last, Some(early), random),
            _ => mixture(last, None, random),
        }
    }
}

/// A state of which some pages are older, or were never written.
fn mixture(last: &Snapshot, early: Option<&Rc<Snapshot>>, random: &mut Random) -> Snapshot {
    let mut files = last.files.clone();
    for (name, bytes) in &mut files {
        for (number, page) in bytes.chunks_mut(PAGE).enumerate() {
            if random.below(3) != 0 || page.iter().all(|byte| *byte == 0) {
                continue;
            }
            let old = early.and_then(|early| early.files.get(name)?.chunks(PAGE).nth(number));
            match old {
                Some(old) if old.len() == page.len() => page.copy_from_slice(old),
                _ => page.fill(0),
            }
        }
    }
    Snapshot { files }
}

/// What is on a disk when the power comes back.
#[derive(Default)]
pub struct Image {
    directories: Vec<PathBuf>,
    pub files: Snapshot,
    states: Vec<(PathBuf, Snapshot)>,
    /// The states of ledgers that may be broken.
    broken: Vec<PathBuf>,
}

impl Image {
    /// Makes it a directory.
    pub fn put(&self, root: &Path) {
        self.files.put(root);
        std::fs::create_dir_all(root).unwrap();
        for name in &self.directories {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        for (name, state) in &self.states {
            if !state.files.is_empty() {
                state.put(&root.join(name));
            }
        }
        // It is another boot of the machine.
        for name in self.files.files.keys().filter(|name| name.ends_with("running")) {
            let mark = std::fs::read_to_string(root.join(name)).unwrap_or_default();
            std::fs::write(root.join(name), mark.replace("boot", "past")).unwrap();
        }
    }

    /// Holds it to the invariant of `running`: a ledger whose state may be broken says so. sled's
    /// log is such that a broken one is seldom readable and wrong, so the checks that follow would
    /// hardly ever see what that is for.
    pub fn assert_broken_states_are_marked(&self) {
        for ledger in self.broken.iter().filter_map(|state| state.parent()) {
            let has = |name: &str| self.files.files.contains_key(&ledger.join(name));
            assert!(!has("genesis.json") || has("running"), "the state may be broken");
        }
    }

    /// Tells images apart, but for sled's part.
    pub fn key(&self) -> B256 {
        let mut bytes = Vec::new();
        for (name, content) in &self.files.files {
            bytes.extend_from_slice(name.as_os_str().as_encoded_bytes());
            bytes.extend_from_slice(&content.len().to_le_bytes());
            bytes.extend_from_slice(content);
        }
        bytes.extend(format!("{:?}", self.directories).bytes());
        alloy_primitives::keccak256(bytes)
    }
}
