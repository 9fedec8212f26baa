//! `docs/ARCHITECTURE.md` names invariants; here are those that can be checked by reading the
//! sources. Each test lists all offenders.

use crate::repository::{Source, folders, read, root, sources};

/// The folders with Rust in them.
const CODE: [&str; 5] = ["sdk", "runtime", "contracts", "examples", "tests"];

/// Programs that must not compile: each is a mistake, not code.
const MISTAKES: &str = "sdk/tests/mistakes/";

fn code() -> Vec<Source> {
    let all = CODE.iter().flat_map(|folder| sources(folder, "rs"));
    all.filter(|source| !source.path.starts_with(MISTAKES)).collect()
}

fn manifests() -> Vec<Source> {
    let all = CODE.iter().flat_map(|folder| sources(folder, "toml")).collect::<Vec<_>>();
    all.into_iter().filter(|source| source.path.ends_with("Cargo.toml")).collect()
}

fn none(offenders: &[String], rule: &str) {
    assert!(offenders.is_empty(), "{rule}\n  {}", offenders.join("\n  "));
}

/// Whether `word` is in `text` and is not a part of a longer name.
fn names(text: &str, word: &str) -> bool {
    let is_inner = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_inner) && !text[at + word.len()..].starts_with(is_inner)
    })
}

/// The places in `sources` whose code names one of `words`.
fn naming(sources: &[Source], words: &[&str], is_allowed: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !is_allowed(&source.path)) {
        for (number, line) in source.code() {
            if let Some(word) = words.iter().find(|word| names(line, word)) {
                found.push(format!("{}:{number} names {word}", source.path));
            }
        }
    }
    found
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.contains("/benches/")
}

#[test]
fn names_are_told_from_parts_of_names() {
    assert!(names("use sled::Db;", "sled"));
    assert!(names("sled", "sled"));
    assert!(!names("whistled(sledge, _sled)", "sled"));
    let source = Source { path: String::new(), text: "a // sled\nsled::x".into() };
    assert_eq!(naming(&[source], &["sled"], |_| false), [":2 names sled"]);
}

