//! What a module must be to come to the ledger.
//!
//! Everything that stable rustc emits for wasm32-unknown-unknown is accepted, except floats. What
//! is refused is refused with a message that names the item and says what to do. wasmparser checks
//! that the module is valid; this file checks that it is one of ours and that compiling it is
//! bounded work.

use super::complexity::branches;
use crate::limits::*;
use crate::types::B256;
use florin_abi::{FUNCTIONS, IMPORT_MODULE, exports, limits::MODULE_BYTES, sections};
use serde::{Deserialize, Serialize};
use wasmparser::{
    BlockType, CompositeInnerType, ConstExpr, Data, DataKind, Element, ElementItems, ElementKind,
    Export, ExternalKind, FuncValidatorAllocations, FunctionBody, Import, KnownCustom, Operator,
    Parser, Payload, TypeRef, ValType, ValidPayload, Validator, WasmFeatures,
};

/// What the host needs to know of a module besides its code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its size.
    pub bytes: u32,
    /// Pages of memory that an instance starts with.
    pub initial_pages: u64,
    /// Entries of the table that an instance starts with.
    pub table_entries: u64,
    /// Whether it has a constructor.
    pub has_deploy: bool,
    /// Whether it has a migration.
    pub has_migrate: bool,
    /// The hash of the storage layout that its migration is for, if it says so.
    pub migrates_from: Option<B256>,
    /// Selectors that may be entered again.
    pub reentrant: Vec<[u8; 4]>,
    /// The storage layout, a line per field.
    pub layout: String,
}

/// The proposals that contracts may use: what rustc emits. Floats are a feature here so that it can
/// be left out.
const FEATURES: WasmFeatures = WasmFeatures::GC_TYPES // not the proposal: lets reference types exist
    .union(WasmFeatures::MUTABLE_GLOBAL)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT) // named in the target features; useless without floats
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY);

type Check<T = ()> = Result<T, String>;

/// Checks a module; the error is a sentence for its author.
pub fn validate(module: &[u8]) -> Check<Facts> {
    within("the module's size in bytes", module.len() as u64, u64::from(MODULE_BYTES))?;
    if !module.starts_with(b"\0asm\x01\0\0\0") {
        return Err(
            "it is not a WebAssembly module of version 1; build the contract with `florin build`"
                .into(),
        );
    }
    let facts = Facts { bytes: module.len() as u32, ..Facts::default() };
    let mut checker = Checker { facts, ..Checker::default() };
    let mut validator = Validator::new_with_features(FEATURES);
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| format!("it is damaged: {error}"))?;
        checker.payload(&payload)?;
        let valid = validator.payload(&payload).map_err(|error| checker.explain(&error))?;
        if let ValidPayload::Func(function, body) = valid {
            let mut function = function.into_validator(FuncValidatorAllocations::default());
            checker.body(&body)?;
            function.validate(&body).map_err(|error| checker.explain(&error))?;
            checker.bodies += 1;
        }
    }
    checker.finish()
}

fn within(what: &str, value: u64, limit: u64) -> Check {
    match value <= limit {
        true => Ok(()),
        false => Err(format!("{what} is {value}; at most {limit} is allowed")),
    }
}

/// What has been seen of a module so far.
#[derive(Default)]
struct Checker {
    facts: Facts,
    /// For each type: parameters and results, or `None` if it is not a function type.
    types: Vec<Option<(Vec<ValType>, Vec<ValType>)>>,
    /// For each function, imported ones first: its type.
    functions: Vec<u32>,
    imported: u32,
    imports: Vec<&'static str>,
    bodies: u32,
    exports: Vec<(String, ExternalKind, u32)>,
    has_memory: bool,
    /// Names of functions, if the module carries them.
    names: Vec<(u32, String)>,
}

