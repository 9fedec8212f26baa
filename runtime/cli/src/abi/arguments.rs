//! Arguments as people type them, read by the types of the ABI.

use super::{Terms, method::signature};
use crate::amount::{self, AmountError, Currency};
use alloy_dyn_abi::{DynSolType, DynSolValue, Specifier};
use alloy_json_abi::Param;
use alloy_primitives::{B256, U256, hex};
use anyhow::{Context, Result, bail};
use std::fs;

/// Writes text into a `bytes` or `bytes32` argument.
const TEXT: &str = "text:";
/// Reads a `bytes` argument from a file, as it is: a command line holds no more than 128 KiB.
const FILE: &str = "file:";

/// Reads the arguments of `name(parameters…)`.
///
/// Addresses may be names; integers may carry a unit (`1gwei`, `2 FLR`, `300 EURT`); amounts of a
/// token are in its own units; `bytes` and `bytes32` are hex or `text:…`, and `bytes` also
/// `file:…`; lists are `[a, b]`, structs `(a, b)`.
///
/// # Errors
/// The error names the argument.
pub fn parse_arguments(
    name: &str,
    parameters: &[Param],
    texts: &[String],
    terms: &Terms<'_>,
) -> Result<Vec<DynSolValue>> {
    if parameters.len() != texts.len() {
        let (takes, given) = (parameters.len(), texts.len());
        let plural = if takes == 1 { "" } else { "s" };
        bail!("{} takes {takes} argument{plural}; {given} given", signature(name, parameters));
    }
    let arguments = parameters.iter().zip(texts).enumerate();
    arguments
        .map(|(index, (parameter, text))| {
            let reader = Reader { terms, amount: terms.currency(&parameter.name) };
            let ty = parameter.resolve().context("the ABI of the contract is damaged")?;
            reader.read(&ty, text).with_context(|| {
                let (number, ty, name) = (index + 1, parameter.selector_type(), &parameter.name);
                format!("argument {number}, `{name}` ({ty})")
            })
        })
        .collect()
}

/// Reads one argument.
struct Reader<'a> {
    terms: &'a Terms<'a>,
    /// What integers are counted in, if they are amounts of the token.
    amount: Option<&'a Currency>,
}

impl Reader<'_> {
    fn read(&self, ty: &DynSolType, text: &str) -> Result<DynSolValue> {
        let text = text.trim();
        Ok(match ty {
            DynSolType::Address => DynSolValue::Address(self.terms.book.resolve(text)?),
            DynSolType::Uint(bits) => DynSolValue::Uint(self.uint(text, *bits)?, *bits),
            DynSolType::Bool => match text {
                "true" => DynSolValue::Bool(true),
                "false" => DynSolValue::Bool(false),
                _ => bail!("`{text}` is neither true nor false"),
            },
            DynSolType::String => DynSolValue::String(unquoted(text).to_owned()),
            DynSolType::Bytes => DynSolValue::Bytes(match unquoted(text).strip_prefix(FILE) {
                Some(path) => fs::read(path).with_context(|| format!("cannot read {path}"))?,
                None => bytes(text)?,
            }),
            DynSolType::FixedBytes(size) => DynSolValue::FixedBytes(word(text, *size)?, *size),
            DynSolType::Array(inner) => DynSolValue::Array(self.list(inner, text)?),
            DynSolType::FixedArray(inner, length) => {
                let values = self.list(inner, text)?;
                if values.len() != *length {
                    bail!("{length} elements are needed; {} given", values.len());
                }
                DynSolValue::FixedArray(values)
            }
            DynSolType::Tuple(types) => DynSolValue::Tuple(self.tuple(types, text)?),
            DynSolType::CustomStruct { name, prop_names, tuple } => DynSolValue::CustomStruct {
                name: name.clone(),
                prop_names: prop_names.clone(),
                tuple: self.tuple(tuple, text)?,
            },
            DynSolType::Int(_) | DynSolType::Function => {
                ty.coerce_str(text).ok().with_context(|| format!("`{text}` is no {ty}"))?
            }
        })
    }

    fn uint(&self, text: &str, bits: usize) -> Result<U256> {
        let value = if let Some(digits) = text.strip_prefix("0x") {
            U256::from_str_radix(digits, 16)
                .ok()
                .filter(|_| !digits.is_empty())
                .with_context(|| format!("`{text}` is no hexadecimal number of 256 bits"))?
        } else if let Some(currency) = self.amount {
            currency.parse(text)?
        } else if amount::split(text).1.is_empty() {
            amount::scale(text, 0, "an integer without a unit")?
        } else {
            // The native currency comes first: no token can take its name.
            self.terms.native.parse(text).or_else(|error| {
                let AmountError::Unit { unit, .. } = &error else { return Err(error) };
                let other = (self.terms.other)(unit);
                other.map_or(Err(error), |token| token.parse(text))
            })?
        };
        if value.bit_len() > bits {
            bail!("`{text}` is more than {bits} bits hold");
        }
        Ok(value)
    }

    fn list(&self, inner: &DynSolType, text: &str) -> Result<Vec<DynSolValue>> {
        elements(text, '[', ']')?.into_iter().map(|element| self.read(inner, element)).collect()
    }

    fn tuple(&self, types: &[DynSolType], text: &str) -> Result<Vec<DynSolValue>> {
        let elements = elements(text, '(', ')')?;
        if elements.len() != types.len() {
            bail!("{} parts are needed; {} given", types.len(), elements.len());
        }
        types.iter().zip(elements).map(|(ty, element)| self.read(ty, element)).collect()
    }
}

fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

fn bytes(text: &str) -> Result<Vec<u8>> {
    if let Some(text) = unquoted(text).strip_prefix(TEXT) {
        return Ok(text.as_bytes().to_vec());
    }
    let digits = text.strip_prefix("0x");
    digits.and_then(|digits| hex::decode(digits).ok()).with_context(|| {
        format!(
            "`{text}` is neither 0x and pairs of hexadecimal digits nor text:… nor, where any \
                 length will do, file:…"
        )
    })
}

/// Hex must have the exact size; text is padded with zeros behind, as Solidity pads literals.
fn word(text: &str, size: usize) -> Result<B256> {
    let bytes = bytes(text)?;
    let is_text = unquoted(text).starts_with(TEXT);
    if bytes.len() > size || (bytes.len() < size && !is_text) {
        bail!("`{text}` has {} bytes; {size} are needed", bytes.len());
    }
    let mut word = B256::ZERO;
    word[..bytes.len()].copy_from_slice(&bytes);
    Ok(word)
}

/// Splits `[a, (b, c), "d, e"]` at its own commas.
fn elements(text: &str, open: char, close: char) -> Result<Vec<&str>> {
    let inner = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let inner = inner.with_context(|| format!("`{text}` does not stand in {open}{close}"))?.trim();
    let (mut found, mut start, mut depth, mut quote) = (vec![], 0, 0_usize, None);
    for (at, c) in inner.char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => {
                depth =
                    depth.checked_sub(1).with_context(|| format!("`{text}` closes too often"))?;
            }
            (None, ',') if depth == 0 => {
                found.push(inner[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth > 0 || quote.is_some() {
        bail!("`{text}` does not close what it opens");
    }
    if !inner.is_empty() {
        found.push(inner[start..].trim());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::Book;
    use alloy_json_abi::Function;
    use alloy_primitives::Address;

    /// Reads the arguments of a method of a token with 6 decimals.
    fn read(method: &str, texts: &[&str]) -> Result<Vec<DynSolValue>, String> {
        let dir = tempfile::tempdir().unwrap();
        let mut book = Book::open(dir.path()).unwrap();
        book.add("bob", Address::repeat_byte(0xb0)).unwrap();
        let native = Currency::native("FLR");
        let token = Some(Currency::token("USD", 6));
        let other = |symbol: &str| (symbol == "EURT").then(|| Currency::token("EURT", 2));
        let terms = Terms { book: &book, native: &native, token, other: Box::new(other) };
        let method = Function::parse(method).unwrap();
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        parse_arguments(&method.name, &method.inputs, &texts, &terms).map_err(|e| format!("{e:#}"))
    }

    fn uint(value: u64) -> DynSolValue {
        DynSolValue::Uint(U256::from(value), 256)
    }

    #[test]
    fn names_and_decimals_of_the_token() {
        let transfer = "transfer(address to, uint256 amount)";
        let bob = DynSolValue::Address(Address::repeat_byte(0xb0));
        assert_eq!(read(transfer, &["bob", "12.5"]).unwrap(), [bob.clone(), uint(12_500_000)]);
        assert_eq!(read(transfer, &["bob", "12.5 usd"]).unwrap(), [bob.clone(), uint(12_500_000)]);
        assert!(read(transfer, &["bob", "1gwei"]).unwrap_err().contains("use USD"));
        let address = bob.as_address().unwrap().to_string();
        assert_eq!(read(transfer, &[&address, "0x10"]).unwrap(), [bob, uint(16)]);
        assert_eq!(
            read("f(uint256[] amounts)", &["[1, 2.5]"]).unwrap()[0].as_array().unwrap(),
            [uint(1_000_000), uint(2_500_000)]
        );
    }

    #[test]
    fn other_integers_are_plain_or_have_a_unit() {
        assert_eq!(read("f(uint256 deadline)", &["1_700"]).unwrap(), [uint(1700)]);
        assert_eq!(read("f(uint256 price)", &["2gwei"]).unwrap(), [uint(2_000_000_000)]);
        let eth = U256::from(10).pow(U256::from(18));
        assert_eq!(read("f(uint price)", &["1 FLR"]).unwrap(), [DynSolValue::Uint(eth, 256)]);
        assert_eq!(read("f(uint256 price)", &["300 EURT"]).unwrap(), [uint(30_000)]);
        assert!(read("f(uint256 price)", &["1 XYZ"]).unwrap_err().contains("use FLR"));
        assert!(read("f(uint256 amount)", &["1 EURT"]).unwrap_err().contains("use USD"));
        assert!(read("f(uint256 deadline)", &["1.5"]).unwrap_err().contains("integer"));
        assert!(read("f(uint8 v)", &["256"]).unwrap_err().contains("8 bits"));
        assert_eq!(read("f(int8 v)", &["-128"]).unwrap()[0].as_int().unwrap().0.as_i8(), -128);
        assert!(read("f(int8 v)", &["-129"]).is_err());
    }

    #[test]
    fn lists_structs_and_bytes() {
        let nested = read(
            "f((address,uint256)[] pay, string note, bytes4 id, bytes32 memo, bytes raw, bool ok)",
            &["[(bob, 1), (bob, 2)]", "\"a, b\"", "0x01020304", "text:INV-7", "0x", "true"],
        )
        .unwrap();
        assert_eq!(nested[0].as_array().unwrap().len(), 2);
        assert_eq!(nested[1], DynSolValue::String("a, b".into()));
        assert_eq!(&nested[3].as_fixed_bytes().unwrap().0[..6], b"INV-7\0");
        assert_eq!(nested[4], DynSolValue::Bytes(vec![]));
        assert_eq!(read("f(uint256[] x)", &["[]"]).unwrap(), [DynSolValue::Array(vec![])]);
        let quoted = read("f(string[] x)", &["[\"a, ]b\", c]"]).unwrap();
        assert_eq!(quoted[0].as_array().unwrap()[0], DynSolValue::String("a, ]b".into()));
    }

    #[test]
    fn files_are_bytes_of_any_length() {
        let dir = tempfile::tempdir().unwrap();
        let (path, content) = (dir.path().join("a, b"), vec![0xff; 200_000]);
        fs::write(&path, &content).unwrap();
        let text = format!("file:{}", path.display());
        let read_file = |method, text: &str| read(method, &[text]);
        assert_eq!(read_file("f(bytes x)", &text).unwrap(), [DynSolValue::Bytes(content.clone())]);
        let quoted = read_file("f(bytes[] x)", &format!("[\"{text}\", 0x]")).unwrap();
        assert_eq!(quoted[0].as_array().unwrap()[0], DynSolValue::Bytes(content));
        assert!(read_file("f(bytes x)", "file:nowhere").unwrap_err().contains("nowhere"));
        assert!(read_file("f(bytes32 x)", &text).is_err());
    }

    #[test]
    fn errors_name_the_argument() {
        let transfer = "transfer(address to, uint256 amount)";
        let error = read(transfer, &["bob", "1,5"]).unwrap_err();
        assert!(error.starts_with("argument 2, `amount` (uint256): "), "{error}");
        assert!(read(transfer, &["bbo", "1"]).unwrap_err().contains("known names: bob"));
        let error = read(transfer, &["bob"]).unwrap_err();
        assert_eq!(error, "transfer(address to, uint256 amount) takes 2 arguments; 1 given");
        for (method, text) in [
            ("f(uint256[2] x)", "[1]"),
            ("f(uint256[] x)", "[1"),
            ("f(uint256[] x)", "1"),
            ("f(uint256[][] x)", "[[1]]]"),
            ("f((bool,bool) x)", "(true)"),
            ("f(bool x)", "1"),
            ("f(bytes x)", "abc"),
            ("f(bytes x)", "0xabc"),
            ("f(bytes32 x)", "0x01"),
            ("f(bytes4 x)", "text:abcde"),
            ("f(string[] x)", "[\"a]"),
            ("f(uint256 x)", "0x"),
            ("f(uint256 x)", "0xg"),
            ("f(uint256 x)", ""),
        ] {
            let error = read(method, &[text]).unwrap_err();
            assert!(error.contains("argument 1"), "{method} {text}: {error}");
        }
    }
}
