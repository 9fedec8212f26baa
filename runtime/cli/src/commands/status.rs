//! `florin status`: whether a node has the ledger open, and how it is.

use crate::{
    context::Context,
    exit::Exit,
    output::{Report, fields},
    remote::{self, Remote},
    time,
};
use anyhow::Result;
use florin_node::rpc::{FlorinApiClient, Status};
use serde::Serialize;

/// Arguments of `florin status`.
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Serialize)]
struct Running {
    #[serde(flatten)]
    status: Status,
    administration: String,
}

impl Report for Running {
    fn text(&self) -> String {
        let Status { version, address, encrypted, block, timestamp, waiting, uptime } =
            &self.status;
        let secure = if *encrypted { "s" } else { "" };
        let waiting = match waiting {
            0 => "none".to_owned(),
            1 => "1 transaction".to_owned(),
            many => format!("{many} transactions"),
        };
        fields([
            ("node", format!("florin {version}, for {uptime} s")),
            ("http", format!("http{secure}://{address}")),
            ("websocket", format!("ws{secure}://{address}")),
            ("administration", self.administration.clone()),
            ("block", format!("{block}, {}", time::display(*timestamp))),
            ("waiting", waiting),
        ])
    }
}

/// Shows how the node is; that there is none is a failure.
pub fn run(_: Args, context: &Context) -> Result<()> {
    let none = || format!("no node has the ledger in {} open", context.dir.display());
    let access = remote::find(&context.dir)?.ok_or_else(|| Exit::Failure.because(none()))?;
    let node = Remote::at(&access)?;
    let status = node.ask(node.client.status()).map_err(|error| error.context(none()))?;
    let administration = format!("https://{}", access.administration);
    context.out.show(&Running { status, administration })
}
