//! Each storage handle behaves as the collection of the standard library that it stands for, for
//! every sequence of operations, and leaves nothing behind.
#![allow(missing_docs, reason = "tests are not documentation")]

mod world;

use florin_sdk::native::with_host;
use florin_sdk::prelude::*;
use florin_sdk::storage::{Place, Storage};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};
use world::World;

#[derive(StorageValue, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    Nothing,
    Name(String),
    Pair { a: u8, name: String, list: Vec<Option<u16>> },
}

#[derive(StorageValue, Clone, Debug, PartialEq, Default)]
struct Value {
    name: String,
    amounts: Vec<U256>,
    flag: Option<bool>,
    bytes: Bytes,
}

#[storage]
struct Inner {
    first: Item<u32>,
    map: Map<(String, Key), Value>,
}

#[storage]
struct Outer {
    item: Item<Value>,
    inner: Inner,
    other: Inner,
    list: List<Value>,
    set: Set<Key>,
    names: Set<String>,
}

/// Runs `check` against fresh storage, with a host of its own.
fn stored(
    check: impl FnOnce(&mut Outer) -> Result<(), TestCaseError>,
) -> Result<World, TestCaseError> {
    let mut world = World::default();
    world.enter_blank();
    with_host(&mut world, || check(&mut Outer::at(Place::ROOT)))?;
    Ok(world)
}

