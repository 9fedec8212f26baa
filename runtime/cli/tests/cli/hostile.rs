//! Contracts that mean ill, or are damaged, and what of it reaches who uses them.

use crate::place::{ABI, Place, echo};
use serde_json::Value;

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