#[test]
fn each_engine_has_one_door() {
    let code = code();
    // This file has to spell the words out.
    let this = |path: &str| path == "tests/tests/architecture.rs";
    type Rule<'a> = (&'a [&'a str], &'a str, &'a dyn Fn(&str) -> bool);
    let rules: [Rule<'_>; 8] = [
        (&["wasmtime"], "only runtime/src/vm names wasmtime", &|path| {
            path.starts_with("runtime/src/vm/") || path == "tests/bench/src/baselines/wasm.rs"
        }),
        (&["sled"], "only runtime/src/store/state/tree.rs names sled", &|path| {
            path == "runtime/src/store/state/tree.rs"
        }),
        (
            &["fs"],
            "in the store only disk.rs touches files, beside sled's directory and the lock",
            &|path| {
                let doors = ["disk.rs", "lock.rs", "state/tree.rs", "tests.rs", "journal/tests.rs"];
                let file = path.strip_prefix("runtime/src/store/");
                file.is_none_or(|file| doors.contains(&file))
            },
        ),
        (
            &["clap", "clap_complete", "indicatif", "rpassword"],
            "only the command line talks to people",
            &|path| path.starts_with("runtime/cli/"),
        ),
        (
            &["tokio", "jsonrpsee", "tower"],
            "only node, command line and the benchmark of the node know the network",
            &|path| {
                ["runtime/cli/", "runtime/node/", "tests/bench/src/network/"]
                    .iter()
                    .any(|folder| path.starts_with(folder))
            },
        ),
        (&["comfy_table"], "only the command line and the benchmark print tables", &|path| {
            path.starts_with("runtime/cli/") || path == "tests/bench/src/report/table.rs"
        }),
        (&["anyhow"], "only command line, tests and examples may erase errors", &|path| {
            path.starts_with("runtime/cli/") || path.starts_with("examples/") || is_test(path)
        }),
        (&["serde_json"], "in the runtime only config.rs names serde_json", &|path| {
            path == "runtime/src/config.rs" || !path.starts_with("runtime/src/")
        }),
    ];
    for (words, rule, is_allowed) in rules {
        none(&naming(&code, words, |path| this(path) || is_allowed(path)), rule);
    }
}

#[test]
fn execution_depends_on_nothing_but_its_arguments() {
    const WORDS: [&str; 13] = [
        "SystemTime",
        "Instant",
        "time",
        "fs",
        "net",
        "env",
        "thread",
        "getrandom",
        "rand",
        "RandomState",
        "f32",
        "f64",
        "process",
    ];
    const FOLDERS: [&str; 4] =
        ["runtime/src/pipeline", "runtime/src/host", "runtime/src/state", "runtime/src/types"];
    for folder in FOLDERS {
        none(&naming(&sources(folder, "rs"), &WORDS, |_| false), "execution is deterministic");
    }
}

#[test]
fn hash_maps_are_where_their_order_cannot_show() {
    const TABLES: [&str; 5] = ["HashMap", "HashSet", "HashTable", "B256Map", "B256Set"];
    const KNOWN: [(&str, &str); 11] = [
        ("runtime/src/audit.rs", "looked up by key only"),
        ("runtime/src/pipeline/seal.rs", "looked up by key only"),
        ("runtime/src/senders/generations.rs", "looked up by key only"),
        ("runtime/src/state/overlay.rs", "into_writes sorts; else looked up by key only"),
        ("runtime/src/state/patch.rs", "looked up by key only"),
        ("runtime/src/store/table.rs", "looked up by key only; what is removed is gone through"),
        ("runtime/src/store/transition.rs", "asked for membership only"),
        ("runtime/src/store/journal/reader.rs", "open files, looked up by number"),
        ("runtime/src/store/recent.rs", "looked up by key only"),
        ("runtime/src/vm/cache.rs", "looked up by key only"),
        ("runtime/src/vm/programs.rs", "looked up by key only; the order of eviction is a queue's"),
    ];
    let runtime = sources("runtime/src", "rs");
    let known = |path: &str| KNOWN.iter().any(|(known, _)| *known == path);
    let offenders = naming(&runtime, &TABLES, known);
    none(&offenders, "say in the test why the order of this hash map cannot show");
    let used = |path: &str| !naming(&runtime, &TABLES, |p| p != path).is_empty();
    let stale = KNOWN.iter().filter(|(path, _)| !used(path)).map(|(path, _)| path.to_string());
    none(&stale.collect::<Vec<_>>(), "no longer uses a hash map; take it off the list");
}

#[test]
fn every_file_says_what_it_is() {
    let without = |source: &&Source| {
        let line = source.text.lines().next().unwrap_or_default();
        let text = line.strip_prefix("//!").or(line.strip_prefix("//"));
        text.is_none_or(|text| text.trim().is_empty())
    };
    let offenders: Vec<_> =
        code().iter().filter(without).map(|source| source.path.clone()).collect();
    none(&offenders, "a source file begins with a header that says what it is");
}

#[test]
fn files_stay_readable() {
    const LINES: usize = 800;
    const TABLES: [&str; 1] = ["sdk/abi/src/table.rs"];
    let long = code().into_iter().filter_map(|Source { path, text }| {
        let lines = text.lines().count();
        let is_long = lines > LINES && !is_test(&path) && !TABLES.contains(&path.as_str());
        is_long.then(|| format!("{path} has {lines} lines"))
    });
    none(&long.collect::<Vec<_>>(), "a source file has at most 800 lines");
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here so that this file does not contain them.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("to", "do!"),
        concat!("unimple", "mented!"),
    ];
    let documents = sources("docs", "md");
    let offenders = code().into_iter().chain(documents).flat_map(|Source { path, text }| {
        let marked =
            text.lines().zip(1..).filter(|(line, _)| marks.iter().any(|m| line.contains(m)));
        marked.map(|(line, number)| format!("{path}:{number}: {}", line.trim())).collect::<Vec<_>>()
    });
    none(&offenders.collect::<Vec<_>>(), "finish it, or open an issue");
}

