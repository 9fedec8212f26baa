//! The power fails between any two operations of a scripted run, and leaves anything it may leave:
//! the ledger opens, or is repaired, with every acknowledged block and nothing that was never
//! committed.
//!
//! FLORIN_CRASH_IMAGES sets how many images are made of a point that has too many to make all.

use crate::{
    recorder::{Disk, Entry, Image, Promise, Recorder},
    support::{CONFIG, Model, Random, Snapshot, scratch, setting},
};
use florin_runtime::{
    store::{Durability, Options, Rebuilt, Remedy, Store, StoreError, disk::Operation},
    types::Block,
};
use std::{cell::Cell, collections::BTreeSet, path::Path, rc::Rc};

/// A segment is full after a few blocks, a checkpoint is due after a few; and the state has soon
/// more entries than are checked at each opening, so that the mark of a running ledger matters.
pub const OPTIONS: Options =
    Options { durability: Durability::Synced, memory: 24 << 10, segment: 4 << 10 };
const SEED: u64 = 61;
/// As many images as six operations have subsets are made of one point, one by one; of more, some.
const ALL: usize = 64;
/// Fewer, where each of many runs differs from another in one point.
const FEW: usize = 8;
/// Where the ledger is, below the root of what is recorded.
pub const LEDGER: &str = "ledger";
/// Blocks that are read back in every way that an index allows, of each ledger; the others by
/// number.
const LOOKED_UP: usize = 2;

pub fn open(dir: &Path) -> Result<Store, StoreError> {
    Store::open(dir, OPTIONS, &mut |_, _| {})
}

pub fn rebuild(dir: &Path) -> Result<Rebuilt, StoreError> {
    Store::rebuild(dir, &mut |_, _| {})
}

/// The ledger as of each block; and how many ledgers had to be repaired.
pub struct Models(pub Vec<Model>, Cell<usize>);

impl Models {
    pub fn up_to(number: u64) -> Self {
        Models((0..=number).map(|number| Model::up_to(SEED, number)).collect(), Cell::default())
    }

    /// The block of a number.
    pub fn block(&self, number: u64) -> &Block {
        self.0[number as usize].head()
    }

    /// Holds a ledger to what was promised of it. Returns the number of its last block, or nothing
    /// if it never came to be.
    pub fn hold(&self, dir: &Path, promise: Promise, random: &mut Random) -> Option<u64> {
        let store = match open(dir) {
            Err(StoreError::NotALedger { .. } | StoreError::Unfinished { .. })
                if promise.acknowledged.is_none() =>
            {
                return None;
            }
            Err(StoreError::Damaged(damage)) if damage.remedy == Remedy::Repair => {
                // A second try is no better, also in the same boot of the machine.
                let again = open(dir).map(drop).expect_err("it was damaged a moment ago");
                assert_eq!(again.to_string(), damage.to_string());
                self.1.set(self.1.get() + 1);
                let rebuilt = rebuild(dir).unwrap_or_else(|error| panic!("{damage}: {error}"));
                assert!(!rebuilt.doubtful, "{damage}");
                open(dir).unwrap_or_else(|error| panic!("repaired, {damage}: {error}"))
            }
            opened => opened.unwrap_or_else(|error| panic!("{error}")),
        };
        let head = store.head().number;
        let is_kept = promise.acknowledged.is_none_or(|number| number <= head);
        assert!(is_kept && head <= promise.committing, "{promise:?}, but the head is {head}");
        self.0[head as usize].assert_holds(&store, LOOKED_UP, random);
        // It goes on like any other, and what it then acknowledges is there too.
        store.commit(self.block(head + 1)).unwrap();
        drop(store);
        let store = open(dir).unwrap_or_else(|error| panic!("opened once more: {error}"));
        self.0[head as usize + 1].assert_holds(&store, 0, random);
        Some(head)
    }
}

/// Checks what the power may leave at every point of a log.
pub fn fail_everywhere(
    what: &str,
    all: usize,
    base: &Snapshot,
    log: &[Entry],
    check: &mut dyn FnMut(&Path, Promise, &mut Random),
) {
    let some = setting("FLORIN_CRASH_IMAGES", 3);
    let mut random = Random(some as u64);
    let (mut disk, mut seen, mut points) = (Disk::with(base), BTreeSet::new(), 0);
    let dir = scratch();
    for (number, entry) in log.iter().enumerate() {
        disk.apply(entry);
        let Some(promise) = disk.promise else { continue };
        points += 1;
        for image in disk.images(all, some, &mut random) {
            if seen.insert((image.key(), promise)) {
                check_image(
                    &image,
                    dir.path(),
                    || format!("{what}, entry {number} of {}: {entry:?}", log.len()),
                    |root| check(root, promise, &mut random),
                );
            }
        }
    }
    eprintln!("{what}: {} images at {points} points of {} operations", seen.len(), log.len());
}

