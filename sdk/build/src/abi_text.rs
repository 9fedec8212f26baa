//! The section `florin.abi` in its short form: a line for each entry of the JSON, as ethers and
//! viem write an ABI for people.
//!
//! ```text
//! constructor(string name,string symbol,uint256 supply)
//! function transfer(address to,uint256 value) returns (bool)
//! function orders(address buyer) view returns ((uint32 product,uint256 price)[])
//! event Transfer(address indexed from,address indexed to,uint256 value)
//! error ERC20InvalidReceiver(address receiver)
//! ```
//!
//! It is a third of the JSON, and every byte of a module is paid for. Invariant: [`shorten`] loses
//! nothing; what would not come back the same stays JSON, which begins with `[` as no line does.

use serde_json::{Map, Value, json};

/// Deepest nesting of structs that is read.
const DEPTH: usize = 32;

/// The content of the section for an ABI in JSON: the short form, if it says the same.
pub fn shorten(section: &[u8]) -> Vec<u8> {
    let short = || {
        let abi: Value = serde_json::from_slice(section).ok()?;
        let lines: Option<Vec<String>> = abi.as_array()?.iter().map(line).collect();
        let text = lines?.join("\n").into_bytes();
        (!text.is_empty() && expand(&text).is_ok_and(|back| back == abi)).then_some(text)
    };
    short().unwrap_or_else(|| section.to_owned())
}

/// The ABI as JSON, from the content of the section in either form.
pub fn expand(section: &[u8]) -> Result<Value, String> {
    if section.first().is_none_or(|first| *first == b'[') {
        return serde_json::from_slice(section).map_err(|error| error.to_string());
    }
    let text = str::from_utf8(section).map_err(|error| error.to_string())?;
    text.lines().map(|line| entry(line).ok_or_else(|| format!("what is `{line}`?"))).collect()
}

/// The line of an entry; `None` if there is no such.
fn line(entry: &Value) -> Option<String> {
    let kind = entry["type"].as_str()?;
    let name = entry["name"].as_str().map(|name| format!(" {name}")).unwrap_or_default();
    let inputs = entry.get("inputs").map_or(Some(String::new()), parameters)?;
    let external = if is_nameless(kind) { " external" } else { "" };
    let mutability = match entry["stateMutability"].as_str() {
        None | Some("nonpayable") => String::new(),
        Some(other) => format!(" {other}"),
    };
    let outputs = match entry["outputs"].as_array() {
        Some(outputs) if !outputs.is_empty() => {
            format!(" returns ({})", parameters(&entry["outputs"])?)
        }
        _ => String::new(),
    };
    Some(format!("{kind}{name}({inputs}){external}{mutability}{outputs}"))
}

/// Whether a kind of entry has neither name nor parameters: it is written with `external`.
fn is_nameless(kind: &str) -> bool {
    matches!(kind, "receive" | "fallback")
}

/// The text of a list of parameters.
fn parameters(list: &Value) -> Option<String> {
    let parameter = |parameter: &Value| {
        let mut text = parameter["type"].as_str()?.to_owned();
        if let Some(components) = parameter.get("components") {
            text = format!("({}){}", parameters(components)?, text.strip_prefix("tuple")?);
        }
        if parameter["indexed"] == true {
            text += " indexed";
        }
        match parameter["name"].as_str()? {
            "" => {}
            name => text = format!("{text} {name}"),
        }
        Some(text)
    };
    let list: Option<Vec<String>> = list.as_array()?.iter().map(parameter).collect();
    Some(list?.join(","))
}

/// The entry of a line; `None` if it is none.
fn entry(line: &str) -> Option<Value> {
    let mut text = Reader { rest: line };
    let kind = text.word();
    let mut entry = Map::from_iter([("type".to_owned(), json!(kind))]);
    if matches!(kind, "function" | "event" | "error") {
        text.eat(" ")?;
        entry.insert("name".into(), json!(text.word()));
    }
    let inputs = text.parameters(kind == "event", DEPTH)?;
    match kind {
        "event" => drop(entry.insert("anonymous".into(), json!(false))),
        "error" => {}
        "constructor" | "function" | "receive" | "fallback" => {
            if is_nameless(kind) {
                text.eat(" external")?;
            }
            let written = ["pure", "view", "payable"].into_iter();
            let mutability =
                written.into_iter().find(|word| text.eat(&format!(" {word}")).is_some());
            entry.insert("stateMutability".into(), json!(mutability.unwrap_or("nonpayable")));
        }
        _ => return None,
    }
    if kind == "function" {
        let outputs = match text.eat(" returns ") {
            Some(()) => text.parameters(false, DEPTH)?,
            None => json!([]),
        };
        entry.insert("outputs".into(), outputs);
    }
    if !is_nameless(kind) {
        entry.insert("inputs".into(), inputs);
    }
    text.rest.is_empty().then_some(Value::Object(entry))
}

