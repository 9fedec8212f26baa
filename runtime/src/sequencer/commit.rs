//! Executed blocks to durable ones: one thread, in order.
//!
//! Invariant: after a block that could not be committed none is.

use super::{Shared, intake::Asker};
use crate::chain::Located;
use crate::error::Fault;
use crate::host::BlockEnv;
use crate::pipeline::seal::header;
use crate::types::{Block, BlockBody};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// An executed block, with those who wait for its transactions, in their order.
pub struct Job {
    pub block: BlockEnv,
    pub body: BlockBody,
    pub askers: Vec<Asker>,
}

impl Shared {
    /// Commits until nothing more comes.
    pub fn commit(&self, todo: &Receiver<Job>) {
        for Job { block, body, askers } in todo {
            let committed = match self.stopped() {
                Some(fault) => Err(fault),
                None => self.guard(|| self.make_durable(&block, body)),
            };
            self.intake.end_commit();
            self.intake.answer(askers.into_iter().enumerate().map(|(index, asker)| {
                let answer = match &committed {
                    Ok(block) => Ok(Located { block: block.clone(), index }),
                    Err(fault) => Err(fault.again().into()),
                };
                (asker, answer)
            }));
        }
    }

    fn make_durable(&self, block: &BlockEnv, body: BlockBody) -> Result<Arc<Block>, Fault> {
        let Shared { chain, .. } = self;
        let mut commitment = chain.store.commitment();
        commitment.apply(&body.writes);
        let parent = chain.store.head().hash();
        let header = header(&chain.genesis, parent, block, &body, commitment.digest());
        let block = Block::new(header, body);
        chain.commit(&block, commitment)?;
        Ok(Arc::new(block))
    }
}
