//! Logs as the events they are.

use super::{Terms, values};
use alloy_dyn_abi::EventExt;
use alloy_json_abi::{JsonAbi, Param};
use alloy_primitives::LogData;
use serde::Serialize;

/// An event that a contract emitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its name.
    pub event: String,
    /// Its values, in order of declaration.
    pub arguments: Vec<values::Named>,
}

impl Event {
    /// `Transfer(from: alice, to: bob, value: 12.5 USD)`.
    pub fn text(&self) -> String {
        format!("{}{}", self.event, values::labelled(&self.arguments))
    }
}

/// Decodes a log by the first event of the ABI that it fits; `None` if there is none.
pub fn decode_event(log: &LogData, abi: &JsonAbi, terms: &Terms<'_>) -> Option<Event> {
    let topic = log.topics().first()?;
    abi.events().filter(|event| !event.anonymous && event.selector() == *topic).find_map(|event| {
        let decoded = event.decode_log(log).ok()?;
        let (mut indexed, mut body) = (decoded.indexed.iter(), decoded.body.iter());
        let arguments = event.inputs.iter().map(|input| {
            let value = if input.indexed { indexed.next() } else { body.next() }?;
            let Ok(parameter) = Param::new(&input.name, &input.ty, input.components.clone(), None)
            else {
                return None;
            };
            Some(values::named(&event.name, &parameter, value, terms))
        });
        Some(Event { event: event.name.clone(), arguments: arguments.collect::<Option<_>>()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{accounts::Book, amount::Currency};
    use alloy_primitives::{Address, B256, U256, b256};

    const TRANSFER: B256 =
        b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

    #[test]
    fn indexed_and_plain_values_come_in_order_of_declaration() {
        let transfer = "event Transfer(address indexed from, uint256 value, address indexed to)";
        let abi = JsonAbi::parse([transfer]).unwrap();
        let native = Currency::native("FLR");
        let token = Some(Currency::token("USD", 2));
        let terms =
            Terms { book: &Book::default(), native: &native, token, other: Box::new(|_| None) };
        let (from, to) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let selector = abi.events().next().unwrap().selector();
        let data = U256::from(1234).to_be_bytes_vec();
        let topics = vec![selector, from.into_word(), to.into_word()];
        let log = LogData::new_unchecked(topics.clone(), data.clone().into());
        let event = decode_event(&log, &abi, &terms).unwrap();
        assert_eq!(event.text(), format!("Transfer(from: {from}, value: 12.34 USD, to: {to})"));
        assert_eq!(event.arguments[1].value, "1234");

        for (topics, data) in [
            (vec![], data.clone()),
            (vec![TRANSFER], data.clone()),
            (topics[..2].to_vec(), data.clone()),
            (topics, data[1..].to_vec()),
        ] {
            let log = LogData::new_unchecked(topics, data.into());
            assert_eq!(decode_event(&log, &abi, &terms), None, "{log:?}");
        }
    }
}
