//! The ABI codec agrees with alloy's, both ways, and nothing in its input makes it panic or run
//! away.
#![allow(missing_docs, reason = "tests are not documentation")]

use alloy_sol_types::{SolError, SolEvent, SolValue, private::U256 as Raw, sol};
use florin_sdk::abi;
use florin_sdk::prelude::{AbiType, Address, B256, Bytes, Error, Event, FixedBytes, U256};
use proptest::collection::vec;
use proptest::prelude::*;
use std::fmt::Debug;

#[derive(AbiType, Clone, Debug, PartialEq)]
struct Line {
    product: u32,
    price: U256,
}

#[derive(AbiType, Clone, Debug, PartialEq)]
struct Order {
    buyer: Address,
    lines: Vec<Line>,
    note: String,
    pairs: [Vec<bool>; 2],
}

#[derive(Error, Clone, Debug, PartialEq)]
struct Refused {
    why: String,
    who: Address,
    data: Bytes,
}

#[derive(Event, Clone, Debug, PartialEq)]
struct Noted {
    #[indexed]
    who: Address,
    note: String,
    amount: U256,
}

mod reference {
    super::sol! {
        error Refused(string why, address who, bytes data);
        event Noted(address indexed who, string note, uint256 amount);
        struct Line { uint32 product; uint256 price; }
        struct Order { address buyer; Line[] lines; string note; bool[][2] pairs; }
    }
}

fn line(line: &Line) -> reference::Line {
    reference::Line { product: line.product, price: line.price.into() }
}

fn order(order: &Order) -> reference::Order {
    reference::Order {
        buyer: order.buyer,
        lines: order.lines.iter().map(line).collect(),
        note: order.note.clone(),
        pairs: order.pairs.clone(),
    }
}

fn amounts() -> impl Strategy<Value = U256> {
    any::<[u8; 32]>().prop_map(U256::from_be_bytes)
}

fn addresses() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>().prop_map(Address::from)
}

fn lines() -> impl Strategy<Value = Line> {
    (any::<u32>(), amounts()).prop_map(|(product, price)| Line { product, price })
}

prop_compose! {
    fn orders()(
        buyer in addresses(),
        lines in vec(lines(), 0..4),
        note in ".{0,40}",
        first in vec(any::<bool>(), 0..4),
        second in vec(any::<bool>(), 0..4),
    ) -> Order {
        Order { buyer, lines, note, pairs: [first, second] }
    }
}

/// Our encoding of a value is alloy's, and decodes to the value.
fn agrees<T, R>(value: T, reference: R) -> Result<(), TestCaseError>
where
    T: AbiType + Clone + PartialEq + Debug,
    R: SolValue,
{
    let ours = abi::encode(&(value.clone(),));
    prop_assert_eq!(&ours, &reference.abi_encode());
    prop_assert_eq!(abi::decode::<(T,)>(&ours).unwrap(), (value,));
    // alloy calls a struct by its own name here; ours is the canonical tuple, as signatures need
    // it.
    let name = reference.sol_name().replace("Order", ORDER).replace("Line", LINE);
    prop_assert_eq!(T::NAME, name);
    Ok(())
}

const LINE: &str = "(uint32,uint256)";
const ORDER: &str = "(address,(uint32,uint256)[],string,bool[][2])";

