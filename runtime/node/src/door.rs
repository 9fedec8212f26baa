//! What every request passes: batches side by side, and words for what is not there.
//!
//! Invariant: the requests of a batch begin in its order, and its answers come in that order.

use crate::connection::Connection;
use crate::ethereum::{self, LIMIT_EXCEEDED};
use crate::limits::{BATCH_AT_ONCE, READS, READS_WAITING, RESPONSE_BYTES};
use crate::metrics::Metrics;
use crate::rate::Rate;
use futures_util::future::Either;
use futures_util::stream::{self, StreamExt};
use jsonrpsee::core::middleware::{Batch, BatchEntry, Notification};
use jsonrpsee::server::middleware::rpc::RpcServiceT;
use jsonrpsee::server::{BatchResponseBuilder, MethodResponse};
use jsonrpsee::types::error::{INVALID_PARAMS_CODE, INVALID_REQUEST_CODE, METHOD_NOT_FOUND_CODE};
use jsonrpsee::types::{ErrorObjectOwned, Id, Request};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::HashMap;
use std::future::{Future, ready};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Methods that are not there, and why.
pub type Refused = Arc<[(&'static str, &'static str)]>;

/// By what a request came; without this, by nothing that could be told something later.
#[derive(Debug, Clone, Copy)]
pub struct WebSocket;

/// The service behind it, and who stands before it.
#[derive(Clone)]
pub struct Door<S> {
    service: S,
    guards: Guards,
}

/// How many parameters each method has at most. Made from the traits by a test (`just bless`).
const PARAMETERS: &str = include_str!("rpc/parameters.txt");

/// How many parameters a method has at most; `None` if that is not known.
fn parameters(method: &str) -> Option<usize> {
    static KNOWN: LazyLock<HashMap<&str, usize>> = LazyLock::new(|| {
        let lines = PARAMETERS.lines().filter_map(|line| line.split_once(' '));
        lines.filter_map(|(name, count)| Some((name, count.parse().ok()?))).collect()
    });
    KNOWN.get(method).copied()
}

/// What every request is held against.
#[derive(Clone)]
pub struct Guards {
    /// Names of methods that are not there because they are for development.
    pub refused: Refused,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Who may read.
    pub reads: Arc<Reads>,
    /// Who may ask how often.
    pub rate: Option<Arc<Rate>>,
}

/// Whether a method sends a transaction.
fn is_send(method: &str) -> bool {
    method.starts_with("eth_send") || method == "florin_submit"
}

/// Who may read: so many at a time, and so many more wait.
pub struct Reads {
    turns: Semaphore,
    waiting: AtomicUsize,
}

impl Default for Reads {
    fn default() -> Self {
        Reads { turns: Semaphore::new(READS), waiting: AtomicUsize::new(0) }
    }
}

impl Reads {
    /// A turn; `None` if too many wait for one.
    async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Some(turn);
        }
        let waits = Waits::begin(&self.waiting)?;
        let turn = self.turns.acquire().await.ok();
        drop(waits);
        turn
    }

    fn refusal() -> ErrorObjectOwned {
        let text = format!("{READS_WAITING} requests wait for an answer already; try again later");
        ErrorObjectOwned::owned(LIMIT_EXCEEDED, text, None::<()>)
    }
}

/// Somebody who waits, until dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(count: &'a AtomicUsize) -> Option<Self> {
        let before = count.fetch_add(1, Ordering::Relaxed);
        let waits = Waits(count);
        (before < READS_WAITING).then_some(waits)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S> Door<S> {
    /// A door before `service`.
    pub fn new(service: S, guards: Guards) -> Self {
        Door { service, guards }
    }

    /// Why a request is not even tried.
    fn refusal(&self, request: &Request<'_>) -> Option<ErrorObjectOwned> {
        let method = request.method_name();
        let refused = self.guards.refused.iter().find(|(name, _)| *name == method);
        let text = if let Some((_, why)) = refused {
            format!("the method {method} is not available: {why}")
        } else if matches!(method, "eth_subscribe" | "eth_unsubscribe")
            && request.extensions().get::<WebSocket>().is_none()
        {
            "notifications not supported: connect by WebSocket".to_owned()
        } else {
            let most = parameters(method)?;
            let given: Vec<IgnoredAny> =
                serde_json::from_str(request.params.as_ref()?.get()).ok()?;
            let text = format!("too many arguments, want at most {most}");
            return (given.len() > most).then(|| ethereum::invalid(text));
        };
        Some(ErrorObjectOwned::owned(METHOD_NOT_FOUND_CODE, text, None::<()>))
    }
}

