//! Which method of a contract is meant: by name, by name in Rust's spelling, or by full signature.

use alloy_json_abi::{Function, JsonAbi, Param};
use anyhow::{Context, Result, bail};

/// Finds the method that `text` means, called with `count` arguments.
///
/// A full signature, `transfer(address,uint256)`, tells overloads apart, and with results,
/// `balanceOf(address)(uint256)`, it serves contracts without an ABI.
pub fn find_method(abi: &JsonAbi, text: &str, count: usize) -> Result<Function> {
    if text.contains('(') {
        let written = Function::parse(text).ok().with_context(|| {
            format!("`{text}` is no signature; write transfer(address,uint256)")
        })?;
        let known = abi.functions().find(|f| f.selector() == written.selector());
        return match known {
            Some(known) if written.outputs.is_empty() => Ok(known.clone()),
            _ => Ok(written),
        };
    }
    let name = camel_case(text);
    let forms: Vec<_> = abi.functions().filter(|f| f.name == text || f.name == name).collect();
    match forms.as_slice() {
        [] => bail!("{}", unknown(abi, text)),
        [only] => Ok((*only).clone()),
        several => {
            let mut fitting = several.iter().filter(|f| f.inputs.len() == count);
            match (fitting.next(), fitting.next()) {
                (Some(only), None) => Ok((*only).clone()),
                _ => {
                    let forms: Vec<_> = several.iter().map(|f| f.signature()).collect();
                    bail!("{text} has several forms; give one in full: {}", forms.join(", "))
                }
            }
        }
    }
}

/// A method with the names of its parameters: `transfer(address to, uint256 amount)`.
pub fn signature(name: &str, parameters: &[Param]) -> String {
    let parameters: Vec<_> = parameters
        .iter()
        .map(|p| format!("{} {}", p.selector_type(), p.name).trim_end().to_owned())
        .collect();
    format!("{name}({})", parameters.join(", "))
}

fn unknown(abi: &JsonAbi, text: &str) -> String {
    let names: Vec<_> = abi.functions.keys().map(String::as_str).collect();
    if names.is_empty() {
        return format!(
            "the contract tells no ABI, so write the signature of `{text}` in full, as in \
             transfer(address,uint256)"
        );
    }
    format!("the contract has no method `{text}`; it has {}", names.join(", "))
}

/// `balance_of` as Solidity spells it.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut spelt = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut chars = word.chars();
        spelt.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        spelt.push_str(chars.as_str());
    }
    spelt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn abi() -> JsonAbi {
        JsonAbi::parse([
            "function balanceOf(address owner) view returns (uint256)",
            "function permit(address owner, uint8 v, bytes32 r, bytes32 s)",
            "function permit(address owner, bytes signature)",
            "function pay(address to)",
            "function pay(uint256 id)",
        ])
        .unwrap()
    }

    #[test]
    fn methods_are_found_by_every_spelling() {
        for text in ["balanceOf", "balance_of", "balanceOf(address)", "balanceOf(address owner)"] {
            let found = find_method(&abi(), text, 1).unwrap();
            assert_eq!(
                (found.signature().as_str(), found.outputs.len()),
                ("balanceOf(address)", 1)
            );
        }
        assert_eq!(find_method(&abi(), "permit", 2).unwrap().inputs[1].ty, "bytes");
        assert_eq!(find_method(&abi(), "pay(uint256)", 1).unwrap().inputs[0].ty, "uint256");
    }

    #[test]
    fn a_signature_serves_without_an_abi() {
        let found =
            find_method(&JsonAbi::new(), "sum(uint256[],(bool,string))(uint256)", 2).unwrap();
        assert_eq!(found.signature(), "sum(uint256[],(bool,string))");
        assert_eq!(found.outputs[0].ty, "uint256");
    }

    #[test]
    fn what_is_unclear_is_asked_back() {
        let message = |text, count| find_method(&abi(), text, count).unwrap_err().to_string();
        assert!(message("pay", 1).contains("pay(address), pay(uint256)"), "{}", message("pay", 1));
        assert!(message("permit", 3).contains("several forms"));
        assert!(message("transfre", 2).contains("it has balanceOf, pay, permit"));
        assert!(message("transfer(address", 1).contains("no signature"));
        let none = find_method(&JsonAbi::new(), "pay", 0).unwrap_err().to_string();
        assert!(none.contains("in full"), "{none}");
    }
}
