//! `florin transfer`: pays native currency or a token.

use crate::{
    abi::find_method,
    context::Context,
    exit::Exit,
    ledger::Request,
    report::Transaction,
    session::{SenderArgs, Session},
};
use alloy_dyn_abi::{DynSolValue, JsonAbiExt};
use alloy_primitives::U256;
use anyhow::Result;
use florin_runtime::types::Outcome;

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
    let signer = args.sender.signer(context)?;
    let session = Session::open(context)?;
    let gas = args.sender.gas;
    let request = match &args.token {
        None => {
            let (to, value) = (session.book.resolve(&args.to)?, session.value(Some(&args.amount))?);
            Request { to: Some(to), value, gas, ..Request::default() }
        }
        Some(token) => {
            let (token, currency) = session.token(token)?;
            // By its place, not by its name in the ABI, the second argument is an amount.
            let amount = DynSolValue::Uint(currency.parse(&args.amount)?, 256);
            let method = find_method(&token.abi, "transfer(address,uint256)", 2)?;
            let to = DynSolValue::Address(session.book.resolve(&args.to)?);
            let input = method.abi_encode_input(&[to, amount])?.into();
            Request { to: Some(token.address), input, gas, ..Request::default() }
        }
    };
    if args.token.is_some() && gas.is_none() {
        let would = session.ledger.simulate(signer.address(), &request)?.receipt.outcome;
        if let Some(answer) = refusal(&would) {
            let why = format!("it would not pay, so it was not sent: {answer}");
            return Err(Exit::Rejected.because(why));
        }
    }
    let located = session.send(&signer, &request)?;
    Transaction::told(&located, &session)?;
    let receipt = located.receipt();
    match refusal(&receipt.outcome).filter(|_| args.token.is_some()) {
        None => Ok(()),
        Some(answer) => {
            let hash = receipt.transaction;
            Err(Exit::Reverted.because(format!("{hash} was sealed, but did not pay: {answer}")))
        }
    }
}

/// What a token says when it does not pay and does not revert either. ERC-20 lets it return
/// `false`; many tokens return nothing when they have paid, and anything else is no yes.
fn refusal(outcome: &Outcome) -> Option<&'static str> {
    let Outcome::Success { output } = outcome else { return None };
    match output.first_chunk::<32>().map(|word| U256::from_be_bytes(*word)) {
        None if output.is_empty() => None,
        Some(U256::ONE) => None,
        Some(U256::ZERO) => Some("the token returned false"),
        _ => Some("the token returned neither true nor nothing"),
    }
}
