//! Contracts that mean ill, or are damaged, and what of it reaches who uses them.

use crate::place::{ABI, Place, echo, selector};
use serde_json::Value;
use std::fs;

/// The data of a create transaction or an upgrade.
fn deployment(wasm: &[u8]) -> Vec<u8> {
    let length = u32::try_from(wasm.len()).unwrap().to_be_bytes();
    [&[0xef, 0xf1, 1][..], &length, wasm].concat()
}

/// A token with 6 decimals that it takes `turns` of a loop to tell, and that returns `false`.
fn token(turns: u32) -> Vec<u8> {
    let view = |name: &str, ty: &str| {
        format!(
            r#"{{"type":"function","name":"{name}","inputs":[],"outputs":[{{"name":"","type":"{ty}"}}],"stateMutability":"view"}}"#
        )
    };
    let abi = format!("[{},{}]", view("decimals", "uint8"), view("symbol", "string"));
    let text = include_str!("../fixtures/token.wat")
        .replace("@DECIMALS@", &selector("decimals()"))
        .replace("@SYMBOL@", &selector("symbol()"))
        .replace("@TURNS@", &turns.to_string())
        .replace("@ABI@", &abi.replace('"', "\\\""));
    wat::parse_str(text).unwrap()
}

#[test]
fn a_payment_to_a_damaged_contract_is_told_as_what_it_is() {
    let place = Place::with_ledger();
    place.deploy("shop", &echo(ABI));
    let damaged = echo("x");
    fs::write(place.path("damaged.data"), deployment(&damaged)).unwrap();
    let upgrade = ["send", "shop", "upgrade", "file:damaged.data", "--from", "alice"];
    assert_eq!(place.json(&upgrade)["status"], "success");

    for args in [
        &["send", "shop", "pay()", "--value", "2", "--from", "bob"][..],
        &["transfer", "shop", "2", "--from", "bob"],
    ] {
        let paid = place.json(args);
        assert_eq!(
            (&paid["status"], paid["events"].as_array().unwrap().len()),
            (&"success".into(), 1)
        );
        assert_eq!(place.json(&["tx", paid["hash"].as_str().unwrap()]), paid);
    }
    assert_eq!(place.balance("shop"), "4000000000000000000");
    for args in [&["gas"][..], &["events", "shop"], &["receipt"]] {
        place.run(args).ok();
    }
    place.run(&["inspect", "shop"]).fails(1, "florin.abi");
    let file = place.module("damaged", &damaged);
    place.run(&["deploy", file.to_str().unwrap(), "--from", "alice"]).fails(1, "florin.abi");
}

#[cfg(target_os = "linux")]
#[test]
fn a_payment_that_cannot_be_shown_is_told_all_the_same() {
    let place = Place::with_ledger();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut transfer = place.command(&["transfer", "bob", "1", "--from", "alice"]);
    let ended = transfer.stdout(full).output().unwrap();
    let hash = place.json(&["tx"])["hash"].as_str().unwrap().to_owned();
    let told = format!("error: transaction {hash} took effect in block 1: No space left");
    assert!(String::from_utf8_lossy(&ended.stderr).starts_with(&told), "{ended:?}");
}

#[test]
fn a_token_that_returns_false_has_not_paid() {
    let place = Place::with_ledger();
    place.deploy("fake", &token(1));
    let transfer = ["transfer", "bob", "12.5", "--token", "fake", "--from", "alice"];
    place.run(&transfer).fails(3, "the token returned false");
    assert_eq!(place.json(&["block"])["number"], 1, "it was not sent");
    let forced = place.run(&[&transfer[..], &["--gas", "100000"]].concat());
    assert!(forced.stdout.starts_with("transaction  0x"), "{forced:?}");
    forced.fails(4, "the token returned false");
    assert_eq!(place.json(&["block"])["number"], 2);
    let gwei = ["transfer", "bob", "1gwei", "--token", "fake", "--from", "alice"];
    place.run(&gwei).fails(1, "use USD");
}

