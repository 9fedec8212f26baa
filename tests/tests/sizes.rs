//! How large contracts are, recorded in `docs/SIZES.md`, and that nothing gets in which is not
//! needed.

use crate::repository::{read, root};
use florin_build::{Artefact, Options, build};
use std::fmt::Write;

/// By how many percent a size may be off the recorded one: as much as another compiler may change.
const TOLERANCE: usize = 3;

const INTRODUCTION: &str = "\
# How large contracts are

<!-- Made from the contracts by a test; `just bless` writes it anew. -->

Bytes of the module as it is deployed, and lines of its `src/lib.rs`. `florin build --size` shows where bytes go.

";

const FORMATTING: &str = "
## Formatting

Text that a contract formats costs it kilobytes, so the SDK formats none, nor does it panic with a message. What is left
comes with a contract's own arithmetic on Rust's integers, indices, `unwrap` and the like. These are all the functions
of `core::fmt` in the modules above, and the ERC-20s have none of them:

";

/// The functions of `core::fmt` and `alloc::fmt` that may be linked, each with its reason.
const FORMATTERS: [(&str, &str); 4] = [
    ("core::fmt::write", "finds the first piece of a panic's message, which tells its code"),
    ("core::fmt::Write::write_fmt", "part of it"),
    ("<core::panic::panic_info::PanicMessage as core::fmt::Display>::fmt", "part of it"),
    ("<florin_sdk::panic::", "takes that piece, and ends the call"),
];

/// Parts of names of what a panic links.
const PANICS: [&str; 3] = ["core::fmt::", "core::panicking::", "rust_begin_unwind"];

fn artefact(folder: &str) -> Artefact {
    build(&Options::new(root().join(folder))).unwrap_or_else(|error| panic!("{folder}: {error}"))
}

#[test]
fn contracts_are_as_small_as_recorded() {
    const FOLDERS: [&str; 5] = [
        "examples/erc20",
        "examples/points",
        "contracts/token",
        "contracts/escrow",
        "contracts/splitter",
    ];
    let mut text = String::from(INTRODUCTION);
    text += "| contract | bytes | lines |\n| --- | ---: | ---: |\n";
    let mut sizes = Vec::new();
    for folder in FOLDERS {
        let artefact = artefact(folder);
        let (bytes, lines) =
            (artefact.wasm.len(), read(&format!("{folder}/src/lib.rs")).lines().count());
        writeln!(text, "| `{folder}` | {bytes} | {lines} |").expect("a string");
        sizes.push((folder, bytes, lines));
        // These have amounts for numbers, so only the SDK could panic in them.
        if folder != "contracts/escrow" && folder != "contracts/splitter" {
            let panics = |name: &str| PANICS.iter().any(|part| name.contains(part));
            let linked = artefact.sizes.iter().find(|(name, _)| panics(name));
            assert_eq!(linked, None, "{folder}: what in it can panic with a message?");
        }
        let formatter = |name: &str| name.contains("core::fmt::") || name.contains("alloc::fmt::");
        for (name, bytes) in artefact.sizes.iter().filter(|(name, _)| formatter(name)) {
            let known = FORMATTERS.iter().any(|(allowed, _)| name.starts_with(allowed));
            assert!(known, "{folder} links `{name}` ({bytes} bytes): what formats text in it?");
        }
    }
    text += FORMATTING;
    text += "| function | why it is there |\n| --- | --- |\n";
    for (name, reason) in FORMATTERS {
        writeln!(text, "| `{name}` | {reason} |").expect("a string");
    }

    let path = root().join("docs/SIZES.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text).expect("a writable document");
    }
    let recorded = read("docs/SIZES.md");
    for (folder, bytes, lines) in &sizes {
        let row = recorded.lines().find_map(|row| row.strip_prefix(&format!("| `{folder}` | ")));
        let row = row.and_then(|row| row.split_once(" | ")).expect("a row; `just bless` writes it");
        let was: usize = row.0.parse().expect("a number");
        let close = bytes.abs_diff(was) * 100 <= was * TOLERANCE;
        assert!(close, "{folder}: {bytes} bytes, recorded {was}; `just bless` records it");
        let lines = format!("{lines} |");
        assert_eq!(row.1, lines, "{folder}: lines; `just bless` records them");
    }
    let [(_, erc20, by_hand), (_, _, composed), ..] = sizes[..] else { panic!("rows") };
    assert!(erc20 < 12 * 1024, "an ERC-20 by hand: {erc20} bytes");
    assert!(by_hand <= 80, "an ERC-20 by hand: {by_hand} lines");
    assert!(composed <= 30, "an ERC-20 composed: {composed} lines");
}
