//! Whatever is committed is read back, in the same process, after opening again, from a rebuilt
//! state, from a backup.

use crate::{
    mount::Mounted,
    support::{CONFIG, Model, SMALL, Snapshot, open, open_with, rebuild},
};
use florin_runtime::{
    store::{Durability, LogFilter, Options, Refusal, Remedy, Store, StoreError},
    types::{Block, Bytes, StateKey, Write},
};
use proptest::prelude::*;
use std::{path::Path, sync::Arc, thread};

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_history_is_read_back(
        seed: u64,
        blocks in 0u64..120,
        reopen_every in 1u64..60,
        memory in 0usize..200_000,
        segment in 0u64..60_000,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { memory, segment, ..SMALL };
        let mut model = Model::new(seed);
        let mut store = model.create_with(dir.path(), options);
        for number in 1..=blocks {
            let block = model.extend();
            store.commit(&block).unwrap();
            if number % reopen_every == 0 {
                // Without `close`, as after the end of a process.
                drop(store);
                store = open_with(dir.path(), options).unwrap();
            }
        }
        model.assert_equals(&store);
        let verified = store.verify(&mut |_, _| {}).unwrap();
        prop_assert_eq!(verified.findings, vec![]);
        prop_assert_eq!(verified.blocks, blocks + 1);
        store.close().unwrap();
        drop(store);
        model.assert_equals(&open(dir.path()).unwrap());
        rebuild(dir.path()).unwrap();
        model.assert_equals(&open(dir.path()).unwrap());
    }
}

#[test]
fn a_backup_of_a_live_ledger_is_a_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::up_to(1, 20);
    let store = model.create(&dir.path().join("ledger"));
    let (copy, restored) = (dir.path().join("copy"), dir.path().join("restored"));
    let saved = store.backup(&copy, &mut |_, _| {}).unwrap();
    assert_eq!(saved, (20, model.head().hash));
    let at_backup = Model::up_to(1, 20);
    store.commit(&model.extend()).unwrap();
    model.assert_equals(&store);

    let again = store.backup(&copy, &mut |_, _| {}).unwrap_err();
    assert!(matches!(again, StoreError::AlreadyExists { .. }), "{again}");
    Store::restore(&copy, &restored, &mut |_, _| {}).unwrap();
    at_backup.assert_equals(&open(&restored).unwrap());
    // A restored ledger goes on like any other.
    let store = open(&restored).unwrap();
    store.commit(&model.blocks[21]).unwrap();
    model.assert_equals(&store);
    let into_ledger = Store::restore(&copy, &restored, &mut |_, _| {}).unwrap_err();
    assert!(matches!(into_ledger, StoreError::AlreadyExists { .. }), "{into_ledger}");
}

#[test]
fn a_medium_that_cannot_be_written_is_restored_from_but_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let (medium, tmpfs) = (dir.path().join("medium"), Path::new("tmpfs"));
    let Some(mounted) = Mounted::new("tmpfs", "size=16m", tmpfs, &medium) else { return };
    let model = Model::up_to(9, 10);
    let (ledger, copy) = (medium.join("ledger"), medium.join("copy"));
    let store = model.create(&ledger);
    store.backup(&copy, &mut |_, _| {}).unwrap();
    drop(store);
    mounted.remount("ro");
    let restored = dir.path().join("restored");
    Store::restore(&copy, &restored, &mut |_, _| {}).unwrap();
    model.assert_equals(&open(&restored).unwrap());
    // A ledger is not opened there, but looked at in the same way.
    for refused in [open(&ledger).map(drop), rebuild(&ledger).map(drop)] {
        let refused = refused.unwrap_err();
        assert!(matches!(&refused, StoreError::NotWritable { dir } if *dir == ledger), "{refused}");
        assert!(refused.to_string().contains(&format!("restore {}`", ledger.display())));
    }
    let looked_at = dir.path().join("looked-at");
    Store::restore(&ledger, &looked_at, &mut |_, _| {}).unwrap();
    model.assert_equals(&open(&looked_at).unwrap());
}

#[test]
fn a_backup_removes_nothing_but_what_it_made_itself() {
    let dir = tempfile::tempdir().unwrap();
    let store = Model::up_to(10, 3).create(&dir.path().join("ledger"));
    let (copy, partial) = (dir.path().join("copy"), dir.path().join("copy.partial"));
    std::fs::create_dir(&partial).unwrap();
    std::fs::write(partial.join("precious"), "words").unwrap();
    let refused = store.backup(&copy, &mut |_, _| {}).unwrap_err();
    assert!(matches!(&refused, StoreError::Leftover { path } if *path == partial), "{refused}");
    assert_eq!(std::fs::read(partial.join("precious")).unwrap(), b"words");
    std::fs::remove_dir_all(&partial).unwrap();
    // One that fails leaves nothing behind.
    let segment = dir.path().join("ledger/journal/00000001.journal");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[900] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let failed = store.backup(&copy, &mut |_, _| {}).unwrap_err();
    let StoreError::Damaged(damage) = &failed else { panic!("{failed}") };
    assert_eq!((&damage.file, damage.remedy), (&segment, Remedy::Restore), "the source is named");
    assert!(!copy.exists() && !partial.exists());
}

