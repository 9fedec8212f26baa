//! Reads: what is at the head, and what was done when.
//!
//! Invariant: what is answered is durable.

use crate::chain::{Chain, Located};
use crate::error::Fault;
use crate::limits::PAGE_ENTRIES;
use crate::types::{Account, Address, B256, Block, BlockBody, Bytes};
use std::sync::Arc;

impl Chain {
    /// An account; the default one if it was never touched.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn account(&self, address: &Address) -> Result<Account, Fault> {
        Ok(self.parts.store.account(address)?.unwrap_or_default())
    }

    /// The module of a contract.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn code(&self, address: &Address) -> Result<Option<Bytes>, Fault> {
        // Both as of one block.
        let state = self.parts.store.view();
        match state.account(address)?.filter(Account::is_contract) {
            Some(account) => Ok(state.code(&account.code_hash)?),
            None => Ok(None),
        }
    }

    /// The value a contract keeps under a key.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.parts.store.storage(address, key)?)
    }

    /// Up to [`PAGE_ENTRIES`] storage entries of a contract in order of key, after a given one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn storage_entries(
        &self,
        address: &Address,
        after: Option<&[u8]>,
    ) -> Result<Vec<(Bytes, Bytes)>, Fault> {
        Ok(self.parts.store.storage_page(address, after, PAGE_ENTRIES)?)
    }

    /// Up to [`PAGE_ENTRIES`] accounts in order of address, after a given one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn accounts(&self, after: Option<&Address>) -> Result<Vec<(Address, Account)>, Fault> {
        Ok(self.parts.store.accounts_page(after, PAGE_ENTRIES)?)
    }

    /// A block by number.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn block(&self, number: u64) -> Result<Option<Block>, Fault> {
        Ok(self.parts.store.block(number)?)
    }

    /// A block by hash.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn block_by_hash(&self, hash: &B256) -> Result<Option<Block>, Fault> {
        match self.parts.store.block_number(hash)? {
            Some(number) => self.block(number),
            None => Ok(None),
        }
    }

    /// A transaction, with its receipt, by hash.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn transaction(&self, hash: &B256) -> Result<Option<Located>, Fault> {
        let found = self.parts.store.transaction(hash)?;
        Ok(found.map(|(block, index)| Located { block: Arc::new(block), index }))
    }
}

/// What looking at a block costs, in steps of about a microsecond: reading and decoding it.
pub(crate) fn steps(block: &Block) -> u64 {
    let BlockBody { transactions, receipts, writes } = &block.body;
    let value = |value: &Option<Bytes>| value.as_ref().map_or(0, |value| value.len());
    let bytes: usize = transactions.iter().map(|bytes| bytes.len()).sum::<usize>()
        + writes.iter().map(|write| value(&write.before) + value(&write.after)).sum::<usize>()
        + receipts
            .iter()
            .flat_map(|receipt| &receipt.logs)
            .map(|log| log.data.data.len())
            .sum::<usize>();
    let logs: usize = receipts.iter().map(|receipt| receipt.logs.len()).sum();
    (1 + receipts.len() + (writes.len() + logs) / 4 + bytes / 1_024) as u64
}
