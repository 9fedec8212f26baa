//! The socket: HTTP and WebSocket connections, and what must hold before a request is answered.
//!
//! Invariant: what one client sends is bounded in size and number before anything is done for it.

use crate::config::Config;
use crate::connection::Connection;
use crate::door::{Door, Guards, Refused, WebSocket};
use crate::limits::*;
use crate::node::Node;
use crate::tls::Certificates;
use crate::{SpawnError, health};
use alloy_primitives::keccak256;
use http::StatusCode;
use http_body::Body as _;
use jsonrpsee::server::middleware::http::HostFilterLayer;
use jsonrpsee::server::middleware::rpc::RpcServiceBuilder;
use jsonrpsee::server::{
    BatchRequestConfig, HttpBody, HttpRequest, HttpResponse, IdProvider, Methods, PingConfig,
    Server, ServerConfig as Limits, StopHandle, serve_with_graceful_shutdown, ws,
};
use jsonrpsee::types::SubscriptionId;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tower::{Service, ServiceBuilder};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};
use tower_http::timeout::RequestBodyTimeoutLayer;

/// What is served, and to whom.
pub struct Served {
    /// The methods.
    pub methods: Methods,
    /// Names of methods that are not there, and why.
    pub refused: Refused,
    /// Which pages and which names may reach them.
    pub layers: Layers,
    /// To whom.
    pub to: Audience,
}

/// Who is answered.
#[derive(Clone)]
pub enum Audience {
    /// Everybody, encrypted if there are certificates.
    Public(Option<Arc<Certificates>>),
    /// Who watches over the node: everybody who reaches that place.
    Watchers,
    /// Whoever proves to be one, by a certificate and a token.
    Administrators(Arc<ServerConfig>, Arc<str>),
}

impl Audience {
    /// What the next connection is encrypted with.
    fn tls(&self) -> Option<TlsAcceptor> {
        match self {
            Audience::Public(certificates) => Some(certificates.as_ref()?.config().into()),
            Audience::Watchers => None,
            Audience::Administrators(config, _) => Some(config.clone().into()),
        }
    }

    /// Whether a request proves that it may be answered. What is compared are hashes, so how long that
    /// takes tells nothing about the token.
    fn admits<B>(&self, request: &HttpRequest<B>) -> bool {
        let Audience::Administrators(_, token) = self else { return true };
        let given = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer "));
        given.is_some_and(|given| keccak256(given) == keccak256(&**token))
    }
}

/// The names by which a node on the loopback is called, unless its operator names others.
const LOOPBACK: [&str; 3] = ["localhost:*", "127.0.0.1:*", "[::1]:*"];

/// Answers whoever connects, until it is told to stop and all have left.
pub async fn serve(listener: TcpListener, node: Arc<Node>, served: Served, stop: StopHandle) {
    let Served { methods, refused, layers, to } = served;
    let is_public = matches!(to, Audience::Public(_));
    // Whoever administers it may ask as often as it takes, and wait as long.
    let rate = node.rate.clone().filter(|_| is_public);
    let idle = (!matches!(to, Audience::Administrators(..))).then_some(node.config.idle);
    let (metrics, reads) = (node.metrics.clone(), Arc::default());
    let guards = Guards { refused, metrics, reads, rate };
    let rpc = RpcServiceBuilder::new().layer_fn(move |service| Door::new(service, guards.clone()));
    let http = ServiceBuilder::new()
        .option_layer(layers.cors.clone())
        .layer(layers.hosts.clone())
        .layer(RequestBodyTimeoutLayer::new(BODY_PAUSE));
    let builder = Server::builder()
        .set_config(limits())
        .set_rpc_middleware(rpc)
        .set_http_middleware(http)
        .to_service_builder();
    let room = if is_public { node.config.connections as usize } else { PRIVATE_CONNECTIONS };
    let room = Arc::new(Semaphore::new(room));
    let mut number = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.clone().shutdown() => return,
        };
        let (socket, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Most likely there are too many; others have to end first.
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Whoever is one too many is not answered at all: to refuse takes what there is no more of.
        let Ok(place) = room.clone().try_acquire_owned() else { continue };
        let _ = socket.set_nodelay(true); // slower without, not wrong
        number += 1;
        let connection = Connection::new(number, client.ip());
        let (builder, methods, node) = (builder.clone(), methods.clone(), node.clone());
        let (tls, to, origins) = (to.tls(), to.clone(), layers.origins.clone());
        let (stop, stopped) = (stop.clone(), stop.clone().shutdown());
        let service = tower::service_fn(move |mut request: HttpRequest<_>| {
            request.extensions_mut().insert(connection.clone());
            let is_socket = ws::is_upgrade_request(&request);
            if is_socket {
                request.extensions_mut().insert(WebSocket);
            }
            let early = if !to.admits(&request) {
                Some(refuse(StatusCode::UNAUTHORIZED, "this needs the node's token"))
            } else if is_socket && !origins.admit(&request) {
                Some(refuse(StatusCode::FORBIDDEN, "pages of this origin are not let in"))
            } else {
                match health::answer(&node, &request, !is_public) {
                    None if matches!(to, Audience::Watchers) => Some(refuse(
                        StatusCode::NOT_FOUND,
                        "there are /metrics, /health and /ready",
                    )),
                    answer => answer,
                }
            };
            let mut service = builder.clone().build(methods.clone(), stop.clone());
            async move {
                match early {
                    Some(answer) => Ok(answer),
                    None => service.call(request).await.map(amend).map_err(io::Error::other),
                }
            }
        });
        let mut socket = TimeoutStream::new(socket);
        socket.set_read_timeout(idle);
        socket.set_write_timeout(idle);
        let socket = Box::pin(socket);
        tokio::spawn(async move {
            let served = match tls {
                None => serve_with_graceful_shutdown(socket, service, stopped).await,
                Some(acceptor) => match timeout(HANDSHAKE, acceptor.accept(socket)).await {
                    Ok(Ok(socket)) => serve_with_graceful_shutdown(socket, service, stopped).await,
                    Ok(Err(error)) => Err(error.into()),
                    Err(late) => Err(late.into()),
                },
            };
            if let Err(error) = served {
                tracing::debug!(%error, "a connection ended");
            }
            drop(place);
        });
    }
}

