//! The final form of a module: what the linker left, less what a ledger has no use for.
//!
//! Invariant: code and data are copied byte for byte; only exports and custom sections change.

use crate::{BuildError, BuildInfo, Mode, abi_text};
use florin_abi::{exports, limits::MODULE_BYTES, sections};
use std::{borrow::Cow, collections::BTreeMap};
use wasm_encoder::{CustomSection, ExportKind, ExportSection, Module, RawSection};
use wasmparser::{ExternalKind, Parser, Payload};

/// The exports a ledger knows.
const EXPORTS: [&str; 4] = [exports::MEMORY, exports::CALL, exports::DEPLOY, exports::MIGRATE];
/// Of those, the ones without which a module is no contract.
const REQUIRED: [&str; 2] = [exports::MEMORY, exports::CALL];
/// Custom sections that are Florin's.
const PREFIX: &str = "florin.";
/// The custom section that holds the names of functions.
const NAMES: &str = "name";

/// Drops unknown exports and custom sections, shortens the ABI, and adds the build information.
pub fn finish(linked: &[u8], info: &BuildInfo) -> Result<Vec<u8>, BuildError> {
    let mut module = Module::new();
    let mut names = None;
    // All of it is read before any is copied: a section's header may promise more than there is.
    let payloads = Parser::new(0).parse_all(linked).collect::<Result<Vec<_>, _>>()?;
    for payload in payloads {
        match payload {
            Payload::CustomSection(section) if section.name() == NAMES => {
                names = Some(section.data());
            }
            Payload::ExportSection(section) => {
                module.section(&known_exports(section)?);
            }
            payload => {
                if let Some((id, range)) = payload.as_section().filter(|(id, _)| *id != 0) {
                    module.section(&RawSection { id, data: &linked[range] });
                }
            }
        }
    }
    if let Some(names) = names.filter(|_| info.mode == Mode::Development) {
        custom(&mut module, NAMES, names);
    }
    let mut ours = florin_sections(linked)?;
    let build = serde_json::to_vec(info)
        .map_err(|e| BuildError::Section { section: sections::BUILD, reason: e.to_string() })?;
    ours.insert(sections::BUILD.to_owned(), build);
    if let Some(abi) = ours.get_mut(sections::ABI) {
        *abi = abi_text::shorten(abi);
    }
    for (name, data) in &ours {
        custom(&mut module, name, data);
    }
    let bytes = module.finish();
    check(&bytes)?;
    Ok(bytes)
}

/// The `florin.*` sections by name. The linker may leave one section per static: those of the same
/// name are one, in order of appearance.
pub fn florin_sections(module: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, BuildError> {
    let mut found = BTreeMap::<String, Vec<u8>>::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload?
            && section.name().starts_with(PREFIX)
        {
            found.entry(section.name().to_owned()).or_default().extend(section.data());
        }
    }
    Ok(found)
}

/// The section of a module that says what its functions are called; empty if there is none.
pub fn names(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::CustomSection(section) if section.name() == NAMES => {
                return Ok(section.data().to_vec());
            }
            _ => {}
        }
    }
    Ok(Vec::new())
}

/// A finished module with names in front of everything else.
pub fn named(wasm: &[u8], names: &[u8]) -> Vec<u8> {
    let mut front = Module::new();
    if !names.is_empty() {
        custom(&mut front, NAMES, names);
    }
    [&front.finish(), wasm.strip_prefix(&Module::HEADER).unwrap_or(wasm)].concat()
}

fn custom(module: &mut Module, name: &str, data: &[u8]) {
    module.section(&CustomSection { name: name.into(), data: Cow::Borrowed(data) });
}

/// The exports a ledger knows; others are dropped.
fn known_exports(
    section: wasmparser::ExportSectionReader<'_>,
) -> Result<ExportSection, BuildError> {
    let mut kept = ExportSection::new();
    for export in section {
        let export = export?;
        let kind = match export.kind {
            ExternalKind::Memory => ExportKind::Memory,
            ExternalKind::Func => ExportKind::Func,
            _ => continue,
        };
        if EXPORTS.contains(&export.name) {
            kept.export(export.name, kind, export.index);
        }
    }
    Ok(kept)
}

