//! The command line as its users meet it: what it prints where, how it ends, and that what it said
//! was done was done.

mod builds;
mod hostile;
mod node;
mod place;
mod reference;
mod sign;

use place::Place;
use serde_json::Value;
use std::{fs, process::Stdio};

/// The account that the phrase of development networks begins with.
const PHRASE: &str = "test test test test test test test test test test test junk";
const FIRST: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// All the money of the usual ledger: 1005 FLR.
const ALL: &str = "1005000000000000000000";

#[test]
fn accounts_come_from_phrases_keys_files_and_chance() {
    let place = Place::new();
    let import = |name: &str, input: &str, rest: &[&str]| {
        place.with_input(&[&["account", "import", name, "--file", "-"], rest].concat(), input)
    };
    assert!(import("first", PHRASE, &[]).ok().contains(FIRST));
    import("second", PHRASE, &["--index", "1"]).ok();
    import("twice", KEY, &[]).fails(1, "already");
    import("first", PHRASE, &["--index", "2"]).fails(1, "taken");
    let known = place.json(&["account", "import", "one", "--address", FIRST]);
    assert_eq!(known["key"], true, "its key is here");
    place.run(&["account", "import", "ONE", "--address", FIRST]).fails(1, "`one` is taken");
    import("nonsense", "hunter2", &[]).fails(1, "neither a private key");
    place.run(&["account", "new", "0x12"]).fails(1, "cannot be a name");
    fs::write(place.path("empty"), "\nsecond line").unwrap();
    place.run(&["account", "new", "x", "--password-file", "empty"]).fails(1, "empty password");
    let mut unprotected = place.command(&["account", "new", "x"]);
    let refused = unprotected.env("FLORIN_PASSWORD", "").output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("empty password"), "{refused:?}");

    let exported = place.run(&["account", "export", "first", "--private-key"]);
    assert!(exported.stderr.contains("warning"), "{exported:?}");
    assert_eq!(exported.ok().trim(), KEY);
    let file = place.run(&["account", "export", "first"]).ok();
    let other = Place::new();
    other.with_input(&["account", "import", "moved", "--file", "-"], &file).ok();
    assert_eq!(other.run(&["account", "export", "moved", "--private-key"]).ok().trim(), KEY);

    let mut wrong = place.command(&["account", "export", "first", "--private-key"]);
    let output = wrong.env("FLORIN_PASSWORD", "wrong").output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("is the password right?"));

    let listed = place.json(&["account", "list"]);
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|a| a["name"].clone()).collect();
    assert_eq!(names, ["first", "one", "second"]);
}

#[test]
fn payments_are_exact_and_refusals_cost_nothing() {
    let place = Place::with_ledger();
    let sent = place.json(&["transfer", "bob", "12.5", "--from", "alice"]);
    assert_eq!((&sent["status"], &sent["gas_used"]), (&"success".into(), &21000.into()));
    assert_eq!(place.balance("bob"), "17500000000000000000");
    let alice = place.balance("alice");
    assert_eq!(alice, "987499979000000000000");

    for (args, code, because) in [
        (&["transfer", "bob", "5000", "--from", "alice"][..], 3, "gas may cost"),
        (&["transfer", "bob", "987.5", "--from", "alice", "--gas", "21000"], 3, "gas may cost"),
        (&["transfer", "bob", "1", "--from", "alice", "--gas", "20999"], 3, "20999"),
        (&["transfer", "bob", "1.0000000000000000001", "--from", "alice"], 1, "18"),
        (&["transfer", "bob", "1 USD", "--from", "alice"], 1, "USD"),
        (&["transfer", "bob", "abc", "--from", "alice"], 1, "`abc` is no amount"),
        (&["transfer", "bob", "-5", "--from", "alice"], 1, "`-5` is no amount"),
        (&["transfer", "bbo", "1", "--from", "alice"], 1, "known names: alice, bob"),
        (&["transfer", "bob", "1"], 1, "--from"),
        (&["transfer", "bob", "1", "--from", FIRST], 1, "no key"),
        (&["block", "9"], 1, "the last one is 1"),
        (&["tx", &format!("0x{}", "1".repeat(64))], 1, "there is no transaction"),
    ] {
        place.run(args).fails(code, because);
    }
    assert_eq!(place.run(&["transfer", "bob"]).code, 2, "bad usage");
    assert_eq!(place.balance("alice"), alice, "refusals cost nothing");
    assert_eq!(place.json(&["block"])["number"], 1);

    let hash = sent["hash"].as_str().unwrap();
    assert_eq!(place.json(&["tx", hash]), sent, "it is shown as it was sent");
    assert_eq!(place.json(&["tx"]), sent, "without a hash it is the last one");
    assert_eq!(place.json(&["receipt", hash])["gas"]["intrinsic"], 21000);
}

