//! Where the demonstration plays: a ledger, its actors with their keys, and what has happened so
//! far.

use super::interfaces::{Escrow, Token};
use crate::{
    amount::Currency,
    commands::build::build,
    context::Context,
    exit::Exit,
    files,
    ledger::{Ledger, Request, Sent, now},
    session::Session,
    source,
};
use alloy_primitives::{Address, B256, Bytes, LogData, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{Eip712Domain, SolCall, SolEvent, SolStruct, eip712_domain};
use anyhow::{Context as _, Result};
use florin_build::{Artefact, Mode};
use florin_runtime::{
    Genesis,
    types::{Outcome, Receipt},
};
use serde::Serialize;
use std::{collections::BTreeMap, time::Instant};

/// The password of the demonstration's keys. They are worth nothing.
pub const PASSWORD: &str = "florin-demo";
/// One unit of native currency.
pub const NATIVE_UNIT: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);
/// What a unit of gas costs here: 1 gwei, so that one sees who paid.
const GAS_PRICE: u128 = 1_000_000_000;
/// Who takes part, and with how much native currency.
const CAST: [(&str, u64); 5] =
    [("bank", 1_000_000), ("alice", 1_000), ("bob", 100), ("carol", 100), ("dave", 100)];

/// The bundled contracts that take part.
const CONTRACTS: [&str; 3] = ["token", "escrow", "splitter"];

/// One thing that happened.
#[derive(Serialize)]
pub struct Step {
    what: String,
    who: String,
    amount: Option<String>,
    gas: u64,
    transaction: B256,
    micros: u128,
}

impl Step {
    /// The step as a row of the table.
    pub fn row(&self) -> [String; 5] {
        let time = format!("{:>8.1} ms", self.micros as f64 / 1000.0);
        let amount = self.amount.clone().unwrap_or_default();
        [self.what.clone(), self.who.clone(), amount, format!("{:>7}", self.gas), time]
    }
}

/// The stage.
pub struct Stage<'a> {
    /// The ledger, and the names of the cast and of the contracts.
    pub session: Session<'a>,
    /// The token as a currency.
    pub dollars: Currency,
    /// What has happened.
    pub steps: Vec<Step>,
    keys: BTreeMap<&'static str, PrivateKeySigner>,
    contracts: BTreeMap<&'static str, Artefact>,
}

impl<'a> Stage<'a> {
    /// A new ledger with keys and money for the cast. The contracts are built before: what does not
    /// compile leaves no ledger that would be in the way next time.
    pub fn set(context: &'a Context) -> Result<Self> {
        let sources = source::find().context(
            "the bundled contracts are not found: run the demo in a clone of Florin's repository",
        )?;
        let built = CONTRACTS.map(|name| {
            Ok((name, build(&sources.join("contracts").join(name), None, Mode::Release, context)?))
        });
        let contracts = built.into_iter().collect::<Result<_>>()?;
        files::private_dir(&context.dir)?;
        let (mut book, keystore) = (context.book()?, context.keystore());
        let (mut keys, mut allocations) = (BTreeMap::new(), BTreeMap::new());
        for (name, funds) in CAST {
            let key = PrivateKeySigner::random();
            keystore.add(&key, PASSWORD)?;
            book.add(name, key.address())?;
            allocations.insert(key.address(), U256::from(funds) * NATIVE_UNIT);
            keys.insert(name, key);
        }
        let fee_recipient = book.resolve("bank")?;
        let genesis = Genesis {
            timestamp: now(),
            gas_price: GAS_PRICE,
            fee_recipient,
            allocations,
            ..Genesis::default()
        };
        let ledger = Ledger::create(&context.dir, &genesis)?;
        let dollars = Currency::token("FUSD", 6);
        let session = Session::of(context, ledger, book);
        Ok(Stage { session, dollars, steps: Vec::new(), keys, contracts })
    }

    /// The address of somebody in the book. The cast and the contracts are in it before they are
    /// asked for.
    pub fn address(&self, name: &str) -> Address {
        self.session.book.resolve(name).unwrap_or_default()
    }