/// Refuses what no ledger would take, while the author is still at hand.
fn check(module: &[u8]) -> Result<(), BuildError> {
    if module.len() > MODULE_BYTES as usize {
        return Err(BuildError::TooLarge { bytes: module.len() });
    }
    let mut missing = REQUIRED.to_vec();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(section) = payload? {
            for export in section {
                let export = export?;
                missing.retain(|name| *name != export.name);
            }
        }
    }
    missing.first().map_or(Ok(()), |name| Err(BuildError::NotAContract(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{
        CodeSection, Function, FunctionSection, GlobalSection, MemorySection, MemoryType,
        TypeSection,
    };

    fn info(mode: Mode) -> BuildInfo {
        BuildInfo {
            package: "shop".into(),
            version: "1.2.3".into(),
            rustc: "rustc 1.0".into(),
            sdk: None,
            mode,
        }
    }

    /// A module with one function, exported under the given names, and the given custom sections.
    fn linked(functions: &[&str], custom_sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut module = Module::new();
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut functions_section = FunctionSection::new();
        functions_section.function(0);
        let mut memories = MemorySection::new();
        let memory = MemoryType {
            minimum: 1,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        };
        memories.memory(memory);
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        for name in functions {
            exports.export(name, ExportKind::Func, 0);
        }
        let mut code = CodeSection::new();
        let mut body = Function::new([]);
        body.instructions().end();
        code.function(&body);
        module.section(&types).section(&functions_section).section(&memories);
        module.section(&GlobalSection::new()).section(&exports).section(&code);
        for (name, data) in custom_sections {
            custom(&mut module, name, data);
        }
        module.finish()
    }

    fn names(module: &[u8]) -> (Vec<String>, Vec<String>) {
        let (mut exports, mut customs) = (vec![], vec![]);
        for payload in Parser::new(0).parse_all(module) {
            match payload.unwrap() {
                Payload::ExportSection(section) => {
                    exports.extend(section.into_iter().map(|e| e.unwrap().name.to_owned()));
                }
                Payload::CustomSection(section) => customs.push(section.name().to_owned()),
                _ => {}
            }
        }
        (exports, customs)
    }

    #[test]
    fn only_known_exports_and_sections_stay() {
        let linked = linked(
            &["call", "__heap_base", "deploy", "main"],
            &[
                ("florin.abi", b"[]"),
                ("producers", b"x"),
                ("name", b""),
                (".debug_info", b"/home/me"),
                ("target_features", b""),
            ],
        );
        let released = finish(&linked, &info(Mode::Release)).unwrap();
        wasmparser::validate(&released).unwrap();
        let (exports, customs) = names(&released);
        assert_eq!(exports, ["memory", "call", "deploy"]);
        assert_eq!(customs, ["florin.abi", "florin.build"]);

        let development = finish(&linked, &info(Mode::Development)).unwrap();
        assert_eq!(names(&development).1, ["name", "florin.abi", "florin.build"]);
    }

    #[test]
    fn sections_of_one_name_become_one() {
        let parts: &[(&str, &[u8])] =
            &[("florin.layout", b"a: u8\n"), ("florin.abi", b"[]"), ("florin.layout", b"b: u8\n")];
        let finished = finish(&linked(&["call"], parts), &info(Mode::Release)).unwrap();
        let sections = florin_sections(&finished).unwrap();
        assert_eq!(sections["florin.layout"], b"a: u8\nb: u8\n");
        assert_eq!(names(&finished).1, ["florin.abi", "florin.build", "florin.layout"]);
    }

    #[test]
    fn build_information_cannot_be_forged_by_the_contract() {
        let linked = linked(&["call"], &[("florin.build", b"{\"package\":\"liar\"}")]);
        let finished = finish(&linked, &info(Mode::Release)).unwrap();
        let build: BuildInfo =
            serde_json::from_slice(&florin_sections(&finished).unwrap()["florin.build"]).unwrap();
        assert_eq!(build, info(Mode::Release));
    }

    #[test]
    fn finishing_is_idempotent() {
        let once = finish(&linked(&["call"], &[]), &info(Mode::Development)).unwrap();
        assert_eq!(finish(&once, &info(Mode::Development)).unwrap(), once);
    }

    #[test]
    fn what_is_no_contract_is_refused() {
        let refused = finish(&linked(&["deploy"], &[]), &info(Mode::Release));
        assert!(matches!(refused, Err(BuildError::NotAContract("call"))), "{refused:?}");
        let empty = Module::new().finish();
        assert!(matches!(
            finish(&empty, &info(Mode::Release)),
            Err(BuildError::NotAContract("memory"))
        ));
        let whole = linked(&["call"], &[]);
        for bytes in [&b""[..], b"\0asm", b"PK\x03\x04", &whole[..whole.len() - 3]] {
            assert!(finish(bytes, &info(Mode::Release)).is_err(), "{bytes:?}");
        }
        let bloated = vec![0; MODULE_BYTES as usize];
        let refused = finish(&linked(&["call"], &[("florin.abi", &bloated)]), &info(Mode::Release));
        assert!(matches!(refused, Err(BuildError::TooLarge { .. })));
    }
}
