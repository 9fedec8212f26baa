//! What one client asks for is bounded, and what is wrong is told in the words that clients know.

use super::support::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request byte by byte; the status and the body of the answer.
async fn post(running: &Running, headers: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(running.node.address()).await.expect("a connection");
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    // The node may have answered and closed already.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (status, body.unwrap_or_default())
}

const JSON: &str = "content-type: application/json\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_told_so() {
    let running = Running::new().await;
    let error = |body: &str| -> i64 {
        let answer: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{body}"));
        answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("{body}"))
    };
    let cases: [(&[u8], i64); 8] = [
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[]", -32600),
        (br#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance"}"#, -32602),
        (br#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x1"]}"#, -32602),
        (br#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[1]}"#, -32602),
        (
            br#"{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x0",true,1]}"#,
            -32602,
        ),
    ];
    for (body, code) in cases {
        let (status, answer) = post(&running, JSON, body).await;
        assert!(status == 200 || status == 400, "{status} {answer}");
        assert_eq!(error(&answer), code, "{}", String::from_utf8_lossy(body));
    }
    let request = br#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    assert_eq!(post(&running, "content-type: text/plain\r\n", request).await.0, 415);
    let (status, answer) = post(&running, JSON, &vec![b' '; 17 << 20]).await;
    // It may close the connection before all of that was sent, and then its answer is lost.
    assert!(status == 413 || status == 0, "{status} {answer}");
    let batch: Vec<Value> = vec![json!({"jsonrpc":"2.0","id":1,"method":"eth_chainId"}); 1_001];
    let (_, answer) = post(&running, JSON, &serde_json::to_vec(&batch).expect("JSON")).await;
    assert!(answer.contains("error"), "{answer}");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_call","params":{deep}}}"#);
    assert_eq!(error(&post(&running, JSON, deep.as_bytes()).await.1), -32602);
    // And it is as before.
    assert_eq!(running.get("eth_chainId", json!([])).await, json!("0x4d"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_in_its_order() {
    let running = Running::new().await;
    let send = |nonce| {
        let params = json!([payment(nonce, 1, 10)]);
        json!({"jsonrpc":"2.0","id":nonce,"method":"eth_sendRawTransaction","params":params})
    };
    let mut batch: Vec<Value> = (0..200).map(send).collect();
    batch.push(json!({"jsonrpc":"2.0","id":"last","method":"eth_nonsense"}));
    batch.push(json!({"jsonrpc":"2.0","method":"eth_chainId"})); // a notification has no answer
    let (_, answer) = post(&running, JSON, &serde_json::to_vec(&batch).expect("JSON")).await;
    let answers: Vec<Value> = serde_json::from_str(&answer).expect("answers");
    assert_eq!(answers.len(), 201);
    for (answer, id) in answers.iter().zip(0..200) {
        assert!(answer["id"] == id && answer["result"].is_string(), "{answer}");
    }
    assert_eq!(
        (&answers[200]["id"], &answers[200]["error"]["code"]),
        (&json!("last"), &json!(-32601))
    );
    let nonce = running.get("eth_getTransactionCount", json!([alice().address(), "latest"])).await;
    assert_eq!(nonce, json!("0xc8"));
    let blocks = running.get("eth_blockNumber", json!([])).await;
    let blocks = u64::from_str_radix(&blocks.as_str().expect("hex")[2..], 16).expect("a number");
    assert!(blocks < 100, "they shared blocks: {blocks}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_others_and_other_hosts_are_kept_out() {
    let config = florin_node::Config {
        origins: vec!["https://shop.example".to_owned()],
        hosts: vec!["node.example".to_owned()],
        ..florin_node::Config::default()
    };
    let running = Running::with(config, false).await;
    let request = br#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    assert_eq!(post(&running, JSON, request).await.0, 403, "by another name");
    for refused in ["nonsense\u{7f}", "\n"] {
        let origins = vec![refused.to_owned()];
        let config = florin_node::Config { origins, ..florin_node::Config::default() };
        let folder = tempfile::tempdir().expect("a folder");
        let genesis = florin_runtime::Genesis::default();
        let durability = florin_runtime::store::Durability::Unsynced;
        let path = folder.path().join("ledger");
        let chain = florin_runtime::Chain::create(&path, &genesis, durability).expect("a ledger");
        assert!(matches!(
            florin_node::spawn(chain, config).await,
            Err(florin_node::SpawnError::Origin(_))
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_so_and_a_batch_is_as_many_as_it_holds() {
    let rate = std::num::NonZeroU32::new(5);
    let config = florin_node::Config { rate, ..florin_node::Config::default() };
    let running = Running::with(config, false).await;
    let request = br#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let batch = format!("[{0},{0},{0},{0},{0},{0},{0}]", String::from_utf8_lossy(request));
    let (status, body) = post(&running, JSON, batch.as_bytes()).await;
    let answers: Vec<Value> = serde_json::from_str(&body).expect("answers");
    let refused = answers.iter().filter(|answer| answer["error"]["code"] == -32005).count();
    assert_eq!((status, answers.len(), refused), (200, 7, 2), "{body}");
    // Another second, another request.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let (_, body) = post(&running, JSON, request).await;
    assert!(body.contains("result"), "{body}");
}

/// The status of an attempt to open a WebSocket from a page of some origin.
async fn open(running: &Running, origin: Option<&str>) -> String {
    let mut stream = TcpStream::connect(running.node.address()).await.expect("a connection");
    let origin = origin.map(|origin| format!("origin: {origin}\r\n")).unwrap_or_default();
    let request = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n{origin}\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer[9..]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_open_no_websocket_unless_they_are_let_in() {
    let shop = "https://shop.example";
    let origins = vec![shop.to_owned()];
    let config = florin_node::Config { origins, ..florin_node::Config::default() };
    let running = Running::with(config, false).await;
    assert_eq!(open(&running, None).await, "101", "no page");
    assert_eq!(open(&running, Some(shop)).await, "101");
    assert_eq!(open(&running, Some("https://elsewhere.example")).await, "403");
    let running = Running::new().await;
    assert_eq!(open(&running, Some(shop)).await, "403", "nobody let it in");
    // A name that is pointed to this machine.
    let request = br#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let (status, _) = post(&running, &format!("{JSON}host: rebound.example\r\n"), request).await;
    assert_ne!(status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_how_it_is() {
    let running = Running::new().await;
    let mut stream = TcpStream::connect(running.node.address()).await.expect("a connection");
    let request = b"GET /ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\"block\":0}\n"), "{answer}");
}

/// A contract that loops until its gas is gone.
const ENDLESS: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "deploy") (param i32) (result i32) (i32.const 0))
    (func (export "call") (param i32) (result i32) (loop (br 0)) (i32.const 0)))"#;

#[tokio::test(flavor = "multi_thread")]
async fn reads_have_as_much_gas_and_time_as_the_operator_gives_them() {
    let read_gas = Some(1_000_000);
    let config = florin_node::Config { read_gas, ..florin_node::Config::default() };
    let running = Running::with(config, false).await;
    let endless = running.deploy(ENDLESS).await;
    let request = call(endless, &[]);
    let trace = json!([request, "latest", { "tracer": "callTracer" }]);
    let traced = running.get("debug_traceCall", trace).await;
    assert_eq!(traced["gasUsed"], json!("0xf4240"), "all that reads may use");
    assert_eq!(traced["gas"], traced["gasUsed"]);
    let refused = running.ask("eth_call", json!([request])).await.expect_err("out of gas");
    assert_eq!((refused.0, refused.1.as_str()), (-32000, "out of gas"));
    let refused = running.ask("eth_estimateGas", json!([request])).await.expect_err("too much");
    assert_eq!(refused.1, "gas required exceeds allowance (1000000)");
    assert_eq!(running.get("eth_estimateGas", json!([call(BOB, &[])])).await, json!("0x5208"));
    // With a price, too: what is bought is not more than that.
    let mut dear = request.clone();
    dear["gasPrice"] = json!("0xa");
    dear["gas"] = json!("0x5f5e100");
    let trace = json!([dear, "latest", { "tracer": "callTracer" }]);
    assert_eq!(running.get("debug_traceCall", trace).await["gasUsed"], json!("0xf4240"));

    let read_time = Some(Duration::ZERO);
    let config = florin_node::Config { read_time, ..florin_node::Config::default() };
    let running = Running::with(config, false).await;
    for (method, params) in [
        ("eth_call", json!([call(BOB, &[])])),
        ("eth_estimateGas", json!([call(BOB, &[])])),
        ("eth_simulateV1", json!([{ "blockStateCalls": [{ "calls": [call(BOB, &[])] }] }])),
        ("debug_traceCall", json!([call(BOB, &[]), "latest", { "tracer": "callTracer" }])),
    ] {
        let (code, message, _) = running.ask(method, params).await.expect_err("no time");
        assert_eq!(code, -32000, "{method}: {message}");
        assert!(message.starts_with("execution aborted"), "{method}: {message}");
    }
    // Payments are no reads.
    running.get("eth_sendRawTransactionSync", json!([payment(0, 1, 10)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_is_let_go() {
    let idle = Duration::from_millis(500);
    let config = florin_node::Config { idle, ..florin_node::Config::default() };
    let running = Running::with(config, false).await;
    let mut stream = TcpStream::connect(running.node.address()).await.expect("a connection");
    for _ in 0..10 {
        let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
        stream.write_all(request).await.expect("it is sent");
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).await.expect("it is still connected");
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
        tokio::time::sleep(idle / 5).await;
    }
    for said in [&b""[..], b"POST / HTTP/1.1\r\nhost: localh"] {
        let mut stream = TcpStream::connect(running.node.address()).await.expect("a connection");
        stream.write_all(said).await.expect("it is sent");
        let (mut answer, patience) = (Vec::new(), Duration::from_secs(10));
        let ended = tokio::time::timeout(patience, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "it is still connected after {said:?}");
    }
}

/// Who asks for more than is answered at a time, again and again.
const FLOOD: usize = 100;

/// Subscribes by WebSocket, many times over, and never reads.
async fn deaf(running: &Running) -> TcpStream {
    let mut stream = TcpStream::connect(running.node.address()).await.expect("a connection");
    let request = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let text = br#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}"#;
    // A text in one frame, masked by zeros (RFC 6455).
    let head = [0x81, 0x80 | u8::try_from(text.len()).expect("a short text"), 0, 0, 0, 0];
    for _ in 0..100 {
        stream.write_all(&[&head[..], text].concat()).await.expect("it is sent");
    }
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_and_slow_clients_do_not_stop_payments() {
    let config =
        florin_node::Config { read_gas: Some(2_000_000), ..florin_node::Config::default() };
    let running = Arc::new(Running::with(config, false).await);
    let endless = running.deploy(ENDLESS).await;
    // Clients who begin to ask and never end, and some who subscribe and never read.
    let mut slow = Vec::new();
    for begun in [
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
        "GET / HTTP/1.1\r\nhost: localhost\r\nx-",
    ] {
        for _ in 0..20 {
            let mut stream =
                TcpStream::connect(running.node.address()).await.expect("a connection");
            stream.write_all(begun.as_bytes()).await.expect("it is sent");
            slow.push(stream);
        }
    }
    for _ in 0..4 {
        slow.push(deaf(&running).await);
    }
    let answered = Arc::new(AtomicUsize::new(0));
    let flood = (0..FLOOD).map(|_| {
        let (running, answered) = (running.clone(), answered.clone());
        let request = json!([call(endless, &[])]);
        tokio::spawn(async move {
            loop {
                let refused = running.ask("eth_call", request.clone()).await;
                assert_eq!(refused.expect_err("it is endless").1, "out of gas");
                answered.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let flood: Vec<_> = flood.collect();
    let soon = Duration::from_secs(120);
    let begun = async {
        while answered.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(soon, begun).await.expect("the flood begins");
    let before = answered.load(Ordering::Relaxed);
    for nonce in 1..=50 {
        let receipt = running.get("eth_sendRawTransactionSync", json!([payment(nonce, 1, 10)]));
        let receipt = tokio::time::timeout(soon, receipt).await.expect("payments go on");
        assert_eq!(receipt["status"], json!("0x1"));
    }
    assert!(flood.iter().all(|client| !client.is_finished()), "the flood went on, in good order");
    let during = async {
        while answered.load(Ordering::Relaxed) == before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(soon, during).await.expect("and was answered");
    flood.iter().for_each(|client| client.abort());
}
