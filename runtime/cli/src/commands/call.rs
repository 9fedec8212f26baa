//! `florin call`: asks a contract, without a transaction.

use crate::{
    abi::{ARGUMENTS, Named, find_method, name_values, parse_arguments, shortened},
    context::Context,
    exit::Exit,
    ledger::Request,
    output::Report,
    session::{Contract, Session},
};
use alloy_dyn_abi::{FunctionExt, JsonAbiExt};
use alloy_json_abi::Function;
use alloy_primitives::Bytes;
use anyhow::{Context as _, Result};
use florin_runtime::types::Outcome;
use serde::Serialize;

/// Arguments of `florin call`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The contract: a name or an address
    contract: String,
    /// The method: its name, or its signature as in balanceOf(address)(uint256)
    method: String,
    #[arg(allow_negative_numbers = true, help = ARGUMENTS)]
    arguments: Vec<String>,
    /// On whose behalf: a name or an address
    #[arg(long, value_name = "WHO", env = "FLORIN_FROM")]
    from: Option<String>,
    /// Native currency to send along, as in 12.5, `12.5 FLR` or 1gwei
    #[arg(long, value_name = "AMOUNT")]
    value: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    results: Vec<Named>,
    output: Bytes,
    gas_used: u64,
}

impl Report for Answer {
    fn text(&self) -> String {
        if self.results.is_empty() {
            return shortened(&self.output);
        }
        self.results.iter().map(Named::labelled).collect::<Vec<_>>().join("\n")
    }
}

/// Asks, and shows the answer.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let session = Session::open(context)?;
    let contract = session.contract(&args.contract)?;
    let (method, input) = encode(&session, &contract, &args.method, &args.arguments)?;
    let from = args.from.as_deref().map(|who| session.book.resolve(who)).transpose()?;
    let value = session.value(args.value.as_deref())?;
    let request = Request { to: Some(contract.address), value, input, gas: None };
    let receipt = session.ledger.simulate(from.unwrap_or_default(), &request)?.receipt;
    let Outcome::Success { output } = &receipt.outcome else {
        return Err(Exit::Reverted.because(session.why(&receipt.outcome).unwrap_or_default()));
    };
    let values = method.abi_decode_output(output).with_context(|| {
        format!(
            "{} returned {}, which is not what its ABI says",
            method.signature(),
            shortened(output)
        )
    })?;
    let terms = session.terms(Some(&contract));
    context.out.show(&Answer {
        results: name_values(&method.name, &method.outputs, &values, &terms),
        output: output.clone(),
        gas_used: receipt.gas_used,
    })
}

/// Finds a method and encodes a call of it.
pub fn encode(
    session: &Session<'_>,
    contract: &Contract,
    method: &str,
    arguments: &[String],
) -> Result<(Function, Bytes)> {
    let method = find_method(&contract.abi, method, arguments.len())?;
    let terms = session.terms(Some(contract));
    let values = parse_arguments(&method.name, &method.inputs, arguments, &terms)?;
    let input = method.abi_encode_input(&values)?.into();
    Ok((method, input))
}
