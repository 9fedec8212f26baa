//! A node is killed under load again and again: every receipt that a client got is there afterwards.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_provider::{Provider, ProviderBuilder, RootProvider};
use alloy_rpc_types_eth::TransactionReceipt;
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Enough that the kill hits every phase; `FLORIN_KILL_ROUNDS` asks for more.
const ROUNDS: usize = 20;
/// Clients at a time.
const CLIENTS: u8 = 8;
/// SIGKILL.
const KILLED: i32 = 9;
const CHAIN_ID: u64 = 4_277_009;

fn florin(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_florin"));
    command.arg("--dir").arg(dir).env_remove("FLORIN_DIR").stderr(Stdio::inherit());
    command
}

fn key(number: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(number + 1)).expect("a key")
}

/// A node, and where it listens.
fn start(dir: &Path) -> (Child, String) {
    let mut command = florin(dir);
    command.args(["node", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut node = command.spawn().expect("the binary starts");
    let said = BufReader::new(node.stdout.take().expect("its output")).lines().next();
    let said = said.expect("it says where").expect("text");
    let url = said.strip_prefix("http").expect("where").trim().to_owned();
    (node, url)
}

fn client(url: &str) -> RootProvider {
    ProviderBuilder::default().connect_http(url.parse().expect("a URL"))
}

fn payment(key: &PrivateKeySigner, nonce: u64) -> Bytes {
    let transaction = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        to: TxKind::Call(Address::repeat_byte(0xb0)),
        value: U256::from(1),
        ..TxEip1559::default()
    };
    let signature = key.sign_hash_sync(&transaction.signature_hash()).expect("a signature");
    TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
}

/// Pays until the node is gone; the receipts that were given out.
async fn pay(url: String, key: PrivateKeySigner) -> Vec<TransactionReceipt> {
    let client = client(&url);
    let mut nonce = client.get_transaction_count(key.address()).await.expect("a nonce");
    let mut receipts = Vec::new();
    loop {
        let sent: Result<TransactionReceipt, _> =
            client.raw_request("eth_sendRawTransactionSync".into(), [payment(&key, nonce)]).await;
        match sent {
            Ok(receipt) => receipts.push(receipt),
            // Nobody is there any more; if somebody is, it must take what it is sent.
            Err(error) if error.as_error_resp().is_none() => return receipts,
            Err(error) => panic!("{error}"),
        }
        nonce += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_receipt_that_was_given_out_is_there_after_a_kill() {
    let rounds = std::env::var("FLORIN_KILL_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("ledger");
    let mut init = florin(&dir);
    init.arg("init").stdout(Stdio::null());
    for number in 0..CLIENTS {
        init.arg("--alloc").arg(format!("{}=1000", key(number).address()));
    }
    assert!(init.status().expect("the binary starts").success());

    let mut acknowledged = 0;
    let (mut node, mut url) = start(&dir);
    for round in 0..rounds {
        let clients = (0..CLIENTS).map(|number| tokio::spawn(pay(url.clone(), key(number))));
        let clients: Vec<_> = clients.collect();
        // Long enough to be under way, and each time a little different.
        tokio::time::sleep(Duration::from_millis(100 + (round as u64 * 37) % 100)).await;
        node.kill().expect("it is killed");
        let ended = node.wait().expect("it ends");
        assert_eq!(ended.signal(), Some(KILLED), "it did not die of the kill: {ended}");
        let mut receipts = Vec::new();
        for client in clients {
            receipts.extend(client.await.expect("no panic"));
        }
        (node, url) = start(&dir);
        let client = client(&url);
        for given in &receipts {
            let found = client.get_transaction_receipt(given.transaction_hash).await;
            let found = found.expect("an answer").unwrap_or_else(|| panic!("{given:?} is lost"));
            assert_eq!(found, *given);
        }
        acknowledged += receipts.len();
    }
    node.kill().expect("it is killed");
    node.wait().expect("it ends");
    println!("{rounds} kills, {acknowledged} receipts given out, none lost");
    assert!(acknowledged > rounds * CLIENTS as usize, "there was no load: {acknowledged}");
    let audit = florin(&dir).arg("audit").stdout(Stdio::null()).status();
    assert!(audit.expect("the binary starts").success());
}