/// A check of the ledger alone.
fn ledger_of(models: &Models) -> impl FnMut(&Path, Promise, &mut Random) {
    |root, promise, random| {
        models.hold(&root.join(LEDGER), promise, random);
    }
}

/// Puts an image on the disk and checks it; if it fails, says which and keeps it.
fn check_image(
    image: &Image,
    dir: &Path,
    what: impl FnOnce() -> String,
    check: impl FnOnce(&Path),
) {
    let root = dir.join("image");
    image.put(&root);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        image.assert_broken_states_are_marked();
        check(&root);
    }));
    if let Err(panic) = outcome {
        let kept = scratch().keep();
        image.put(&kept);
        let mut what = what();
        what.truncate(400);
        eprintln!("{what}\nthe image is in {}", kept.display());
        std::panic::resume_unwind(panic);
    }
}

pub fn create(models: &Models, dir: &Path) -> Result<Store, StoreError> {
    Store::create(dir, models.block(0), CONFIG, OPTIONS)
}

/// Commits blocks up to `last` to a store. Returns the last that was acknowledged.
pub fn commit(models: &Models, store: &Store, last: u64) -> (Option<u64>, Result<(), StoreError>) {
    let mut acknowledged = store.head().number;
    while acknowledged < last {
        if let Err(error) = store.commit(models.block(acknowledged + 1)) {
            // Whatever follows is refused, and what was there can still be read, or says why not.
            let again = store.commit(models.block(acknowledged + 1));
            assert!(matches!(again, Err(StoreError::Stopped { .. })), "{again:?}");
            models.0[acknowledged as usize].assert_never_wrong(store);
            return (Some(acknowledged), Err(error));
        }
        acknowledged += 1;
    }
    (Some(acknowledged), Ok(()))
}

/// What is in a directory after something was done with the ledger in it.
pub fn root_of(fill: impl FnOnce(&Path)) -> Snapshot {
    let root = scratch();
    fill(&root.path().join(LEDGER));
    Snapshot::take(root.path())
}

/// A ledger whose process was killed after block 9.
pub fn killed(models: &Models) -> Snapshot {
    root_of(|dir| {
        let store = create(models, dir).unwrap();
        commit(models, &store, 9).1.unwrap();
    })
}

/// The same, with a record of which the beginning is missing, and a new segment that was just
/// created.
pub fn torn(killed: &Snapshot) -> Snapshot {
    let name = |number| Path::new(LEDGER).join(format!("journal/{number:08}.journal"));
    let number = (1..).take_while(|number| killed.files.contains_key(&name(*number))).count();
    let last = name(number);
    let mut bytes = killed.files[&last].clone();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes.resize(bytes.len().max(end + 900), 0);
    bytes[end + 512..end + 700].fill(7);
    killed.with(&last, bytes).with(&name(number + 1), vec![0; 100])
}

/// The same, without a state, and with one of the two marks unreadable.
pub fn half_a_mark(killed: &Snapshot) -> Snapshot {
    let name = Path::new(LEDGER).join("acknowledged");
    let mut bytes = killed.files[&name].clone();
    bytes[0] ^= 1;
    let mut half = killed.with(&name, bytes);
    half.files.retain(|name, _| !name.starts_with(Path::new(LEDGER).join("state")));
    half
}

/// Runs the script from what is there: some blocks, the end of the process, with or without
/// closing, and so on. Then the power fails everywhere.
fn run(what: &str, base: &Snapshot, script: &[(u64, bool)]) {
    let models = Models::up_to(40);
    let root = scratch();
    base.put(root.path());
    std::fs::create_dir_all(root.path()).unwrap();
    let dir = root.path().join(LEDGER);
    let recorder = Recorder::new(root.path());
    let never = |_: &Operation<'_>| false;
    let mut store = match base.files.is_empty() {
        true => {
            recorder.promise(None, 0);
            recorder.record(never, || create(&models, &dir)).unwrap()
        }
        false => {
            recorder.promise(Some(9), 9);
            recorder.record(never, || open(&dir)).unwrap()
        }
    };
    let mut number = store.head().number;
    recorder.promise(Some(number), number);
    for (blocks, is_closed) in script {
        for _ in 0..*blocks {
            number += 1;
            recorder.promise(Some(number - 1), number);
            recorder.record(never, || store.commit(models.block(number))).unwrap();
            recorder.promise(Some(number), number);
        }
        if *is_closed {
            recorder.record(never, || store.close()).unwrap();
        }
        drop(store);
        store = recorder.record(never, || open(&dir)).unwrap();
    }
    drop(store);
    fail_everywhere(what, ALL, base, &recorder.finish(), &mut ledger_of(&models));
    assert!(models.1.get() > 0, "no state was ever broken");
    eprintln!("{what}: {} states had to be repaired", models.1.get());
}

