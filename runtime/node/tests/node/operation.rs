//! What operators rely on: encrypted connections, certificates that change while it runs, who may
//! administer the node, and what is measured.

use super::support::*;
use florin_node::rpc::{EthApiClient, FlorinApiClient};
use florin_node::{Access, Config, Tls};
use jsonrpsee::core::ClientError;
use jsonrpsee::core::client::{Subscription, SubscriptionClientT};
use jsonrpsee::http_client::{HeaderMap, HttpClient};
use jsonrpsee::ws_client::WsClientBuilder;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Writes a new certificate and its key; what trusts that certificate and no other.
fn certificate(folder: &Path) -> ClientConfig {
    let names = vec!["localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    fs::write(folder.join("certificate.pem"), made.cert.pem()).expect("a file");
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("a file");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// The chain id, asked for by HTTPS.
async fn ask(port: u16, trust: ClientConfig) -> Result<u64, String> {
    let client = HttpClient::builder().with_custom_cert_store(trust);
    let client = client.build(format!("https://localhost:{port}")).expect("a client");
    client.chain_id().await.map(|id| id.to()).map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_encrypted_and_certificates_change_while_it_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = certificate(folder.path());
    let [certificates, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
    let tls = Some(Tls::Files { certificates: certificates.clone(), key });
    let running = Running::with(Config { tls, ..Config::default() }, false).await;
    let port = running.node.address().port();
    let fingerprint = running.node.fingerprint().expect("a fingerprint");
    assert_eq!(fingerprint.len(), 32 * 3 - 1, "{fingerprint}");
    assert_eq!(ask(port, first.clone()).await, Ok(CHAIN_ID));

    let socket = WsClientBuilder::new().with_custom_cert_store(first.clone());
    let socket = socket.build(format!("wss://localhost:{port}")).await.expect("a connection");
    let heads: Result<Subscription<Value>, _> =
        socket.subscribe("eth_subscribe", ["newHeads"], "eth_unsubscribe").await;
    assert!(heads.is_ok());

    // Whoever does not encrypt gets nothing.
    let mut plain = TcpStream::connect(running.node.address()).await.expect("a connection");
    plain.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("it is sent");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("200"), "{answer:?}");

    let second = certificate(folder.path());
    assert_eq!(ask(port, first.clone()).await, Ok(CHAIN_ID), "not before it is told to");
    running.node.reload_certificates().expect("good certificates");
    assert_ne!(running.node.fingerprint().expect("a fingerprint"), fingerprint);
    assert_eq!(ask(port, second.clone()).await, Ok(CHAIN_ID));
    assert!(ask(port, first).await.is_err(), "the old one is gone");

    for broken in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        fs::write(&certificates, broken).expect("a file");
        let error = running.node.reload_certificates().expect_err(broken).to_string();
        assert!(error.contains("certificate"), "{error}");
        assert_eq!(ask(port, second.clone()).await, Ok(CHAIN_ID), "those from before stay");
    }
}

/// A node with an administrative interface.
async fn administered() -> Running {
    let administration = Some(([127, 0, 0, 1], 0).into());
    let metrics = Some(([127, 0, 0, 1], 0).into());
    Running::with(Config { administration, metrics, ..Config::default() }, false).await
}

/// An administrator's client, with some header.
fn administrator(access: &Access, header: Option<&str>) -> HttpClient {
    let mut headers = HeaderMap::new();
    if let Some(header) = header {
        headers.insert("authorization", header.parse().expect("a header"));
    }
    let client = HttpClient::builder().set_headers(headers);
    let client = client.with_custom_cert_store(access.client_config().expect("certificates"));
    client.build(format!("https://{}", access.administration)).expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_and_the_node_know_each_other_by_certificate() {
    let (running, other) = (administered().await, administered().await);
    let (access, stranger) = (running.node.access(), other.node.access());
    let (access, stranger) = (access.expect("it has one"), stranger.expect("it has one"));
    let right = format!("Bearer {}", access.token);
    assert_eq!(administrator(access, Some(&right)).head().await.expect("the head").number, 0);
    assert_ne!(access.token, stranger.token);

    // The token does not help without the client's certificate, nor with one of somebody else.
    let (client_certificate, client_key) =
        (stranger.client_certificate.clone(), stranger.client_key.clone());
    let wrong = Access { client_certificate, client_key, ..access.clone() };
    let refused = administrator(&wrong, Some(&right)).head().await;
    assert!(!matches!(refused, Ok(_) | Err(ClientError::Call(_))), "{refused:?}");
    let mut roots = RootCertStore::empty();
    let server = CertificateDer::from_pem_slice(access.server_certificate.as_bytes());
    roots.add(server.expect("a certificate")).expect("a root");
    let nobody =
        ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
    let headers: HeaderMap =
        [("authorization".parse().expect("a name"), right.parse().expect("a header"))]
            .into_iter()
            .collect();
    let nobody = HttpClient::builder().set_headers(headers).with_custom_cert_store(nobody);
    let nobody = nobody.build(format!("https://{}", access.administration)).expect("a client");
    let refused = nobody.head().await;
    assert!(!matches!(refused, Ok(_) | Err(ClientError::Call(_))), "{refused:?}");

    // Whoever takes the node's place is not told the token.
    let impostor = Access { administration: stranger.administration, ..access.clone() };
    let refused = administrator(&impostor, Some(&right)).head().await;
    assert!(!matches!(refused, Ok(_) | Err(ClientError::Call(_))), "{refused:?}");
    // Without encryption there is nothing at all.
    let mut plain = TcpStream::connect(access.administration).await.expect("a connection");
    plain.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("it is sent");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
    assert!(!format!("{access:?}").contains(&access.token));
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_prove_themselves() {
    let running = administered().await;
    let access = running.node.access().expect("it has one");
    let token = &access.token;
    let client = |header: Option<&str>| administrator(access, header);
    for wrong in [None, Some("Bearer"), Some("Bearer wrong"), Some(token.as_str())] {
        let refused = client(wrong).head().await.expect_err("who is that?").to_string();
        assert!(refused.contains("401"), "{refused}");
    }
    let right = format!("Bearer {token}");
    let administrator = client(Some(&right));
    assert_eq!(administrator.head().await.expect("the head").number, 0);
    let located = administrator.submit(payment(0, 5, 10)).await.expect("a receipt");
    assert_eq!(located.receipt().value, alloy_primitives::U256::from(5));
    let again = administrator.submit(payment(0, 5, 10)).await.expect_err("once only").to_string();
    assert!(again.contains("-32003") && again.contains("already used"), "{again}");
    assert!(administrator.audit().await.expect("an audit").is_clean());
    // What is for administrators is for nobody else.
    let refused = running.ask("florin_head", json!([])).await.expect_err("not here");
    assert_eq!(refused.0, -32601);

    running.get("eth_chainId", json!([])).await;
    let _ = running.ask("eth_nonsense", json!([])).await;
    let get = async |address| {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    };
    let watched = running.node.metrics().expect("it has one");
    let told = get(watched).await;
    for line in [
        r#"florin_request_seconds_count{method="eth_chainId",result="ok"} "#,
        r#"florin_request_seconds_count{method="florin_head",result="ok"} 1"#,
        r#"florin_request_seconds_count{method="unknown",result="error"} "#,
        "florin_blocks_total 1",
        r#"florin_transactions_total{status="success"} 1"#,
        "florin_gas_total 21000",
        "florin_commit_seconds_count 1",
        "florin_queue_transactions 0",
        "florin_queue_bytes 0",
        r#"florin_senders_total{found="recovered"} 2"#,
        "florin_parked_transactions 0",
        r#"florin_state_bytes{part="changed"} "#,
        r#"florin_state_bytes{part="clean"} "#,
        "florin_state_missed_total ",
        "florin_head 1",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert!(!get(running.node.address()).await.contains("florin_head"), "not in public");
    let watching = HttpClient::builder().build(format!("http://{watched}")).expect("a client");
    let refused = watching.head().await.expect_err("it has no methods").to_string();
    assert!(refused.contains("404"), "{refused}");
    // Administrators see the same, with certificate and token.
    let at = access.administration;
    for (header, status) in [(right.as_str(), "200"), ("Bearer wrong", "401")] {
        let connector = TlsConnector::from(Arc::new(access.client_config().expect("certificates")));
        let stream = TcpStream::connect(at).await.expect("a connection");
        let mut stream = connector
            .connect(ServerName::from(at.ip()), stream)
            .await
            .expect("an encrypted connection");
        let request = format!(
            "GET /metrics HTTP/1.1\r\nhost: localhost\r\nauthorization: {header}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert_eq!(answer.contains("florin_head 1"), status == "200");
    }
}
