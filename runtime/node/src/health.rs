//! `/health` and `/ready`: for whoever watches the node.

use crate::node::Node;
use jsonrpsee::server::{HttpBody, HttpRequest, HttpResponse};
use std::sync::Arc;

/// The answer to a request that is about the node's health.
pub fn answer<B>(node: &Arc<Node>, request: &HttpRequest<B>) -> Option<HttpResponse> {
    if request.method().as_str() != "GET" {
        return None;
    }
    let head = match request.uri().path() {
        "/health" => None,
        "/ready" => Some(node.chain().head().number),
        _ => return None,
    };
    let text = match head {
        None => "{\"status\":\"ok\"}\n".to_owned(),
        Some(block) => format!("{{\"status\":\"ready\",\"block\":{block}}}\n"),
    };
    let mut response = HttpResponse::new(HttpBody::from(text));
    let json = "application/json".parse().ok()?;
    response.headers_mut().insert("content-type", json);
    Some(response)
}