#[test]
fn a_new_ledger_loses_nothing_wherever_the_power_fails() {
    run("a new ledger", &Snapshot::default(), &[(8, true), (3, false), (1, true)]);
}

#[test]
fn a_ledger_in_use_loses_nothing_wherever_the_power_fails() {
    let base = killed(&Models::up_to(9));
    run("a ledger in use", &base, &[(5, false), (6, true), (1, false)]);
}

#[test]
fn a_sync_that_failed_leaves_nothing_that_is_taken_for_durable() {
    let models = Models::up_to(12);
    let base = root_of(|dir| {
        let store = create(&models, dir).unwrap();
        commit(&models, &store, 4).1.unwrap();
        store.close().unwrap();
    });
    for number in 0.. {
        let root = scratch();
        let dir = root.path().join(LEDGER);
        base.put(root.path());
        let failures = Rc::new(Cell::new(0));
        let counted = failures.clone();
        let recorder = Recorder::new(root.path());
        recorder.promise(Some(4), 4);
        let fail = move |operation: &Operation<'_>| {
            let is_sync = matches!(operation, Operation::Sync(_));
            counted.set(counted.get() + usize::from(is_sync));
            is_sync && counted.get() == number + 1
        };
        // One recording, so that the failure happens once.
        recorder.record(fail, || {
            for _ in 0..2 {
                let Ok(store) = open(&dir) else { continue };
                // Whatever it shows from now on, it has to keep.
                recorder.promise(Some(store.head().number), store.head().number);
                for block in store.head().number + 1..=8 {
                    recorder.promise(Some(block - 1), block);
                    if store.commit(models.block(block)).is_err() {
                        break;
                    }
                    recorder.promise(Some(block), block);
                }
            }
        });
        if failures.get() <= number {
            assert!(number > 5, "there are syncs in a run");
            break;
        }
        let what = format!("sync {number} failed");
        fail_everywhere(&what, FEW, &base, &recorder.finish(), &mut ledger_of(&models));
    }
}

#[test]
fn the_power_may_fail_again_while_the_ledger_is_mended() {
    let models = Models::up_to(12);
    let killed = killed(&models);
    let (torn, half) = (torn(&killed), half_a_mark(&killed));
    type Mend<'a> = &'a dyn Fn(&Path);
    let mended: [(&str, &Snapshot, Mend); 2] = [
        ("a torn write", &torn, &|dir| drop(open(dir).unwrap())),
        ("a repair", &half, &|dir| assert!(!rebuild(dir).unwrap().doubtful)),
    ];
    for (what, base, mend) in mended {
        let root = scratch();
        base.put(root.path());
        let recorder = Recorder::new(root.path());
        recorder.promise(Some(9), 9);
        recorder.record(|_| false, || mend(&root.path().join(LEDGER)));
        fail_everywhere(what, ALL, base, &recorder.finish(), &mut ledger_of(&models));
    }
}

#[test]
fn a_backup_and_what_is_restored_from_it_are_whole_or_not_there() {
    let models = Models::up_to(12);
    let root = scratch();
    let base = killed(&models);
    base.put(root.path());
    let place = |name: &str| root.path().join(name);
    let recorder = Recorder::new(root.path());
    recorder.promise(Some(9), 9);
    let store = open(&place(LEDGER)).unwrap();
    recorder.record(|_| false, || store.backup(&place("copy"), &mut |_, _| {})).unwrap();
    drop(store);
    let restore = |root: &Path, to: &str| {
        Store::restore(&root.join("copy"), &root.join(to), &mut |_, _| {}).unwrap();
    };
    recorder.record(|_| false, || restore(root.path(), "new"));
    let (mut copies, mut ledgers) = (0, 0);
    fail_everywhere("a backup", ALL, &base, &recorder.finish(), &mut |root, promise, random| {
        if root.join("copy").exists() {
            copies += 1;
            restore(root, "other");
            models.hold(&root.join("other"), promise, random);
        }
        if root.join("new").exists() {
            ledgers += 1;
            models.hold(&root.join("new"), promise, random);
        }
    });
    assert!(copies > ledgers && ledgers > 0, "{copies} {ledgers}");
}
