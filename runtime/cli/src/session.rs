//! An open ledger with the names, keys and contracts that belong to it: what a command that talks
//! about transactions works with.

use crate::{
    abi::{Event, Reason, Terms, decode_event, decode_reason},
    accounts::{Book, PasswordArgs},
    amount::Currency,
    context::Context,
    exit::Exit,
    ledger::{Ledger, Request, Sent},
};
use alloy_dyn_abi::{DynSolValue, FunctionExt, JsonAbiExt};
use alloy_json_abi::JsonAbi;
use alloy_primitives::{Address, LogData, U256};
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context as _, Result, bail};
use florin_runtime::{
    Located,
    types::{Log, Outcome},
};
use std::{cell::RefCell, collections::HashMap, rc::Rc};

/// Most gas that a question about a contract may use which nobody asked for. `decimals()` and
/// `symbol()` of a token take some 25,000; what takes forty times as much is no token, and must not
/// make every look at its transactions slow.
const METADATA_GAS: u64 = 1_000_000;

/// Who signs.
#[derive(Debug, Clone, clap::Args)]
pub struct SenderArgs {
    /// Who signs and pays: a name or an address; may be left out if there is only one key
    #[arg(long, value_name = "WHO", env = "FLORIN_FROM")]
    pub from: Option<String>,
    #[command(flatten)]
    password: PasswordArgs,
    /// Most gas to use; without it the gas is estimated, and what would fail is not sent
    #[arg(long, value_name = "UNITS")]
    pub gas: Option<u64>,
}

impl SenderArgs {
    /// The key of the account that signs. It is asked for before the ledger is opened: whoever
    /// thinks about a password keeps nobody else out.
    pub fn signer(&self, context: &Context) -> Result<PrivateKeySigner> {
        let (book, keys) = (context.book()?, context.keystore());
        if let Some(who) = &self.from {
            return self.password.unlock(&book, &keys, who);
        }
        match keys.addresses()?.as_slice() {
            [] => bail!("there is no key to sign with; make one with `florin account new NAME`"),
            [only] => self.password.unlock(&book, &keys, &only.to_string()),
            several => {
                let names: Vec<_> = several.iter().map(|key| book.show(*key)).collect();
                bail!("who signs? Say --from, with one of {}", names.join(", "))
            }
        }
    }
}

/// A contract on the ledger.
pub struct Contract {
    /// Where it is.
    pub address: Address,
    /// Its ABI; empty if its module tells none, or tells nonsense. It can still be called, by full
    /// signature.
    pub abi: JsonAbi,
    /// The currency it is, if it is a token.
    pub token: Option<Currency>,
}

/// An open ledger and all that is known about it.
pub struct Session<'a> {
    /// What every command is given.
    pub context: &'a Context,
    /// The ledger.
    pub ledger: Ledger,
    /// Its address book.
    pub book: Book,
    /// The contracts that were looked at since something was last sent; `None` has no code.
    contracts: RefCell<HashMap<Address, Option<Rc<Contract>>>>,
}

impl<'a> Session<'a> {
    /// Opens the ledger.
    pub fn open(context: &'a Context) -> Result<Self> {
        let ledger = Ledger::open(&context.dir, &context.out)?;
        Ok(Session::of(context, ledger, context.book()?))
    }

    /// An open ledger with its address book.
    pub fn of(context: &'a Context, ledger: Ledger, book: Book) -> Self {
        Session { context, ledger, book, contracts: RefCell::default() }
    }

