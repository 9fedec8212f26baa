//! Clients of a node: connections that send what they were given and keep what they are answered.
//!
//! Requests are text before the clock starts and answers are read after it stopped, so that next to
//! nothing but the server and the sockets is measured.
//!
//! Invariant: a request that is not answered, or answered with an error, fails the round.

use alloy_primitives::{Address, Bytes, hex, keccak256};
use anyhow::{Context, Result, bail, ensure};
use futures_util::future::try_join_all;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes as Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Connections that are opened at a time: more would wait in the system's queue.
const OPENED_AT_ONCE: usize = 500;
/// How long the last transaction may take to be in a block after it was taken.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether it is.
const LOOK: Duration = Duration::from_millis(5);

/// By what clients are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Http,
    WebSocket,
}

/// How clients send.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub transport: Transport,
    pub connections: usize,
    /// Requests of a connection that are on their way at a time; HTTP/1.1 allows one.
    pub window: usize,
    /// Transactions in a request; a batch if there are several.
    pub batch: usize,
    /// The method that they send them by.
    pub method: &'static str,
    /// Whether a connection asks for the nonces of its senders first, as wallets do.
    pub asks: bool,
    /// Whether an answer says that the transaction is in a block.
    pub final_answers: bool,
}

/// What a connection has to send: its senders, and transactions in order.
#[derive(Debug, Clone, Default)]
pub struct Errand {
    pub senders: Vec<Address>,
    pub transactions: Vec<Bytes>,
}

/// What a load took.
pub struct Load {
    pub elapsed: Duration,
    /// Seconds from each request to its answer; none if several were on their way.
    pub latencies: Vec<f64>,
}

enum Connection {
    Http(SendRequest<Full<Body>>),
    WebSocket(Box<WebSocketStream<TcpStream>>),
}

/// Everything that clients do is done here.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("threads"))
}

/// Sends everything as planned, a connection for each errand; returns when all of it is in blocks.
pub fn send(server: SocketAddr, plan: &Plan, errands: Vec<Errand>) -> Result<Load> {
    runtime().block_on(async {
        let mut ready = Vec::new();
        let last = errands.iter().filter_map(|errand| errand.transactions.last()).next_back();
        let last = last.map(keccak256);
        for some in errands.chunks(OPENED_AT_ONCE) {
            let prepare = some.iter().map(|errand| prepare(server, plan, errand));
            ready.extend(try_join_all(prepare).await?);
        }
        let start = Instant::now();
        let tasks = ready
            .into_iter()
            .map(|(connection, requests)| tokio::spawn(connection.converse(requests, plan.window)));
        let answered = try_join_all(tasks.collect::<Vec<_>>()).await?;
        if let (false, Some(hash)) = (plan.final_answers, last) {
            let mut asking = Connection::open(server, Transport::Http).await?;
            let mined = async {
                while asking.ask("eth_getTransactionReceipt", json!([hash])).await?.is_null() {
                    tokio::time::sleep(LOOK).await;
                }
                anyhow::Ok(())
            };
            tokio::time::timeout(PATIENCE, mined)
                .await
                .context("the last one is in no block")??;
        }
        let elapsed = start.elapsed();
        let mut latencies = Vec::new();
        for answers in answered {
            for (took, answer) in answers? {
                check(&answer)?;
                latencies.push(took.as_secs_f64());
            }
        }
        latencies.truncate(if plan.window == 1 { latencies.len() } else { 0 });
        Ok(Load { elapsed, latencies })
    })
}

/// The number of the last block, as a new client is told.
pub fn height(server: SocketAddr) -> Result<Value> {
    runtime().block_on(async {
        Connection::open(server, Transport::Http).await?.ask("eth_blockNumber", json!([])).await
    })
}

/// Clients who are connected by WebSocket and wait for logs of an account that has none. They are there
/// as long as this.
pub struct Subscribers(Vec<JoinHandle<()>>);