proptest! {
    #[test]
    fn words(
        amount in amounts(), address in addresses(), word in any::<[u8; 32]>(), short in any::<[u8; 3]>(),
        yes in any::<bool>(), byte in any::<u8>(), wide in any::<u128>(), signed in any::<i128>(), small in any::<i16>(),
    ) {
        agrees(amount, Into::<Raw>::into(amount))?;
        agrees(address, address)?;
        agrees(B256::from(word), B256::from(word))?;
        agrees(FixedBytes(short), FixedBytes(short))?;
        agrees(yes, yes)?;
        prop_assert_eq!(abi::encode(&(byte,)), Raw::from(byte).abi_encode());
        agrees(wide, wide)?;
        agrees(signed, signed)?;
        agrees(small, small)?;
    }

    #[test]
    fn dynamic_types(
        text in ".{0,100}", bytes in vec(any::<u8>(), 0..100), list in vec(vec(".{0,9}", 0..4), 0..4),
        orders in vec(orders(), 0..3), line_pair in [lines(), lines()],
    ) {
        agrees(text.clone(), text)?;
        agrees(Bytes(bytes.clone()), alloy_primitives::Bytes::from(bytes))?;
        agrees(list.clone(), list)?;
        agrees(orders.clone(), orders.iter().map(order).collect::<Vec<_>>())?;
        agrees(line_pair.clone(), line_pair.each_ref().map(line))?;
    }

    #[test]
    fn sequences(a in amounts(), b in ".{0,50}", c in orders(), d in addresses(), e in vec(any::<u64>(), 0..5)) {
        let ours = abi::encode(&(a, b.clone(), c.clone(), d, e.clone()));
        let alloys = (Into::<Raw>::into(a), b.clone(), order(&c), d, e.clone()).abi_encode_params();
        prop_assert_eq!(&ours, &alloys);
        prop_assert_eq!(abi::decode::<(U256, String, Order, Address, Vec<u64>)>(&ours).unwrap(), (a, b, c, d, e));
        prop_assert_eq!(<(U256, String, Order)>::NAME, "(uint256,string,(address,(uint32,uint256)[],string,bool[][2]))");
    }

    /// Behind a selector words are aligned to the arguments, not to the beginning.
    #[test]
    fn errors(why in ".{0,70}", who in addresses(), data in vec(any::<u8>(), 0..70)) {
        let ours = Refused { why: why.clone(), who, data: Bytes(data.clone()) };
        let alloys = reference::Refused { why: why.clone(), who, data: data.into() };
        prop_assert_eq!(ours.encode(), alloys.abi_encode());
        prop_assert_eq!(Refused::decode(&ours.encode()), Some(ours));
        let revert = alloy_sol_types::Revert { reason: why.clone() }.abi_encode();
        prop_assert_eq!(florin_sdk::error::error_string(&why), revert);
    }

    #[test]
    fn events(who in addresses(), note in ".{0,70}", amount in amounts()) {
        let alloys = reference::Noted { who, note: note.clone(), amount: amount.into() };
        let topics: Vec<[u8; 32]> = alloys.encode_topics().iter().map(|topic| topic.0.0).collect();
        let ours = Noted { who, note, amount };
        let mut log = Vec::new();
        ours.write(&mut log);
        let (head, data) = log.split_at(32 * Noted::TOPICS);
        prop_assert_eq!(head, topics.as_flattened());
        prop_assert_eq!(data, alloys.encode_data());
        prop_assert_eq!(Noted::read(&topics, data), Some(ours));
    }

    /// What alloy accepts strictly we accept with the same value; what we accept, alloy reads as
    /// the same value.
    #[test]
    fn damaged_data(order in orders(), flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in 0usize..64) {
        let mut data = abi::encode(&(order,));
        for (index, value) in flips {
            let index = index.index(data.len());
            data[index] = value;
        }
        data.truncate(data.len().saturating_sub(cut.saturating_sub(32)));
        let strict = alloy_sol_types::abi::AbiDecoderConfig::new().strict(true).validate_allow_trailing_bytes(true);
        let alloys = reference::Order::abi_decode_with_config(&data, strict);
        match abi::decode::<(Order,)>(&data) {
            Ok((ours,)) => {
                let lenient = reference::Order::abi_decode(&[&data[..], &[0; 32]].concat()).unwrap();
                prop_assert_eq!(self::order(&ours).abi_encode(), lenient.abi_encode());
            }
            Err(_) => prop_assert!(alloys.is_err()),
        }
    }

    #[test]
    fn random_data_does_not_panic(data in vec(prop_oneof![Just(0u8), any::<u8>(), Just(32u8)], 0..600)) {
        let _ = abi::decode::<Vec<Vec<Vec<String>>>>(&data);
        let _ = abi::decode::<(Order, Bytes)>(&data);
        let _ = abi::decode::<[Vec<Line>; 3]>(&data);
    }
}

/// Heads that all point at the same tail would multiply it: 300 words of input to 300 x 300 words
/// of memory.
#[test]
fn shared_tails_are_not_amplified() {
    let count = 300usize;
    let word = |number: usize| Raw::from(number).to_be_bytes::<32>();
    let mut data = [word(32), word(count)].concat();
    for _ in 0..count {
        data.extend(word(32 * count));
    }
    data.extend(word(count));
    data.extend(vec![0; 32 * count]);
    assert!(abi::decode::<Vec<Vec<u8>>>(&data).is_err());
}

#[test]
fn lying_lengths_are_refused() {
    for length in [1u64, 2, u32::MAX as u64, u64::MAX] {
        let data =
            [Raw::from(32).to_be_bytes::<32>(), Raw::from(length).to_be_bytes::<32>()].concat();
        assert!(abi::decode::<Bytes>(&data).is_err(), "{length}");
        assert!(abi::decode::<Vec<U256>>(&data).is_err(), "{length}");
    }
}

#[test]
fn values_out_of_range_are_refused() {
    let word = |byte: u8, at: usize| {
        let mut word = [0; 32];
        word[at] = byte;
        word
    };
    assert!(abi::decode::<bool>(&word(2, 31)).is_err());
    assert!(abi::decode::<u8>(&word(1, 30)).is_err());
    assert!(abi::decode::<Address>(&word(1, 11)).is_err());
    assert!(abi::decode::<FixedBytes<4>>(&word(1, 4)).is_err());
    assert!(abi::decode::<i8>(&word(0xff, 31)).is_err(), "-1 has all bits set");
    assert!(
        abi::decode::<String>(&[&word(32, 31)[..], &word(1, 31), &word(0xff, 0)].concat()).is_err(),
        "not UTF-8"
    );
}
