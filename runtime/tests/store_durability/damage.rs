//! A damaged file leads to the right content or to an error that names a remedy that works; never
//! to a wrong answer, never to a silent loss.

use crate::support::{Model, Random, SMALL, Snapshot, open_with, rebuild, scratch, setting};
use florin_runtime::store::{Damage, Options, Rebuilt, Remedy, Store, StoreError};
use std::path::Path;

/// Damaged places per file; FLORIN_DAMAGE_CASES sets more for a long run.
fn cases() -> usize {
    setting("FLORIN_DAMAGE_CASES", 16)
}

/// With enough memory for the state to be checked whenever it is opened.
fn open(dir: &Path) -> Result<Store, StoreError> {
    open_with(dir, Options { memory: 1 << 20, ..SMALL })
}

/// Opens a damaged ledger and holds it to the promise; says whether it opened.
fn check(model: &Model, dir: &Path, derived: bool, what: &str) -> bool {
    let opened = match open(dir) {
        Ok(store) => {
            model.assert_never_wrong(&store);
            true
        }
        Err(StoreError::Damaged(damage)) => {
            if derived {
                assert_eq!(damage.remedy, Remedy::Repair, "{what}: {damage}");
            }
            false
        }
        Err(StoreError::NotALedger { .. } | StoreError::Io { .. }) if !derived => false,
        Err(error) => panic!("{what}: {error}"),
    };
    if derived {
        rebuild(dir).unwrap_or_else(|error| panic!("{what}: repair failed: {error}"));
        model.assert_equals(&open(dir).unwrap());
    }
    opened
}

fn ledger() -> (tempfile::TempDir, Model, Snapshot) {
    let dir = scratch();
    let mut model = Model::up_to(11, 5);
    // So large that sled keeps it in a file of its own.
    model.add_module(530 << 10);
    while model.head().header.number < 12 {
        model.extend();
    }
    let store = model.create(dir.path());
    store.close().unwrap();
    drop(store);
    let snapshot = Snapshot::take(dir.path());
    assert!(snapshot.files.keys().any(|name| name.starts_with("state/blobs")), "a file of blobs");
    (dir, model, snapshot)
}

/// Positions in a file that has content up to its last byte that is not zero: spread over all of
/// it.
fn places(bytes: &[u8], random: &mut Random) -> Vec<usize> {
    let content = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let count = cases().min(content);
    let step = content / count.max(1);
    (0..count).map(|i| i * step + random.below(step.max(1) as u64) as usize).collect()
}

#[test]
fn a_flipped_byte_of_a_large_ledger_is_found_or_harmless() {
    let (dir, model, snapshot) = ledger();
    let mut random = Random(1);
    for (name, bytes) in &snapshot.files {
        for place in places(bytes, &mut random) {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1 + random.below(255) as u8;
            snapshot.with(name, bytes).put(dir.path());
            let derived = name.starts_with("state") || name.ends_with("acknowledged");
            check(&model, dir.path(), derived, &format!("{} at {place}", name.display()));
        }
    }
}

#[test]
fn a_cut_off_file_is_found_or_harmless() {
    let (dir, model, snapshot) = ledger();
    let mut random = Random(2);
    for (name, bytes) in &snapshot.files {
        for length in places(bytes, &mut random) {
            snapshot.with(name, bytes[..length].to_vec()).put(dir.path());
            let derived = name.starts_with("state") || name.ends_with("acknowledged");
            check(&model, dir.path(), derived, &format!("{} cut at {length}", name.display()));
        }
    }
}

#[test]
fn a_missing_file_is_found() {
    let (dir, model, snapshot) = ledger();
    for name in snapshot.files.keys() {
        snapshot.put(dir.path());
        std::fs::remove_file(dir.path().join(name)).unwrap();
        let derived = name.starts_with("state") || name.ends_with("acknowledged");
        check(&model, dir.path(), derived, &format!("{} missing", name.display()));
    }
    snapshot.put(dir.path());
    std::fs::remove_dir_all(dir.path().join("state")).unwrap();
    assert!(!check(&model, dir.path(), true, "state missing"));
}

#[test]
fn an_acknowledged_block_that_cannot_be_read_is_never_cut() {
    let (dir, _, snapshot) = ledger();
    let name = Path::new("journal/00000001.journal");
    let mut bytes = snapshot.files[name].clone();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end - 40..].fill(0);
    snapshot.with(name, bytes).put(dir.path());
    let before = std::fs::read(dir.path().join(name)).unwrap();
    let Err(StoreError::Damaged(damage)) = open(dir.path()) else { panic!("damage was expected") };
    assert_eq!((damage.block, damage.remedy), (Some(12), Remedy::Restore), "{damage}");
    let Err(StoreError::Damaged(damage)) = rebuild(dir.path()) else { panic!("damage expected") };
    assert_eq!((damage.block, damage.remedy), (Some(12), Remedy::Restore), "{damage}");
    assert_eq!(std::fs::read(dir.path().join(name)).unwrap(), before);
}

