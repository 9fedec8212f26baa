//! What a contract is outside a ledger: a module, and what its custom sections say about it.
//!
//! An artefact is kept as two files. `<name>.wasm` is the module and is enough by itself;
//! `<name>.json` says the same in the form that Hardhat gave artefacts, which viem, ethers and
//! others read: they append the ABI-encoded constructor arguments to its `bytecode`.

use crate::{
    BuildError, Mode, abi_text,
    module::{self, florin_sections},
    sizes,
};
use alloy_primitives::{B256, Bytes, keccak256};
use florin_abi::{deploy, exports, limits::MODULE_BYTES, sections};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use wasmparser::{Parser, Payload};

/// How a module was built; it travels in the section `florin.build`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildInfo {
    /// The package it was built from.
    pub package: String,
    /// The version of that package.
    pub version: String,
    /// The compiler, as it names itself.
    pub rustc: String,
    /// The version of the SDK, if the contract uses it.
    pub sdk: Option<String>,
    /// For whom it was built.
    pub mode: Mode,
}

/// A contract that can be deployed.
#[derive(Debug, Clone, PartialEq)]
pub struct Artefact {
    /// Its name: that of the package, or of the file if the module does not tell.
    pub name: String,
    /// The module.
    pub wasm: Vec<u8>,
    /// The contract's Solidity ABI; an empty array if the module has none.
    pub abi: Value,
    /// The storage layout, one `path: type` per line, in order.
    pub layout: Vec<String>,
    /// The keccak-256 of the layout's text, by which a later version's migration names it.
    pub layout_hash: B256,
    /// How it was built, if the module tells.
    pub build_info: Option<BuildInfo>,
    /// The selectors of the methods that may be entered while the contract is on the call stack.
    pub reentrant: Vec<[u8; 4]>,
    /// Whether it has code to run when a contract is upgraded to it.
    pub migrates: bool,
    /// The size of each function, largest first (see [`sizes`](crate::sizes)). It is not part of
    /// the files: from a stripped module it holds no names.
    pub sizes: Vec<(String, usize)>,
    /// The `name` section of what the linker made, which says what functions are called; empty if
    /// it was read from a file. See [`named`](Artefact::named).
    pub names: Vec<u8>,
}

