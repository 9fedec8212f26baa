//! The documents that are made from the code say what the code says. `UPDATE_DOCS=1` writes them
//! anew.

use crate::repository::{read, root};
use florin_abi::{FUNCTIONS, HostFunction, IMPORT_MODULE, exports, sections};
use std::fmt::Write;

/// Compares a document with what the code leads to, or replaces it.
fn check(path: &str, expected: &str) {
    let path = root().join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).expect("a writable document");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let line = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "{} is not what the code says, from line {} on; run `just bless`",
        path.display(),
        line.map_or(found.lines().count().min(expected.lines().count()), |line| line) + 1
    );
}

const ABI_INTRODUCTION: &str = "\
# The interface between a contract and its host

<!-- Made from sdk/abi/src by a test; `just bless` writes it anew. -->

A contract is a WebAssembly module that exports its memory and the functions below, and imports what it needs from
the module `florin1`. The number in that name is the version of the interface. It is frozen: functions are added to
it, none is changed or taken away, so a contract that was built once loads for as long as Florin exists.

Who writes contracts in Rust needs none of this: `florin-sdk` wraps it. It is here for other languages and for audits.

";

const ABI_VALUES: &str = "\
## Values

Everything is passed as WebAssembly integers. Amounts are 256-bit words, big-endian; other numbers in memory are
little-endian. A slice is one i64: its address in the high half, its length in the low one.

| kind | what it is | WebAssembly |
| --- | --- | --- |
| `u32`, `u64` | a number | i32, i64 |
| `bytes` | a slice that the host reads | i64 |
| `buffer` | a slice that the host fills | i64 |
| `address`, `word`, `pair` | the address of 20, 32 or 64 bytes that the host reads | i32 |
| `out_address`, `out_word`, `out_pair` | the address of 20, 32 or 64 bytes that the host fills | i32 |
| `never` | the function does not return | |

A slice or an address beyond the memory, or a length above its limit ([LIMITS](LIMITS.md)), halts the call: it is
undone and has spent its gas. What each function costs is in [GAS](GAS.md).

## Status

`transfer`, `call`, `static_call` and `create` return an i64: in the high half the status, in the low half the length
of the returned data, which `returned` copies out.

| status | meaning |
| --- | --- |
| 0 | it ran to its end; its effects stand |
| 1 | it reverted, or was refused before it began; its effects are undone, the returned data is the reason |
| 2 | it trapped or ran out of gas; its effects are undone, the gas given to it is spent |

A nested call may be given at most all but one 64th of the gas that is left (EIP-150); all ones means just that.

## Context

`context` writes 136 bytes: address of the contract (20), caller (20), origin (20), flags (u32; bit 0: nothing may
change), value (32), chain id (u64), block number (u64), timestamp (u64, seconds since 1970), gas price (u128). Later
versions of the host only append, and a shorter buffer gets as much as fits.

## Deployment data

The data of a create transaction, and the `code` of `create` and `upgrade`: `0xEF 0xF1`, a version byte, then

- version 1: length of the module (u32, big-endian), the module, the ABI-encoded constructor arguments;
- version 2: keccak-256 of a module that is already on the ledger, the ABI-encoded constructor arguments.

";

fn wasm_type(kind: &str) -> &'static str {
    match kind {
        "u64" | "bytes" | "buffer" => "i64",
        "unit" | "never" => "",
        _ => "i32",
    }
}

fn describe(function: &HostFunction) -> String {
    let params = function.params.iter().map(|param| format!("{}: {}", param.name, param.kind));
    let types: Vec<&str> = function.params.iter().map(|param| wasm_type(param.kind)).collect();
    let result = match function.result {
        "unit" => String::new(),
        kind => format!(" -> {kind}"),
    };
    let signature = format!("{}({}){result}", function.name, params.collect::<Vec<_>>().join(", "));
    let wasm = format!("({}) -> ({})", types.join(", "), wasm_type(function.result));
    let docs = function.docs.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n");
    format!("**`{signature}`** as `{wasm}`\n\n{docs}\n\n")
}