/// What is left of a line.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Takes `token` off the front, if it is there.
    fn eat(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    /// Takes off the front what `is_part`.
    fn take(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Takes an identifier off the front; it may be empty.
    fn word(&mut self) -> &'a str {
        self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'))
    }

    /// Takes a list of parameters in parentheses off the front.
    fn parameters(&mut self, of_event: bool, depth: usize) -> Option<Value> {
        let mut list = Vec::new();
        self.eat("(")?;
        while self.eat(")").is_none() {
            if !list.is_empty() {
                self.eat(",")?;
            }
            list.push(self.parameter(of_event, depth.checked_sub(1)?)?);
        }
        Some(Value::Array(list))
    }

    /// Takes a parameter off the front: its type, whether it is indexed, its name.
    fn parameter(&mut self, of_event: bool, depth: usize) -> Option<Value> {
        let mut parameter = Map::new();
        let mut kind = self.word();
        if kind.is_empty() {
            parameter.insert("components".into(), self.parameters(false, depth)?);
            kind = "tuple";
        }
        let array = self.take(|c| c.is_ascii_digit() || matches!(c, '[' | ']'));
        parameter.insert("type".into(), json!(format!("{kind}{array}")));
        if of_event {
            parameter.insert("indexed".into(), json!(self.eat(" indexed").is_some()));
        }
        let name = if self.eat(" ").is_some() { self.word() } else { "" };
        parameter.insert("name".into(), json!(name));
        Some(Value::Object(parameter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"[
        {"type":"constructor","inputs":[{"name":"owner","type":"address"}],"stateMutability":"payable"},
        {"type":"receive","stateMutability":"payable"},
        {"type":"fallback","stateMutability":"nonpayable"},
        {"type":"function","name":"ping","inputs":[],"outputs":[],"stateMutability":"nonpayable"},
        {"type":"function","name":"put_$1","inputs":[
            {"name":"","type":"uint8[2][]"},
            {"name":"orders","type":"tuple[][3]","components":[
                {"name":"lines","type":"tuple[]","components":[{"name":"price","type":"uint256"}]},
                {"name":"note","type":"string"}]}
        ],"outputs":[{"name":"","type":"bool"},{"name":"","type":"bytes32"}],"stateMutability":"view"},
        {"type":"event","name":"Put","anonymous":false,"inputs":[
            {"name":"who","type":"address","indexed":true},
            {"name":"order","type":"tuple","indexed":false,"components":[{"name":"a","type":"bool"}]}]},
        {"type":"error","name":"No","inputs":[{"name":"why","type":"string"}]}
    ]"#;

    const SHORT: &str = "\
constructor(address owner) payable
receive() external payable
fallback() external
function ping()
function put_$1(uint8[2][],((uint256 price)[] lines,string note)[][3] orders) view returns (bool,bytes32)
event Put(address indexed who,(bool a) order)
error No(string why)";

    #[test]
    fn both_forms_say_the_same() {
        let json: Value = serde_json::from_str(JSON).unwrap();
        assert_eq!(String::from_utf8(shorten(JSON.as_bytes())).unwrap(), SHORT);
        assert_eq!(expand(SHORT.as_bytes()).unwrap(), json);
        assert_eq!(expand(JSON.as_bytes()).unwrap(), json);
        assert_eq!(shorten(SHORT.as_bytes()), SHORT.as_bytes());
    }

    #[test]
    fn what_lines_cannot_say_stays_json() {
        for json in [
            "[]",
            "{}",
            r#"["x"]"#,
            r#"[{"type":"error","name":"No","inputs":[],"note":1}]"#,
            r#"[{"type":"error","name":"No","inputs":[{"name":"a b","type":"bool"}]}]"#,
            r#"[{"type":"error","name":"No","inputs":[{"name":"a","type":"bool","internalType":"bool"}]}]"#,
            r#"[{"type":"event","name":"E","anonymous":true,"inputs":[]}]"#,
            r#"[{"type":"event","name":"E","anonymous":false,"inputs":[{"name":"indexed","type":"bool","indexed":false}]}]"#,
            "not json",
        ] {
            assert_eq!(shorten(json.as_bytes()), json.as_bytes());
        }
    }

    #[test]
    fn damaged_lines_are_refused() {
        for text in SHORT.lines() {
            for end in 0..text.len() {
                let cut = expand(&text.as_bytes()[..end]);
                assert!(cut.is_err() || text[end..].starts_with(" "), "{}", &text[..end]);
            }
        }
        let deep = format!("error E{}", "(".repeat(100_000));
        let unknown =
            ["", "\n", "struct S()", "error E()x", "error E(bool,)", "error E(,)", "é", &deep];
        for text in unknown {
            assert!(expand(text.as_bytes()).is_err());
        }
        assert!(expand(b"error \xff()").is_err());
    }
}