#[test]
fn a_contract_does_not_make_looking_at_it_slow() {
    let place = Place::with_ledger();
    // Both answer within the gas of a block.
    place.deploy("quick", &token(1_000));
    place.deploy("slow", &token(20_000_000));
    assert_eq!(place.json(&["balance", "--token", "quick", "bob"])[0]["balance"], "0");
    assert_eq!(place.run(&["call", "slow", "decimals"]).ok().trim(), "6");
    place.run(&["balance", "--token", "slow", "bob"]).fails(1, "slow is no token");
}

#[test]
fn what_a_contract_says_does_not_steer_the_terminal() {
    let place = Place::with_ledger();
    place.deploy("shop", &echo(ABI));
    let evil = "\u{1b}[2Jgone\rstatus  success\nerror: none";
    let call = ["call", "shop", "Error(string)", evil];
    let refused = place.run(&call);
    let shown = "error: \\u{1b}[2Jgone\\rstatus  success\n       error: none\n";
    assert_eq!((refused.code, refused.stderr.as_str()), (4, shown));
    let exact: Value =
        serde_json::from_str(&place.run(&[&call[..], &["--json"]].concat()).stderr).unwrap();
    assert_eq!(exact["error"], evil);

    let send = ["send", "shop", "Error(string)", evil, "--from", "alice", "--gas", "100000"];
    let sent = place.run(&send);
    assert_eq!(sent.code, 4, "{sent:?}");
    assert!(!sent.stdout.contains(['\u{1b}', '\r']), "{sent:?}");
    assert!(!sent.stdout.lines().any(|line| line.starts_with("error")), "{sent:?}");
    assert_eq!(place.json(&["tx"])["reason"]["message"], evil);
}

#[test]
fn a_contract_is_upgraded_as_it_was_deployed() {
    let place = Place::with_ledger();
    place.deploy("shop", &echo(ABI));
    place.run(&["send", "shop", "pay", "--value", "2", "--from", "bob"]).ok();
    // As hexadecimal digits this is more than an argument of a command can be.
    let note = format!("(module (@custom \"note\" \"{}\"))", "x".repeat(100_000));
    let next = echo(&ABI.replace("Refused", "Closed"));
    let next = [&next[..], &wat::parse_str(note).unwrap()[8..]].concat();
    let file = place.module("next", &next);
    let upgrade = ["upgrade", "shop", file.to_str().unwrap(), "--from", "alice"];
    let migrating = [&upgrade[..], &["--migration", "migrate(uint64)", "7"]].concat();
    place.run(&migrating).fails(1, "no migration");
    assert_eq!(place.run(&[&upgrade[..], &["7"]].concat()).code, 2, "of which type?");

    let shown = place.run(&upgrade).ok();
    assert!(shown.contains("call         upgrade(code: 0xeff101"), "{shown}");
    assert!(shown.contains("… (1") && shown.len() < 1000, "{shown}");
    let code = place.json(&["tx"])["arguments"][0]["value"].as_str().unwrap().to_owned();
    assert_eq!(code.len(), 2 + 2 * deployment(&next).len(), "JSON is exact");
    let inspected = place.json(&["inspect", "shop"]);
    assert_eq!(inspected["errors"][0]["signature"], "Closed(address who)");
    assert_eq!(place.balance("shop"), "2000000000000000000");

    place.deploy("fake", &token(1));
    let forever = ["upgrade", "fake", file.to_str().unwrap(), "--from", "alice"];
    place.run(&forever).fails(1, "no method upgrade(bytes)");
    place.run(&["replay"]).ok();
}

#[test]
fn a_contract_without_a_name_is_told_by_its_address() {
    let place = Place::with_ledger();
    let file = place.echo();
    // Nobody can take a lock that is a folder.
    let lock = place.path("florin-ledger/addresses.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let deployed =
        place.run(&["deploy", file.to_str().unwrap(), "--name", "shop", "--from", "alice"]);
    assert!(deployed.stdout.contains("created      shop, at 0x"), "{deployed:?}");
    assert!(deployed.stderr.contains("could not be named `shop`"), "{deployed:?}");
    let address = deployed.stdout.split("shop, at ").nth(1).unwrap()[..42].to_owned();
    assert!(deployed.stderr.contains(&format!("--address {address}")), "{deployed:?}");
    fs::remove_dir(&lock).unwrap();
    place.run(&["account", "import", "shop", "--address", &address]).ok();
    assert_eq!(place.run(&["call", "shop", "echo", "7"]).ok().trim(), "7");
}