#[test]
fn results_go_to_stdout_and_all_else_to_stderr() {
    let place = Place::with_ledger();
    let refused = place.run(&["account", "show", "carol", "--json"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    let error: Value = serde_json::from_str(&refused.stderr).unwrap();
    assert_eq!(error["code"], 1);
    assert!(error["error"].as_str().unwrap().contains("carol"));
    let shown = place.run(&["balance", "alice"]);
    assert_eq!(shown.stderr, "");
    assert!(shown.ok().contains("1000 FLR"));
    assert!(place.run(&["completions", "bash"]).ok().contains("florin"));
}

#[test]
fn contracts_speak_their_own_terms() {
    let place = Place::with_ledger();
    let file = place.echo();
    let inspected = place.json(&["inspect", file.to_str().unwrap()]);
    assert_eq!(inspected["methods"][0]["signature"], "echo(uint256 x)");
    let deploy = ["deploy", file.to_str().unwrap(), "--from", "alice", "--name", "shop"];
    let deployed = place.json(&deploy);
    assert_eq!(deployed["status"], "success");
    place.run(&deploy).fails(1, "taken");
    place
        .run(&["deploy", file.to_str().unwrap(), "7", "--from", "alice", "--name", "x"])
        .fails(1, "no arguments");
    let on_ledger = place.json(&["inspect", "shop"]);
    assert_eq!(
        (&on_ledger["address"], &on_ledger["abi"]),
        (&deployed["created"], &inspected["abi"])
    );

    assert_eq!(place.run(&["call", "shop", "echo", "7"]).ok().trim(), "7");
    assert_eq!(place.run(&["call", "shop", "echo(uint256)", "1gwei"]).ok().trim(), "1000000000");
    let paid = place.json(&["send", "shop", "pay", "--value", "2.5", "--from", "bob"]);
    assert_eq!((&paid["method"], &paid["events"][0]["event"]), (&"pay".into(), &"Paid".into()));
    assert_eq!(place.balance("shop"), "2500000000000000000");
    let events = place.run(&["events", "shop", "--event", "Paid"]).ok();
    assert!(events.contains("shop Paid(x: "), "{events}");
    place.run(&["events", "shop", "--event", "Sold"]).fails(1, "it has Paid");

    place.run(&["call", "shop", "Refused(address)", "bob"]).fails(4, "Refused(who: bob)");
    let refused = ["send", "shop", "Refused(address)", "bob", "--from", "alice"];
    place.run(&refused).fails(3, "not sent: Refused(who: bob)");
    let forced = place.run(&[&refused[..], &["--gas", "100000", "--json"]].concat());
    assert_eq!(forced.code, 4, "{forced:?}");
    let forced: Value = serde_json::from_str(&forced.stdout).unwrap();
    assert_eq!(
        (&forced["status"], &forced["reason"]["error"]),
        (&"reverted".into(), &"Refused".into())
    );

    place.run(&["call", "shop", "ecco", "7"]).fails(1, "it has echo, pay");
    place.run(&["call", "shop", "echo"]).fails(1, "takes 1 argument; 0 given");
    place.run(&["call", "shop", "echo", "bob"]).fails(1, "argument 1, `x` (uint256)");
    place.run(&["call", "bob", "echo", "7"]).fails(1, "no contract");
    let not_a_token = ["transfer", "bob", "1", "--token", "shop", "--from", "alice"];
    place.run(&not_a_token).fails(1, "shop is no token");
    place.run(&["balance", "--token", "shop"]).fails(1, "shop is no token");
    let gas = place.run(&["gas"]).ok();
    assert!(gas.contains("pay ") && gas.contains("deploy"), "{gas}");
    place.run(&["audit"]).ok();
    place.run(&["replay"]).ok();
}

#[test]
fn a_ledger_is_made_once_and_opened_by_one() {
    let place = Place::with_ledger();
    place.run(&["init"]).fails(1, "exists already");
    place.run(&["--dir", "nowhere", "balance"]).fails(1, "florin init");
    place.run(&["--dir", "florin-ledger/genesis.json", "balance"]).fails(1, "is a file");
    place.run(&["tx"]).fails(1, "no transaction on this ledger yet");
    place.run(&["events", "--to-block", &u64::MAX.to_string()]).ok();
    place.run(&["events", "--from-block", "5", "--to-block", "2"]).fails(1, "comes after");
    place.run(&["tx", "0x12"]).fails(2, "64 hexadecimal digits");
    let chain = florin_runtime::Chain::open(
        &place.path("florin-ledger"),
        florin_runtime::store::Durability::Synced,
        &mut |_, _| {},
    )
    .unwrap();
    place.run(&["balance"]).fails(5, "in use");
    // The password comes first, so the ledger is not held while it is typed.
    let mut unlocking = place.command(&["transfer", "bob", "1", "--from", "alice"]);
    let asked = unlocking.env_remove("FLORIN_PASSWORD").stdin(Stdio::null()).output().unwrap();
    assert_eq!(asked.status.code(), Some(1), "{asked:?}");
    assert!(String::from_utf8_lossy(&asked.stderr).contains("no terminal"), "{asked:?}");
    drop(chain);
    place.run(&["balance"]).ok();
}

#[test]
fn the_price_of_gas_has_a_unit_and_somebody_gets_it() {
    let place = Place::new();
    place.run(&["account", "new", "alice"]).ok();
    let init = |more: &[&str]| place.run(&[&["init", "--alloc", "alice=1000"], more].concat());
    init(&["--gas-price", "1"]).fails(1, "as in 1gwei");
    let to_nobody = init(&["--dir", "florin-ledger", "--gas-price", "1gwei"]).ok();
    assert!(to_nobody.contains("lost: no --fee-recipient"), "{to_nobody}");
    fs::remove_dir_all(place.path("florin-ledger")).unwrap();
    place.run(&["account", "new", "alice"]).ok();
    let to_alice = init(&["--gas-price", "5wei", "--fee-recipient", "alice"]).ok();
    assert!(to_alice.contains("of gas, to alice"), "{to_alice}");
}

#[test]
fn a_backup_is_a_ledger_again() {
    let place = Place::with_ledger();
    place.run(&["transfer", "bob", "1", "--from", "alice"]).ok();
    place.run(&["backup", "copy"]).ok();
    place.run(&["backup", "copy"]).fails(1, "exists already");
    place.run(&["transfer", "bob", "1", "--from", "alice"]).ok();
    place.run(&["--dir", "again", "restore", "copy"]).ok();
    let restored = place.json(&["--dir", "again", "balance", "bob"]);
    assert_eq!(restored[0]["balance"], "6000000000000000000");
    place.run(&["--dir", "again", "transfer", "bob", "1", "--from", "alice"]).ok();
    place.run(&["--dir", "again", "audit"]).ok();
    place.run(&["backup", "bare", "--no-keys"]).ok();
    assert!(!place.path("bare/keystore").exists());
    place.run(&["backup", "below/copy"]).ok();

    // A key that cannot be copied: there is no backup, and no ledger, that only looks complete.
    fs::create_dir(place.path("copy/keystore/x")).unwrap();
    place.run(&["--dir", "third", "restore", "copy"]).fails(1, "cannot read");
    fs::create_dir(place.path("florin-ledger/keystore/x")).unwrap();
    place.run(&["backup", "second"]).fails(1, "cannot read");
    assert!(!place.path("third").exists() && !place.path("second").exists());
}

#[test]
fn damage_is_told_with_its_remedy() {
    let place = Place::with_ledger();
    place.run(&["transfer", "bob", "1", "--from", "alice"]).ok();
    let journal = fs::read_dir(place.path("florin-ledger/journal")).unwrap().next().unwrap();
    let journal = journal.unwrap().path();
    let mut bytes = fs::read(&journal).unwrap();
    // In the genesis block, which opening does not read.
    bytes[200] ^= 1;
    fs::write(&journal, &bytes).unwrap();
    place.run(&["audit"]).fails(6, "damaged");
    bytes[200] ^= 1;
    fs::write(&journal, &bytes).unwrap();
    fs::remove_dir_all(place.path("florin-ledger/state")).unwrap();
    place.run(&["balance"]).fails(6, "florin repair");
    let repaired = place.run(&["repair"]).ok();
    let hash = place.json(&["block", "1"])["hash"].as_str().unwrap().to_owned();
    assert!(repaired.trim_end().ends_with(&format!("up to block 1, {hash}")), "{repaired}");
    assert_eq!(place.balance("bob"), "6000000000000000000");
    place.run(&["audit"]).ok();

    // The last record, and all that tells whether it was acknowledged.
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end] ^= 1;
    fs::write(&journal, &bytes).unwrap();
    place.run(&["repair"]).fails(6, "was acknowledged");
    fs::remove_dir_all(place.path("florin-ledger/state")).unwrap();
    fs::remove_file(place.path("florin-ledger/acknowledged")).unwrap();
    let repaired = place.run(&["repair"]).ok();
    assert!(repaired.contains("up to block 0, 0x"), "{repaired}");
    assert!(repaired.contains("It may have been a block that was acknowledged"), "{repaired}");
}

#[test]
fn damage_to_the_history_is_told_by_whoever_meets_it() {
    let place = Place::with_ledger();
    place.deploy("shop", &place::echo(place::ABI));
    place.run(&["send", "shop", "pay", "--value", "2", "--from", "bob"]).ok();
    place.run(&["transfer", "bob", "1", "--from", "alice"]).ok();
    let whole = place.json(&["audit"]);
    assert_eq!((&whole["modules"], &whole["sum_of_balances"]), (&1.into(), &ALL.into()));

    let names = place.path("florin-ledger/addresses.json");
    fs::write(&names, &fs::read(&names).unwrap()[1..]).unwrap();
    place.run(&["balance"]).fails(1, "addresses.json is damaged");
    let audit = place.run(&["audit"]);
    assert!(audit.stderr.starts_with("warning: florin-ledger/addresses.json"), "{audit:?}");
    audit.ok();
    place.run(&["replay"]).ok();

    let journal = fs::read_dir(place.path("florin-ledger/journal")).unwrap().next().unwrap();
    let journal = journal.unwrap().path();
    let mut bytes = fs::read(&journal).unwrap();
    let records = bytes.windows(4).enumerate().filter(|(_, bytes)| bytes == b"FlR1");
    let payment = records.map(|(at, _)| at).nth(2).unwrap();
    bytes[payment + 100] ^= 1;
    fs::write(&journal, &bytes).unwrap();
    fs::remove_file(&names).unwrap();
    // The file of history that is being written is read on opening, so nothing works without it.
    for command in [&["balance"][..], &["events"], &["block", "2"], &["gas"], &["audit"]] {
        place.run(command).fails(6, "(block 2): the block cannot be read");
    }
}
