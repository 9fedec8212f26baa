//! States that were changed, backups that lead to none, rebuilding that was interrupted.

use super::{
    ACKNOWLEDGED, GENESIS, JOURNAL, Options, RUNNING, STATE, Store,
    acknowledged::Acknowledged,
    commitment::Commitment,
    error::{Remedy, Result, StoreError},
    journal::{Durability, Journal},
    open::{STATE_NEW, STATE_OLD, anchor},
    schema,
    state::State,
};
use crate::types::{
    Account, Address, B256, Block, BlockBody, Bytes, Header, StateKey, U256, Write,
};
use std::{fs, path::Path, sync::Arc};

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
    Block::new(header, BlockBody { writes: Arc::new(writes.to_vec()), ..BlockBody::default() })
}

fn key(key: &StateKey) -> Vec<u8> {
    schema::state_key(key.as_ref())
}

fn open(dir: &Path) -> Result<Store> {
    Store::open(dir, Durability::Unsynced, &mut |_, _| {})
}

/// Commits a block that changes entries of a contract's storage: names, what they were, and what they
/// are to be.
fn commit(store: &Store, head: &mut Block, changes: &[(u64, Option<Bytes>, Bytes)]) {
    let write = |(name, before, after): &(u64, Option<Bytes>, Bytes)| {
        let key = StateKey::Storage(Address::ZERO, name.to_be_bytes().to_vec().into());
        Write { key, before: before.clone(), after: Some(after.clone()) }
    };
    let writes: Vec<_> = changes.iter().map(write).collect();
    let mut commitment = store.commitment();
    commitment.apply(&writes);
    let (number, state_root) = (head.header.number + 1, commitment.digest());
    let header = Header { number, parent_hash: head.hash, state_root, ..head.header.clone() };
    *head = Block::new(header, BlockBody { writes: Arc::new(writes), ..BlockBody::default() });
    store.commit(head).unwrap();
}

/// Changes the state of a ledger that is not open.
fn tamper(dir: &Path, change: impl FnOnce(&State)) {
    let (state, _) = State::open(&dir.join(STATE), 1 << 20, 1 << 20).unwrap();
    change(&state);
    state.tree.flush().unwrap();
}

#[test]
fn a_state_that_was_changed_behind_our_back_is_refused_and_repaired() {
    let genesis = genesis();
    let rich = Account { balance: U256::from(101), ..Account::default() }.to_bytes();
    let other = Address::repeat_byte(1);
    let changes = [
        (key(&StateKey::Account(Address::ZERO)), Some(rich.clone())),
        (key(&StateKey::Account(Address::ZERO)), None),
        (key(&StateKey::Account(other)), Some(rich)),
        (
            key(&StateKey::Storage(Address::ZERO, Bytes::from_static(b"k"))),
            Some(Bytes::from_static(b"w")),
        ),
        (
            key(&StateKey::Storage(Address::ZERO, Bytes::from_static(b""))),
            Some(Bytes::from_static(b"kv")),
        ),
        (key(&StateKey::Code(B256::ZERO)), Some(Bytes::from_static(b"c"))),
        (vec![0], None),
        (vec![0], Some(vec![7; 99].into())),
        (vec![99], Some(Bytes::new())),
        (vec![6], None),
        (vec![6], Some(vec![0].into())),
        (vec![6, 1], Some(vec![0, 0, 1].into())),
    ];
    let dir = tempfile::tempdir().unwrap();
    drop(Store::create(dir.path(), &genesis, b"{}", Durability::Unsynced).unwrap());
    for change in changes {
        tamper(dir.path(), |state| match change.0[0] {
            1..=3 => state.apply([Ok(change.clone())].into_iter()).unwrap(),
            _ => state
                .tree
                .write([(&change.0[..], change.1.as_ref().map(|value| &value[..]))])
                .unwrap(),
        });
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
    fs::write(backup.join(GENESIS), b"{}").unwrap();
    let genesis = Block::new(Header::default(), genesis().body);
    let (journal, _) = Journal::create(
        &backup.join(JOURNAL),
        anchor(b"{}"),
        &genesis,
        Durability::Unsynced.into(),
    )
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

/// So little memory that no state is small enough to be checked whenever it is opened.
const UNCHECKED: Options =
    Options { durability: Durability::Unsynced, memory: 0, segment: Options::SEGMENT };

#[test]
fn what_a_power_failure_broke_is_refused_as_often_as_it_is_tried() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Store::open(dir.path(), UNCHECKED, &mut |_, _| {});
    drop(Store::create(dir.path(), &genesis(), b"{}", UNCHECKED).unwrap());
    let key = key(&StateKey::Storage(Address::ZERO, Bytes::from_static(b"k")));
    tamper(dir.path(), |state| {
        state.apply([Ok((key, Some(Bytes::from_static(b"w"))))].into_iter()).unwrap();
    });
    let running = dir.path().join(RUNNING);
    fs::write(&running, fs::read_to_string(&running).unwrap().replace("boot", "past")).unwrap();
    for _ in 0..3 {
        assert!(matches!(open(), Err(StoreError::Damaged(_))));
    }
    Store::rebuild(dir.path(), &mut |_, _| {}).unwrap();
    assert_eq!(
        open().unwrap().storage(&Address::ZERO, b"k").unwrap().unwrap(),
        Bytes::from_static(b"v")
    );
}

#[test]
fn an_index_that_lost_a_page_is_refused_and_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { segment: 0, ..Durability::Unsynced.into() };
    let store = Store::create(dir.path(), &genesis(), b"{}", options).unwrap();
    let mut head = genesis();
    for _ in 0..3 {
        let number = head.header.number + 1;
        head = Block::new(
            Header { number, parent_hash: head.hash, ..head.header },
            BlockBody::default(),
        );
        store.commit(&head).unwrap();
    }
    store.close().unwrap();
    drop(store);
    let mut pages = Vec::new();
    tamper(dir.path(), |state| {
        let found = state.tree.range(&schema::INDEXES.start, &schema::INDEXES.end);
        pages.extend(found.map(|page| page.unwrap()).map(|(key, value)| (key, value.to_vec())));
    });
    assert!(pages.len() >= 6, "pages and runs of three segments");
    for (key, value) in pages {
        let mut other = value.clone();
        *other.last_mut().unwrap() ^= 1;
        for wrong in [None, Some(&value[1..]), Some(&other)] {
            tamper(dir.path(), |state| state.tree.write([(&key[..], wrong)]).unwrap());
            match open(dir.path()) {
                Err(StoreError::Damaged(damage)) => assert_eq!(damage.remedy, Remedy::Repair),
                other => panic!("{key:?}: {:?}", other.map(drop)),
            }
            Store::rebuild(dir.path(), &mut |_, _| {}).unwrap();
            assert_eq!(open(dir.path()).unwrap().block_number(&head.hash).unwrap(), Some(3));
        }
    }
}

