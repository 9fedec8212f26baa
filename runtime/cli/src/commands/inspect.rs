//! `florin inspect`: what a contract is.

use crate::{
    abi::signature,
    context::Context,
    output::{Report, fields},
    session::Session,
};
use alloy_json_abi::{JsonAbi, StateMutability};
use alloy_primitives::{Address, B256, Selector};
use anyhow::{Context as _, Result, bail};
use florin_build::{Artefact, BuildInfo, Mode};
use serde::Serialize;
use std::path::Path;

/// Arguments of `florin inspect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A `.wasm`, an artefact (`.json`), the folder of a contract crate, or a contract on the
    /// ledger by name or address
    what: String,
}

/// What a contract is.
#[derive(Debug, Serialize)]
struct Inspection {
    name: String,
    address: Option<Address>,
    bytes: usize,
    code_hash: B256,
    build: Option<BuildInfo>,
    constructor: Option<String>,
    methods: Vec<Method>,
    events: Vec<Item<B256>>,
    errors: Vec<Item<Selector>>,
    layout: Vec<String>,
    layout_hash: B256,
    /// Whether it has code to run when a contract is upgraded to it.
    migrates: bool,
    abi: serde_json::Value,
}

#[derive(Debug, Serialize)]
struct Method {
    signature: String,
    selector: Selector,
    returns: Vec<String>,
    mutability: StateMutability,
    /// Whether it may be entered while the contract is on the call stack.
    reentrant: bool,
}

/// An event or error, with the hash it is recognised by.
#[derive(Debug, Serialize)]
struct Item<Id> {
    signature: String,
    id: Id,
}

/// Inspects a file if there is one of that name, else a contract on the ledger.
pub fn run(args: Args, context: &Context) -> Result<()> {
    let path = Path::new(&args.what);
    if path.exists() {
        return context.out.show(&inspect(artefact(path, context)?, None)?);
    }
    let looks_like_a_file = path.extension().is_some() || path.components().count() > 1;
    if looks_like_a_file {
        bail!("there is no file {}", path.display());
    }
    let session = Session::open(context)?;
    let address = session.book.resolve(&args.what)?;
    let code = session.ledger.code(address)?;
    let code = code.with_context(|| format!("{} is no contract; it has no code", args.what))?;
    context.out.show(&inspect(Artefact::from_wasm(code.to_vec())?, Some(address))?)
}

/// The artefact in a file, or of a crate, which is built first.
pub fn artefact(path: &Path, context: &Context) -> Result<Artefact> {
    if path.is_dir() {
        return super::build::build(path, None, Mode::Release, context);
    }
    let artefact = Artefact::load(path)?;
    super::build::check(&artefact)
        .with_context(|| format!("{} is no contract that a ledger takes", path.display()))?;
    Ok(artefact)
}

/// Takes an artefact apart.
fn inspect(artefact: Artefact, address: Option<Address>) -> Result<Inspection> {
    let abi: JsonAbi = serde_json::from_value(artefact.abi.clone())
        .context("the ABI of the contract is damaged")?;
    let methods = abi.functions().map(|function| Method {
        signature: signature(&function.name, &function.inputs),
        selector: function.selector(),
        returns: function.outputs.iter().map(|o| o.selector_type().into_owned()).collect(),
        mutability: function.state_mutability,
        reentrant: artefact.reentrant.contains(&function.selector().0),
    });
    let events = abi.events().map(|event| Item {
        signature: event.full_signature().trim_start_matches("event ").to_owned(),
        id: event.selector(),
    });
    let errors = abi.errors().map(|error| Item {
        signature: signature(&error.name, &error.inputs),
        id: error.selector(),
    });
    Ok(Inspection {
        address,
        bytes: artefact.wasm.len(),
        code_hash: artefact.code_hash(),
        constructor: abi.constructor.as_ref().map(|c| signature("constructor", &c.inputs)),
        methods: methods.collect(),
        events: events.collect(),
        errors: errors.collect(),
        name: artefact.name,
        build: artefact.build_info,
        layout: artefact.layout,
        layout_hash: artefact.layout_hash,
        migrates: artefact.migrates,
        abi: artefact.abi,
    })
}

impl Report for Inspection {
    fn text(&self) -> String {
        let mut rows = vec![
            ("contract", self.name.clone()),
            ("size", format!("{} bytes", self.bytes)),
            ("code hash", self.code_hash.to_string()),
        ];
        rows.extend(self.address.map(|address| ("address", address.to_string())));
        if let Some(build) = &self.build {
            let sdk = build.sdk.as_ref().map(|sdk| format!(", florin-sdk {sdk}"));
            let mode = if build.mode == Mode::Development { ", for development" } else { "" };
            let (version, rustc, sdk) = (&build.version, &build.rustc, sdk.unwrap_or_default());
            rows.push(("built from", format!("{} {version} by {rustc}{sdk}{mode}", build.package)));
        }
        rows.extend(self.constructor.clone().map(|text| ("constructor", text)));
        rows.push(("methods", self.methods.iter().map(Method::text).collect()));
        let ids = |items: Vec<(String, &String)>| {
            items.iter().map(|(id, text)| format!("{id}  {text}\n")).collect::<String>()
        };
        // The whole hash of an event is in the JSON; eight digits are enough to recognise it.
        let events = self
            .events
            .iter()
            .map(|e| (format!("{}", Selector::from_slice(&e.id[..4])), &e.signature));
        rows.push(("events", ids(events.collect())));
        let errors = self.errors.iter().map(|e| (e.id.to_string(), &e.signature));
        rows.push(("errors", ids(errors.collect())));
        if !self.layout.is_empty() {
            rows.push(("layout", self.layout.join("\n")));
            // A migration names the layout that it is for by this.
            rows.push(("layout hash", self.layout_hash.to_string()));
        }
        if self.migrates {
            rows.push(("upgrade", "brings a migration".to_owned()));
        }
        let rows = rows.into_iter().map(|(label, text)| (label, text.trim_end().to_owned()));
        fields(rows.filter(|(_, text)| !text.is_empty()))
    }
}

impl Method {
    fn text(&self) -> String {
        let mut line = format!("{}  {}", self.selector, self.signature);
        if !self.returns.is_empty() {
            line += &format!(" returns ({})", self.returns.join(", "));
        }
        if self.mutability != StateMutability::NonPayable {
            line += &format!(" {}", self.mutability.as_json_str());
        }
        if self.reentrant {
            line += " reentrant";
        }
        line + "\n"
    }
}
