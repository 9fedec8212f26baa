//! The storage part of an audit: the whole history, the state and the indexes, each checked against
//! the others.
//!
//! Every write of every block is folded into the commitment, which has to arrive at each header's
//! `state_root`, and at the end at what is in the state. So a value that changed anywhere, in
//! history or state, is found.

use super::{
    ACKNOWLEDGED, Progress, Store,
    acknowledged::{Acknowledged, HALF_A_MARK, Marks},
    commitment::Commitment,
    error::{Damage, Result, StoreError},
    index::SegmentIndex,
    journal::{Position, Tail, UNREADABLE},
    open::{anchor, check_anchor, check_state, read_config},
    recent::Changes,
    schema::{Counts, Head, INDEXES},
    state::State,
};
use crate::crypto::keccak256;
use crate::types::{B256, Block, U256};

/// What an audit of the storage found.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Verification {
    /// Blocks that were checked, with genesis.
    pub blocks: u64,
    /// What the state and the history hold.
    pub counts: Counts,
    /// The sum of all native balances, as of the last of these blocks.
    pub balances: U256,
    /// What is not as it should be; empty if all is well.
    pub findings: Vec<Damage>,
}

impl Verification {
    /// Damage is a finding; anything else keeps the audit from going on.
    fn note<T: Default>(&mut self, checked: Result<T>) -> Result<T> {
        match checked {
            Err(StoreError::Damaged(damage)) => self.findings.push(*damage),
            other => return other,
        }
        Ok(T::default())
    }
}

/// What the blocks so far amount to.
#[derive(Default)]
struct Fold {
    parent: B256,
    commitment: Commitment,
    transactions: u64,
    logs: u64,
    /// The index of the segment that the last block is in.
    index: Option<SegmentIndex>,
    /// Entries of the indexes that have to be in the tree.
    pages: u64,
}

impl Fold {
    /// Adds a block, whose writes move the commitment by so much, or says what is wrong with it.
    fn add(&mut self, block: &Block, moved: &Commitment) -> std::result::Result<(), &'static str> {
        let Block { header, hash, body } = block;
        if header.parent_hash != self.parent {
            return Err("the block names another parent than the block before it");
        }
        self.parent = *hash;
        self.commitment.join(moved);
        if self.commitment.digest() != header.state_root {
            return Err("the block's writes do not lead to the state that its header commits to");
        }
        let mut pairs = body.transactions.iter().zip(&body.receipts);
        let paired = body.transactions.len() == body.receipts.len()
            && pairs.all(|(raw, receipt)| keccak256(raw) == receipt.transaction);
        if !paired {
            return Err("the block's receipts are not those of its transactions");
        }
        self.transactions += body.receipts.len() as u64;
        self.logs += body.receipts.iter().map(|receipt| receipt.logs.len() as u64).sum::<u64>();
        Ok(())
    }

    /// Adds a block to the index of its segment. When that is full, it has to be in the tree.
    fn index(&mut self, state: &State, block: &Block, position: Position) -> Result<()> {
        let begins = self.index.as_ref().is_none_or(|index| index.segment() != position.segment);
        let next = begins.then(|| SegmentIndex::new((position, block.header.number)));
        if let Some(next) = next
            && let Some(full) = self.index.replace(next)
        {
            for (key, value) in full.pages() {
                if state.tree.get(&key)?.is_none_or(|found| found[..] != value[..]) {
                    return Err(state.damage("its indexes are not what the journal leads to"));
                }
                self.pages += 1;
            }
        }
        if let Some(index) = &mut self.index {
            index.add(block, position);
        }
        Ok(())
    }
}

impl Store {
    /// Checks everything on disk. Commits wait until it is done. `progress` counts bytes of the
    /// journal, then entries of the state.
    ///
    /// # Errors
    /// Only what keeps the check from going on, such as a disk that cannot be read; damage is in
    /// the result.
    pub fn verify(&self, progress: Progress) -> Result<Verification> {
        let writer = self.writer();
        // Then the tree has everything, and keeps it as long as nothing is committed.
        self.checkpoints.complete()?;
        let head = self.recent.head();
        let mut result = Verification { counts: head.counts, ..Verification::default() };
        let config = read_config(&self.dir);
        let config = config.and_then(|config| check_anchor(&self.dir, &self.journal, &config));
        result.note(config)?;
        let tail = writer.journal.tail();
        let path = self.dir.join(ACKNOWLEDGED);
        result.note(Acknowledged::read(&path).and_then(|marks| match marks {
            Marks { newest, .. } if newest != tail.mark() => {
                Err(Damage::repairable(path, "it does not name the last block"))
            }
            Marks { whole: false, .. } => Err(Damage::repairable(path, HALF_A_MARK)),
            _ => Ok(()),
        }))?;
        let bytes = self.journal.bytes()?;
        let total = bytes + head.counts.entries() + self.index.stored().entries;
        let history = self.verify_history(tail, &head, |at| {
            result.blocks += 1;
            progress(self.journal.bytes_before(at).min(bytes), total);
        });
        let unfolded = match &history {
            Err(StoreError::Damaged(damage)) => damage.block.map(|block| block + 1),
            _ => None,
        };
        result.note(history)?;
        // What follows damage cannot be added up any more, but each block still has its own hash.
        for number in unfolded.unwrap_or(u64::MAX)..=tail.number {
            result.blocks += u64::from(result.note(self.block(number))?.is_some());
        }
        let mut rest = |done, _| progress(bytes + done, total);
        let nothing = Changes::default();
        let checked =
            check_state(&self.state, &nothing, &self.index, &head, &self.head(), &mut rest);
        result.balances = result.note(checked)?;
        Ok(result)
    }

    /// Checks the blocks up to `tail`, and that they lead to what `head` says of the state and to
    /// the indexes that are in the tree.
    fn verify_history(
        &self,
        tail: Tail,
        head: &Head,
        mut visited: impl FnMut(Position),
    ) -> Result<()> {
        let damage = |at: Position, block, what| {
            Damage::history(self.journal.path(at.segment), at.offset, block, what)
        };
        let mut fold = Fold::default();
        let anchor = Some(anchor(&self.config));
        let mark = Some(tail.mark());
        let found = self.journal.scan(
            Position::FIRST,
            0,
            anchor,
            mark,
            Commitment::of,
            |at, block, moved| {
                visited(at);
                let number = Some(block.header.number);
                fold.add(&block, &moved).map_err(|what| damage(at, number, what))?;
                fold.index(&self.state, &block, at)
            },
        )?;
        if found != tail {
            let number = found.number + 1;
            let at = self.index.position(&self.state.tree, number)?.unwrap_or(found.end);
            return Err(damage(at, Some(number), UNREADABLE));
        }
        let mut pages = 0;
        for page in self.state.tree.range(&INDEXES.start, &INDEXES.end) {
            page?;
            pages += 1;
        }
        let agree = fold.commitment == head.commitment
            && fold.pages == pages
            && (fold.transactions, fold.logs) == (head.counts.transactions, head.counts.logs);
        if agree { Ok(()) } else { Err(self.state.damage("it is not what the journal leads to")) }
    }
}
