//! Executed blocks to durable ones, in order: a block is sealed while the one before it is written.
//!
//! Invariant: after a block that could not be committed none is.

use super::{Answer, Shared, work::Asker};
use crate::chain::Located;
use crate::error::Fault;
use crate::host::BlockEnv;
use crate::pipeline::seal::header;
use crate::store::Commitment;
use crate::types::{B256, Block, BlockBody};
use std::sync::Arc;

/// An executed block, with those who wait for its transactions, in their order.
pub struct Job {
    pub block: BlockEnv,
    pub body: BlockBody,
    pub askers: Vec<Asker>,
}

/// A block that is ready to be written, or why there is none, and who waits for it.
pub struct Sealed {
    block: Result<(Arc<Block>, Commitment), Fault>,
    askers: Vec<Asker>,
}

/// What the next block is sealed over.
#[derive(Default)]
pub struct Sealer {
    /// The last block's hash, and what the state amounts to after it; `None` if that is durable.
    last: Option<(B256, Commitment)>,
}

impl Shared {
    /// Makes a block of what was executed.
    pub fn seal(&self, sealer: &mut Sealer, Job { block, body, askers }: Job) -> Sealed {
        let block = self.guard(|| {
            let (parent, mut commitment) = sealer.last.take().unwrap_or_else(|| {
                let head = self.chain.parts.store.head();
                (head.hash(), self.chain.parts.store.commitment())
            });
            commitment.apply(&body.writes);
            let header =
                header(&self.chain.parts.genesis, parent, &block, &body, commitment.digest());
            let block = Block::new(header, body);
            sealer.last = Some((block.hash, commitment.clone()));
            Ok((Arc::new(block), commitment))
        });
        Sealed { block, askers }
    }

    /// Makes a block durable, and says what is to be answered.
    pub fn commit(&self, Sealed { block, askers }: Sealed) -> Vec<(Asker, Answer)> {
        let committed = match self.stopped() {
            Some(fault) => Err(fault),
            None => self.guard(|| {
                let (block, commitment) = block?;
                self.chain.commit(&block, commitment)?;
                Ok(block)
            }),
        };
        let answer = |(index, asker)| match &committed {
            Ok(block) => (asker, Ok(Located { block: block.clone(), index })),
            Err(fault) => (asker, Err(fault.again().into())),
        };
        askers.into_iter().enumerate().map(answer).collect()
    }
}