#[test]
fn an_interrupted_creation_is_told_from_a_lost_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::new(14);
    drop(model.create(dir.path()));
    let genesis = dir.path().join("genesis.json");
    let config = std::fs::read(&genesis).unwrap();
    std::fs::remove_file(&genesis).unwrap();
    let whole = Snapshot::take(dir.path());
    // At any point of the creation: the genesis block cut off, what comes later not there yet.
    let journal = Path::new("journal/00000001.journal");
    for (length, parts) in [(100, 1), (1 << 18, 1), (1 << 18, 2), (1 << 18, 3)] {
        let mut files = Snapshot { files: Default::default() };
        let mut segment = whole.files[journal].clone();
        segment[length..].fill(0);
        files.files.insert(journal.to_owned(), segment);
        files.with_parts_of(&whole, &["none", "state", "acknowledged"][1..parts]).put(dir.path());
        let error = open(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::Unfinished { .. }), "{error}");
        let again = Store::create(dir.path(), &model.blocks[0], CONFIG, Durability::Unsynced);
        assert!(matches!(again.unwrap_err(), StoreError::Unfinished { .. }));
    }
    whole.put(dir.path());
    std::fs::write(&genesis, config).unwrap();
    open(dir.path()).unwrap().commit(&model.extend()).unwrap();
    std::fs::remove_file(&genesis).unwrap();
    for mark in [true, false] {
        if !mark {
            std::fs::remove_file(dir.path().join("acknowledged")).unwrap();
        }
        let Err(StoreError::Damaged(damage)) = open(dir.path()) else { panic!("damage expected") };
        assert_eq!((damage.remedy, damage.file), (Remedy::Restore, genesis.clone()));
    }
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let dir = tempfile::tempdir().unwrap();
    let store = Model::up_to(2, 10).create(&dir.path().join("ledger"));
    let copy = dir.path().join("copy");
    store.backup(&copy, &mut |_, _| {}).unwrap();
    let segment = copy.join("journal/00000001.journal");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[900] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let restore = || Store::restore(&copy, &dir.path().join("new"), &mut |_, _| {}).unwrap_err();
    let error = restore();
    let StoreError::Damaged(damage) = &error else { panic!("{error}") };
    assert_eq!((&damage.file, damage.remedy), (&segment, Remedy::OtherBackup), "{error}");
    assert!(error.to_string().contains("this backup is damaged"), "{error}");
    bytes[900] ^= 1;
    // Whether the last record was acknowledged is what the damaged slot would say.
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let (mark, ledger) = (copy.join("acknowledged"), dir.path().join("ledger/acknowledged"));
    let mut marks = std::fs::read(ledger).unwrap();
    marks[0] ^= 1;
    std::fs::write(&mark, marks).unwrap();
    let error = restore();
    let StoreError::Damaged(damage) = &error else { panic!("{error}") };
    assert_eq!((&damage.file, damage.remedy), (&mark, Remedy::OtherBackup), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left behind");
}

#[test]
fn a_view_stays_while_blocks_are_committed() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::up_to(3, 5);
    let store = Arc::new(model.create(dir.path()));
    let view = store.view();
    let then = model.state.clone();
    for _ in 0..30 {
        store.commit(&model.extend()).unwrap();
    }
    let mut keys: Vec<StateKey> = model.state.keys().chain(then.keys()).cloned().collect();
    keys.sort();
    for key in keys {
        match &key {
            StateKey::Account(address) => {
                let read = view.account(address).unwrap().map(|account| account.to_bytes());
                assert_eq!(read.as_ref(), then.get(&key));
            }
            StateKey::Storage(address, name) => {
                assert_eq!(view.storage(address, name).unwrap().as_ref(), then.get(&key));
            }
            StateKey::Code(_) => {}
        }
    }
    drop(view);
    model.assert_equals(&store);
}

#[test]
fn readers_see_whole_blocks_while_one_commits() {
    let dir = tempfile::tempdir().unwrap();
    let model = Model::up_to(4, 150);
    let states: Vec<_> = (0..=150).map(|number| Model::up_to(4, number).state).collect();
    let start = Model::up_to(4, 0);
    let store = Arc::new(start.create(dir.path()));
    thread::scope(|scope| {
        for _ in 0..2 {
            let (store, states) = (store.clone(), &states);
            scope.spawn(move || {
                while store.head().number < 150 {
                    let view = store.view();
                    let expected = &states[view.head().number as usize];
                    for n in 0..6 {
                        let address = alloy_primitives::Address::repeat_byte(n);
                        let read = view.account(&address).unwrap().map(|a| a.to_bytes());
                        assert_eq!(read.as_ref(), expected.get(&StateKey::Account(address)));
                        let read = view.storage(&address, &[]).unwrap();
                        let key = StateKey::Storage(address, Bytes::new());
                        assert_eq!(read.as_ref(), expected.get(&key));
                    }
                }
            });
        }
        for block in &model.blocks[1..] {
            store.commit(block).unwrap();
        }
    });
    model.assert_equals(&store);
}

