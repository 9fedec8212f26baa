//! `florin send`: calls a method of a contract in a transaction.

use super::call::encode;
use crate::{
    abi::ARGUMENTS,
    context::Context,
    ledger::Request,
    report::Transaction,
    session::{SenderArgs, Session},
};
use anyhow::Result;

/// Arguments of `florin send`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The contract: a name or an address
    contract: String,
    /// The method: its name, or its signature as in transfer(address,uint256)
    method: String,
    #[arg(allow_negative_numbers = true, help = ARGUMENTS)]
    arguments: Vec<String>,
    /// Native currency to send along, as in 12.5, `12.5 FLR` or 1gwei
    #[arg(long, value_name = "AMOUNT")]
    value: Option<String>,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Calls the method, and shows what came of it.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let signer = args.sender.signer(context)?;
    let session = Session::open(context)?;
    let contract = session.contract(&args.contract)?;
    let (_, input) = encode(&session, &contract, &args.method, &args.arguments)?;
    let request = Request {
        to: Some(contract.address),
        value: session.value(args.value.as_deref())?,
        input,
        gas: args.sender.gas,
    };
    Transaction::told(&session.send(&signer, &request)?, &session)
}