/// What jsonrpsee says where nothing is to be said, to a notification: no answer is as short.
const NOTHING: &str = "null";

/// A request that cannot be read to its end is its sender's mistake; no method ends like that. And a
/// notification is not answered.
fn amend(mut response: HttpResponse) -> HttpResponse {
    if response.body().size_hint().exact() == Some(NOTHING.len() as u64) {
        *response.body_mut() = HttpBody::empty();
    }
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
}

fn refuse(status: StatusCode, why: &str) -> HttpResponse {
    let mut response = HttpResponse::new(HttpBody::from(format!("{why}\n")));
    *response.status_mut() = status;
    response
}

fn limits() -> Limits {
    Limits::builder()
        .max_request_body_size(REQUEST_BYTES)
        .max_response_body_size(RESPONSE_BYTES)
        .max_connections(CONNECTIONS)
        .max_subscriptions_per_connection(SUBSCRIPTIONS_PER_CONNECTION)
        .set_message_buffer_capacity(SUBSCRIPTION_BUFFER)
        .set_batch_request_config(BatchRequestConfig::Limit(BATCH_REQUESTS))
        .enable_ws_ping(PingConfig::new())
        .set_id_provider(Names)
        .build()
}

/// What stands before the methods: which pages and which names may reach them.
pub struct Layers {
    /// None while no page is let in: a browser that is told nothing refuses by itself.
    cors: Option<CorsLayer>,
    hosts: HostFilterLayer,
    origins: Origins,
}

/// The origins of pages that are let in. Browsers ask before a page gets an answer by HTTP, but not
/// before it opens a WebSocket.
#[derive(Clone)]
struct Origins(Arc<[String]>);

impl Origins {
    /// Whether a request is no page's, or one that is let in.
    fn admit<B>(&self, request: &HttpRequest<B>) -> bool {
        let Some(origin) = request.headers().get("origin") else { return true };
        self.0.iter().any(|known| known == "*" || known.as_bytes() == origin.as_bytes())
    }
}

impl Layers {
    /// Everybody; no page.
    pub fn open() -> Self {
        let origins = Origins(Arc::new([]));
        Layers { cors: None, hosts: HostFilterLayer::disable(), origins }
    }

    /// As the operator decided.
    ///
    /// # Errors
    /// An origin or a host is none.
    pub fn new(config: &Config) -> Result<Self, SpawnError> {
        let hosts = match config.hosts.as_slice() {
            // A name that is pointed to this machine for its sake is none of its own.
            [] if config.listen.ip().is_loopback() => HostFilterLayer::new(LOOPBACK)
                .map_err(|error| SpawnError::Host(error.to_string()))?,
            [] => HostFilterLayer::disable(),
            hosts => HostFilterLayer::new(hosts.iter().map(String::as_str))
                .map_err(|error| SpawnError::Host(error.to_string()))?,
        };
        let origins = if config.origins.iter().any(|origin| origin == "*") {
            AllowOrigin::any()
        } else {
            let header =
                |origin: &String| origin.parse().map_err(|_| SpawnError::Origin(origin.clone()));
            AllowOrigin::list(config.origins.iter().map(header).collect::<Result<Vec<_>, _>>()?)
        };
        let cors = CorsLayer::new().allow_origin(origins).allow_methods(Any).allow_headers(Any);
        let cors = (!config.origins.is_empty()).then_some(cors);
        Ok(Layers { cors, hosts, origins: Origins(config.origins.clone().into()) })
    }
}

/// Names of subscriptions as geth's: 16 random bytes in hex.
#[derive(Debug)]
struct Names;

impl IdProvider for Names {
    fn next_id(&self) -> SubscriptionId<'static> {
        format!("{:#034x}", rand::random::<u128>()).into()
    }
}