/// The name of a package and those of our crates it depends on, development apart.
fn ours(manifest: &str) -> (String, Vec<String>) {
    let (mut section, mut name, mut dependencies) = ("", String::new(), Vec::new());
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let key = key.trim().split('.').next().unwrap_or_default();
        if section == "[package]" && key == "name" {
            name = value.trim().trim_matches('"').to_owned();
        } else if section.ends_with("dependencies]")
            && !section.contains("dev-dependencies")
            && key.starts_with("florin-")
        {
            dependencies.push(key.to_owned());
        }
    }
    (name, dependencies)
}

#[test]
fn dependencies_point_one_way() {
    /// Crates in layers: each may use those in the layers above it.
    const LAYERS: [&[&str]; 5] = [
        &["florin-abi", "florin-macros"],
        &["florin-runtime", "florin-build"],
        &["florin-sdk", "florin-node"],
        &["florin-common"],
        &[],
    ];
    // What nothing else may use.
    let leaf = |path: &str| {
        path == "runtime/cli/Cargo.toml"
            || is_test(path)
            || path.starts_with("contracts/")
            || path.starts_with("examples/")
    };
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    let mut offenders = Vec::new();
    for Source { path, text } in manifests() {
        let (name, dependencies) = ours(&text);
        let Some(own) = layer(&name).or(leaf(&path).then_some(LAYERS.len())) else {
            offenders.push(format!("{path}: {name} is in no layer"));
            continue;
        };
        // What is compiled to WebAssembly cannot bring the host along.
        let is_contract = path.starts_with("contracts/");
        for dependency in dependencies {
            let is_above = layer(&dependency).is_some_and(|of| of < own);
            if !is_above || is_contract && dependency == "florin-runtime" {
                offenders.push(format!("{path}: {name} uses {dependency}"));
            }
        }
    }
    none(&offenders, "dependencies between our crates point one way");
}

#[test]
fn the_code_map_is_complete() {
    let document = read("docs/ARCHITECTURE.md");
    let map = document.split("## Code map").nth(1).and_then(|rest| rest.split("\n## ").next());
    let map = map.expect("the code map");
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let listed: Vec<&str> = rows.map(|(path, _)| path).collect();
    let gone = listed.iter().filter(|path| !root().join(path).exists());
    none(&gone.map(|path| path.to_string()).collect::<Vec<_>>(), "the code map names what is gone");
    let mut there: Vec<String> = CODE.iter().flat_map(|folder| folders(folder)).collect();
    let has_code = |folder: &String| {
        let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
        entries.flatten().any(|entry| entry.path().extension().is_some_and(|found| found == "rs"))
    };
    there.retain(has_code);
    there.retain(|folder| !listed.contains(&folder.as_str()));
    none(&there, "the code map in docs/ARCHITECTURE.md has no line for");
}

#[test]
fn no_test_is_left_out_of_its_binary() {
    // `tests` lists its binary by hand (autotests = false), so cargo would not miss a file.
    let main = read("tests/tests/main.rs");
    let missing = sources("tests/tests", "rs").into_iter().filter_map(|source| {
        let name = source.path.strip_prefix("tests/tests/")?.strip_suffix(".rs")?.to_owned();
        let module = name.split('/').next().unwrap_or_default();
        let is_listed = module == "main" || main.contains(&format!("mod {module};"));
        (!is_listed).then_some(source.path)
    });
    none(&missing.collect::<Vec<_>>(), "add `mod` to tests/tests/main.rs for");
}