/// What an error says, as it goes to the client.
#[derive(Deserialize)]
struct Failed {
    error: Said,
}

#[derive(Deserialize)]
struct Said {
    data: Option<String>,
}

/// Says which method it was that is not there, and what is wrong with the parameters where people
/// look.
fn explained(response: MethodResponse, method: &str, id: Id<'_>) -> MethodResponse {
    let (code, text) = match response.as_error_code() {
        Some(code @ METHOD_NOT_FOUND_CODE) => {
            (code, format!("the method {method} does not exist/is not available"))
        }
        Some(code @ INVALID_PARAMS_CODE) => {
            let said = serde_json::from_str::<Failed>(response.as_json().get());
            match said.ok().and_then(|failed| failed.error.data) {
                Some(why) => (code, format!("invalid params: {why}")),
                None => return response,
            }
        }
        _ => return response,
    };
    MethodResponse::error(id, ErrorObjectOwned::owned(code, text, None::<()>))
}

impl<S> RpcServiceT for Door<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type BatchResponse = MethodResponse;
    type NotificationResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let connection = Connection::of(request.extensions());
        let rate = self.guards.rate.as_ref();
        let in_time = rate.map_or(Ok(()), |rate| rate.count(connection.client));
        if let Some(refusal) = in_time.err().or_else(|| self.refusal(&request)) {
            return Either::Left(ready(MethodResponse::error(request.id, refusal)));
        }
        let (method, id) = (request.method.to_string(), request.id.clone());
        let connection = connection.source;
        let answer = self.service.call(request);
        let Guards { metrics, reads, .. } = self.guards.clone();
        Either::Right(async move {
            let (begin, number) = (Instant::now(), metrics.number());
            // Who sends waits for nobody who reads.
            let _turn = match is_send(&method) {
                true => None,
                false => match reads.enter().await {
                    Some(turn) => Some(turn),
                    None => return MethodResponse::error(id, Reads::refusal()),
                },
            };
            let answer = explained(answer.await, &method, id);
            let (took, code) = (begin.elapsed(), answer.as_error_code());
            metrics.answered(&method, code.is_some(), took);
            tracing::debug!(request = number, connection, method, ?code, ?took, "answered");
            answer
        })
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let this = self.clone();
        async move {
            let mut notified = false;
            let answers = batch.into_iter().filter_map(|entry| match entry {
                Ok(BatchEntry::Call(request)) => Some(Either::Left(this.call(request))),
                Ok(BatchEntry::Notification(_)) => {
                    notified = true;
                    None
                }
                Err(error) => {
                    let (error, id) = error.into_parts();
                    Some(Either::Right(ready(MethodResponse::error(id, error))))
                }
            });
            let answers: Vec<_> = answers.collect();
            let mut answers = stream::iter(answers).buffered(BATCH_AT_ONCE);
            let mut all = BatchResponseBuilder::new_with_limit(RESPONSE_BYTES as usize);
            while let Some(answer) = answers.next().await {
                if let Err(too_large) = all.append(answer) {
                    return too_large;
                }
            }
            match (all.is_empty(), notified) {
                (true, true) => MethodResponse::notification(),
                (true, false) => {
                    let text = "empty batch";
                    let error = ErrorObjectOwned::owned(INVALID_REQUEST_CODE, text, None::<()>);
                    MethodResponse::error(Id::Null, error)
                }
                _ => MethodResponse::from_batch(all.finish()),
            }
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.service.notification(notification)
    }
}
