//! `florin upgrade`: replaces the code of a contract.

use super::inspect;
use crate::{
    abi::{find_method, parse_arguments},
    context::Context,
    ledger::Request,
    report::Transaction,
    session::{SenderArgs, Session},
};
use alloy_dyn_abi::{DynSolValue, JsonAbiExt};
use alloy_json_abi::JsonAbi;
use anyhow::{Context as _, Result, ensure};
use std::path::PathBuf;

/// The method by which a contract lets its code be replaced. Who may is the contract's decision.
const METHOD: &str = "upgrade(bytes)";

/// Arguments of `florin upgrade`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The contract, which needs a method `upgrade(bytes)`: a name or an address
    contract: String,
    /// The new code: a `.wasm`, an artefact (`.json`), or the folder of a contract crate, which is
    /// built first
    what: PathBuf,
    /// The arguments of the new code's migration, if it takes any; needs --migration
    #[arg(allow_negative_numbers = true, requires = "migration")]
    arguments: Vec<String>,
    /// The signature of the migration, as in migrate(uint64); it is not a part of the ABI
    #[arg(long, value_name = "SIGNATURE")]
    migration: Option<String>,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Upgrades; storage and address stay, and a migration runs in the same transaction.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let artefact = inspect::artefact(&args.what, context)?;
    let signer = args.sender.signer(context)?;
    let session = Session::open(context)?;
    let contract = session.contract(&args.contract)?;
    let has_method = contract.abi.functions().any(|method| method.signature() == METHOD);
    ensure!(has_method, "{} has no method {METHOD}: its code is for ever", args.contract);
    let mut code = artefact.bytecode();
    if let Some(signature) = &args.migration {
        ensure!(artefact.migrates, "{} brings no migration", args.what.display());
        ensure!(signature.contains('('), "--migration takes a signature, as in migrate(uint64)");
        let method = find_method(&JsonAbi::new(), signature, args.arguments.len())?;
        let terms = session.terms(Some(&contract));
        let values = parse_arguments(&method.name, &method.inputs, &args.arguments, &terms)?;
        code.extend(method.abi_encode_input_raw(&values).context("the migration's arguments")?);
    }
    let method = find_method(&contract.abi, METHOD, 1)?;
    let input = method.abi_encode_input(&[DynSolValue::Bytes(code)])?.into();
    let to = Some(contract.address);
    let request = Request { to, input, gas: args.sender.gas, ..Request::default() };
    Transaction::told(&session.send(&signer, &request)?, &session)
}