    /// What arguments of a contract are read by, and its results shown by.
    pub fn terms(&self, contract: Option<&Contract>) -> Terms<'_> {
        let token = contract.and_then(|contract| contract.token.clone());
        let other = Box::new(|symbol: &str| self.token_called(symbol));
        Terms { book: &self.book, native: self.ledger.native(), token, other }
    }

    /// The token of the address book that has a symbol, if there are no two that count differently.
    fn token_called(&self, symbol: &str) -> Option<Currency> {
        let named = self.book.entries().filter_map(|(_, address)| self.known(address));
        let tokens = named.filter_map(|contract| contract.token.clone());
        let mut called = tokens.filter(|token| token.symbol.eq_ignore_ascii_case(symbol));
        let first = called.next()?;
        called.all(|token| token.decimals == first.decimals).then_some(first)
    }

    /// Signs and sends; an error if it would fail, is rejected or the ledger fails.
    pub fn send(&self, signer: &PrivateKeySigner, request: &Request) -> Result<Located> {
        let working = self.context.out.working("executing");
        let sent = self.ledger.send(signer, request)?;
        drop(working);
        // A transaction can create and upgrade contracts.
        self.contracts.borrow_mut().clear();
        match sent {
            Sent::Sealed(located) => Ok(located),
            Sent::WouldFail(simulation) => {
                let why = match &simulation.receipt.outcome {
                    Outcome::Reverted { output } => {
                        self.reason_of(request.to, &request.input, output).message
                    }
                    outcome => self.why(outcome).unwrap_or_default(),
                };
                Err(Exit::Rejected.because(format!("it would fail, so it was not sent: {why}")))
            }
        }
    }

    /// The contract at a name or address.
    pub fn contract(&self, who: &str) -> Result<Rc<Contract>> {
        let address = self.book.resolve(who)?;
        self.contract_at(address)?.with_context(|| format!("{who} is no contract; it has no code"))
    }

    /// The token at a name or address, and the currency it is.
    pub fn token(&self, who: &str) -> Result<(Rc<Contract>, Currency)> {
        let contract = self.contract(who)?;
        let currency = contract.token.clone();
        let currency = currency
            .with_context(|| format!("{who} is no token: it has no decimals() and symbol()"))?;
        Ok((contract, currency))
    }

    /// The contract at an address, if there is one.
    pub fn contract_at(&self, address: Address) -> Result<Option<Rc<Contract>>> {
        if let Some(known) = self.contracts.borrow().get(&address) {
            return Ok(known.clone());
        }
        let found = self.ledger.code(address)?.map(|code| {
            let abi = florin_build::abi(&code).ok();
            let abi = abi.and_then(|abi| serde_json::from_value(abi).ok()).unwrap_or_default();
            let token = self.currency(address, &abi);
            Rc::new(Contract { address, abi, token })
        });
        self.contracts.borrow_mut().insert(address, found.clone());
        Ok(found)
    }

    /// The contract at an address, to show something in its terms. What was done is shown also when
    /// the terms cannot be found out.
    pub fn known(&self, address: Address) -> Option<Rc<Contract>> {
        self.contract_at(address).ok().flatten()
    }

    /// The currency a contract is: one that has `decimals` and `symbol`, as ERC-20 says.
    fn currency(&self, address: Address, abi: &JsonAbi) -> Option<Currency> {
        let decimals = self.read(address, abi, "decimals")?.as_uint()?.0;
        let symbol = self.read(address, abi, "symbol")?.as_str()?.to_owned();
        let plain = !symbol.is_empty() && symbol.chars().all(|c| c.is_ascii_alphanumeric());
        let symbol = if plain { symbol } else { "tokens".to_owned() };
        Some(Currency::token(symbol, u8::try_from(decimals).ok()?))
    }

    fn read(&self, to: Address, abi: &JsonAbi, method: &str) -> Option<DynSolValue> {
        let method = abi.function(method)?.iter().find(|method| method.inputs.is_empty())?;
        let input = method.abi_encode_input(&[]).ok()?.into();
        let gas = Some(METADATA_GAS);
        let request = Request { to: Some(to), input, gas, ..Request::default() };
        match self.ledger.simulate(Address::ZERO, &request).ok()?.receipt.outcome {
            Outcome::Success { output } => method.abi_decode_output(&output).ok()?.pop(),
            _ => None,
        }
    }

    /// Revert data in words, by the ABIs of all contracts that have a name.
    pub fn reason(&self, data: &[u8]) -> Reason {
        let named = self.book.entries();
        let known: Vec<_> = named.filter_map(|(_, address)| self.known(address)).collect();
        let abis: Vec<_> = known.iter().map(|contract| &contract.abi).collect();
        let token = known.iter().find_map(|contract| {
            let is_its_own = contract.abi.errors().any(|e| data.starts_with(&e.selector().0));
            contract.token.clone().filter(|_| is_its_own)
        });
        decode_reason(data, &abis, &Terms { token, ..self.terms(None) })
    }

    /// Why a call reverted.
    pub fn reason_of(&self, to: Option<Address>, input: &[u8], data: &[u8]) -> Reason {
        let mut reason = self.reason(data);
        let is_plain = input.is_empty() && data.is_empty();
        let contract = to.filter(|_| is_plain).and_then(|to| self.known(to));
        let takes_none = |abi: &JsonAbi| {
            !abi.functions.is_empty() && abi.receive.is_none() && abi.fallback.is_none()
        };
        if contract.is_some_and(|contract| takes_none(&contract.abi)) {
            let message = "the contract takes no plain payments; call a method that takes them";
            reason.message = message.to_owned();
        }
        reason
    }

    /// Why an execution took no effect; `None` if it did.
    pub fn why(&self, outcome: &Outcome) -> Option<String> {
        match outcome {
            Outcome::Success { .. } => None,
            Outcome::Reverted { output } => Some(self.reason(output).message),
            Outcome::Halted { halt } => Some(halt.to_string()),
        }
    }

    /// A log as the event it is, if its contract tells.
    pub fn event(&self, log: &Log) -> Option<Event> {
        let contract = self.known(log.address)?;
        let data: &LogData = &log.data;
        decode_event(data, &contract.abi, &self.terms(Some(&contract)))
    }

    /// An amount of the native currency.
    pub fn value(&self, text: Option<&str>) -> Result<U256> {
        Ok(text.map(|text| self.ledger.native().parse(text)).transpose()?.unwrap_or_default())
    }
}
