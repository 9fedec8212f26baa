//! Whether the ledger is what it says: [`Chain::audit`] re-derives every hash, signature and
//! balance from what is on disk; [`Chain::replay`] executes the whole history again from genesis
//! and has to arrive at the same blocks.

use crate::chain::Chain;
use crate::error::Fault;
use crate::pipeline::receive;
use crate::pipeline::seal::{self, environment};
use crate::sandbox;
use crate::state::{Overlay, StateView};
use crate::store::{Commitment, Progress, Verification};
use crate::types::{Account, Address, B256, Block, Bytes, StateKey, U256, Write};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// What an audit found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Audit {
    /// What the store was checked for: journal, state, indexes.
    pub storage: Verification,
    /// What is wrong with the meaning of what is stored; empty if all is well.
    pub findings: Vec<String>,
    /// The sum of all native balances.
    pub supply: U256,
}

impl Audit {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.storage.findings.is_empty() && self.findings.is_empty()
    }
}

impl Chain {
    /// Checks everything on disk against everything else. Commits wait for part of it.
    ///
    /// # Errors
    /// Only what keeps the audit from going on; what is wrong is in the result.
    pub fn audit(&self, progress: Progress<'_>) -> Result<Audit, Fault> {
        let storage = self.parts.store.verify(progress)?;
        let mut audit = Audit { storage, ..Audit::default() };
        if !audit.storage.findings.is_empty() {
            return Ok(audit); // what cannot be read cannot be understood
        }
        let last = self.head().number;
        let mut parent: Option<Block> = None;
        for number in 0..=last {
            progress(number, last);
            let Some(block) = self.parts.store.block(number)? else {
                audit.findings.push(format!("block {number} is missing"));
                continue;
            };
            self.audit_block(parent.as_ref(), &block, &mut audit.findings);
            parent = Some(block);
        }
        audit.supply = audit.storage.balances;
        let expected = self.parts.genesis.supply().unwrap_or_default();
        // In a sandbox money comes and goes as its holder pleases.
        if audit.supply != expected && !self.parts.genesis.sandbox {
            let found = audit.supply;
            audit
                .findings
                .push(format!("the balances add up to {found}, the genesis allocated {expected}"));
        }
        Ok(audit)
    }

    fn audit_block(&self, parent: Option<&Block>, block: &Block, findings: &mut Vec<String>) {
        let Block { header, body, .. } = block;
        let number = header.number;
        let mut check = |holds: bool, what: &str| {
            if !holds {
                findings.push(format!("block {number}: {what}"));
            }
        };
        let expected = match parent {
            None => self.parts.genesis.block(self.parts.store.genesis_config()).header,
            Some(parent) => {
                let (number, time) = (parent.header.number, parent.header.timestamp);
                let block = environment(&self.parts.genesis, number, time, header.timestamp);
                seal::header(&self.parts.genesis, parent.hash, &block, body, header.state_root)
            }
        };
        check(*header == expected, "the header is not that of its transactions and receipts");
        let mut gas = 0;
        for (bytes, receipt) in body.transactions.iter().zip(&body.receipts) {
            let intent = receive(bytes, &self.parts.genesis);
            let signed = intent.is_ok_and(|intent| {
                (intent.sender, intent.hash) == (receipt.sender, receipt.transaction)
            });
            check(signed, "a receipt is not that of the transaction's signer");
            gas += receipt.gas_used;
            check(receipt.cumulative_gas_used == gas, "the gas does not add up");
            let parts: u64 = receipt.gas.parts().iter().map(|(_, gas)| gas).sum();
            check(parts == receipt.gas_used, "a gas report does not add up");
        }
    }

    /// Executes the whole history again, in memory, and compares every block with the one that is
    /// stored. Returns the number of blocks executed and the first difference, if there is any.
    ///
    /// # Errors
    /// Only what keeps the replay from going on, such as a block that cannot be read.
    pub fn replay(&self, progress: Progress<'_>) -> Result<(u64, Option<String>), Fault> {
        let last = self.head().number;
        let missing = Fault::Bug("a block is missing");
        let mut parent = self.parts.store.block(0)?.ok_or(missing)?;
        let genesis = self.parts.genesis.block(self.parts.store.genesis_config());
        if let Some(difference) = difference(Some(&genesis), &parent) {
            return Ok((0, Some(format!("block 0: {difference}"))));
        }
        let (state, mut commitment) = (Arc::new(Replayed::default()), Commitment::default());
        state.apply(&self.parts.genesis.writes());
        commitment.apply(&self.parts.genesis.writes());
        for number in 1..=last {
            progress(number, last);
            let stored = self.parts.store.block(number)?.ok_or(Fault::Bug("a block is missing"))?;
            if sandbox::is_adjustment(&self.parts.genesis, &stored) {
                // Nothing leads to it but its holder's will; what it amounts to is what it says.
                state.apply(&stored.body.writes);
                commitment.apply(&stored.body.writes);
                let (before, time) = (&parent.header, stored.header.timestamp);
                let block = environment(&self.parts.genesis, before.number, before.timestamp, time);
                let (root, body) = (commitment.digest(), stored.body.clone());
                let header = seal::header(&self.parts.genesis, parent.hash, &block, &body, root);
                if let Some(difference) = difference(Some(&Block::new(header, body)), &stored) {
                    return Ok((number, Some(format!("block {number}: {difference}"))));
                }
                parent = stored;
                continue;
            }
            let overlay = Overlay::new(state.clone());
            let mut next = commitment.clone();
            let sealed = seal::seal(
                &self.parts.genesis,
                (&parent.header, parent.hash),
                stored.header.timestamp,
                stored.body.transactions.clone(),
                overlay,
                &self.parts.vm,
                |writes| {
                    next.apply(writes);
                    next.digest()
                },
            )?;
            if let Some(difference) = difference(sealed.block.as_deref(), &stored) {
                return Ok((number, Some(format!("block {number}: {difference}"))));
            }
            state.apply(&stored.body.writes);
            commitment = next;
            parent = stored;
        }
        Ok((last, None))
    }
}

fn difference(executed: Option<&Block>, stored: &Block) -> Option<String> {
    let Some(executed) = executed else {
        return Some("none of its transactions was admitted".into());
    };
    if executed == stored {
        return None;
    }
    let receipts = executed.body.receipts.iter().zip(&stored.body.receipts);
    if let Some(index) = receipts.into_iter().position(|(one, other)| one != other) {
        return Some(format!("the receipt of transaction {index} is different"));
    }
    if executed.body.writes != stored.body.writes {
        return Some("its changes to the state are different".into());
    }
    Some(format!("its hash is {}, stored is {}", executed.hash, stored.hash))
}

/// State in memory, for replay.
#[derive(Default)]
struct Replayed(RwLock<HashMap<StateKey, Bytes>>);

impl Replayed {
    fn apply(&self, writes: &[Write]) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for write in writes {
            match &write.after {
                Some(value) => state.insert(write.key.clone(), value.clone()),
                None => state.remove(&write.key),
            };
        }
    }

    fn get(&self, key: &StateKey) -> Option<Bytes> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}

impl StateView for Replayed {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        let Some(bytes) = self.get(&StateKey::Account(*address)) else { return Ok(None) };
        Account::from_bytes(&bytes).map(Some).ok_or(Fault::Bug("an account cannot be decoded"))
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.get(&StateKey::Storage(*address, Bytes::copy_from_slice(key))))
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        Ok(self.get(&StateKey::Code(*hash)))
    }
}
