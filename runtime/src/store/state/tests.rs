//! The state on disk beside a plain map, with checkpoints, folding and crashes in any order; and
//! readers while it is folded.

use super::*;
use crate::{
    store::{commitment::Commitment, index::Stored, journal::Position, schema::*},
    types::{Address, B256, StateKeyRef},
};
use proptest::{collection::vec, prelude::*};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

type Map = BTreeMap<Vec<u8>, Bytes>;

const CACHE: usize = 1 << 20;

fn key(name: u16) -> Vec<u8> {
    let address = Address::repeat_byte((name % 5) as u8);
    match name % 3 {
        0 => state_key(StateKeyRef::Account(&address)),
        _ => state_key(StateKeyRef::Storage(&address, &name.to_be_bytes())),
    }
}

fn set_head(state: &State, number: u64, entries: usize, delta: Option<Delta>) {
    let (commitment, position) = (Commitment::default(), Position::FIRST);
    let counts = Counts { accounts: entries as u64, ..Counts::default() };
    let head = Head { number, hash: B256::ZERO, position, commitment, counts };
    state.set_head(head, ((position, 0), Stored::default()), delta).unwrap();
}

fn changes(names: &BTreeSet<u16>, number: u64) -> BTreeMap<Vec<u8>, Value> {
    let value = |name: u16| {
        let length = usize::from(name) * 7 % 900;
        let value = [&number.to_be_bytes()[..], &vec![1; length]].concat();
        (!(number + u64::from(name)).is_multiple_of(4)).then(|| value.into())
    };
    names.iter().map(|name| (key(*name), value(*name))).collect()
}

fn apply(map: &mut Map, changes: &BTreeMap<Vec<u8>, Value>) {
    for (key, value) in changes {
        match value {
            Some(value) => drop(map.insert(key.clone(), value.clone())),
            None => drop(map.remove(key)),
        }
    }
}

fn all_pages(state: &State) -> Vec<(Slice, Slice)> {
    state.tree.range(&PAGES.start, &PAGES.end).map(|page| page.unwrap()).collect()
}

fn append(state: &State, number: u64, changes: &BTreeMap<Vec<u8>, Value>) -> Delta {
    let entries = changes.iter().map(|(key, value)| Ok((key.clone(), value.clone())));
    state.append(number, entries, &mut || Ok(())).unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    Checkpoint(BTreeSet<u16>),
    /// The process dies while it writes a delta.
    Die(BTreeSet<u16>),
    Open,
    /// So many batches.
    Fold(u8),
    /// The machine loses what was folded since the last delta went.
    LosePages,
    /// Into the pages at once.
    Apply(BTreeSet<u16>),
}

