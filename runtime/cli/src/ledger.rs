//! The only door to the runtime: an open ledger, with its refusals turned into exit codes.
//!
//! Invariant: a transaction made here is an ordinary signed one (EIP-1559), the same that any
//! wallet would send.

use crate::{amount::Currency, exit::Exit, output::Output};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, Result};
use florin_runtime::{
    Audit, CallRequest, Chain, EstimateError, Fault, FoundLog, Genesis, Located, LogError,
    OpenError, Simulation, SubmitError,
    store::{Durability, LogFilter, Rebuilt, Store, StoreError},
    types::{Account, Block, Header},
};
use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// An open ledger. Nobody else can have it open meanwhile.
pub struct Ledger {
    chain: Chain,
    native: Currency,
}

/// A transaction to be signed.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Whom to call; `None` creates a contract.
    pub to: Option<Address>,
    /// Native value to send along.
    pub value: U256,
    /// Input, or deployment data.
    pub input: Bytes,
    /// Gas limit; estimated if not given.
    pub gas: Option<u64>,
}

/// What came of a request.
pub enum Sent {
    /// It is in a block, with or without success.
    Sealed(Located),
    /// It was not sent, because it fails whatever gas it is given.
    WouldFail(Box<Simulation>),
}

impl Ledger {
    /// Creates a ledger in a folder that holds none.
    pub fn create(dir: &Path, genesis: &Genesis) -> Result<Self> {
        let chain = Chain::create(dir, genesis, Durability::Synced).map_err(open_error)?;
        Ok(Self::of(chain))
    }

    /// Opens the ledger in a folder.
    pub fn open(dir: &Path, out: &Output) -> Result<Self> {
        let working = out.working("opening the ledger");
        let progress = &mut |done, total| working.part("checking the state", done, total);
        let chain = Chain::open(dir, Durability::Synced, progress).map_err(open_error)?;
        Ok(Self::of(chain))
    }

    fn of(chain: Chain) -> Self {
        let native = Currency::native(chain.genesis().currency.clone());
        Ledger { chain, native }
    }

    /// The ledger itself, to be served.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The native currency.
    pub fn native(&self) -> &Currency {
        &self.native
    }

    /// The rules.
    pub fn genesis(&self) -> &Genesis {
        self.chain.genesis()
    }

    /// The header of the last block.
    pub fn head(&self) -> Header {
        self.chain.head()
    }

    /// An account.
    pub fn account(&self, address: Address) -> Result<Account> {
        self.chain.account(&address).map_err(fault)
    }

    /// The module of a contract.
    pub fn code(&self, address: Address) -> Result<Option<Bytes>> {
        self.chain.code(&address).map_err(fault)
    }

    /// A block.
    pub fn block(&self, number: u64) -> Result<Option<Block>> {
        self.chain.block(number).map_err(fault)
    }

    /// A block by hash.
    pub fn block_by_hash(&self, hash: B256) -> Result<Option<Block>> {
        self.chain.block_by_hash(&hash).map_err(fault)
    }

    /// A transaction and its receipt; without a hash, the last one.
    pub fn transaction(&self, hash: Option<B256>) -> Result<Located> {
        let hash = hash.map_or_else(|| self.last_transaction(), Ok)?;
        let found = self.chain.transaction(&hash).map_err(fault)?;
        found.with_context(|| format!("there is no transaction {hash} on this ledger"))
    }

    fn last_transaction(&self) -> Result<B256> {
        let head = self.block(self.head().number)?;
        // Only the first block of a ledger has no transaction: nothing is sealed for nothing.
        let last = head.and_then(|block| Some(block.body.receipts.last()?.transaction));
        last.context("there is no transaction on this ledger yet")
    }

    /// Logs by filter.
    pub fn logs(&self, filter: &LogFilter) -> Result<Vec<FoundLog>> {
        self.chain.logs(filter).map_err(|error| match error {
            LogError::Fault(error) => fault(error),
            error => error.into(),
        })
    }

    /// What a call would do now.
    pub fn simulate(&self, from: Address, request: &Request) -> Result<Simulation> {
        self.chain.simulate(&call_request(from, request), now()).map_err(submit_error)
    }