const JOURNAL: &str = "journal/00000001.journal";

impl Snapshot {
    /// The same, but with the last record unreadable.
    fn without_last_block(&self) -> Snapshot {
        let mut bytes = self.files[Path::new(JOURNAL)].clone();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        bytes[end - 40] ^= 1;
        self.with(Path::new(JOURNAL), bytes)
    }

    /// The same, but with the slot of the mark unreadable that a block was written to.
    fn without_slot_of(&self, number: u64) -> Snapshot {
        let mut bytes = self.files[Path::new("acknowledged")].clone();
        bytes[(number % 2) as usize * 512 + 20] ^= 1;
        self.with(Path::new("acknowledged"), bytes)
    }
}

#[test]
fn without_the_mark_or_half_of_it_the_old_state_bears_witness() {
    let (dir, _, snapshot) = ledger();
    let snapshot = snapshot.without_last_block();
    let garbled = snapshot.with(Path::new("acknowledged"), vec![0; 600]);
    for without in [garbled, snapshot.without_slot_of(12), snapshot.without_slot_of(11)] {
        without.put(dir.path());
        let Err(StoreError::Damaged(damage)) = rebuild(dir.path()) else {
            panic!("damage was expected")
        };
        assert_eq!((damage.block, damage.remedy), (Some(12), Remedy::Restore), "{damage}");
        let journal = std::fs::read(dir.path().join(JOURNAL)).unwrap();
        assert_eq!(journal, without.files[Path::new(JOURNAL)]);
    }
}

#[test]
fn where_no_witness_is_left_repair_says_how_far_it_came_and_that_it_is_in_doubt() {
    let (dir, model, snapshot) = ledger();
    let head = model.head();
    let expected = Rebuilt { number: 12, hash: head.hash, doubtful: false };
    for whole in [&snapshot, &snapshot.without_slot_of(12)] {
        whole.put(dir.path());
        assert_eq!(rebuild(dir.path()).unwrap(), expected);
        let findings = open(dir.path()).unwrap().verify(&mut |_, _| {}).unwrap().findings;
        assert_eq!(findings, []);
    }
    for acknowledged in
        [vec![], snapshot.without_slot_of(12).files[Path::new("acknowledged")].clone()]
    {
        let mut gone = snapshot.without_last_block().with(Path::new("acknowledged"), acknowledged);
        gone.files.retain(|name, _| !name.starts_with("state"));
        gone.put(dir.path());
        let hash = head.header.parent_hash;
        let expected = Rebuilt { number: 11, hash, doubtful: true };
        assert_eq!(rebuild(dir.path()).unwrap(), expected);
        assert_eq!(open(dir.path()).unwrap().head().number, 11);
    }
}

#[test]
fn opening_clears_nothing_that_a_damaged_mark_may_have_named() {
    let dir = scratch();
    let mut model = Model::up_to(15, 5);
    model.create(dir.path()).close().unwrap();
    let early = Snapshot::take(dir.path());
    open(dir.path()).unwrap().commit(&model.extend()).unwrap();
    // As after a power failure, the state is behind; and then two bytes are damaged.
    let late = Snapshot::take(dir.path()).without_last_block().without_slot_of(6);
    let damaged = early.with_parts_of(&late, &["journal", "acknowledged"]);
    damaged.put(dir.path());
    let Err(StoreError::Damaged(damage)) = open(dir.path()) else { panic!("damage expected") };
    assert_eq!(damage.remedy, Remedy::Repair, "{damage}");
    let journal = std::fs::read(dir.path().join(JOURNAL)).unwrap();
    assert_eq!(journal, damaged.files[Path::new(JOURNAL)]);
    assert!(rebuild(dir.path()).unwrap().doubtful);
    assert_eq!(open(dir.path()).unwrap().head().number, 5);
}

#[test]
fn a_state_that_is_behind_catches_up_and_one_that_is_ahead_is_damage() {
    let dir = scratch();
    let mut model = Model::up_to(13, 5);
    model.create(dir.path()).close().unwrap();
    let early = Snapshot::take(dir.path());
    let store = open(dir.path()).unwrap();
    for _ in 0..40 {
        store.commit(&model.extend()).unwrap();
    }
    store.close().unwrap();
    drop(store);
    let late = Snapshot::take(dir.path());

    // As after a power failure: the journal was synced, state and mark were not.
    for kept in [&["journal"][..], &["journal", "acknowledged"]] {
        early.with_parts_of(&late, kept).put(dir.path());
        model.assert_equals(&open(dir.path()).unwrap());
    }
    // Never after anything the store does: the journal lost what the state has seen.
    early.with_parts_of(&late, &["state"]).put(dir.path());
    let Err(StoreError::Damaged(damage)) = open(dir.path()) else { panic!("damage expected") };
    assert_eq!(damage.remedy, Remedy::Restore, "{damage}");
    // Neither does repair forget what was acknowledged.
    early.with_parts_of(&late, &["acknowledged"]).put(dir.path());
    assert!(matches!(open(dir.path()), Err(StoreError::Damaged(_))));
    assert!(matches!(rebuild(dir.path()), Err(StoreError::Damaged(_))));
}

