//! The node that has the ledger open, asked for what a command would otherwise do itself.
//!
//! A node leaves in its ledger's folder what opens its administrative interface; whoever may read the
//! folder's private files may use it.
//!
//! Invariant: an answer is what the same function would return on a ledger that is open here.

use crate::{exit::Exit, files};
use anyhow::{Context, Result, anyhow};
use florin_node::{Access, rpc::REJECTED};
use jsonrpsee::core::ClientError;
use jsonrpsee::http_client::{HeaderMap, HeaderValue, HttpClient};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::runtime::Runtime;

/// The file that a node leaves.
const FILE: &str = "node.json";
/// How long an answer may take: an audit of a long history takes minutes.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// Leaves what opens a node's administrative interface; it goes when what is returned is dropped.
pub fn leave(access: &Access, dir: &Path) -> Result<Left> {
    let path = dir.join(FILE);
    files::write(&path, &serde_json::to_vec_pretty(access)?)?;
    Ok(Left(path))
}

/// What a node left; `None` if there is nothing.
pub fn find(dir: &Path) -> Result<Option<Access>> {
    let path = dir.join(FILE);
    let text = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let access = serde_json::from_slice(&text);
    access
        .map(Some)
        .with_context(|| format!("{} is not what a node of this version leaves", path.display()))
}

/// The file that says where a node is.
pub struct Left(PathBuf);

impl Drop for Left {
    fn drop(&mut self) {
        // One that stays misleads nobody: there is no answer at that place.
        let _ = fs::remove_file(&self.0);
    }
}

/// A node that answers.
pub struct Remote {
    runtime: Runtime,
    /// What asks it.
    pub client: HttpClient,
}

impl Remote {
    /// The node that `access` opens. That it is there shows with the first answer.
    pub fn at(access: &Access) -> Result<Self> {
        let mut headers = HeaderMap::new();
        let token = HeaderValue::from_str(&format!("Bearer {}", access.token));
        headers.insert("authorization", token.context("the node's token is none")?);
        let client = HttpClient::builder()
            .set_headers(headers)
            .request_timeout(PATIENCE)
            .max_request_size(florin_node::limits::REQUEST_BYTES)
            .max_response_size(florin_node::limits::RESPONSE_BYTES)
            .with_custom_cert_store(access.client_config()?)
            .build(format!("https://{}", access.administration))?;
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().context("no thread to ask the node with")?;
        Ok(Remote { runtime, client })
    }

    /// The answer to a question.
    pub fn ask<T>(&self, question: impl Future<Output = Result<T, ClientError>>) -> Result<T> {
        self.runtime.block_on(question).map_err(|error| match error {
            ClientError::Call(refusal) if refusal.code() == REJECTED => {
                Exit::Rejected.because(refusal.message())
            }
            ClientError::Call(refusal) => anyhow!("{}", refusal.message()),
            other => anyhow!("the node that has the ledger open does not answer: {other}"),
        })
    }
}