#[test]
fn abi_md_is_the_table() {
    let mut text = String::from(ABI_INTRODUCTION);
    text += "## Exports\n\n| name | type | purpose |\n| --- | --- | --- |\n";
    let entry = "`(i32) -> (i32)`";
    let rows = [
        (exports::MEMORY, "memory", "The linear memory, of 32-bit addresses; exactly one."),
        (
            exports::CALL,
            entry,
            "Runs a call; the argument is the length of the input. 0 keeps what it did, anything else undoes it. What \
             it gave to `output` is the return data or the reason.",
        ),
        (exports::DEPLOY, entry, "The same, once, when the contract is created. Optional."),
        (
            exports::MIGRATE,
            entry,
            "The same, by new code that replaces the layout it migrates from. Optional.",
        ),
    ];
    for (name, ty, purpose) in rows {
        writeln!(text, "| `{name}` | {ty} | {purpose} |").expect("a string");
    }
    text += "\n## Custom sections\n\n| name | content |\n| --- | --- |\n";
    let rows = [
        (
            sections::ABI,
            "The contract's Solidity ABI: JSON, or text with a line for each entry, as ethers and viem read it \
             (`function name() view returns (string)`). JSON begins with `[`.",
        ),
        (sections::BUILD, "How it was built, as JSON: package, version, toolchain, SDK."),
        (
            sections::LAYOUT,
            "The storage layout: a line `path: type` for each field. An upgrade keeps every line or brings `migrate`.",
        ),
        (
            sections::MIGRATES,
            "The keccak-256 of the layout that `migrate` is for. A module with a migration replaces code of that layout, and then `migrate` runs, or of its own, and then it does not.",
        ),
        (
            sections::REENTRANT,
            "The 4-byte selectors, one after the other, that may be called while the contract is on the call stack; four zeros stand for a call without data, a payment.",
        ),
    ];
    for (name, content) in rows {
        writeln!(text, "| `{name}` | {content} |").expect("a string");
    }
    text += "\n";
    text += ABI_VALUES;
    writeln!(text, "## Functions of `{IMPORT_MODULE}`\n").expect("a string");
    let mut group = "";
    for function in FUNCTIONS {
        if function.group != group {
            group = function.group;
            writeln!(text, "### {}{}\n", group[..1].to_uppercase(), &group[1..]).expect("a string");
        }
        text += &describe(function);
    }
    check("docs/ABI.md", &format!("{}\n", text.trim_end()));
}

/// A documented constant of a source file.
struct Constant {
    name: String,
    value: String,
    docs: String,
    line: usize,
}

/// Every `pub const` of a source file. All of them must be documented.
fn constants(path: &str) -> Vec<Constant> {
    let (mut found, mut docs) = (Vec::new(), Vec::new());
    for (text, line) in read(path).lines().zip(1..) {
        if let Some(doc) = text.strip_prefix("/// ") {
            docs.push(doc.to_owned());
        } else if let Some(rest) =
            text.strip_prefix("pub const ").filter(|rest| !rest.starts_with("fn"))
        {
            let (name, rest) = rest.split_once(':').expect("a type");
            let value = rest.split_once('=').and_then(|(_, value)| value.split_once(';'));
            let (value, after) = value.expect("a value on the same line");
            if let Some(note) = after.trim().strip_prefix("// ") {
                docs.push(note.to_owned());
            }
            assert!(!docs.is_empty(), "{path}: {name} has no reason");
            let docs = std::mem::take(&mut docs).join(" ");
            found.push(Constant { name: name.into(), value: value.trim().into(), docs, line });
        } else {
            docs.clear();
        }
    }
    found
}

const GAS_INTRODUCTION: &str = "\
# What everything costs

<!-- Made from runtime/src/gas.rs by a test; `just bless` writes it anew. -->

There is one unit of gas. A transaction pays Ethereum's intrinsic gas; then a meter counts *fuel*, about one WebAssembly
instruction each, and fifty of it are one gas. The scale is set by Ethereum's 3,000 gas for a signature recovery; `just gas`
measures what every other price buys against that. A price is charged before the work is done. There is no rent, no
price for a first access to storage, and no refund for freeing it; gas that is not used is given back.

