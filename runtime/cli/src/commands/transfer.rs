//! `florin transfer`: pays native currency or a token.

use crate::{
    abi::{find_method, parse_arguments},
    context::Context,
    ledger::Request,
    report::Transaction,
    session::{SenderArgs, Session},
};
use alloy_dyn_abi::JsonAbiExt;
use anyhow::Result;

/// Arguments of `florin transfer`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Who is paid: a name or an address
    to: String,
    /// How much, as in 12.5 or `12.5 FLR`; of native currency also 1gwei or 100wei
    #[arg(allow_negative_numbers = true)]
    amount: String,
    /// Pay this token instead of the native currency
    #[arg(long, value_name = "CONTRACT")]
    token: Option<String>,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Pays.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let session = Session::open(context)?;
    let gas = args.sender.gas;
    let request = match &args.token {
        None => {
            let (to, value) = (session.book.resolve(&args.to)?, session.value(Some(&args.amount))?);
            Request { to: Some(to), value, gas, ..Request::default() }
        }
        Some(token) => {
            let token = session.token(token)?;
            let method = find_method(&token.abi, "transfer(address,uint256)", 2)?;
            let terms = session.terms(Some(&token));
            let texts = [args.to.clone(), args.amount.clone()];
            let values = parse_arguments(&method.name, &method.inputs, &texts, &terms)?;
            let input = method.abi_encode_input(&values)?.into();
            Request { to: Some(token.address), input, gas, ..Request::default() }
        }
    };
    let signer = session.signer(&args.sender)?;
    Transaction::told(&session.send(&signer, &request)?, &session)
}