    /// Deploys a bundled contract with encoded constructor arguments.
    pub fn deploy(&mut self, name: &'static str, arguments: Vec<u8>) -> Result<()> {
        let artefact = self.contracts.get(name).with_context(|| format!("{name} was not built"))?;
        let input = [artefact.bytecode(), arguments].concat().into();
        let what = format!("deploy {name} ({} KiB)", artefact.wasm.len().div_ceil(1024));
        let receipt = self.transact(&what, "bank", Request { input, ..Request::default() })?;
        let address = receipt.created.with_context(|| format!("{name} was not created"))?;
        self.session.book.add(name, address)
    }

    /// Sends a call to a contract.
    pub fn send(&mut self, what: &str, from: &str, to: &str, call: impl SolCall) -> Result<()> {
        self.send_value(what, from, to, U256::ZERO, call)
    }

    /// Sends a call with native currency.
    pub fn send_value(
        &mut self,
        what: &str,
        from: &str,
        to: &str,
        value: U256,
        call: impl SolCall,
    ) -> Result<()> {
        let (to, input) = (Some(self.address(to)), call.abi_encode().into());
        self.transact(what, from, Request { to, value, input, ..Request::default() }).map(drop)
    }

    fn transact(&mut self, what: &str, from: &str, request: Request) -> Result<Receipt> {
        let key = self.keys.get(from).with_context(|| format!("{from} has no key"))?;
        let start = Instant::now();
        let sent = self.session.ledger.send(key, &request)?;
        let micros = start.elapsed().as_micros();
        let receipt = match sent {
            Sent::Sealed(located) => located.receipt().clone(),
            Sent::WouldFail(simulation) => simulation.receipt,
        };
        if let Some(why) = self.session.why(&receipt.outcome) {
            return Err(Exit::Reverted.because(format!("{what}: {why}")));
        }
        self.steps.push(Step {
            what: what.to_owned(),
            who: from.to_owned(),
            amount: self.amount(&receipt),
            gas: receipt.gas_used,
            transaction: receipt.transaction,
            micros,
        });
        Ok(receipt)
    }

    /// How much a transaction moved, or allowed to be moved: as its events tell.
    fn amount(&self, receipt: &Receipt) -> Option<String> {
        let native = |amount| self.session.ledger.native().display(amount);
        if !receipt.value.is_zero() {
            return Some(native(receipt.value));
        }
        let find = |read: &dyn Fn(&LogData) -> Option<String>| {
            receipt.logs.iter().find_map(|log| read(&log.data))
        };
        let dollars = |amount| self.dollars.display(amount);
        find(&|log| Some(dollars(Token::Transfer::decode_log_data(log).ok()?.value)))
            .or_else(|| {
                find(&|log| Some(dollars(Token::Approval::decode_log_data(log).ok()?.value)))
            })
            .or_else(|| {
                find(&|log| Some(native(Escrow::Withdrawn::decode_log_data(log).ok()?.amount)))
            })
    }

    /// Whether this is somebody of the cast.
    pub fn has_key(&self, name: &str) -> bool {
        self.keys.contains_key(name)
    }

    /// Asks a contract.
    pub fn ask<Call: SolCall>(&self, to: Address, call: Call) -> Result<Call::Return> {
        let input: Bytes = call.abi_encode().into();
        let request = Request { to: Some(to), input, ..Request::default() };
        match self.session.ledger.simulate(Address::ZERO, &request)?.receipt.outcome {
            Outcome::Success { output } => Ok(Call::abi_decode_returns(&output)?),
            outcome => {
                let why = self.session.why(&outcome).unwrap_or_default();
                Err(Exit::Failure.because(format!("{}: {why}", Call::SIGNATURE)))
            }
        }
    }

    /// Signs typed data (EIP-712) for a token: v, r, s.
    pub fn sign(
        &self,
        who: &str,
        token: &str,
        message: &impl SolStruct,
    ) -> Result<(u8, B256, B256)> {
        let contract = self.address(token);
        let domain: Eip712Domain = eip712_domain! {
            name: self.ask(contract, Token::nameCall {})?,
            version: "1",
            chain_id: self.session.ledger.genesis().chain_id,
            verifying_contract: contract,
        };
        let key = self.keys.get(who).with_context(|| format!("{who} has no key"))?;
        let signature = key.sign_hash_sync(&message.eip712_signing_hash(&domain))?;
        Ok((27 + u8::from(signature.v()), signature.r().into(), signature.s().into()))
    }
}

/// Text as a 32-byte memo.
pub fn word(text: &str) -> B256 {
    B256::right_padding_from(text.as_bytes())
}
