//! What the bytes of a module are: a report by function.

use crate::BuildError;
use std::collections::HashMap;
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

/// The size of every function, of the data and of each custom section, largest first.
///
/// Functions have names only in a module that was not stripped; [`build`](crate::build) leaves the
/// report with the names that the linker knew in [`Artefact::sizes`](crate::Artefact::sizes).
///
/// # Errors
/// If the bytes are not a module.
pub fn sizes(module: &[u8]) -> Result<Vec<(String, usize)>, BuildError> {
    let mut names = HashMap::new();
    let mut index = 0;
    let mut bodies = vec![];
    let mut rest = vec![];
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    index += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => {
                bodies.push((index, body.range().len()));
                index += 1;
            }
            Payload::DataSection(section) => {
                rest.push(("[data]".to_owned(), section.range().len()))
            }
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Name(reader) => {
                    for name in reader {
                        let Name::Function(functions) = name? else { continue };
                        for naming in functions {
                            let naming = naming?;
                            names.insert(naming.index, readable(naming.name));
                        }
                    }
                }
                _ if section.name().starts_with("florin.") => {
                    rest.push((format!("[{}]", section.name()), section.data().len()));
                }
                _ => {}
            },
            _ => {}
        }
    }
    let named = bodies.into_iter().map(|(index, bytes)| {
        (names.remove(&index).unwrap_or_else(|| format!("function {index}")), bytes)
    });
    rest.extend(named);
    rest.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(rest)
}

/// A linker name as its author wrote it, without the hash.
fn readable(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{
        CodeSection, Function, FunctionSection, Module, NameMap, NameSection, TypeSection,
    };

    #[test]
    fn functions_are_named_and_sorted() {
        let mut module = Module::new();
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        for nops in [1, 5] {
            functions.function(0);
            let mut body = Function::new([]);
            for _ in 0..nops {
                body.instructions().nop();
            }
            body.instructions().end();
            code.function(&body);
        }
        let mut map = NameMap::new();
        map.append(1, "_ZN4shop3buy17h0123456789abcdefE");
        let mut names = NameSection::new();
        names.functions(&map);
        module.section(&types).section(&functions).section(&code).section(&names);
        let sizes = sizes(&module.finish()).unwrap();
        assert_eq!(sizes, [("shop::buy".to_owned(), 7), ("function 0".to_owned(), 3)]);
    }

    #[test]
    fn random_bytes_are_an_error() {
        assert!(sizes(b"\0asm\x01\0\0\0\xff\xff\xff").is_err());
    }
}