impl Checker {
    fn payload(&mut self, payload: &Payload<'_>) -> Check {
        match payload {
            Payload::TypeSection(types) => {
                within("the number of types", types.count().into(), MODULE_TYPES.into())?;
                for group in types.clone() {
                    for ty in group.map_err(damaged)?.into_types() {
                        self.function_type(&ty.composite_type.inner)?;
                    }
                }
            }
            Payload::ImportSection(imports) => {
                within("the number of imports", imports.count().into(), FUNCTIONS.len() as u64)?;
                for import in imports.clone().into_imports() {
                    self.import(&import.map_err(damaged)?)?;
                }
            }
            Payload::FunctionSection(functions) => {
                within(
                    "the number of functions",
                    functions.count().into(),
                    MODULE_FUNCTIONS.into(),
                )?;
                for function in functions.clone() {
                    self.functions.push(function.map_err(damaged)?);
                }
            }
            Payload::TableSection(tables) => {
                within("the number of tables", tables.count().into(), 1)?;
                for table in tables.clone() {
                    let initial = table.map_err(damaged)?.ty.initial;
                    within("the initial size of the table", initial, TABLE_ENTRIES as u64)?;
                    self.facts.table_entries = initial;
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories.clone() {
                    let memory = memory.map_err(damaged)?;
                    if memory.memory64 {
                        return Err("its memory is 64-bit; build for wasm32-unknown-unknown".into());
                    }
                    let most = (MEMORY_BYTES >> 16) as u64;
                    within("the initial memory in pages of 64 KiB", memory.initial, most)?;
                    self.facts.initial_pages = memory.initial;
                    self.has_memory = true;
                }
            }
            Payload::GlobalSection(globals) => {
                within("the number of globals", globals.count().into(), MODULE_GLOBALS.into())?;
            }
            Payload::ExportSection(all) => {
                within("the number of exports", all.count().into(), MODULE_EXPORTS.into())?;
                for export in all.clone() {
                    let Export { name, kind, index } = export.map_err(damaged)?;
                    self.exports.push((name.to_owned(), kind, index));
                }
            }
            Payload::StartSection { .. } => {
                return Err(
                    "it has a start function, which would run outside any call; remove it".into()
                );
            }
            Payload::ElementSection(elements) => {
                let count = elements.count().into();
                within("the number of element segments", count, MODULE_ELEMENT_SEGMENTS.into())?;
                for element in elements.clone() {
                    self.element(&element.map_err(damaged)?)?;
                }
            }
            Payload::DataSection(data) => {
                within(
                    "the number of data segments",
                    data.count().into(),
                    MODULE_DATA_SEGMENTS.into(),
                )?;
                for segment in data.clone() {
                    self.data(&segment.map_err(damaged)?)?;
                }
            }
            Payload::CustomSection(section) => self.custom(section)?,
            _ => {}
        }
        Ok(())
    }

    /// Starting an instance must be bounded work that needs no code, so its table is filled from a
    /// plain list.
    fn element(&self, element: &Element<'_>) -> Check {
        let (ElementKind::Active { offset_expr, .. }, ElementItems::Functions(functions)) =
            (&element.kind, &element.items)
        else {
            return Err("its element segment is not an active list of functions, the only kind \
                        that linkers make for contracts"
                .into());
        };
        let end = constant(offset_expr).map(|start| start + u64::from(functions.count()));
        match end {
            Some(end) if end <= self.facts.table_entries => Ok(()),
            _ => Err("its element segment does not lie inside the table".into()),
        }
    }

    /// The same of its memory: what is there at the start has a constant place.
    fn data(&self, data: &Data<'_>) -> Check {
        let DataKind::Active { offset_expr, .. } = &data.kind else { return Ok(()) };
        let end = constant(offset_expr).map(|start| start + data.data.len() as u64);
        match end {
            Some(end) if end <= self.facts.initial_pages << 16 => Ok(()),
            _ => Err("one of its data segments does not lie inside the initial memory".into()),
        }
    }

    fn function_type(&mut self, ty: &CompositeInnerType) -> Check {
        let CompositeInnerType::Func(function) = ty else {
            self.types.push(None);
            return Ok(());
        };
        let limit = FUNCTION_PARAMS as u64;
        within("the number of parameters of a type", function.params().len() as u64, limit)?;
        within("the number of results of a type", function.results().len() as u64, limit)?;
        self.types.push(Some((function.params().to_vec(), function.results().to_vec())));
        Ok(())
    }

    fn import(&mut self, import: &Import<'_>) -> Check {
        let Import { module, name, ty } = import;
        if *module != IMPORT_MODULE {
            return Err(format!(
                "it imports `{module}.{name}`, but contracts import from `{IMPORT_MODULE}` only; a dependency that expects \
                 an operating system or a browser is the usual cause"
            ));
        }
        let Some(function) = FUNCTIONS.iter().find(|function| function.name == *name) else {
            return Err(format!(
                "it imports `{module}.{name}`, which this host does not know; it may need a newer one"
            ));
        };
        let params = function.params.iter().map(|param| match param.kind {
            "u64" | "bytes" | "buffer" => ValType::I64,
            _ => ValType::I32,
        });
        let results = match function.result {
            "u32" => vec![ValType::I32],
            "u64" => vec![ValType::I64],
            _ => vec![],
        };
        let TypeRef::Func(index) = ty else {
            return Err(format!("it imports `{module}.{name}` as something other than a function"));
        };
        if self.type_of(*index) != Some(&(params.collect(), results)) {
            return Err(format!(
                "it imports `{module}.{name}` with a wrong type; use the SDK's imports"
            ));
        }
        if self.imports.contains(&function.name) {
            return Err(format!("it imports `{module}.{name}` twice"));
        }
        self.imports.push(function.name);
        self.functions.push(*index);
        self.imported += 1;
        Ok(())
    }

    fn type_of(&self, index: u32) -> Option<&(Vec<ValType>, Vec<ValType>)> {
        self.types.get(index as usize)?.as_ref()
    }

    fn custom(&mut self, section: &wasmparser::CustomSectionReader<'_>) -> Check {
        match section.name() {
            sections::REENTRANT => {
                let (selectors, rest) = section.data().as_chunks::<4>();
                if !rest.is_empty() {
                    return Err(format!(
                        "section `{}` is not a list of 4-byte selectors",
                        sections::REENTRANT
                    ));
                }
                self.facts.reentrant.extend_from_slice(selectors);
                let count = self.facts.reentrant.len() as u64;
                within("the number of reentrant methods", count, MODULE_REENTRANT as u64)?;
            }
            sections::LAYOUT => {
                let text = std::str::from_utf8(section.data());
                self.facts.layout +=
                    text.map_err(|_| format!("section `{}` is not text", sections::LAYOUT))?;
            }
            sections::MIGRATES => {
                let hash = B256::try_from(section.data());
                self.facts.migrates_from =
                    Some(hash.map_err(|_| format!("section `{}` is no hash", sections::MIGRATES))?);
            }
            _ => {
                if let KnownCustom::Name(names) = section.as_known() {
                    self.read_names(names);
                }
            }
        }
        Ok(())
    }

    /// Names are for messages only, so damaged ones are passed over.
    fn read_names(&mut self, names: wasmparser::NameSectionReader<'_>) {
        for name in names.into_iter().flatten() {
            if let wasmparser::Name::Function(map) = name {
                self.names =
                    map.into_iter().flatten().map(|n| (n.index, n.name.to_owned())).collect();
            }
        }
    }

    /// Bounds the work of compiling a function.
    fn body(&self, body: &FunctionBody<'_>) -> Check {
        let within = |what: &str, value: u64, limit: u64| match value <= limit {
            true => Ok(()),
            // The name is looked for only now: a module may carry a great many.
            false => within(&format!("{what} of {}", self.current_function()), value, limit),
        };
        within("the size in bytes", body.range().len() as u64, FUNCTION_BYTES as u64)?;
        let mut locals = 0u64;
        for local in body.get_locals_reader().map_err(damaged)? {
            let (count, ty) = local.map_err(damaged)?;
            if is_float(ty) {
                return Err(floats(&self.current_function()));
            }
            locals += u64::from(count);
        }
        within("the number of local variables", locals, FUNCTION_LOCALS.into())?;
        // For every open block whether it is a loop; wasmparser checks that they are closed.
        let (mut open, mut loops, mut depth, mut all) = (Vec::new(), 0u64, 0u64, 0u64);
        for operator in body.get_operators_reader().map_err(damaged)? {
            let operator = operator.map_err(damaged)?;
            all += branches(&operator);
            let block = match operator {
                Operator::Block { blockty } | Operator::If { blockty } => (blockty, false),
                Operator::Loop { blockty } => (blockty, true),
                Operator::End => {
                    depth -= u64::from(open.pop() == Some(true));
                    continue;
                }
                _ => continue,
            };
            let (ty, is_loop) = block;
            if let BlockType::FuncType(index) = ty {
                let values = self.type_of(index).map_or(0, |(from, to)| from.len() + to.len());
                let what = "the number of parameters and results of a block";
                within(what, values as u64, BLOCK_VALUES as u64)?;
            }
            open.push(is_loop);
            if is_loop {
                (loops, depth) = (loops + 1, depth + 1);
                within("the number of loops", loops, FUNCTION_LOOPS.into())?;
                within("the nesting of loops", depth, LOOP_DEPTH as u64)?;
            }
        }
        within("the number of branches", all, FUNCTION_BRANCHES)
    }

    fn current_function(&self) -> String {
        let index = self.imported + self.bodies;
        let name = self.names.iter().find(|(of, _)| *of == index).map(|(_, name)| name);
        let exported =
            self.exports.iter().find(|(_, kind, of)| *kind == ExternalKind::Func && *of == index);
        match name.or(exported.map(|(name, ..)| name)) {
            Some(name) => format!("function {index} (`{name}`)"),
            None => format!("function {index}"),
        }
    }

    /// Turns an error of wasmparser into a sentence that names the function and the remedy.
    fn explain(&self, error: &wasmparser::BinaryReaderError) -> String {
        let message = error.message();
        if message.contains("floating-point") {
            return floats(&self.current_function());
        }
        let place = match self.functions.len() as u32 > self.imported && self.bodies > 0 {
            true => format!(" in {}", self.current_function()),
            false => String::new(),
        };
        format!("it is not a valid module{place}: {message} (at byte {:#x})", error.offset())
    }

    fn finish(self) -> Check<Facts> {
        let find = |name: &str| self.exports.iter().find(|(export, ..)| export == name);
        let imported_memory = !self.has_memory;
        match find(exports::MEMORY) {
            Some((_, ExternalKind::Memory, _)) if !imported_memory => {}
            _ => return Err("it does not export a memory of its own as `memory`".into()),
        }
        let entry = |name: &str| -> Check<bool> {
            let Some((_, kind, index)) = find(name) else { return Ok(false) };
            let ty = self.functions.get(*index as usize).and_then(|&ty| self.type_of(ty));
            let expected = (vec![ValType::I32], vec![ValType::I32]);
            match *kind == ExternalKind::Func && ty == Some(&expected) {
                true => Ok(true),
                false => Err(format!("its export `{name}` is not a function from i32 to i32")),
            }
        };
        if !entry(exports::CALL)? {
            return Err("it does not export `call`; is the crate missing `#[contract]`?".into());
        }
        let (has_deploy, has_migrate) = (entry(exports::DEPLOY)?, entry(exports::MIGRATE)?);
        Ok(Facts { has_deploy, has_migrate, ..self.facts })
    }
}

/// The value of an offset that is an `i32.const`; an index of 32 bits has no sign.
fn constant(expression: &ConstExpr<'_>) -> Option<u64> {
    let mut operators = expression.get_operators_reader();
    match (operators.read().ok()?, operators.read().ok()?) {
        (Operator::I32Const { value }, Operator::End) => Some(u64::from(value as u32)),
        _ => None,
    }
}

fn is_float(ty: ValType) -> bool {
    matches!(ty, ValType::F32 | ValType::F64)
}

fn floats(function: &str) -> String {
    format!(
        "{function} uses floating-point numbers, whose results may differ between machines; use integers of the \
         smallest unit, or `mul_div` for rates"
    )
}

fn damaged(error: wasmparser::BinaryReaderError) -> String {
    format!("it is damaged: {error}")
}
