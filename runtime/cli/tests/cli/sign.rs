//! Signatures outside transactions: they are those of the signer, and contracts take them.

use crate::place::Place;
use alloy_primitives::{Address, B256, Signature, eip191_hash_message};
use serde_json::{Value, json};
use std::fs;

/// Who a signature recovers to.
fn signer(signed: &Value) -> Address {
    let field = |name: &str| signed[name].as_str().unwrap();
    let signature: Signature = field("signature").parse().unwrap();
    let digest: B256 = field("digest").parse().unwrap();
    assert_eq!(B256::from(signature.r()), field("r").parse::<B256>().unwrap());
    assert_eq!(signed["v"], 27 + u8::from(signature.v()));
    signature.recover_address_from_prehash(&digest).unwrap()
}

#[test]
fn a_signature_recovers_to_its_signer() {
    let place = Place::new();
    place.run(&["account", "new", "alice"]).ok();
    let alice = place.json(&["account", "show", "alice"])["address"].clone();
    let alice: Address = alice.as_str().unwrap().parse().unwrap();
    let message = place.json(&["sign", "alice", "I owe bob 5"]);
    assert_eq!(message["digest"], eip191_hash_message("I owe bob 5").to_string());
    assert_eq!(signer(&message), alice);
    let digest = B256::repeat_byte(7).to_string();
    assert_eq!(signer(&place.json(&["sign", "alice", "--digest", &digest])), alice);
    place.run(&["sign", "bob", "x"]).fails(1, "bob");
    place.run(&["sign", "alice"]).fails(2, "required");
    place.run(&["sign", "alice", "x", "--digest", &digest]).fails(2, "cannot be used with");
    fs::write(place.path("x.json"), "{}").unwrap();
    place.run(&["sign", "alice", "--typed-data", "x.json"]).fails(1, "no typed data in x.json");
}

#[test]
fn a_token_takes_a_permit_signed_here() {
    let place = Place::with_ledger();
    let token = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/token");
    let deploy = ["deploy", token, "Dollar", "USD", "6", "alice", "1000_000_000", "--name", "usd"];
    let deployed = place.json(&[&deploy[..], &["--from", "alice"]].concat());
    let address = |who: &str| place.json(&["account", "show", who])["address"].clone();
    let field = |name: &str, ty: &str| json!({ "name": name, "type": ty });
    let typed = json!({
        "types": {
            "EIP712Domain": [
                field("name", "string"), field("version", "string"),
                field("chainId", "uint256"), field("verifyingContract", "address"),
            ],
            "Permit": [
                field("owner", "address"), field("spender", "address"), field("value", "uint256"),
                field("nonce", "uint256"), field("deadline", "uint256"),
            ],
        },
        "primaryType": "Permit",
        "domain": {
            "name": "Dollar", "version": "1", "chainId": 4277009,
            "verifyingContract": deployed["created"],
        },
        "message": {
            "owner": address("alice"), "spender": address("bob"), "value": "12500000",
            "nonce": "0", "deadline": "9999999999",
        },
    });
    fs::write(place.path("permit.json"), typed.to_string()).unwrap();
    let signed = place.json(&["sign", "alice", "--typed-data", "permit.json"]);
    let [r, s] = ["r", "s"].map(|part| signed[part].as_str().unwrap());
    let v = signed["v"].to_string();
    let permit = ["send", "usd", "permit", "alice", "bob", "12.5", "9999999999", &v, r, s];
    assert_eq!(place.json(&[&permit[..], &["--from", "bob"]].concat())["status"], "success");
    let plain = place.run(&["transfer", "usd", "1", "--from", "alice"]);
    plain.fails(3, "takes no plain payments");
    assert_eq!(place.run(&["call", "usd", "allowance", "alice", "bob"]).ok(), "12.5 USD\n");
}