    /// Signs a transaction, executes it, and returns when it is durable. Unless gas is given, it is
    /// sent only if it would succeed.
    pub fn send(&self, signer: &PrivateKeySigner, request: &Request) -> Result<Sent> {
        let from = signer.address();
        let price = self.genesis().gas_price;
        let paid = CallRequest { gas_price: Some(price), ..call_request(from, request) };
        let gas_limit = match request.gas {
            Some(gas) => gas,
            None => match self.chain.estimate(&paid, now()) {
                Ok(gas) => gas,
                Err(EstimateError::Fails(simulation)) => return Ok(Sent::WouldFail(simulation)),
                Err(EstimateError::Rejected(rejection)) => {
                    return Err(submit_error(rejection.into()));
                }
                Err(EstimateError::Fault(error)) => return Err(fault(error)),
            },
        };
        let transaction = TxEip1559 {
            chain_id: self.genesis().chain_id,
            nonce: self.account(from)?.nonce,
            gas_limit,
            max_fee_per_gas: price,
            max_priority_fee_per_gas: 0,
            to: request.to.map_or(TxKind::Create, TxKind::Call),
            value: request.value,
            input: request.input.clone(),
            access_list: Default::default(),
        };
        let signature = signer.sign_hash_sync(&transaction.signature_hash())?;
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        let located = self.chain.submit(envelope.encoded_2718().into(), now());
        located.map(Sent::Sealed).map_err(submit_error)
    }

    /// Checks everything on disk against everything else.
    pub fn audit(&self, out: &Output) -> Result<Audit> {
        let working = out.working("auditing");
        self.chain.audit(&mut |done, total| working.part("auditing", done, total)).map_err(fault)
    }

    /// Executes the history again. Returns the blocks executed and the first difference.
    pub fn replay(&self, out: &Output) -> Result<(u64, Option<String>)> {
        let working = out.working("replaying");
        self.chain.replay(&mut |done, total| working.part("replaying", done, total)).map_err(fault)
    }

    /// Copies history and configuration to a folder that does not exist. Returns the last block.
    pub fn backup(&self, to: &Path, out: &Output) -> Result<(u64, B256)> {
        let working = out.working("copying");
        let progress = &mut |done, total| working.part("copying the journal", done, total);
        self.chain.backup(to, progress).map_err(fault)
    }
}

/// Makes a ledger from a backup, in a folder that does not exist.
pub fn restore(backup: &Path, dir: &Path, out: &Output) -> Result<()> {
    let working = out.working("restoring");
    let progress = &mut |done, total| working.part("building the state", done, total);
    Store::restore(backup, dir, progress).map_err(|error| fault(error.into()))
}

/// Builds the state of a ledger again from its history.
pub fn repair(dir: &Path, out: &Output) -> Result<Rebuilt> {
    let working = out.working("repairing");
    let progress = &mut |done, total| working.part("building the state", done, total);
    Store::rebuild(dir, progress).map_err(|error| fault(error.into()))
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn call_request(from: Address, request: &Request) -> CallRequest {
    let Request { to, value, input, gas } = request.clone();
    CallRequest { from, to, value, input, gas, ..CallRequest::default() }
}

fn submit_error(error: SubmitError) -> anyhow::Error {
    match error {
        SubmitError::Rejected(rejection) => Exit::Rejected.because(rejection),
        SubmitError::Fault(error) => fault(error),
    }
}

fn open_error(error: OpenError) -> anyhow::Error {
    match error {
        OpenError::Store(error) => fault(error.into()),
        OpenError::Fault(error) => fault(error),
        OpenError::Genesis(error) => error.into(),
    }
}

fn fault(error: Fault) -> anyhow::Error {
    match &error {
        Fault::Store(StoreError::Locked { .. }) => Exit::Locked.because(error),
        Fault::Store(StoreError::Damaged(_)) => Exit::Damaged.because(error),
        _ => Exit::Failure.because(error),
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // Everything is durable already; closing makes the next opening faster, so a failure to
        // close is no failure of the command.
        let _ = self.chain.close();
    }
}
