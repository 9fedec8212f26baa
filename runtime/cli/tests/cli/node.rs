//! Commands on a ledger that a node has open: the same, and they print the same.

use super::place::{Ended, Place};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// A node on the ledger of a place, told to stop when dropped.
struct Node(Child);

impl Node {
    fn on(place: &Place) -> Self {
        let mut command = place.command(&["node", "--listen", "127.0.0.1:0"]);
        let mut node = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let said = BufReader::new(node.stdout.take().expect("its output")).lines().next();
        assert!(said.expect("it says where").expect("text").starts_with("http"));
        Node(node)
    }

    /// Tells it to stop; how it ended.
    fn stop(mut self) -> bool {
        let told = std::process::Command::new("kill").arg(self.0.id().to_string()).status();
        assert!(told.expect("kill").success());
        self.0.wait().expect("it ends").success()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a command printed, and how it ended.
fn told(place: &Place, args: &[&str]) -> (i32, String, String) {
    let Ended { code, stdout, stderr } = place.run(args);
    (code, stdout, stderr)
}

#[test]
fn a_node_that_has_the_ledger_is_asked() {
    let place = Place::with_ledger();
    let file = place.echo();
    let file = file.to_str().expect("a path");
    place.run(&["deploy", file, "--from", "alice", "--name", "shop"]).ok();
    place.run(&["send", "shop", "pay", "--from", "bob", "--value", "0.5"]).ok();
    let commands: [&[&str]; 16] = [
        &["balance"],
        &["balance", "--json"],
        &["block"],
        &["block", "1", "--json"],
        &["block", "7"],
        &["tx"],
        &["tx", "--json"],
        &["receipt"],
        &["events"],
        &["call", "shop", "echo", "5"],
        &["call", "shop", "nonsense"],
        &["inspect", "shop"],
        &["gas"],
        &["audit"],
        &["replay"],
        &["transfer", "bob", "5000", "--from", "alice"],
    ];
    let before: Vec<_> = commands.iter().map(|args| told(&place, args)).collect();
    let node = Node::on(&place);
    for (args, before) in commands.iter().zip(&before) {
        assert_eq!(&told(&place, args), before, "{args:?}");
    }
    let sent: Value = place.json(&["transfer", "bob", "1.5", "--from", "alice"]);
    assert_eq!((&sent["status"], &sent["gas_used"]), (&"success".into(), &21000.into()));
    assert_eq!(place.json(&["tx"]), sent);
    let status = place.json(&["status"]);
    assert_eq!((&status["block"], &status["waiting"]), (&3.into(), &0.into()));
    assert!(place.run(&["status"]).ok().contains("http://127.0.0.1:"));
    place.run(&["backup", "copy"]).ok();
    assert!(!place.path("copy/node.json").exists(), "a copy is served by nobody");
    place.run(&["node", "--listen", "127.0.0.1:0"]).fails(5, "in use");
    let balances = told(&place, &["balance"]);
    assert!(node.stop(), "it stops when it is told to");
    assert!(!place.path("florin-ledger/node.json").exists());
    place.run(&["status"]).fails(1, "no node has the ledger");
    assert_eq!(told(&place, &["balance"]), balances, "and the ledger is as it was");
    let copied = place.run(&["--dir", "again", "restore", "copy"]);
    copied.ok();

    // A node that was killed leaves the file; whoever comes next does without it.
    let node = Node::on(&place);
    drop(node);
    assert!(place.path("florin-ledger/node.json").exists());
    place.run(&["status"]).fails(1, "no node has the ledger");
    assert_eq!(told(&place, &["balance"]), balances);
}