fn names() -> impl Strategy<Value = BTreeSet<u16>> {
    let many = vec(0..400u16, 0..200);
    let row = (0..400u16, 0..200u16).prop_map(|(first, count)| (first..first + count).collect());
    prop_oneof![many, row].prop_map(|names| names.into_iter().collect())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => names().prop_map(Step::Checkpoint),
        1 => names().prop_map(Step::Die),
        1 => Just(Step::Open),
        4 => (0..4u8).prop_map(Step::Fold),
        2 => Just(Step::LosePages),
        1 => names().prop_map(Step::Apply),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn what_was_written_is_there(
        steps in vec(step(), 1..16),
        limit in 0..500_000usize,
        cache in prop_oneof![Just(256), Just(CACHE), 0..60_000usize],
    ) {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("state");
        let mut state = State::create(&dir, cache, limit).unwrap();
        set_head(&state, 0, 0, None);
        let (mut map, mut number) = (Map::new(), 0);
        // What each delta says, for those that are not in the pages.
        let mut deltas: Vec<(u64, BTreeMap<Vec<u8>, Value>)> = Vec::new();
        let mut pages = (u64::MAX, Vec::new());
        for step in steps {
            let since = state.unfolded().since;
            if pages.0 != since {
                pages = (since, all_pages(&state));
            }
            match step {
                Step::Checkpoint(names) => {
                    number += 1;
                    let changes = changes(&names, number);
                    apply(&mut map, &changes);
                    let delta = append(&state, number, &changes);
                    set_head(&state, number, map.len(), Some(delta));
                    deltas.push((number, changes));
                }
                Step::Die(names) => {
                    append(&state, number + 1, &changes(&names, number + 1));
                    drop(state);
                    state = State::open(&dir, cache, limit).unwrap().0;
                    state.forget_unnamed().unwrap();
                }
                Step::Open => {
                    drop(state);
                    let (opened, found) = State::open(&dir, cache, limit).unwrap();
                    prop_assert_eq!(found.head.number, number);
                    state = opened;
                }
                Step::Fold(batches) => {
                    for _ in 0..batches {
                        if !state.fold().unwrap() {
                            let memory = state.unfolded().bytes;
                            prop_assert!(memory <= limit, "{memory} of {limit}");
                            prop_assert!(!state.is_overfull());
                        }
                    }
                }
                Step::LosePages => {
                    let folded = all_pages(&state);
                    state.tree.write(folded.iter().map(|(key, _)| (key, None::<&[u8]>))).unwrap();
                    state.tree.write(pages.1.iter().map(|(key, page)| (key, Some(page)))).unwrap();
                    drop(state);
                    state = State::open(&dir, cache, limit).unwrap().0;
                    state.fold_again().unwrap();
                }
                Step::Apply(names) => {
                    // As when it is built: then there are no deltas.
                    if deltas.is_empty() {
                        number += 1;
                        let changes = changes(&names, number);
                        apply(&mut map, &changes);
                        state.apply(changes.into_iter().map(Ok)).unwrap();
                        set_head(&state, number, map.len(), None);
                    }
                }
            }
            let since = state.unfolded().since;
            deltas.retain(|(number, _)| *number > since);
            let entries = |from: &[u8]| -> Vec<_> {
                state.entries(from).unwrap().map(|entry| entry.unwrap()).collect()
            };
            prop_assert_eq!(entries(&[]), map.clone().into_iter().collect::<Vec<_>>());
            let middle = key(200);
            let expected: Vec<_> = map.clone().split_off(&middle).into_iter().collect();
            prop_assert_eq!(entries(&middle), expected);
            let mut recalled = BTreeMap::new();
            state.visit_deltas(|number, key, value| {
                let key = state_key(key.as_ref());
                assert!(deltas.iter().any(|(n, changes)| *n == number && changes.contains_key(&key)));
                recalled.insert(key, value);
            }).unwrap();
            let mut expected = BTreeMap::new();
            deltas.iter().for_each(|(_, changes)| expected.extend(changes.clone()));
            prop_assert_eq!(&recalled, &expected);
            for name in 0..400 {
                let key = key(name);
                if !recalled.contains_key(&key) {
                    prop_assert_eq!(state.get(&key).unwrap(), map.get(&key).cloned());
                }
            }
        }
    }
}

#[test]
fn readers_miss_nothing_while_it_is_folded() {
    const CHECKPOINTS: u64 = 12;
    let dir = tempfile::tempdir().unwrap();
    let state = State::create(&dir.path().join("state"), CACHE, 1).unwrap();
    // Those that stay, and those that come and go, in the same pages.
    let stay: Map = (0..2_000u16)
        .map(|n| (state_key(StateKeyRef::Storage(&Address::ZERO, &(2 * n).to_be_bytes())), n))
        .map(|(key, n)| (key, vec![1; usize::from(n) % 90].into()))
        .collect();
    let all = stay.iter().map(|(key, value)| Ok((key.clone(), Some(value.clone()))));
    state.apply(all).unwrap();
    set_head(&state, 0, stay.len(), None);
    let (is_over, passes) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    for (key, value) in stay.iter().step_by(17) {
                        assert_eq!(state.get(key).unwrap().as_ref(), Some(value));
                    }
                    let entries = state.entries(&[]).unwrap().map(|entry| entry.unwrap());
                    let found: Vec<_> = entries.filter(|(key, _)| stay.contains_key(key)).collect();
                    assert_eq!(found.len(), stay.len());
                    passes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // Until they have read beside it.
        let goes_on = |number: &u64| *number <= CHECKPOINTS || passes.load(Ordering::Relaxed) < 4;
        for number in (1..).take_while(goes_on) {
            let other = |n: u16| {
                let key =
                    state_key(StateKeyRef::Storage(&Address::ZERO, &(2 * n + 1).to_be_bytes()));
                (key, number.is_multiple_of(2).then(|| vec![2; 300].into()))
            };
            let delta = append(&state, number, &(0..2_000).map(other).collect());
            set_head(&state, number, stay.len(), Some(delta));
            while state.fold().unwrap() {}
            assert_eq!(state.unfolded(), Unfolded { since: number, ..Unfolded::default() });
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
