//! The only door to the runtime: an open ledger, with its refusals turned into exit codes. If a node
//! has it open, the node is asked; what comes back is the same.
//!
//! Invariant: a transaction made here is an ordinary signed one (EIP-1559), the same that any
//! wallet would send.

use crate::{
    amount::Currency,
    exit::Exit,
    output::Output,
    remote::{self, Remote},
};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, Result, bail};
use florin_node::rpc::{Estimate, FlorinApiClient};
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

/// Blocks that are looked through for the last transaction.
const LOOKED_BACK: u64 = 10_000;

/// An open ledger.
pub struct Ledger {
    holder: Holder,
    genesis: Genesis,
    native: Currency,
}

/// Who has it open.
enum Holder {
    /// This process, and nobody else meanwhile.
    Here(Box<Chain>),
    /// A node.
    Node(Remote),
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
        Ok(Self::here(chain))
    }

    /// Opens the ledger in a folder, here or where a node has it open.
    pub fn open(dir: &Path, out: &Output) -> Result<Self> {
        match open_chain(dir, out) {
            Err(error) if Exit::of(&error) == Exit::Locked => {
                let Some(access) = remote::find(dir)? else { return Err(error) };
                let node = Remote::at(&access)?;
                let genesis = node.ask(node.client.genesis())?;
                Ok(Self::of(Holder::Node(node), genesis))
            }
            opened => Ok(Self::here(opened?)),
        }
    }

    fn here(chain: Chain) -> Self {
        let genesis = chain.genesis().clone();
        Self::of(Holder::Here(Box::new(chain)), genesis)
    }

    fn of(holder: Holder, genesis: Genesis) -> Self {
        let native = Currency::native(genesis.currency.clone());
        Ledger { holder, genesis, native }
    }

    /// The native currency.
    pub fn native(&self) -> &Currency {
        &self.native
    }

    /// The rules.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The header of the last block.
    pub fn head(&self) -> Result<Header> {
        match &self.holder {
            Holder::Here(chain) => Ok(chain.head()),
            Holder::Node(node) => node.ask(node.client.head()),
        }
    }

    /// An account.
    pub fn account(&self, address: Address) -> Result<Account> {
        match &self.holder {
            Holder::Here(chain) => chain.account(&address).map_err(fault),
            Holder::Node(node) => node.ask(node.client.account(address)),
        }
    }

    /// The module of a contract.
    pub fn code(&self, address: Address) -> Result<Option<Bytes>> {
        match &self.holder {
            Holder::Here(chain) => chain.code(&address).map_err(fault),
            Holder::Node(node) => node.ask(node.client.code(address)),
        }
    }

    /// A block.
    pub fn block(&self, number: u64) -> Result<Option<Block>> {
        match &self.holder {
            Holder::Here(chain) => chain.block(number).map_err(fault),
            Holder::Node(node) => node.ask(node.client.block(number)),
        }
    }

    /// A block by hash.
    pub fn block_by_hash(&self, hash: B256) -> Result<Option<Block>> {
        match &self.holder {
            Holder::Here(chain) => chain.block_by_hash(&hash).map_err(fault),
            Holder::Node(node) => node.ask(node.client.block_by_hash(hash)),
        }
    }

    /// A transaction and its receipt; without a hash, the last one.
    pub fn transaction(&self, hash: Option<B256>) -> Result<Located> {
        let hash = hash.map_or_else(|| self.last_transaction(), Ok)?;
        let found = match &self.holder {
            Holder::Here(chain) => chain.transaction(&hash).map_err(fault)?,
            Holder::Node(node) => node.ask(node.client.transaction(hash))?,
        };
        found.with_context(|| format!("there is no transaction {hash} on this ledger"))
    }

    fn last_transaction(&self) -> Result<B256> {
        let head = self.head()?.number;
        // A node may make empty blocks, so it need not be in the last one.
        for number in (head.saturating_sub(LOOKED_BACK)..=head).rev() {
            let block = self.block(number)?;
            if let Some(last) =
                block.and_then(|block| Some(block.body.receipts.last()?.transaction))
            {
                return Ok(last);
            }
        }
        bail!(
            "there is no transaction on this ledger yet, or none in its last {LOOKED_BACK} blocks"
        )
    }

    /// Logs by filter.
    pub fn logs(&self, filter: &LogFilter) -> Result<Vec<FoundLog>> {
        match &self.holder {
            Holder::Here(chain) => chain.logs(filter).map_err(|error| match error {
                LogError::Fault(error) => fault(error),
                error => error.into(),
            }),
            Holder::Node(node) => node.ask(node.client.logs(filter.clone())),
        }
    }

    /// What a call would do now.
    pub fn simulate(&self, from: Address, request: &Request) -> Result<Simulation> {
        let request = call_request(from, request);
        match &self.holder {
            Holder::Here(chain) => chain.simulate(&request, now()).map_err(submit_error),
            Holder::Node(node) => node.ask(node.client.simulate(request)),
        }
    }

    /// Signs a transaction, executes it, and returns when it is durable. Unless gas is given, it is
    /// sent only if it would succeed.
    pub fn send(&self, signer: &PrivateKeySigner, request: &Request) -> Result<Sent> {
        let from = signer.address();
        let price = self.genesis().gas_price;
        let paid = CallRequest { gas_price: Some(price), ..call_request(from, request) };
        let gas_limit = match request.gas {
            Some(gas) => gas,
            None => match self.estimate(paid)? {
                Estimate::Enough(gas) => gas,
                Estimate::Fails(simulation) => return Ok(Sent::WouldFail(simulation)),
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
        let bytes: Bytes = envelope.encoded_2718().into();
        let located = match &self.holder {
            Holder::Here(chain) => chain.submit(bytes, now()).map_err(submit_error),
            Holder::Node(node) => node.ask(node.client.submit(bytes)),
        };
        located.map(Sent::Sealed)
    }

    fn estimate(&self, request: CallRequest) -> Result<Estimate> {
        match &self.holder {
            Holder::Here(chain) => match chain.estimate(&request, now()) {
                Ok(gas) => Ok(Estimate::Enough(gas)),
                Err(EstimateError::Fails(simulation)) => Ok(Estimate::Fails(simulation)),
                Err(EstimateError::Rejected(rejection)) => Err(submit_error(rejection.into())),
                Err(EstimateError::Fault(error)) => Err(fault(error)),
            },
            Holder::Node(node) => node.ask(node.client.estimate(request)),
        }
    }

    /// Checks everything on disk against everything else.
    pub fn audit(&self, out: &Output) -> Result<Audit> {
        let working = out.working("auditing");
        let progress = &mut |done, total| working.part("auditing", done, total);
        match &self.holder {
            Holder::Here(chain) => chain.audit(progress).map_err(fault),
            Holder::Node(node) => node.ask(node.client.audit()),
        }
    }

    /// Executes the history again. Returns the blocks executed and the first difference.
    pub fn replay(&self, out: &Output) -> Result<(u64, Option<String>)> {
        let working = out.working("replaying");
        let progress = &mut |done, total| working.part("replaying", done, total);
        match &self.holder {
            Holder::Here(chain) => chain.replay(progress).map_err(fault),
            Holder::Node(node) => node.ask(node.client.replay()),
        }
    }

    /// Copies history and configuration to a folder that does not exist. Returns the last block.
    pub fn backup(&self, to: &Path, out: &Output) -> Result<(u64, B256)> {
        let working = out.working("copying");
        let progress = &mut |done, total| working.part("copying the journal", done, total);
        match &self.holder {
            Holder::Here(chain) => chain.backup(to, progress).map_err(fault),
            Holder::Node(node) => {
                let to = std::path::absolute(to)?;
                node.ask(node.client.backup(to))
            }
        }
    }
}

/// Opens the ledger in a folder here, and nowhere else.
pub fn open_chain(dir: &Path, out: &Output) -> Result<Chain> {
    let working = out.working("opening the ledger");
    let progress = &mut |done, total| working.part("checking the state", done, total);
    Chain::open(dir, Durability::Synced, progress).map_err(open_error)
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
        if let Holder::Here(chain) = &self.holder {
            let _ = chain.close();
        }
    }
}