#[test]
fn what_the_tree_lacks_counts_towards_the_next_checkpoint_after_a_crash() {
    const BLOCKS: u64 = 6;
    const BYTES: usize = 10_000;
    // On a slow machine there may be time for a checkpoint.
    let attempt = |_| {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path(), &genesis(), b"{}", Durability::Unsynced).unwrap();
        let mut head = genesis();
        for name in 1..=BLOCKS {
            commit(&store, &mut head, &[(name, None, vec![1; BYTES].into())]);
        }
        // As if killed: nothing is closed.
        drop(store);
        let store = open(dir.path()).unwrap();
        let lacking = BLOCKS - store.recent.stored();
        (lacking > 1).then_some((dir, store, lacking))
    };
    let (_dir, store, lacking) = (0..20).find_map(attempt).expect("no checkpoint comes at once");
    let behind = store.writer().behind;
    assert!(behind >= (lacking - 1) * BYTES as u64, "{lacking} blocks, {behind} bytes");
}

#[test]
fn what_is_closed_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path(), &genesis(), b"{}", Durability::Unsynced).unwrap();
    let mut head = genesis();
    let all: Vec<_> = (0..60).map(|name| (name, None, Bytes::from(vec![1; 6_000]))).collect();
    commit(&store, &mut head, &all);
    store.close().unwrap();
    let checkpoints = store.checkpoints.met();
    assert!(checkpoints > 0);
    store.verify(&mut |_, _| {}).unwrap();
    store.close().unwrap();
    assert_eq!(store.checkpoints.met(), checkpoints);
}

#[test]
fn pages_that_a_power_failure_took_back_are_folded_again() {
    const ENTRIES: u64 = 60;
    let dir = tempfile::tempdir().unwrap();
    let (options, mut head) = (Options::from(Durability::Unsynced), genesis());
    let open = || Store::open(dir.path(), options, &mut |_, _| {}).unwrap();
    let value = |number: u8| Bytes::from(vec![number; 6_000]);
    let store = Store::create(dir.path(), &head, b"{}", options).unwrap();
    let all: Vec<_> = (0..ENTRIES).map(|name| (name, None, value(0))).collect();
    commit(&store, &mut head, &all);
    store.close().unwrap();
    drop(store);
    let mut pages = Vec::new();
    let range = (&schema::PAGES.start[..], &schema::PAGES.end[..]);
    tamper(dir.path(), |state| {
        pages.extend(state.tree.range(range.0, range.1).map(|page| page.unwrap()));
    });
    // Each further checkpoint folds a little before, and says so.
    let mut number = 0;
    let mut change = |store: &Store| {
        commit(store, &mut head, &[(0, Some(value(number)), value(number + 1))]);
        number += 1;
        store.close().unwrap();
        store.state.unfolded()
    };
    let unfolded = change(&open());
    assert_eq!((unfolded.since, unfolded.entries), (0, ENTRIES as usize + 1));
    tamper(dir.path(), |state| {
        let folded: Vec<_> = state.tree.range(range.0, range.1).map(|page| page.unwrap()).collect();
        assert!(folded.len() > pages.len(), "something was folded");
        state.tree.write(folded.iter().map(|(key, _)| (key, None::<&[u8]>))).unwrap();
        state.tree.write(pages.iter().map(|(key, page)| (key, Some(page)))).unwrap();
    });
    fs::write(dir.path().join(RUNNING), "boot of another day").unwrap();
    // Until the pages are on their own.
    let folded = (0..ENTRIES).any(|_| change(&open()).since > 0);
    assert!(folded, "each closing folds a batch");
    let store = open();
    for name in 0..ENTRIES {
        let found = store.storage(&Address::ZERO, &name.to_be_bytes()).unwrap().unwrap();
        assert_eq!(found, value(if name == 0 { number } else { 0 }), "{name}");
    }
}
