//! Commands that compile: what they say when it fails, and the demonstration.

use crate::place::Place;
use serde_json::Value;
use std::fs;

#[test]
fn what_the_compiler_says_is_printed_once() {
    let place = Place::new();
    fs::create_dir_all(place.path("broken/src")).unwrap();
    let manifest = "[package]\nname = \"broken\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(place.path("broken/Cargo.toml"), manifest).unwrap();
    fs::write(place.path("broken/src/lib.rs"), "pub fn f() -> u8 { nothing }\n").unwrap();
    for more in [&[][..], &["--quiet"], &["--json"]] {
        let built = place.run(&[&["build", "broken"], more].concat());
        assert_eq!(built.code, 1, "{built:?}");
        let said = built.stderr.matches("cannot find value `nothing`").count();
        assert_eq!(said, if more == ["--json"] { 2 } else { 1 }, "{built:?}");
        assert!(built.stderr.contains("broken does not compile"), "{built:?}");
    }
}

#[test]
fn what_no_ledger_takes_is_told_when_it_is_built() {
    let place = Place::new();
    fs::create_dir_all(place.path("rates/src")).unwrap();
    let manifest = "[package]\nname = \"rates\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n";
    fs::write(place.path("rates/Cargo.toml"), manifest).unwrap();
    let source = "#![no_std]\n#[panic_handler]\nfn panic(_: &core::panic::PanicInfo) -> ! { loop {} }\n\
        #[inline(never)]\nfn interest(x: i32) -> i32 { (x as f32 * 1.5) as i32 }\n\
        #[unsafe(no_mangle)]\nextern \"C\" fn call(x: i32) -> i32 { interest(x) }\n";
    fs::write(place.path("rates/src/lib.rs"), source).unwrap();
    let built = place.run(&["build", "rates", "--quiet"]);
    assert!(built.stderr.contains("interest"), "the function is named: {built:?}");
    built.fails(1, "no ledger takes rates: function");
    let empty = place.module("empty", &wat::parse_str("(module)").unwrap());
    place.run(&["inspect", empty.to_str().unwrap()]).fails(1, "empty.wasm is no contract");
}

#[test]
fn a_new_contract_takes_the_sdk_of_the_clone_one_works_in() {
    let place = Place::new();
    assert_eq!(place.json(&["new", "first"])["sdk"], sdk_of(env!("CARGO_MANIFEST_DIR")));
    for mark in ["sdk/Cargo.toml", "contracts/token/Cargo.toml", "runtime/cli/Cargo.toml"] {
        fs::create_dir_all(place.path(mark).parent().unwrap()).unwrap();
        fs::write(place.path(mark), "").unwrap();
    }
    let sdk = place.path("sdk").canonicalize().unwrap();
    assert_eq!(place.json(&["new", "second"])["sdk"], sdk.to_str().unwrap());
    let files = ["second/src/lib.rs", "second/tests/contract.rs"];
    let mut rustfmt = std::process::Command::new("rustfmt");
    let formatted =
        rustfmt.args(["--check", "--edition", "2024"]).args(files.map(|f| place.path(f)));
    let formatted = formatted.output().unwrap();
    assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stdout));
    let manifest = fs::read_to_string(place.path("second/Cargo.toml")).unwrap();
    assert!(manifest.contains(sdk.to_str().unwrap()), "{manifest}");
    place.run(&["new", "third", "--sdk", "nowhere"]).fails(1, "no florin-sdk in nowhere");
}

/// The SDK of the clone that has this crate.
fn sdk_of(cli: &str) -> String {
    let sdk = std::path::Path::new(cli).join("../../sdk").canonicalize().unwrap();
    sdk.to_str().unwrap().to_owned()
}

#[test]
fn the_demonstration_works_and_can_be_gone_on_with() {
    let place = Place::new();
    let mut without_compiler = place.command(&["demo"]);
    let failed = without_compiler.env("CARGO", "no-such-program").output().unwrap();
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(!place.path("florin-demo").exists(), "what cannot be built leaves no ledger");

    let shown: Value = place.json(&["--dir", "stage", "demo", "--quiet"]);
    let steps = shown["steps"].as_array().unwrap();
    assert_eq!(steps.len() as u64, shown["transactions"].as_u64().unwrap());
    assert!(steps.len() > 15, "{shown}");
    assert_eq!(shown["supply"], "1001300000000000000000000");
    let balances = shown["balances"].as_array().unwrap();
    let of = |name: &str| balances.iter().find(|balance| balance["name"] == name).unwrap();
    // 25 + 12.5 + 100 from the purchase + half of the income.
    assert_eq!(of("bob")["token"], "187500000");
    assert_eq!(of("splitter")["token"], "1");
    let token: u64 =
        balances.iter().map(|b| b["token"].as_str().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(token, 1_000_000_000_000);

    place.run(&["--dir", "stage", "demo"]).fails(1, "exists already");
    place.run(&["--dir", "stage", "audit"]).ok();
    let mut transfer =
        place.command(&["transfer", "bob", "1", "--token", "token", "--from", "alice"]);
    let went_on = transfer.envs([("FLORIN_DIR", "stage"), ("FLORIN_PASSWORD", "florin-demo")]);
    assert!(went_on.output().unwrap().status.success());
}