#[test]
fn a_torn_write_is_cut_at_any_length() {
    let dir = scratch();
    let mut model = Model::up_to(12, 6);
    model.create(dir.path()).close().unwrap();
    let before = Snapshot::take(dir.path());
    let next = loop {
        let block = model.extend();
        if !block.body.receipts.is_empty() {
            break block;
        }
        open(dir.path()).unwrap().commit(&block).unwrap();
    };
    // Everything as of the block before, but for what the last write left in the journal.
    let old = Model::up_to(12, next.header.number - 1);
    let before = if old.head().header.number == 6 { before } else { Snapshot::take(dir.path()) };
    open(dir.path()).unwrap().commit(&next).unwrap();
    let name = Path::new("journal/00000001.journal");
    let after = std::fs::read(dir.path().join(name)).unwrap();
    let start = before.files[name].iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let end = after.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let step = (end - start).div_ceil(cases());
    for length in (0..end - start).step_by(step).chain([end - start - 1]) {
        let mut torn = before.files[name].clone();
        torn[start..start + length].copy_from_slice(&after[start..start + length]);
        before.with(name, torn).put(dir.path());
        let store = open(dir.path()).unwrap_or_else(|error| panic!("torn at {length}: {error}"));
        old.assert_equals(&store);
        store.commit(&next).unwrap();
        drop(store);
        model.assert_equals(&open(dir.path()).unwrap());
    }
    // Written whole, but not acknowledged: it may stay.
    before.with(name, after).put(dir.path());
    model.assert_equals(&open(dir.path()).unwrap());
}

#[test]
fn another_configuration_is_refused() {
    let (dir, _, snapshot) = ledger();
    snapshot.with(Path::new("genesis.json"), b"{}".to_vec()).put(dir.path());
    let error = open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("genesis.json"), "{error}");
}

#[test]
fn an_audit_names_every_block_that_cannot_be_read() {
    let dir = scratch();
    let model = Model::up_to(11, 40);
    let options = Options { segment: 8 << 10, ..SMALL };
    model.create_with(dir.path(), options).close().unwrap();
    // In files whose indexes are in the state: opening reads the last ones only, and genesis.
    for name in ["00000001", "00000002"] {
        let path = dir.path().join(format!("journal/{name}.journal"));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[2000] ^= 4;
        std::fs::write(path, bytes).unwrap();
    }
    let store = open(dir.path()).unwrap();
    model.assert_never_wrong(&store);
    let numbers = model.blocks.iter().map(|block| block.header.number);
    let unreadable: Vec<_> = numbers.filter(|number| store.block(*number).is_err()).collect();
    assert_eq!(unreadable.len(), 2);
    let verified = store.verify(&mut |_, _| {}).unwrap();
    let findings = verified.findings.iter();
    let named: Vec<_> = findings.map(|damage| damage.block).collect();
    assert_eq!(named, unreadable.iter().copied().map(Some).collect::<Vec<_>>());
    let unreadable = |damage: &Damage| damage.what.starts_with("the block cannot be read");
    assert!(verified.findings.iter().all(unreadable));
    assert!(verified.findings.iter().all(|damage| damage.remedy == Remedy::Restore));
    assert_eq!(verified.blocks, model.blocks.len() as u64 - 2);
}

#[test]
fn what_sled_was_writing_when_its_process_died_is_no_damage() {
    let (dir, model, _) = ledger();
    // It writes a snapshot of its tables when it is opened.
    open(dir.path()).unwrap().close().unwrap();
    let snapshot = Snapshot::take(dir.path());
    let is_one = |name: &Path| name.to_string_lossy().starts_with("state/snap.");
    let whole = snapshot.files.iter().find(|(name, _)| is_one(name)).expect("a snapshot").1;
    // Of what was in the last one, as much as was written; the name sorts after all others.
    let unfinished = dir.path().join("state/snap.FFFFFFFFFFFFFFFF.generating");
    for length in [0, 5, whole.len() / 2, whole.len()] {
        std::fs::write(&unfinished, &whole[..length]).unwrap();
        let store = open(dir.path()).unwrap_or_else(|error| panic!("{length}: {error}"));
        model.assert_equals(&store);
        assert!(!unfinished.exists());
    }
}
