//! `/health`, `/ready` and `/metrics`: for whoever watches the node.

use crate::node::Node;
use http::{HeaderValue, StatusCode};
use jsonrpsee::server::{HttpBody, HttpRequest, HttpResponse};
use std::sync::Arc;

const JSON: &str = "application/json";
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The answer to a request that is about the node's health. What is measured is not for everybody.
pub fn answer<B>(
    node: &Arc<Node>,
    request: &HttpRequest<B>,
    with_metrics: bool,
) -> Option<HttpResponse> {
    if request.method().as_str() != "GET" {
        return None;
    }
    let head = || node.chain().head().number;
    let (kind, text) = match request.uri().path() {
        "/health" => (JSON, "{\"status\":\"ok\"}\n".to_owned()),
        "/ready" if node.failure().is_some() => {
            let text = "{\"status\":\"failed\"}\n";
            let mut response = HttpResponse::new(HttpBody::from(text));
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return Some(response);
        }
        "/ready" => (JSON, format!("{{\"status\":\"ready\",\"block\":{}}}\n", head())),
        "/metrics" if with_metrics => (METRICS, node.metrics.text(&node.ledger(), head())),
        _ => return None,
    };
    let mut response = HttpResponse::new(HttpBody::from(text));
    response.headers_mut().insert("content-type", HeaderValue::from_static(kind));
    Some(response)
}