fn keys() -> impl Strategy<Value = Key> {
    prop_oneof![
        Just(Key::Nothing),
        "[ab]{0,3}".prop_map(Key::Name),
        (0u8..2, "[ab]{0,2}", vec(prop::option::of(0u16..3), 0..3))
            .prop_map(|(a, name, list)| Key::Pair { a, name, list }),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    (".{0,9}", vec(any::<u64>(), 0..20), any::<Option<bool>>(), vec(any::<u8>(), 0..300)).prop_map(
        |(name, amounts, flag, bytes)| Value {
            name,
            amounts: amounts.into_iter().map(U256::from).collect(),
            flag,
            bytes: Bytes(bytes),
        },
    )
}

#[derive(Debug, Clone)]
enum ListStep {
    Push(Value),
    Pop,
    Save(u32, Value),
    SwapRemove(u32),
    Page(u32, u32),
}

fn list_steps() -> impl Strategy<Value = ListStep> {
    prop_oneof![
        3 => values().prop_map(ListStep::Push),
        1 => Just(ListStep::Pop),
        1 => (0u32..8, values()).prop_map(|(index, value)| ListStep::Save(index, value)),
        1 => (0u32..8).prop_map(ListStep::SwapRemove),
        1 => (0u32..8, prop_oneof![0u32..8, Just(u32::MAX)]).prop_map(|(start, limit)| ListStep::Page(start, limit)),
    ]
}

proptest! {
    #[test]
    fn list_is_a_vec(steps in vec(list_steps(), 0..30)) {
        let world = stored(|outer| {
            let list = &mut outer.list;
            let mut model: Vec<Value> = Vec::new();
            for step in steps {
                match step {
                    ListStep::Push(value) => {
                        prop_assert_eq!(list.push(&value), model.len() as u32);
                        model.push(value);
                    }
                    ListStep::Pop => prop_assert_eq!(list.pop(), model.pop()),
                    ListStep::Save(index, value) => {
                        if let Some(place) = model.get_mut(index as usize) {
                            list.save(index, &value);
                            *place = value;
                        }
                    }
                    ListStep::SwapRemove(index) => {
                        if (index as usize) < model.len() {
                            prop_assert_eq!(list.swap_remove(index), model.swap_remove(index as usize));
                        }
                    }
                    ListStep::Page(start, limit) => {
                        let expected: Vec<_> =
                            model.iter().skip(start as usize).take(limit as usize).cloned().collect();
                        prop_assert_eq!(list.page(start, limit), expected);
                    }
                }
                prop_assert_eq!(list.len() as usize, model.len());
                prop_assert_eq!(list.is_empty(), model.is_empty());
                for index in 0..10 {
                    prop_assert_eq!(list.load(index), model.get(index as usize).cloned());
                }
            }
            while list.pop().is_some() {}
            Ok(())
        })?;
        prop_assert!(world.storage().len() <= 1, "only the length may remain");
    }

    #[test]
    fn map_is_a_map(steps in vec(("[ab]{0,2}", keys(), any::<Option<bool>>(), values()), 0..30)) {
        let world = stored(|outer| {
            let mut model = HashMap::new();
            for (name, key, saves, value) in steps {
                let key = (name, key);
                match saves {
                    Some(true) => {
                        outer.inner.map.save(&key, &value);
                        model.insert(key.clone(), value);
                    }
                    Some(false) => {
                        outer.inner.map.update(&key, |old| old.amounts.push(U256::ONE));
                        model.entry(key.clone()).or_insert_with(Value::default).amounts.push(U256::ONE);
                    }
                    None => {
                        outer.inner.map.remove(&key);
                        model.remove(&key);
                    }
                }
                for (key, value) in &model {
                    prop_assert_eq!(outer.inner.map.load(key), Some(value.clone()));
                }
                prop_assert_eq!(outer.inner.map.has(&key), model.contains_key(&key));
                prop_assert_eq!(outer.inner.map.get(&key), model.get(&key).cloned().unwrap_or_default());
                prop_assert!(!outer.other.map.has(&key), "another map has its own entries");
            }
            for key in model.keys() {
                outer.inner.map.remove(key);
            }
            Ok(())
        })?;
        prop_assert!(world.storage().is_empty());
    }

    #[test]
    fn set_is_a_set(steps in vec((keys(), any::<bool>()), 0..40)) {
        let world = stored(|outer| {
            let set = &mut outer.set;
            let mut model = BTreeSet::new();
            for (key, adds) in steps {
                if adds {
                    prop_assert_eq!(set.add(&key), model.insert(key.clone()));
                } else {
                    prop_assert_eq!(set.remove(&key), model.remove(&key));
                }
                prop_assert_eq!(set.has(&key), model.contains(&key));
                prop_assert_eq!(set.len() as usize, model.len());
                let all: BTreeSet<_> = set.page(0, u32::MAX).into_iter().collect();
                prop_assert_eq!(&all, &model);
                let paged: Vec<_> = (0..set.len()).step_by(2).flat_map(|start| set.page(start, 2)).collect();
                prop_assert_eq!(paged, set.page(0, u32::MAX));
            }
            for key in &model {
                prop_assert!(set.remove(key));
            }
            Ok(())
        })?;
        prop_assert!(world.storage().len() <= 1, "only the length may remain");
    }

    #[test]
    fn item_is_an_option(values in vec(prop::option::of(values()), 0..10)) {
        stored(|outer| {
            for value in values {
                match &value {
                    Some(value) => outer.item.save(value),
                    None => outer.item.remove(),
                }
                prop_assert_eq!(outer.item.load(), value.clone());
                prop_assert_eq!(outer.item.is_saved(), value.is_some());
                prop_assert_eq!(outer.item.get(), value.unwrap_or_default());
            }
            Ok(())
        })?;
    }

    /// Keys of one type never meet, whatever their variable-size parts.
    #[test]
    fn keys_are_injective(a in ("[ab]{0,3}", keys()), b in ("[ab]{0,3}", keys())) {
        let bytes = |key: &(String, Key)| {
            let mut out = Vec::new();
            key.write_last(&mut out);
            out
        };
        prop_assert_eq!(a == b, bytes(&a) == bytes(&b));
    }

    #[test]
    fn damaged_values_end_the_call(bytes in vec(any::<u8>(), 0..40)) {
        let mut world = World::default();
        world.enter_blank();
        let sound = {
            let mut rest = &bytes[..];
            Value::read_last(&mut rest).is_some() && rest.is_empty()
        };
        world.put(&[0], &bytes);
        let loaded = world.catch(|| Outer::at(Place::ROOT).item.load().map(drop));
        prop_assert_eq!(loaded.is_ok(), sound);
        if let Err(data) = loaded {
            prop_assert_eq!(data[35], 0x22, "Panic(0x22): incorrectly encoded storage");
        }
    }
}

#[test]
fn an_index_out_of_bounds_ends_the_call() {
    let mut world = World::default();
    world.enter_blank();
    let accesses: [fn(&mut List<Value>); 3] = [
        |list| drop(list.get(0)),
        |list| list.save(0, &Value::default()),
        |list| drop(list.swap_remove(0)),
    ];
    for access in accesses {
        let data = world.catch(|| access(&mut Outer::at(Place::ROOT).list)).unwrap_err();
        assert_eq!(data[35], 0x32);
    }
}

/// The keys and bytes that contracts on ledgers rely on: a change here breaks every deployed
/// contract's upgrade.
#[test]
fn bytes_in_storage_are_stable() {
    let world = stored(|outer| {
        outer.item.save(&Value {
            name: "ab".into(),
            amounts: vec![U256::ONE],
            flag: Some(true),
            bytes: Bytes::from(*b"xyz"),
        });
        outer.inner.first.save(&7);
        outer.other.map.save(&("k".into(), Key::Name("n".into())), &Value::default());
        outer.list.push(&Value::default());
        outer.names.add(&"me".into());
        Ok(())
    })
    .unwrap();
    let one = U256::ONE.to_be_bytes();
    let value = [&[0, 0, 0, 2, b'a', b'b', 0, 0, 0, 1][..], &one, &[1, 1], b"xyz"].concat();
    let empty = vec![0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(
        world.storage(),
        [
            (vec![0], value),
            (vec![1, 0], vec![0, 0, 0, 7]),
            (vec![2, 1, 0, 0, 0, 1, b'k', 1, b'n'], empty.clone()),
            (vec![3], vec![0, 0, 0, 1]),
            (vec![3, 0, 0, 0, 0], empty),
            (vec![5, 0], vec![0, 0, 0, 1]),
            (vec![5, 0, 0, 0, 0, 0], b"me".to_vec()),
            (vec![5, 1, b'm', b'e'], vec![0, 0, 0, 0]),
        ]
    );
}

#[test]
fn a_page_of_a_list_reads_its_length_once() {
    let mut world = World::default();
    world.enter_blank();
    with_host(&mut world, || {
        let list = &mut Outer::at(Place::ROOT).list;
        (0..10).for_each(|_| _ = list.push(&Value::default()));
    });
    world.reads = 0;
    let page = with_host(&mut world, || Outer::at(Place::ROOT).list.page(2, 5));
    assert_eq!((page.len(), world.reads), (5, 6));
}
