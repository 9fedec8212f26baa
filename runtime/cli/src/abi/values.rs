//! Values of the ABI, as text for people and as JSON for programs.

use super::Terms;
use crate::amount::Currency;
use alloy_dyn_abi::DynSolValue;
use alloy_json_abi::Param;
use alloy_primitives::hex;
use serde::Serialize;
use serde_json::{Map, Value};

/// Longest bytes that people are shown whole: a signature is. Of longer ones, such as code, they
/// see the beginning; all of it is in the JSON.
const SHOWN_BYTES: usize = 128;

/// A value with the name that the ABI gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The name; empty if it has none.
    pub name: String,
    /// The type, in Solidity's words.
    #[serde(rename = "type")]
    pub ty: String,
    /// The exact value: integers as decimal strings, bytes and addresses as hex.
    pub value: Value,
    /// The value as people read it.
    #[serde(skip)]
    pub text: String,
}

/// Pairs values with their parameters. `method` tells whether a nameless result is an amount.
pub fn name_values(
    method: &str,
    parameters: &[Param],
    values: &[DynSolValue],
    terms: &Terms<'_>,
) -> Vec<Named> {
    let pairs = parameters.iter().zip(values);
    pairs.map(|(parameter, value)| named(method, parameter, value, terms)).collect()
}

/// One value of the above.
pub fn named(method: &str, parameter: &Param, value: &DynSolValue, terms: &Terms<'_>) -> Named {
    let Param { name, .. } = parameter;
    let currency = terms.currency(name).or_else(|| terms.result_currency(method));
    let value = &with_fields(value, &parameter.components);
    Named {
        name: name.clone(),
        ty: parameter.selector_type().into_owned(),
        value: json(value),
        text: text(value, currency, terms),
    }
}

/// A value whose structs have the names of their fields, which decoding leaves out.
fn with_fields(value: &DynSolValue, fields: &[Param]) -> DynSolValue {
    let each = |values: &[DynSolValue]| values.iter().map(|v| with_fields(v, fields)).collect();
    let is_named = !fields.is_empty() && fields.iter().all(|field| !field.name.is_empty());
    match value {
        DynSolValue::Tuple(values) if is_named => DynSolValue::CustomStruct {
            name: String::new(),
            prop_names: fields.iter().map(|field| field.name.clone()).collect(),
            tuple: values.iter().zip(fields).map(|(v, f)| with_fields(v, &f.components)).collect(),
        },
        DynSolValue::Array(values) => DynSolValue::Array(each(values)),
        DynSolValue::FixedArray(values) => DynSolValue::FixedArray(each(values)),
        value => value.clone(),
    }
}

impl Named {
    /// `name: value`, or the value alone.
    pub fn labelled(&self) -> String {
        if self.name.is_empty() {
            self.text.clone()
        } else {
            format!("{}: {}", self.name, self.text)
        }
    }
}

/// `(to: bob, amount: 12.5 USD)`.
pub fn labelled(values: &[Named]) -> String {
    format!("({})", values.iter().map(Named::labelled).collect::<Vec<_>>().join(", "))
}

fn json(value: &DynSolValue) -> Value {
    match value {
        DynSolValue::Bool(value) => (*value).into(),
        DynSolValue::Int(value, _) => value.to_string().into(),
        DynSolValue::Uint(value, _) => value.to_string().into(),
        DynSolValue::FixedBytes(word, size) => hex::encode_prefixed(&word[..*size]).into(),
        DynSolValue::Address(address) => address.to_string().into(),
        DynSolValue::Function(function) => hex::encode_prefixed(function).into(),
        DynSolValue::Bytes(bytes) => hex::encode_prefixed(bytes).into(),
        DynSolValue::String(text) => text.clone().into(),
        DynSolValue::Array(values)
        | DynSolValue::FixedArray(values)
        | DynSolValue::Tuple(values) => values.iter().map(json).collect(),
        DynSolValue::CustomStruct { prop_names, tuple, .. } => {
            let fields = prop_names.iter().cloned().zip(tuple.iter().map(json));
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

fn text(value: &DynSolValue, currency: Option<&Currency>, terms: &Terms<'_>) -> String {
    let list = |values: &[DynSolValue]| {
        values.iter().map(|v| text(v, currency, terms)).collect::<Vec<_>>().join(", ")
    };
    match value {
        DynSolValue::Uint(value, _) => {
            currency.map_or_else(|| value.to_string(), |currency| currency.display(*value))
        }
        DynSolValue::Address(address) => terms.book.show(*address),
        DynSolValue::FixedBytes(word, size) => readable(&word[..*size]),
        DynSolValue::Bytes(bytes) => shortened(bytes),
        DynSolValue::String(text) => format!("{text:?}"),
        DynSolValue::Array(values) | DynSolValue::FixedArray(values) => {
            format!("[{}]", list(values))
        }
        DynSolValue::Tuple(values) => format!("({})", list(values)),
        DynSolValue::CustomStruct { prop_names, tuple, .. } => {
            let fields = prop_names.iter().zip(tuple);
            let fields = fields.map(|(name, v)| {
                let currency = terms.currency(name).or(currency);
                format!("{name}: {}", text(v, currency, terms))
            });
            format!("({})", fields.collect::<Vec<_>>().join(", "))
        }
        other => match json(other) {
            Value::String(text) => text,
            value => value.to_string(),
        },
    }
}

/// Bytes as hex; long ones as their beginning and their length.
pub fn shortened(bytes: &[u8]) -> String {
    if bytes.len() <= SHOWN_BYTES {
        return hex::encode_prefixed(bytes);
    }
    format!("{}… ({} bytes)", hex::encode_prefixed(&bytes[..32]), bytes.len())
}

/// Bytes that are zero-padded printable text are shown as such: memos and short names are.
fn readable(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    let printable = end > 0 && bytes[..end].iter().all(|b| matches!(b, b' '..=b'~'));
    match str::from_utf8(&bytes[..end]) {
        Ok(text) if printable => format!("text:{text}"),
        _ => hex::encode_prefixed(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_bytes_are_shortened_for_people_alone() {
        let terms = Terms {
            book: &crate::accounts::Book::default(),
            native: &Currency::native("FLR"),
            token: None,
            other: Box::new(|_| None),
        };
        let parameter = Param::parse("bytes code").unwrap();
        for (length, shown) in [(SHOWN_BYTES, 2 + 2 * SHOWN_BYTES), (200_000, 82)] {
            let value = DynSolValue::Bytes(vec![0xab; length]);
            let named = named("f", &parameter, &value, &terms);
            assert_eq!(named.text.chars().count(), shown, "{}", named.text);
            assert_eq!(named.value.as_str().unwrap().len(), 2 + 2 * length);
        }
    }

    #[test]
    fn structs_have_the_names_of_their_fields() {
        let terms = Terms {
            book: &crate::accounts::Book::default(),
            native: &Currency::native("FLR"),
            token: Some(Currency::token("USD", 2)),
            other: Box::new(|_| None),
        };
        let parameter: Param = serde_json::from_value(serde_json::json!({
            "name": "", "type": "tuple[]", "components": [
                { "name": "id", "type": "uint64" }, { "name": "amount", "type": "uint256" },
            ],
        }))
        .unwrap();
        let order = DynSolValue::Tuple(vec![1_u64.into(), 150_u64.into()]);
        let named = named("orders", &parameter, &DynSolValue::Array(vec![order]), &terms);
        assert_eq!(named.text, "[(id: 1, amount: 1.5 USD)]");
        assert_eq!(named.value, serde_json::json!([{ "id": "1", "amount": "150" }]));
    }
}
