//! `florin deploy`: puts a contract on the ledger.

use crate::{
    abi::parse_arguments,
    context::Context,
    ledger::Request,
    report::Transaction,
    session::{SenderArgs, Session},
};
use alloy_dyn_abi::JsonAbiExt;
use alloy_json_abi::JsonAbi;
use anyhow::{Context as _, Result, bail};
use florin_build::Artefact;
use std::path::PathBuf;

/// Arguments of `florin deploy`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A `.wasm`, an artefact (`.json`), or the folder of a contract crate, which is built first
    what: PathBuf,
    /// The arguments of the constructor
    #[arg(allow_negative_numbers = true)]
    arguments: Vec<String>,
    /// What to call the contract; its package's name if left out
    #[arg(long)]
    name: Option<String>,
    /// Native currency to give to the contract
    #[arg(long, value_name = "AMOUNT")]
    value: Option<String>,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Deploys, and names what was deployed.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let artefact = super::inspect::artefact(&args.what, context)?;
    let signer = args.sender.signer(context)?;
    let mut session = Session::open(context)?;
    let name = args.name.unwrap_or_else(|| artefact.name.clone());
    session.book.check_new(&name).context("a contract needs a name of its own; say --name")?;
    let request = Request {
        to: None,
        value: session.value(args.value.as_deref())?,
        input: creation(&artefact, &args.arguments, &session)?.into(),
        gas: args.sender.gas,
    };
    let located = session.send(&signer, &request)?;
    let created = located.receipt().created.filter(|_| located.receipt().is_success());
    if let Some(address) = created {
        session.book.call(&name, address);
    }
    let told = Transaction::told(&located, &session);
    if let Some(address) = created
        && let Err(error) = session.book.add(&name, address)
    {
        context.out.warn(format!(
            "{address} could not be named `{name}`: {error:#}; name it with `florin account import \
             NAME --address {address}`"
        ));
    }
    told
}

/// The data of the create transaction.
fn creation(artefact: &Artefact, texts: &[String], session: &Session<'_>) -> Result<Vec<u8>> {
    let abi: JsonAbi = serde_json::from_value(artefact.abi.clone())
        .context("the ABI of the contract is damaged")?;
    let mut data = artefact.bytecode();
    match &abi.constructor {
        Some(constructor) => {
            let terms = session.terms(None);
            let values = parse_arguments("constructor", &constructor.inputs, texts, &terms)?;
            data.extend(constructor.abi_encode_input(&values)?);
        }
        None if texts.is_empty() => {}
        None => bail!("the constructor takes no arguments; {} given", texts.len()),
    }
    Ok(data)
}
