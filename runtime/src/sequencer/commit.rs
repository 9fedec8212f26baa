//! Executed blocks to durable ones: one at a time, in order.
//!
//! Invariant: after a block that could not be committed none is.

use super::{Answer, Shared, work::Asker};
use crate::chain::Located;
use crate::error::Fault;
use crate::host::BlockEnv;
use crate::pipeline::seal::header;
use crate::types::{Block, BlockBody};
use std::sync::Arc;

/// An executed block, with those who wait for its transactions, in their order.
pub struct Job {
    pub block: BlockEnv,
    pub body: BlockBody,
    pub askers: Vec<Asker>,
}

impl Shared {
    /// Makes a block durable, and says what is to be answered.
    pub fn commit(&self, Job { block, body, askers }: Job) -> Vec<(Asker, Answer)> {
        let committed = match self.stopped() {
            Some(fault) => Err(fault),
            None => self.guard(|| self.make_durable(&block, body)),
        };
        let answer = |(index, asker)| match &committed {
            Ok(block) => (asker, Ok(Located { block: block.clone(), index })),
            Err(fault) => (asker, Err(fault.again().into())),
        };
        askers.into_iter().enumerate().map(answer).collect()
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
