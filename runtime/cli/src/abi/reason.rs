//! Why a contract refused: revert data in words.

use super::{Terms, values};
use alloy_dyn_abi::{DynSolType, JsonAbiExt};
use alloy_json_abi::JsonAbi;
use alloy_primitives::{Bytes, Selector, U256};
use florin_runtime::host::HOST_ERRORS;
use serde::Serialize;

/// Selector of `Error(string)`.
const ERROR: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];
/// Selector of `Panic(uint256)`.
const PANIC: [u8; 4] = [0x4e, 0x48, 0x7b, 0x71];

/// Why a contract refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The name of the error, if it is known.
    pub error: Option<String>,
    /// Its arguments.
    pub arguments: Vec<values::Named>,
    /// The same in words.
    pub message: String,
    /// The revert data, whole.
    pub data: Bytes,
}

/// Decodes revert data: `Error(string)`, `Panic(uint256)`, or an error of one of the contracts that
/// may have caused it, the called one first.
pub fn decode_reason(data: &[u8], abis: &[&JsonAbi], terms: &Terms<'_>) -> Reason {
    let unknown = |message: String| Reason {
        error: None,
        arguments: vec![],
        message,
        data: Bytes::copy_from_slice(data),
    };
    let Some((selector, body)) = data.split_first_chunk::<4>() else {
        return unknown(match data {
            [] => "the contract gave no reason".to_owned(),
            _ => format!("the contract gave {} as a reason", Bytes::copy_from_slice(data)),
        });
    };
    if let Some((error, message)) = standard(*selector, body) {
        return Reason { error: Some(error.to_owned()), ..unknown(message) };
    }
    let host = JsonAbi::parse(HOST_ERRORS).unwrap_or_default();
    let native = Terms {
        book: terms.book,
        native: terms.native,
        token: Some(terms.native.clone()),
        other: Box::new(|_| None),
    };
    let contracts = abis.iter().flat_map(|abi| abi.errors()).map(|error| (error, terms));
    let errors = contracts.chain(host.errors().map(|error| (error, &native)));
    for (error, terms) in errors.filter(|(error, _)| error.selector() == *selector) {
        let Ok(decoded) = error.abi_decode_input(body) else { continue };
        let arguments = values::name_values(&error.name, &error.inputs, &decoded, terms);
        let message = format!("{}{}", error.name, values::labelled(&arguments));
        return Reason { error: Some(error.name.clone()), arguments, ..unknown(message) };
    }
    let selector = Selector::from(*selector);
    unknown(format!("an error that no known ABI has ({selector}), with {} bytes", body.len()))
}

/// The two errors that every Solidity tool knows.
fn standard(selector: [u8; 4], body: &[u8]) -> Option<(&'static str, String)> {
    match selector {
        ERROR => {
            let text =
                DynSolType::Tuple(vec![DynSolType::String]).abi_decode_sequence(body).ok()?;
            Some(("Error", text.as_tuple()?.first()?.as_str()?.to_owned()))
        }
        PANIC => {
            let code = U256::from_be_bytes::<32>(body.try_into().ok()?);
            Some(("Panic", format!("panic 0x{code:02x}: {}", panic_words(code))))
        }
        _ => None,
    }
}

/// The panic codes of Solidity.
fn panic_words(code: U256) -> &'static str {
    match u8::try_from(code) {
        Ok(0x00) => "a panic of the compiler's own",
        Ok(0x01) => "an assertion failed",
        Ok(0x11) => "arithmetic overflow or underflow",
        Ok(0x12) => "division by zero",
        Ok(0x21) => "a value that its enum does not have",
        Ok(0x22) => "wrongly encoded stored bytes",
        Ok(0x31) => "pop from an empty list",
        Ok(0x32) => "index out of bounds",
        Ok(0x41) => "too much memory allocated",
        Ok(0x51) => "call of an uninitialised function",
        _ => "an unknown code",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{accounts::Book, amount::Currency};
    use alloy_dyn_abi::DynSolValue;
    use alloy_primitives::Address;

    fn decode(data: &[u8]) -> Reason {
        let native = Currency::native("FLR");
        let token = Some(Currency::token("USD", 2));
        let terms =
            Terms { book: &Book::default(), native: &native, token, other: Box::new(|_| None) };
        let abi = JsonAbi::parse(["error TooPoor(address who, uint256 value)"]).unwrap();
        decode_reason(data, &[&JsonAbi::new(), &abi], &terms)
    }

    #[test]
    fn standard_errors() {
        let text = DynSolValue::String("closed".into()).abi_encode_params();
        let reason = decode(&[&ERROR[..], &text].concat());
        assert_eq!((reason.error.as_deref(), reason.message.as_str()), (Some("Error"), "closed"));
        let code = U256::from(0x11).to_be_bytes::<32>();
        let reason = decode(&[&PANIC[..], &code].concat());
        assert_eq!(reason.message, "panic 0x11: arithmetic overflow or underflow");
    }

    #[test]
    fn custom_errors_by_abi() {
        let abi = JsonAbi::parse(["error TooPoor(address who, uint256 value)"]).unwrap();
        let values = [DynSolValue::Address(Address::ZERO), DynSolValue::Uint(U256::from(150), 256)];
        let data = abi.errors().next().unwrap().abi_encode_input(&values).unwrap();
        let reason = decode(&data);
        assert_eq!(reason.message, format!("TooPoor(who: {}, value: 1.5 USD)", Address::ZERO));
        assert_eq!(reason.arguments[1].value, "150");
        assert_eq!(reason.data, data);
        let cut = decode(&data[..data.len() - 1]);
        assert_eq!(cut.error, None, "{}", cut.message);
    }

    #[test]
    fn errors_of_the_host_are_in_native_currency() {
        let abi = JsonAbi::parse(HOST_ERRORS).unwrap();
        assert_eq!(abi.errors().count(), HOST_ERRORS.len());
        let (balance, needed) = (U256::ZERO, U256::from(5).pow(U256::from(18)));
        let values = [Address::ZERO.into(), balance.into(), needed.into()];
        let error = &abi.error("InsufficientBalance").unwrap()[0];
        let message = decode(&error.abi_encode_input(&values).unwrap()).message;
        assert!(
            message.ends_with("balance: 0 FLR, needed: 0.000003814697265625 FLR)"),
            "{message}"
        );
    }

    #[test]
    fn anything_else_is_kept_whole() {
        for data in
            [&b""[..], &[1, 2], &[1, 2, 3, 4, 5], &PANIC, &[&ERROR[..], &[0xff; 64]].concat()]
        {
            let reason = decode(data);
            assert_eq!((reason.error, reason.data.as_ref()), (None, data), "{}", reason.message);
        }
    }
}