impl Artefact {
    /// Reads what the sections of a module tell.
    ///
    /// # Errors
    /// If the bytes are not a module or one of its sections is damaged.
    pub fn from_wasm(wasm: Vec<u8>) -> Result<Self, BuildError> {
        let found = florin_sections(&wasm)?;
        let abi = abi_in(&found)?;
        let build_info: Option<BuildInfo> = section(&found, sections::BUILD)?;
        let layout = found.get(sections::LAYOUT).map(Vec::as_slice).unwrap_or_default();
        let layout_hash = keccak256(layout);
        let layout = str::from_utf8(layout)
            .map_err(|e| damaged(sections::LAYOUT, e))?
            .lines()
            .map(str::to_owned)
            .collect();
        let selectors = found.get(sections::REENTRANT).map(Vec::as_slice).unwrap_or_default();
        let (reentrant, rest) = selectors.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(damaged(sections::REENTRANT, "not a multiple of four bytes"));
        }
        Ok(Artefact {
            name: build_info.as_ref().map_or_else(|| "contract".into(), |b| b.package.clone()),
            abi,
            layout,
            layout_hash,
            build_info,
            reentrant: reentrant.to_vec(),
            migrates: has_export(&wasm, exports::MIGRATE)?,
            sizes: sizes(&wasm)?,
            names: Vec::new(),
            wasm,
        })
    }

    /// Reads an artefact from its `.wasm` or its `.json`.
    ///
    /// # Errors
    /// If the file cannot be read, or is no artefact of Florin.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, BuildError> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(BuildError::file(path))?;
        let wrong = |reason: &str| BuildError::Artefact {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        if bytes.starts_with(b"\0asm") {
            let mut artefact = Self::from_wasm(bytes)?;
            if artefact.build_info.is_none() {
                let stem = path.file_stem().unwrap_or_default();
                artefact.name = stem.to_string_lossy().into_owned();
            }
            return Ok(artefact);
        }
        let json: ArtefactJson = serde_json::from_slice(&bytes)
            .map_err(|e| wrong(&format!("neither a WebAssembly module nor its JSON ({e})")))?;
        match deploy::parse(&json.bytecode) {
            Some(deploy::Deployment::Module { module, arguments: [] }) => {
                let artefact = Self::from_wasm(module.to_vec())?;
                Ok(Artefact { name: json.contract_name, ..artefact })
            }
            _ => Err(wrong("its bytecode is not for Florin; was it compiled by another tool?")),
        }
    }

    /// Writes `<name>.wasm` and `<name>.json` into a folder, which is made if need be; returns
    /// their paths.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn save(&self, dir: impl AsRef<Path>) -> Result<[PathBuf; 2], BuildError> {
        let dir = dir.as_ref();
        fs::create_dir_all(dir).map_err(BuildError::file(dir))?;
        let wasm = dir.join(format!("{}.wasm", self.name));
        let json = dir.join(format!("{}.json", self.name));
        fs::write(&wasm, &self.wasm).map_err(BuildError::file(&wasm))?;
        fs::write(&json, format!("{:#}\n", self.to_json())).map_err(BuildError::file(&json))?;
        Ok([wasm, json])
    }

    /// The data of the create transaction, but for the constructor's arguments, which follow it.
    pub fn bytecode(&self) -> Vec<u8> {
        let length = u32::try_from(self.wasm.len()).expect("modules are far below 4 GiB");
        [&deploy::header(length)[..], &self.wasm].concat()
    }

    /// The module with the names of its functions, for messages about it. They stand in front, so
    /// that who reads from front to back knows them in time; they are left out where they would
    /// make it too long for a ledger.
    pub fn named(&self) -> Vec<u8> {
        let named = module::named(&self.wasm, &self.names);
        if named.len() <= MODULE_BYTES as usize { named } else { self.wasm.clone() }
    }

    /// keccak-256 of the module, by which a ledger knows the code.
    pub fn code_hash(&self) -> B256 {
        keccak256(&self.wasm)
    }

    /// The content of `<name>.json`.
    pub fn to_json(&self) -> Value {
        json!({
            "_format": "hh-sol-artifact-1",
            "contractName": self.name,
            "sourceName": "src/lib.rs",
            "abi": self.abi,
            "bytecode": Bytes::from(self.bytecode()),
            "deployedBytecode": Bytes::copy_from_slice(&self.wasm),
            "linkReferences": {},
            "deployedLinkReferences": {},
            "florin": {
                "codeHash": self.code_hash(),
                "layout": self.layout,
                "layoutHash": self.layout_hash,
                "build": self.build_info,
            },
        })
    }
}

/// What is read back from `<name>.json`; the rest is in the module.
#[derive(Deserialize)]
struct ArtefactJson {
    #[serde(rename = "contractName")]
    contract_name: String,
    bytecode: Bytes,
}

/// The Solidity ABI that a module tells, when nothing else about it matters: an empty array if
/// there is none.
///
/// # Errors
/// If the bytes are not a module or the ABI is damaged.
pub fn abi(module: &[u8]) -> Result<Value, BuildError> {
    abi_in(&florin_sections(module)?)
}

fn abi_in(found: &BTreeMap<String, Vec<u8>>) -> Result<Value, BuildError> {
    match found.get(sections::ABI) {
        Some(data) => abi_text::expand(data).map_err(|reason| damaged(sections::ABI, reason)),
        None => Ok(json!([])),
    }
}

fn section<T: serde::de::DeserializeOwned>(
    sections: &BTreeMap<String, Vec<u8>>,
    name: &'static str,
) -> Result<Option<T>, BuildError> {
    sections
        .get(name)
        .map(|data| serde_json::from_slice(data).map_err(|error| damaged(name, error)))
        .transpose()
}

fn damaged(section: &'static str, reason: impl ToString) -> BuildError {
    BuildError::Section { section, reason: reason.to_string() }
}

fn has_export(module: &[u8], name: &str) -> Result<bool, BuildError> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(section) = payload? {
            for export in section {
                if export?.name == name {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}
