//! A node as its clients have it: alloy's provider and raw requests, over HTTP and WebSocket.

mod agreement;
mod bounds;
mod development;
mod operation;
mod sending;
mod support;
mod watching;
