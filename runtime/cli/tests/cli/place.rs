//! A folder to run `florin` in, and contracts by hand.

use alloy_primitives::keccak256;
use serde_json::Value;
use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// The ABI of the hand-made contract.
pub const ABI: &str = r#"[{"type":"function","name":"echo","inputs":[{"name":"x","type":"uint256"}],"outputs":[{"name":"","type":"uint256"}],"stateMutability":"view"},
    {"type":"function","name":"pay","inputs":[],"outputs":[],"stateMutability":"payable"},
    {"type":"function","name":"upgrade","inputs":[{"name":"code","type":"bytes"}],"outputs":[],"stateMutability":"nonpayable"},
    {"type":"event","name":"Paid","inputs":[{"name":"x","type":"uint256","indexed":false}],"anonymous":false},
    {"type":"error","name":"Refused","inputs":[{"name":"who","type":"address"}]}]"#;

/// What a command left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    pub fn fails(self, code: i32, because: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.stderr.contains(because), "{because}: {self:?}");
        assert!(self.stderr.starts_with("error: "), "{self:?}");
    }
}

/// A folder of one's own to run commands in.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Place(TempDir::new().unwrap())
    }

    /// With a ledger, on which alice has 1000 and bob 5.
    pub fn with_ledger() -> Self {
        let place = Place::new();
        for name in ["alice", "bob"] {
            place.run(&["account", "new", name]).ok();
        }
        place
            .run(&["init", "--alloc", "alice=1000", "--alloc", "bob=5", "--gas-price", "1gwei"])
            .ok();
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_florin"));
        for name in ["FLORIN_DIR", "FLORIN_FROM"] {
            command.env_remove(name);
        }
        command.current_dir(self.0.path()).env("FLORIN_PASSWORD", "secret").args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Ended {
        self.with_input(args, "")
    }

    pub fn with_input(&self, args: &[&str], input: &str) -> Ended {
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

    pub fn json(&self, args: &[&str]) -> Value {
        let stdout = self.run(&[args, &["--json"]].concat()).ok();
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
    }

    pub fn balance(&self, who: &str) -> String {
        self.json(&["balance", who])[0]["balance"].as_str().unwrap().to_owned()
    }

    /// Writes the hand-made contract.
    pub fn echo(&self) -> PathBuf {
        self.module("echo", &echo(ABI))
    }

    /// Writes a module.
    pub fn module(&self, name: &str, wasm: &[u8]) -> PathBuf {
        let path = self.path(&format!("{name}.wasm"));
        fs::write(&path, wasm).unwrap();
        path
    }

    /// Deploys a module, as alice.
    pub fn deploy(&self, name: &str, wasm: &[u8]) -> Value {
        let path = self.module(name, wasm);
        self.json(&["deploy", path.to_str().unwrap(), "--name", name, "--from", "alice"])
    }
}

/// The hand-made contract, with any text as its ABI.
pub fn echo(abi: &str) -> Vec<u8> {
    let hash: String = keccak256("Paid(uint256)").iter().map(|b| format!("\\{b:02x}")).collect();
    let text = include_str!("../fixtures/echo.wat")
        .replace("@ECHO@", &selector("echo(uint256)"))
        .replace("@PAY@", &selector("pay()"))
        .replace("@UPGRADE@", &selector("upgrade(bytes)"))
        .replace("@PAID@", &hash)
        .replace("@ABI@", &abi.replace('"', "\\\"").replace('\n', ""));
    wat::parse_str(text).unwrap()
}

/// The selector of a method, as a contract reads it from memory.
pub fn selector(signature: &str) -> String {
    let [a, b, c, d, ..] = keccak256(signature).0;
    i32::from_le_bytes([a, b, c, d]).to_string()
}
