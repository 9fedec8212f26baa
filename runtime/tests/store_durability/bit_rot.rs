//! Every byte of a small ledger rots, one at a time: it opens with the right content, or is refused
//! with a remedy that works, and never says anything wrong.
//!
//! FLORIN_ROT_BLOCKS sets how many blocks the ledger has.

use crate::support::{Model, Random, SMALL, Snapshot, rebuild, scratch, setting};
use florin_runtime::store::{Damage, Options, Remedy, Store, StoreError};
use std::{
    fs::OpenOptions,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// The blocks of this one are small, and have transactions, logs, accounts and storage.
const SEED: u64 = 543;
/// A segment has one or two blocks, so that most are indexed in the state; and the state is small
/// enough for its memory to be checked whenever it is opened.
const OPTIONS: Options = Options { segment: 1 << 10, memory: 1 << 20, ..SMALL };
/// Of the states that are refused, one of so many is repaired.
const REPAIRED: usize = 8;

fn open(dir: &Path) -> Result<Store, StoreError> {
    Store::open(dir, OPTIONS, &mut |_, _| {})
}

/// Whether a file follows from the journal.
fn is_derived(name: &Path) -> bool {
    name.starts_with("state") || name == Path::new("acknowledged")
}

/// A small ledger as its process left it when it ended: with the mark of a running one.
fn ledger() -> (tempfile::TempDir, Model, Snapshot) {
    let dir = scratch();
    let model = Model::up_to(SEED, setting("FLORIN_ROT_BLOCKS", 3) as u64);
    model.create_with(dir.path(), OPTIONS).close().unwrap();
    drop(open(dir.path()).unwrap());
    let mut snapshot = Snapshot::take(dir.path());
    // What it says means nothing.
    snapshot.files.remove(Path::new("lock"));
    (dir, model, snapshot)
}

/// Opens a ledger of which one byte of one file rotted.
fn check(model: &Model, dir: &Path, name: &Path, place: usize, random: &mut Random) -> bool {
    let what = format!("{} at {place}", name.display());
    match open(dir) {
        // Opening does not read the blocks whose indexes are in the state; an audit does, and who
        // asks for them.
        Ok(store) if name.starts_with("journal") => {
            model.assert_never_wrong(&store);
            let findings = store.verify(&mut |_, _| {}).unwrap().findings;
            let is_named =
                |damage: &Damage| damage.remedy == Remedy::Restore && damage.file == dir.join(name);
            assert!(findings.iter().any(is_named), "{what}: {findings:?}");
            true
        }
        Ok(store) => {
            model.assert_holds(&store, 1, random);
            true
        }
        Err(StoreError::Damaged(damage)) => {
            let remedy = if is_derived(name) { Remedy::Repair } else { Remedy::Restore };
            assert_eq!(damage.remedy, remedy, "{what}: {damage}");
            let root = if name.starts_with("state") { Path::new("state") } else { name };
            assert!(damage.file.starts_with(dir.join(root)), "{what}: {damage}");
            if is_derived(name) && place.is_multiple_of(REPAIRED) {
                rebuild(dir).unwrap_or_else(|error| panic!("{what}: repair failed: {error}"));
                model.assert_holds(&open(dir).unwrap(), 1, random);
            }
            false
        }
        Err(error) => panic!("{what}: {error}"),
    }
}

fn rot(is_concerned: impl Fn(&Path) -> bool) {
    let (dir, model, snapshot) = ledger();
    let mut random = Random(SEED);
    let files = snapshot.files.iter().filter(|(name, _)| is_concerned(name));
    let files: Vec<(&PathBuf, &Vec<u8>)> = files.collect();
    assert!(!files.is_empty());
    for (name, bytes) in files {
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let (mut opened, start) = (0, std::time::Instant::now());
        for (place, byte) in bytes[..used].iter().enumerate() {
            snapshot.put_back(dir.path());
            let file = OpenOptions::new().write(true).open(dir.path().join(name)).unwrap();
            let rotten = byte ^ (1 + random.below(255) as u8);
            file.write_all_at(&[rotten], place as u64).unwrap();
            drop(file);
            opened += usize::from(check(&model, dir.path(), name, place, &mut random));
        }
        eprintln!(
            "{}: {used} places, opened {opened} times, {:?}",
            name.display(),
            start.elapsed()
        );
    }
}

#[test]
fn no_byte_of_the_state_rots_unnoticed() {
    rot(|name| name.starts_with("state"));
}

#[test]
fn no_byte_of_journal_marks_and_rules_rots_unnoticed() {
    rot(|name| !name.starts_with("state"));
}