A receipt says what its gas went into: the transaction itself, compute, memory, host functions, storage, logs, calls,
code, and what a halted call forfeited.

";

#[test]
fn gas_md_is_the_price_list() {
    const PATH: &str = "runtime/src/gas.rs";
    let source = read(PATH);
    let in_fuel = source.lines().position(|line| line == "// What follows is in fuel.");
    let in_fuel = in_fuel.expect("the line that divides gas from fuel") + 1;
    let rate = constants(PATH).into_iter().find(|constant| constant.name == "FUEL_PER_GAS");
    let rate: u64 = rate.and_then(|rate| rate.value.parse().ok()).expect("the rate");
    let mut text = String::from(GAS_INTRODUCTION);
    text += "## In gas\n\n| name | gas | why |\n| --- | ---: | --- |\n";
    let mut has_fuel = false;
    for Constant { name, value, docs, line } in constants(PATH) {
        if line <= in_fuel {
            writeln!(text, "| `{name}` | {} | {docs} |", value.replace('_', ","))
                .expect("a string");
            continue;
        }
        if !std::mem::replace(&mut has_fuel, true) {
            text += "\n## While contracts run\n\n| name | gas | fuel | why |\n| --- | ---: | ---: | --- |\n";
        }
        let number = |text: &str| text.replace('_', "").parse::<u64>().expect("a number");
        let fuel = match value.strip_prefix("gas(").and_then(|rest| rest.strip_suffix(')')) {
            Some(gas) => number(gas) * rate,
            None => number(&value),
        };
        let gas = match fuel % rate {
            0 => (fuel / rate).to_string(),
            _ => format!("{:.2}", fuel as f64 / rate as f64),
        };
        writeln!(text, "| `{name}` | {gas} | {fuel} | {docs} |").expect("a string");
    }
    check("docs/GAS.md", &text);
}

const LIMITS_INTRODUCTION: &str = "\
# Limits

<!-- Made from the limits.rs of sdk/abi, runtime and runtime/node by a test; `just bless` writes it anew. -->

Nothing is read from a contract or a client without a named maximum. Whatever a transaction does, the memory, stack and
time it can take are bounded by these and by its gas.

";

#[test]
fn limits_md_is_the_lists_of_limits() {
    let mut text = String::from(LIMITS_INTRODUCTION);
    let lists = [
        ("What contracts see", "sdk/abi/src/limits.rs"),
        ("What the host imposes", "runtime/src/limits.rs"),
        ("What a node imposes", "runtime/node/src/limits.rs"),
    ];
    for (title, path) in lists {
        writeln!(text, "## {title}\n\n| name | value | why |\n| --- | --- | --- |")
            .expect("a string");
        for Constant { name, value, docs, .. } in constants(path) {
            writeln!(text, "| `{name}` | `{value}` | {docs} |").expect("a string");
        }
        text += "\n";
    }
    check("docs/LIMITS.md", &format!("{}\n", text.trim_end()));
}

const RPC_INTRODUCTION: &str = include_str!("rpc.md");

/// The namespaces: what they are, and the traits that are their documentation.
const NAMESPACES: [(&str, &str); 7] = [
    ("`eth_`", "runtime/node/src/rpc/eth.rs"),
    ("`eth_subscribe`, by WebSocket", "runtime/node/src/rpc/subscribe.rs"),
    ("`net_` and `web3_`", "runtime/node/src/rpc/net.rs"),
    ("`txpool_`", "runtime/node/src/rpc/txpool.rs"),
    ("`debug_`", "runtime/node/src/rpc/debug.rs"),
    ("Only with `--dev`", "runtime/node/src/rpc/dev.rs"),
    ("`florin_`, for administrators", "runtime/node/src/rpc/florin.rs"),
];

/// A method that a trait declares.
struct Method {
    name: String,
    others: Vec<String>,
    docs: String,
    /// How many parameters it has at most.
    parameters: usize,
}