impl Drop for Subscribers {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Connects so many of them.
pub fn subscribe(server: SocketAddr, count: usize) -> Result<Subscribers> {
    let one = |_| async move {
        let mut connection = Connection::open(server, Transport::WebSocket).await?;
        let filter = json!({ "address": Address::repeat_byte(0xee) });
        connection.ask("eth_subscribe", json!(["logs", filter])).await?;
        anyhow::Ok(connection)
    };
    runtime().block_on(async {
        let mut subscribers = Subscribers(Vec::new());
        while subscribers.0.len() < count {
            let some = 0..OPENED_AT_ONCE.min(count - subscribers.0.len());
            for connection in try_join_all(some.map(one)).await? {
                let Connection::WebSocket(mut socket) = connection else { continue };
                // Pings are answered by whoever reads.
                let read = async move { while socket.next().await.is_some() {} };
                subscribers.0.push(tokio::spawn(read));
            }
        }
        Ok(subscribers)
    })
}

async fn prepare(
    server: SocketAddr,
    plan: &Plan,
    errand: &Errand,
) -> Result<(Connection, Vec<String>)> {
    let mut connection = Connection::open(server, plan.transport).await?;
    if plan.asks {
        for sender in &errand.senders {
            connection.ask("eth_getTransactionCount", json!([sender, "pending"])).await?;
        }
    }
    let request = |transactions: &[Bytes]| {
        let one = |(id, transaction): (usize, &Bytes)| {
            let (method, hex) = (plan.method, hex::encode_prefixed(transaction));
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":["{hex}"]}}"#)
        };
        let all: Vec<_> = transactions.iter().enumerate().map(one).collect();
        if plan.batch == 1 { all.concat() } else { format!("[{}]", all.join(",")) }
    };
    Ok((connection, errand.transactions.chunks(plan.batch).map(request).collect()))
}

/// Whether an answer, or each in a batch of them, is a result and no failed payment's receipt.
fn check(answer: &str) -> Result<()> {
    let parsed: Value = serde_json::from_str(answer)?;
    let all = match &parsed {
        Value::Array(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    for one in all {
        let status = &one["result"]["status"];
        let failed = one["result"].is_null() || status.is_string() && status != "0x1";
        ensure!(!failed, "answered with {one}");
    }
    Ok(())
}

impl Connection {
    pub async fn open(server: SocketAddr, transport: Transport) -> Result<Self> {
        let socket = TcpStream::connect(server).await?;
        socket.set_nodelay(true)?;
        Ok(match transport {
            Transport::Http => {
                let (sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
                tokio::spawn(connection); // what goes wrong is seen by the sender
                Connection::Http(sender)
            }
            Transport::WebSocket => {
                let url = format!("ws://{server}/");
                let (socket, _) = tokio_tungstenite::client_async(url, socket).await?;
                Connection::WebSocket(Box::new(socket))
            }
        })
    }

    /// The result of one method.
    pub async fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        let request = json!({ "jsonrpc": "2.0", "id": 0, "method": method, "params": params });
        let answer: Value = serde_json::from_str(&self.exchange(request.to_string()).await?)?;
        ensure!(answer.get("error").is_none(), "{method}: {answer}");
        Ok(answer["result"].clone())
    }

    async fn exchange(&mut self, request: String) -> Result<String> {
        match self {
            Connection::Http(sender) => {
                let request = Request::post("/")
                    .header(header::HOST, "localhost")
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(Full::new(request.into()))?;
                sender.ready().await?;
                let response = sender.send_request(request).await?;
                ensure!(response.status() == StatusCode::OK, "{}", response.status());
                let body = response.into_body().collect().await?.to_bytes();
                Ok(String::from_utf8(body.into())?)
            }
            Connection::WebSocket(socket) => {
                socket.send(Message::text(request)).await?;
                text(socket).await
            }
        }
    }

    /// Sends everything, so many requests at a time; what each was answered, after what time.
    async fn converse(
        mut self,
        requests: Vec<String>,
        window: usize,
    ) -> Result<Vec<(Duration, String)>> {
        let mut answers = Vec::with_capacity(requests.len());
        match (&mut self, window) {
            (Connection::WebSocket(socket), 2..) => {
                let mut requests = requests.into_iter();
                let mut waited_for = 0;
                loop {
                    for request in requests.by_ref().take(window - waited_for) {
                        socket.feed(Message::text(request)).await?;
                        waited_for += 1;
                    }
                    socket.flush().await?;
                    if waited_for == 0 {
                        break;
                    }
                    answers.push((Duration::ZERO, text(socket).await?));
                    waited_for -= 1;
                }
            }
            _ => {
                for request in requests {
                    let start = Instant::now();
                    let answer = self.exchange(request).await?;
                    answers.push((start.elapsed(), answer));
                }
            }
        }
        Ok(answers)
    }
}

/// The next message.
async fn text(socket: &mut WebSocketStream<TcpStream>) -> Result<String> {
    while let Some(message) = socket.next().await {
        if let Message::Text(text) = message? {
            return Ok(text.to_string());
        }
    }
    bail!("the server hung up")
}
