//! Sends again what waited for an earlier nonce, as soon as that is in a block.
//!
//! One task does so, whoever wishes it: the sender of a transaction that just began to wait, whoever
//! hears of a block, whoever keeps house.
//!
//! Invariant: of a sender one transaction at a time is sent again, and waited for. Were it sent twice,
//! the second would be refused, and whoever sent it told that it failed while it does not.

use crate::limits::HOUSEKEEPING;
use crate::node::Node;
use crate::pool::Sealing;
use florin_runtime::types::Address;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};

/// A sender of whom something waits, and who wants to know when nothing of it can be sent any more.
pub type Wish = (Address, oneshot::Sender<()>);

/// Where wishes go.
#[derive(Debug, Clone)]
pub struct Wishes(mpsc::UnboundedSender<Wish>);

impl Wishes {
    /// A place for wishes, and where they come out.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Wish>) {
        // One for each transaction that began to wait since its sender's last run began.
        let (wishes, wished) = mpsc::unbounded_channel();
        (Wishes(wishes), wished)
    }

    /// Has everything of a sender sent that waits for nothing, and waits for that.
    pub async fn resume(&self, sender: Address) {
        let (done, is_done) = oneshot::channel();
        if self.0.send((sender, done)).is_ok() {
            let _ = is_done.await; // the node stops, and so does whoever waits
        }
    }
}

/// Sends again until the node stops.
pub async fn run(node: Arc<Node>, mut wished: mpsc::UnboundedReceiver<Wish>) {
    let (mut heads, mut ticks) = (node.heads.subscribe(), interval(HOUSEKEEPING));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut resumer = Resumer { node, going: HashMap::new(), running: FuturesUnordered::new() };
    let everybody = |node: &Node| node.ledger().pool.senders();
    loop {
        let senders = tokio::select! {
            wish = wished.recv() => match wish {
                Some((sender, done)) => {
                    resumer.begin(sender, Some(done));
                    continue;
                }
                None => return,
            },
            Some(sender) = resumer.running.next() => {
                resumer.ended(sender);
                continue;
            }
            head = heads.recv() => match head {
                Ok(block) => resumer.node.ledger().pool.concerned(&block),
                Err(RecvError::Lagged(_)) => everybody(&resumer.node),
                Err(RecvError::Closed) => return,
            },
            // What had no room is tried again.
            _ = ticks.tick() => everybody(&resumer.node),
        };
        senders.into_iter().for_each(|sender| resumer.begin(sender, None));
    }
}

struct Resumer {
    node: Arc<Node>,
    going: HashMap<Address, Going>,
    running: FuturesUnordered<BoxFuture<'static, Address>>,
}

/// What goes on for a sender.
#[derive(Default)]
struct Going {
    /// Who is told when this run ends.
    told: Vec<oneshot::Sender<()>>,
    /// There was another wish meanwhile, which takes another run.
    again: bool,
    told_next: Vec<oneshot::Sender<()>>,
}

impl Resumer {
    fn begin(&mut self, sender: Address, told: Option<oneshot::Sender<()>>) {
        match self.going.entry(sender) {
            Entry::Occupied(mut going) => {
                going.get_mut().again = true;
                going.get_mut().told_next.extend(told);
            }
            Entry::Vacant(entry) => {
                entry.insert(Going { told: told.into_iter().collect(), ..Going::default() });
                self.running.push(resume(self.node.clone(), sender));
            }
        }
    }

    fn ended(&mut self, sender: Address) {
        let Some(done) = self.going.remove(&sender) else { return };
        for told in done.told {
            let _ = told.send(()); // they may be gone
        }
        if done.again {
            self.going.insert(sender, Going { told: done.told_next, ..Going::default() });
            self.running.push(resume(self.node.clone(), sender));
        }
    }
}

/// One run: everything of a sender that waits for nothing, unless blocks are made on demand.
fn resume(node: Arc<Node>, sender: Address) -> BoxFuture<'static, Address> {
    async move {
        let ledger = node.ledger();
        while node.sealing() == Sealing::Immediately && ledger.pool.resume(sender).await {}
        sender
    }
    .boxed()
}
