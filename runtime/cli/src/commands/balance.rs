//! `florin balance`: who has how much.

use crate::{
    abi::find_method,
    amount::Currency,
    context::Context,
    ledger::Request,
    output::{Report, table},
    session::{Contract, Session},
};
use alloy_dyn_abi::{DynSolValue, FunctionExt, JsonAbiExt};
use alloy_primitives::{Address, U256};
use anyhow::{Context as _, Result, bail};
use florin_runtime::types::Outcome;
use serde::Serialize;

/// Arguments of `florin balance`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names or addresses; all that have a name if left out
    who: Vec<String>,
    /// The balance in this token instead of the native currency
    #[arg(long, value_name = "CONTRACT")]
    token: Option<String>,
}

#[derive(Serialize)]
struct Balance {
    name: Option<String>,
    address: Address,
    /// In the smallest unit.
    balance: String,
    currency: Currency,
    #[serde(skip)]
    text: String,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Balances(Vec<Balance>);

impl Report for Balances {
    fn text(&self) -> String {
        let rows = self
            .0
            .iter()
            .map(|b| [b.name.clone().unwrap_or_default(), b.address.to_string(), b.text.clone()]);
        table(["name", "address", "balance"], rows)
    }
}

/// Shows the balances.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let session = Session::open(context)?;
    let token = args.token.as_deref().map(|who| session.token(who)).transpose()?;
    let accounts: Vec<Address> = match args.who.as_slice() {
        [] => session.book.entries().map(|(_, address)| address).collect(),
        who => who.iter().map(|who| session.book.resolve(who)).collect::<Result<_>>()?,
    };
    let balances = accounts.into_iter().map(|address| {
        let (balance, currency) = match &token {
            Some((token, currency)) => (token_balance(&session, token, address)?, currency.clone()),
            None => (session.ledger.account(address)?.balance, session.ledger.native().clone()),
        };
        Ok(Balance {
            name: session.book.name(address).map(str::to_owned),
            address,
            balance: balance.to_string(),
            text: currency.display(balance),
            currency,
        })
    });
    context.out.show(&Balances(balances.collect::<Result<_>>()?))
}

fn token_balance(session: &Session<'_>, token: &Contract, who: Address) -> Result<U256> {
    let method = find_method(&token.abi, "balanceOf(address)(uint256)", 1)?;
    let input = method.abi_encode_input(&[DynSolValue::Address(who)])?.into();
    let request = Request { to: Some(token.address), input, ..Request::default() };
    let outcome = session.ledger.simulate(Address::ZERO, &request)?.receipt.outcome;
    let Outcome::Success { output } = &outcome else {
        bail!("balanceOf fails: {}", session.why(&outcome).unwrap_or_default());
    };
    let values = method.abi_decode_output(output).context("balanceOf returns nonsense")?;
    let balance =
        values.first().and_then(DynSolValue::as_uint).context("balanceOf returns nothing")?;
    Ok(balance.0)
}