/// The methods that a trait declares.
fn methods(path: &str) -> Vec<Method> {
    let (mut found, mut docs, mut attribute) = (Vec::new(), String::new(), String::new());
    let (mut namespace, mut in_signature) = (String::new(), false);
    let quoted = |text: &str| -> Vec<String> {
        text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    };
    for line in read(path).lines() {
        let line = line.trim();
        if line.starts_with("#[rpc(") {
            namespace = quoted(line).pop().map(|name| format!("{name}_")).unwrap_or_default();
        } else if let Some(text) = line.strip_prefix("/// ") {
            docs = format!("{docs} {text}").trim().to_owned();
        } else if line.starts_with("#[method(")
            || line.starts_with("#[subscription(")
            || !attribute.is_empty()
        {
            attribute += line;
        }
        if attribute.ends_with(")]") {
            let names = quoted(&attribute);
            let (name, others) = names.split_first().expect("a name");
            let others: Vec<_> = match attribute.split_once("aliases") {
                Some(_) => others.to_vec(),
                None => Vec::new(),
            };
            let (name, docs) = (format!("{namespace}{name}"), std::mem::take(&mut docs));
            found.push(Method { name, others, docs, parameters: 0 });
            attribute.clear();
            in_signature = true;
        } else if in_signature {
            // Types have no colons but in paths, and each parameter has one behind its name.
            let colons = line.matches(": ").count();
            let method: &mut Method = found.last_mut().expect("a method");
            method.parameters += colons - line.matches("extensions: ").count();
            in_signature = !line.ends_with(';');
        } else if !line.starts_with("///") && attribute.is_empty() {
            docs.clear();
        }
    }
    found
}

#[test]
fn rpc_md_lists_the_methods() {
    let mut text = String::from(RPC_INTRODUCTION);
    for (title, path) in NAMESPACES {
        writeln!(text, "\n## {title}\n\n| method | what it does |\n| --- | --- |")
            .expect("a string");
        let methods = methods(path);
        assert!(!methods.is_empty(), "{path} declares no methods");
        for Method { name, others, docs, .. } in methods {
            assert!(!docs.is_empty(), "{name} says nothing of what it does");
            let also: Vec<_> = others.iter().map(|other| format!("`{other}`")).collect();
            let also =
                if also.is_empty() { String::new() } else { format!(", {}", also.join(", ")) };
            writeln!(text, "| `{name}`{also} | {} |", docs).expect("a string");
        }
    }
    check("docs/RPC.md", &format!("{}\n", text.trim_end()));
}

#[test]
fn parameters_txt_counts_the_parameters() {
    let mut text = String::new();
    for method in NAMESPACES.iter().flat_map(|(_, path)| methods(path)) {
        // What a subscription is told by depends on its kind.
        if method.name != "eth_subscribe" {
            for name in [method.name].iter().chain(&method.others) {
                writeln!(text, "{name} {}", method.parameters).expect("a string");
            }
        }
    }
    for line in ["eth_chainId 0", "eth_call 4", "eth_sendRawTransactionSync 2", "anvil_mine 2"] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
    check("runtime/node/src/rpc/parameters.txt", &text);
}

/// The files that a document links to, relative to itself.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.filter_map(|target| target.split('#').next());
    files.filter(|file| !file.is_empty() && !file.contains("://"))
}

#[test]
fn links_between_documents_lead_somewhere() {
    assert_eq!(
        links("[a](b.md#c), [d](https://e), [f](#g) [h](i)").collect::<Vec<_>>(),
        ["b.md", "i"]
    );
    let mut broken = Vec::new();
    for folder in ["", "docs"] {
        let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|found| found == "md") {
                let text = std::fs::read_to_string(&path).expect("a readable document");
                let base = path.parent().expect("a folder");
                let gone = links(&text).filter(|link| !base.join(link).exists());
                broken.extend(gone.map(|link| format!("{}: {link}", path.display())));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n  {}", broken.join("\n  "));
}
