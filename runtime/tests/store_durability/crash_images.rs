//! The power fails between any two operations of a scripted run, and leaves anything it may leave:
//! the ledger opens, or is repaired, with every acknowledged block and nothing that was never
//! committed.
//!
//! FLORIN_CRASH_IMAGES sets how many images are made of a point that has too many to make all.

use crate::{
    recorder::{Disk, Entry, Image, Promise, Recorder},
    support::{CONFIG, Model, Random, Snapshot, scratch, setting},
};
use florin_runtime::store::{Durability, Options, Remedy, Store, StoreError, disk::Operation};
use std::{cell::Cell, collections::BTreeSet, path::Path};

/// A segment is full after a few blocks, a checkpoint is due after a few; and the state has soon
/// more entries than are checked at each opening, so that the mark of a running ledger matters.
const OPTIONS: Options =
    Options { durability: Durability::Synced, memory: 24 << 10, segment: 4 << 10 };
const SEED: u64 = 61;
/// Where the ledger is, below the root of what is recorded.
const LEDGER: &str = "ledger";
/// Blocks that are read back in every way that an index allows, of each ledger; the others by
/// number.
const LOOKED_UP: usize = 2;

fn open(dir: &Path) -> Result<Store, StoreError> {
    Store::open(dir, OPTIONS, &mut |_, _| {})
}

fn rebuild(dir: &Path) -> Result<florin_runtime::store::Rebuilt, StoreError> {
    Store::rebuild(dir, &mut |_, _| {})
}

/// The ledger as of each block; and how many ledgers had to be repaired.
struct Models(Vec<Model>, Cell<usize>);

impl Models {
    fn up_to(number: u64) -> Self {
        Models((0..=number).map(|number| Model::up_to(SEED, number)).collect(), Cell::default())
    }

    /// Holds a ledger to what was promised of it. Returns the number of its last block, or nothing
    /// if it never came to be.
    fn hold(&self, dir: &Path, promise: Promise, random: &mut Random) -> Option<u64> {
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
        store.commit(self.0[head as usize + 1].head()).unwrap();
        drop(store);
        let store = open(dir).unwrap_or_else(|error| panic!("opened once more: {error}"));
        self.0[head as usize + 1].assert_holds(&store, 0, random);
        Some(head)
    }
}

/// Checks what the power may leave at every point of a log.
fn fail_everywhere(
    what: &str,
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
        for image in disk.images(some, &mut random) {
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

/// Puts an image on the disk and checks it; if it fails, says which and keeps it.
fn check_image(
    image: &Image,
    dir: &Path,
    what: impl FnOnce() -> String,
    check: impl FnOnce(&Path),
) {
    let root = dir.join("image");
    image.put(&root);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&root)));
    if let Err(panic) = outcome {
        let kept = scratch().keep();
        image.put(&kept);
        let mut what = what();
        what.truncate(400);
        eprintln!("{what}\nthe image is in {}", kept.display());
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_power_fails() {
    let models = Models::up_to(40);
    let root = scratch();
    let dir = root.path().join(LEDGER);
    let recorder = Recorder::new(root.path());
    let never = |_: &Operation<'_>| false;
    let commit = |store: &Store, number: u64| {
        recorder.promise(Some(number - 1), number);
        recorder.record(never, || store.commit(models.0[number as usize].head())).unwrap();
        recorder.promise(Some(number), number);
    };
    recorder.promise(None, 0);
    let genesis = models.0[0].head();
    let mut store =
        recorder.record(never, || Store::create(&dir, genesis, CONFIG, OPTIONS)).unwrap();
    recorder.promise(Some(0), 0);
    let mut number = 0;
    for (blocks, is_closed) in [(13, true), (8, false), (6, true), (5, false)] {
        for _ in 0..blocks {
            number += 1;
            commit(&store, number);
        }
        if is_closed {
            recorder.record(never, || store.close()).unwrap();
        }
        drop(store);
        store = recorder.record(never, || open(&dir)).unwrap();
    }
    drop(store);
    let check = &mut |root: &Path, promise: Promise, random: &mut Random| {
        models.hold(&root.join(LEDGER), promise, random);
    };
    fail_everywhere("a run", &Snapshot::default(), &recorder.finish(), check);
    assert!(models.1.get() > 0, "no state was ever broken");
    eprintln!("{} repaired", models.1.get());
}