#[test]
fn a_block_that_does_not_follow_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::up_to(5, 12);
    let store = model.create(dir.path());
    let duplicate = model.blocks.iter().find(|block| !block.body.receipts.is_empty()).unwrap();
    let duplicate = duplicate.body.clone();
    let good = loop {
        let block = model.extend();
        if block.body.writes.len() > 2 {
            break block;
        }
        store.commit(&block).unwrap();
    };
    let with = |change: &dyn Fn(&mut Block)| {
        let mut block = good.clone();
        change(&mut block);
        Block::new(block.header, block.body)
    };
    fn writes(block: &mut Block) -> &mut Vec<Write> {
        Arc::make_mut(&mut block.body.writes)
    }
    let refusals = [
        (with(&|b| b.header.number += 1), "number"),
        (with(&|b| b.header.parent_hash.0[0] ^= 1), "parent"),
        (with(&|b| b.header.state_root.0[0] ^= 1), "state commitment"),
        (with(&|b| writes(b).swap(0, 1)), "out of order"),
        (with(&|b| writes(b)[1] = b.body.writes[0].clone()), "out of order"),
        (with(&|b| writes(b)[0].after = b.body.writes[0].before.clone()), "changes nothing"),
        (with(&|b| writes(b)[0].before = Some(vec![1; 99].into())), "does not start from"),
        (with(&|b| b.body.receipts.clear()), "receipts"),
        (
            with(&|b| {
                for _ in 0..2 {
                    b.body.transactions.push(duplicate.transactions[0].clone());
                    b.body.receipts.push(duplicate.receipts[0].clone());
                }
            }),
            "twice",
        ),
        (
            with(&|b| {
                let key = StateKey::Account(alloy_primitives::Address::repeat_byte(99));
                let after = Some(vec![0xff; 3].into());
                b.body.writes = Arc::new(vec![Write { key, before: None, after }]);
            }),
            "does not fit its key",
        ),
        (Block { hash: Default::default(), ..good.clone() }, "hash"),
    ];
    for (block, reason) in refusals {
        if block == good {
            continue;
        }
        let error = store.commit(&block).unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{reason}: {error}");
        assert!(error.to_string().contains(reason), "{reason}: {error}");
    }
    assert!(matches!(
        store.commit(&model.blocks[3]).unwrap_err(),
        StoreError::Refused(Refusal::Number { .. })
    ));
    store.commit(&good).unwrap();
    model.assert_equals(&store);
}

#[test]
fn one_process_at_a_time_and_no_ledger_over_another() {
    let dir = tempfile::tempdir().unwrap();
    let model = Model::up_to(6, 3);
    let store = model.create(dir.path());
    let locked = open(dir.path()).unwrap_err();
    let pid = std::process::id();
    assert!(matches!(locked, StoreError::Locked { holder: Some(p), .. } if p == pid), "{locked}");
    assert!(matches!(rebuild(dir.path()).unwrap_err(), StoreError::Locked { .. }));
    drop(store);
    let again = Store::create(dir.path(), &model.blocks[0], CONFIG, Durability::Unsynced);
    assert!(matches!(again.unwrap_err(), StoreError::AlreadyExists { .. }));
    model.assert_equals(&open(dir.path()).unwrap());
    let nothing = open(Path::new("/nonexistent/ledger")).unwrap_err();
    assert!(matches!(nothing, StoreError::NotALedger { .. }), "{nothing}");
}

#[test]
fn a_closed_store_refuses_blocks_and_still_reads() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::up_to(7, 3);
    let store = model.create(dir.path());
    store.close().unwrap();
    model.assert_equals(&store);
    let error = store.commit(&model.extend()).unwrap_err();
    assert!(matches!(error, StoreError::Stopped { .. }), "{error}");
}

#[test]
fn a_search_for_logs_takes_as_much_work_as_it_may() {
    let dir = tempfile::tempdir().unwrap();
    let model = Model::up_to(8, 60);
    let store = model.create(dir.path());
    let address = alloy_primitives::Address::ZERO;
    let filter = LogFilter { addresses: vec![address; 2], ..LogFilter::default() };
    let mut enough = u64::MAX;
    let blocks = store.log_blocks(&filter, &(1..=60), &mut enough).unwrap().unwrap();
    let steps = u64::MAX - enough;
    assert_eq!(steps, 2 * (1 + blocks.len() as u64), "a step for each item and entry");
    for left in 0..steps {
        assert_eq!(store.log_blocks(&filter, &(1..=60), &mut left.clone()).unwrap(), None);
    }
    let logs = |number: &u64| {
        let receipts = &model.blocks[*number as usize].body.receipts;
        receipts.iter().flat_map(|receipt| &receipt.logs).any(|log| log.address == address)
    };
    assert!(blocks.iter().eq((1..=60).filter(logs).collect::<Vec<_>>().iter()));
}
