//! `florin init`: a new ledger.

use crate::{
    accounts::Book,
    amount::{self, Currency, GWEI_DECIMALS},
    context::Context,
    files,
    ledger::{Ledger, now},
    output::{Report, fields, table},
};
use alloy_primitives::{Address, B256, U256};
use anyhow::{Context as _, Result, ensure};
use florin_runtime::Genesis;
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf};

/// Arguments of `florin init`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Give native currency to an account to begin with, as in alice=1000; may be repeated. There
    /// will never be more than all of these together
    #[arg(long, value_name = "WHO=AMOUNT", value_parser = allocation)]
    alloc: Vec<(String, String)>,
    /// The number that ties signatures to this ledger (EIP-155)
    #[arg(long, value_name = "NUMBER")]
    chain_id: Option<u64>,
    /// The symbol of the native currency
    #[arg(long, value_name = "SYMBOL")]
    currency: Option<String>,
    /// What a unit of gas costs, with its unit, as in 1gwei; 0 makes transactions free
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    gas_price: String,
    /// Who is paid for gas; nobody can spend what is paid if left out
    #[arg(long, value_name = "WHO")]
    fee_recipient: Option<String>,
    /// Most gas the transactions of a block may use
    #[arg(long, value_name = "UNITS")]
    block_gas_limit: Option<u64>,
    /// Take legacy transactions without a chain id, which can be replayed on other ledgers
    #[arg(long)]
    accept_unprotected: bool,
    /// For development: contracts may print, and traps name functions
    #[arg(long)]
    dev: bool,
}

#[derive(Serialize)]
struct Created {
    folder: PathBuf,
    chain_id: u64,
    currency: String,
    genesis: B256,
    gas_price: String,
    fee_recipient: Address,
    allocations: BTreeMap<Address, String>,
    #[serde(skip)]
    fees: String,
    #[serde(skip)]
    allocated: Vec<[String; 2]>,
}

impl Report for Created {
    fn text(&self) -> String {
        let created = fields([
            ("ledger", self.folder.display().to_string()),
            ("chain id", self.chain_id.to_string()),
            ("currency", self.currency.clone()),
            ("genesis", self.genesis.to_string()),
            ("fees", self.fees.clone()),
        ]);
        if self.allocated.is_empty() {
            return created;
        }
        format!("{created}\n{}", table(["account", "balance"], self.allocated.clone()))
    }
}

/// Creates the ledger; names and keys that are in the folder already stay.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let genesis = genesis(&args, context)?;
    files::private_dir(&context.dir)?;
    let ledger = Ledger::create(&context.dir, &genesis)?;
    if genesis.allocations.is_empty() {
        let symbol = &genesis.currency;
        context.out.warn(format!(
            "nobody has any {symbol}, nor ever will; to give some, begin again with --alloc WHO=AMOUNT"
        ));
    }
    let book = context.book()?;
    let native = ledger.native();
    let allocated = genesis.allocations.iter();
    let allocated =
        allocated.map(|(address, amount)| [book.show(*address), native.display(*amount)]);
    context.out.show(&Created {
        folder: context.dir.clone(),
        chain_id: genesis.chain_id,
        currency: genesis.currency.clone(),
        genesis: ledger.head()?.hash_slow(),
        gas_price: genesis.gas_price.to_string(),
        fee_recipient: genesis.fee_recipient,
        fees: fees(&genesis, &book),
        allocated: allocated.collect(),
        allocations: genesis.allocations.iter().map(|(a, b)| (*a, b.to_string())).collect(),
    })
}

/// What gas costs, and who gets that.
fn fees(genesis: &Genesis, book: &Book) -> String {
    if genesis.gas_price == 0 {
        return "none".to_owned();
    }
    let price = Currency::token("gwei", GWEI_DECIMALS).display(U256::from(genesis.gas_price));
    match genesis.fee_recipient {
        Address::ZERO => format!("{price} a unit of gas, lost: no --fee-recipient was named"),
        recipient => format!("{price} a unit of gas, to {}", book.show(recipient)),
    }
}

fn genesis(args: &Args, context: &Context) -> Result<Genesis> {
    let (book, standard) = (context.book()?, Genesis::default());
    let native = Currency::native(args.currency.clone().unwrap_or(standard.currency));
    let mut allocations = BTreeMap::<Address, U256>::new();
    for (who, amount) in &args.alloc {
        let amount = native.parse(amount).with_context(|| format!("--alloc {who}"))?;
        let sum = allocations.entry(book.resolve(who)?).or_default();
        *sum = sum.checked_add(amount).context("the allocations are more than 256 bits hold")?;
    }
    let gas_price = native.parse(&args.gas_price).context("--gas-price")?;
    // A price is a billionth of an amount; without a unit it would be taken for one.
    let has_unit = gas_price.is_zero() || !amount::split(&args.gas_price).1.is_empty();
    ensure!(has_unit, "--gas-price: say in what unit, as in {}gwei", args.gas_price);
    let fee_recipient = args.fee_recipient.as_deref().map(|who| book.resolve(who)).transpose()?;
    Ok(Genesis {
        chain_id: args.chain_id.unwrap_or(standard.chain_id),
        timestamp: now(),
        gas_price: u128::try_from(gas_price).ok().context("the gas price is far too high")?,
        fee_recipient: fee_recipient.unwrap_or_default(),
        block_gas_limit: args.block_gas_limit.unwrap_or(standard.block_gas_limit),
        currency: native.symbol,
        accept_unprotected: args.accept_unprotected,
        development: args.dev,
        sandbox: false,
        allocations,
    })
}

fn allocation(text: &str) -> Result<(String, String), String> {
    let (who, amount) = text.split_once('=').ok_or("write WHO=AMOUNT, as in alice=1000")?;
    Ok((who.to_owned(), amount.to_owned()))
}
