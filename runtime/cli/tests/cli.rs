//! The command line as its users meet it: what it prints where, how it ends, and that what it said
//! was done was done.

use serde_json::Value;
use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// The account that the phrase of development networks begins with.
const PHRASE: &str = "test test test test test test test test test test test junk";
const FIRST: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// What a command left behind.
#[derive(Debug)]
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    fn fails(self, code: i32, because: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.stderr.contains(because), "{because}: {self:?}");
        assert!(self.stderr.starts_with("error: "), "{self:?}");
    }
}

/// A folder of one's own to run commands in.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Place(TempDir::new().unwrap())
    }

    /// With a ledger, on which alice has 1000 and bob 5.
    fn with_ledger() -> Self {
        let place = Place::new();
        for name in ["alice", "bob"] {
            place.run(&["account", "new", name]).ok();
        }
        place
            .run(&["init", "--alloc", "alice=1000", "--alloc", "bob=5", "--gas-price", "1gwei"])
            .ok();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_florin"));
        for name in ["FLORIN_DIR", "FLORIN_FROM"] {
            command.env_remove(name);
        }
        command.current_dir(self.0.path()).env("FLORIN_PASSWORD", "secret").args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.with_input(args, "")
    }

    fn with_input(&self, args: &[&str], input: &str) -> Ended {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that does not read its input may be gone by now.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ended {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn json(&self, args: &[&str]) -> Value {
        let stdout = self.run(&[args, &["--json"]].concat()).ok();
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
    }

    fn balance(&self, who: &str) -> String {
        self.json(&["balance", who])[0]["balance"].as_str().unwrap().to_owned()
    }

    /// Writes the hand-made contract.
    fn echo(&self) -> PathBuf {
        let abi = r#"[{"type":"function","name":"echo","inputs":[{"name":"x","type":"uint256"}],"outputs":[{"name":"","type":"uint256"}],"stateMutability":"view"},
            {"type":"function","name":"pay","inputs":[],"outputs":[],"stateMutability":"payable"},
            {"type":"event","name":"Paid","inputs":[{"name":"x","type":"uint256","indexed":false}],"anonymous":false},
            {"type":"error","name":"Refused","inputs":[{"name":"who","type":"address"}]}]"#;
        let hash = |text: &str| alloy_primitives::keccak256(text);
        let selector = |text: &str| {
            let [a, b, c, d, ..] = hash(text).0;
            i32::from_le_bytes([a, b, c, d]).to_string()
        };
        let escaped: String = hash("Paid(uint256)").iter().map(|b| format!("\\{b:02x}")).collect();
        let text = include_str!("fixtures/echo.wat")
            .replace("@ECHO@", &selector("echo(uint256)"))
            .replace("@PAY@", &selector("pay()"))
            .replace("@PAID@", &escaped)
            .replace("@ABI@", &abi.replace('"', "\\\"").replace('\n', ""));
        let path = self.path("echo.wasm");
        fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
        path
    }
}

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
    import("nonsense", "hunter2", &[]).fails(1, "neither a private key");
    place.run(&["account", "new", "0x12"]).fails(1, "cannot be a name");

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
    assert_eq!(names, ["first", "second"]);
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
    place.run(&["deploy", file.to_str().unwrap(), "7", "--name", "x"]).fails(1, "no arguments");
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
    place.run(&["tx", "0x12"]).fails(2, "64 hexadecimal digits");
    let chain = florin_runtime::Chain::open(
        &place.path("florin-ledger"),
        florin_runtime::store::Durability::Synced,
        &mut |_, _| {},
    )
    .unwrap();
    place.run(&["balance"]).fails(5, "in use");
    drop(chain);
    place.run(&["balance"]).ok();
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
    place.run(&["repair"]).ok();
    assert_eq!(place.balance("bob"), "6000000000000000000");
    place.run(&["audit"]).ok();
}
