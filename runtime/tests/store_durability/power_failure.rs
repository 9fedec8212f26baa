//! The power fails: what was never synced is gone, and nothing acknowledged is.

use crate::{
    mount::Disk,
    support::{CONFIG, Model, Snapshot},
};
use florin_runtime::{
    store::{Durability, Store},
    types::Block,
};
use std::path::Path;

fn create(dir: &Path, blocks: &[Block]) -> Store {
    let store = Store::create(dir, &blocks[0], CONFIG, Durability::Synced).unwrap();
    for block in &blocks[1..] {
        store.commit(block).unwrap();
    }
    store
}

fn open(dir: &Path) -> Store {
    Store::open(dir, Durability::Synced, &mut |_, _| {}).unwrap()
}

#[test]
fn a_new_ledger_and_its_first_blocks_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::new(dir.path()) else { return };
    let model = Model::up_to(41, 5);
    let name = Path::new("of/several/folders");
    create(&disk.path().join(name), &model.blocks);
    let after = disk.after_power_failure(&dir.path().join("after"));
    // The state was not closed, so it may have to be built again; the history is all there.
    let ledger = after.path().join(name);
    Store::rebuild(&ledger, &mut |_, _| {}).unwrap();
    model.assert_equals(&open(&ledger));
}

#[test]
fn a_closed_ledger_is_whole_large_values_included() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::new(dir.path()) else { return };
    let mut model = Model::up_to(42, 5);
    model.add_module(600 << 10);
    let ledger = disk.path().join("ledger");
    let store = create(&ledger, &model.blocks);
    store.close().unwrap();
    let blobs = std::fs::read_dir(ledger.join("state/blobs")).unwrap();
    assert!(blobs.count() > 0, "a value of this size has a file of its own");
    let after = disk.after_power_failure(&dir.path().join("after"));
    // sled would go back to what it was before a file that is missing, and catching up hide that.
    let [before, left] =
        [&ledger, &after.path().join("ledger")].map(|dir| Snapshot::take(&dir.join("state")));
    assert!(before.files == left.files, "every file of the state is there");
    model.assert_equals(&open(&after.path().join("ledger")));
}

#[test]
fn a_block_whose_sync_failed_is_written_again_before_it_is_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::new(dir.path()) else { return };
    let ledger = disk.path().join("ledger");
    let model = Model::up_to(43, 6);
    drop(create(&ledger, &model.blocks[..6]));
    let mark = std::fs::read(ledger.join("acknowledged")).unwrap();
    let state = Snapshot::take(&ledger.join("state"));
    let journal = ledger.join("journal/00000001.journal");
    let used = |path| {
        let bytes = std::fs::read(path).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        (bytes, end)
    };
    let (_, start) = used(&journal);
    let store = open(&ledger);
    store.commit(&model.blocks[6]).unwrap();
    drop(store);
    let (bytes, end) = used(&journal);
    // As if the sync had failed: nobody was told, the disk has nothing, and memory hides it.
    std::fs::write(ledger.join("acknowledged"), mark).unwrap();
    state.put(&ledger.join("state"));
    disk.lose(&bytes[start..end]);

    let store = open(&ledger);
    assert_eq!(store.head().number, 6, "it can be read, so it is acknowledged");
    drop(store);
    let after = disk.after_power_failure(&dir.path().join("after"));
    let ledger = after.path().join("ledger");
    Store::rebuild(&ledger, &mut |_, _| {}).unwrap();
    model.assert_equals(&open(&ledger));
}
