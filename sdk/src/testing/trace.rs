//! The tree of a transaction's calls, in the contracts' own words.

use crate::contract::Contract;
use crate::error::ErrorList;
use alloy_dyn_abi::{DynSolValue, EventExt, FunctionExt, JsonAbiExt};
use alloy_json_abi::{self as abi, JsonAbi};
use alloy_primitives::{Address, B256, Bytes, Log, U256, hex};
use florin_runtime::host::{HOST_ERRORS, TraceCall, TraceKind};
use florin_runtime::types::Outcome;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Most bytes of a value that are shown: a module as an argument would hide the rest.
const BYTES: usize = 256;

/// What addresses are called, and what their contracts are.
#[derive(Clone, Default)]
pub(super) struct Names {
    names: BTreeMap<Address, String>,
    abis: BTreeMap<Address, JsonAbi>,
    codes: BTreeMap<Address, B256>,
    errors: Vec<abi::Error>,
}

impl Names {
    /// Names an account; whether it is new.
    pub(super) fn add_account(&mut self, address: Address, name: &str) -> bool {
        self.names.insert(address, name.to_owned()).is_none()
    }

    /// Names a contract. What an ABI cannot tell is shown as bytes, so a missing one is no error.
    pub(super) fn add_contract<C: Contract>(&mut self, address: Address, code: B256) {
        self.names.insert(address, C::NAME.to_owned());
        self.abis.insert(address, serde_json::from_str(C::ABI).unwrap_or_default());
        self.codes.insert(address, code);
    }

    /// Makes errors known that no contract of the ledger may have.
    pub(super) fn add_errors(&mut self, list: &ErrorList) {
        let read = |json: &&str| serde_json::from_str(json).ok();
        self.errors.extend(list.own.iter().filter_map(read));
        list.nested.iter().for_each(|list| self.add_errors(list));
    }

    /// Fails the test if a contract has emitted an event that its ABI does not list: no wallet or
    /// explorer could read it. `code_of` tells the code that is at an address; of a contract that
    /// was upgraded the ABI is not known.
    #[track_caller]
    pub(super) fn check_events(&self, logs: &[Log], code_of: impl Fn(&Address) -> B256) {
        for log in logs {
            let (address, topic) = (&log.address, log.topics().first());
            let (Some(abi), Some(topic)) = (self.abis.get(address), topic) else { continue };
            let listed = abi.events().any(|event| event.selector() == *topic);
            if !listed && self.codes.get(address) == Some(&code_of(address)) {
                let (name, log) = (self.name(address), self.log(log));
                panic!(
                    "`{name}` emits an event that its ABI does not list: name it in `events(..)`, in the #[contract(..)] \
                     of `struct {name}` or in the #[interface(..)] that emits it; the event is {log}"
                );
            }
        }
    }

    /// The calls of a transaction as an indented tree.
    pub(super) fn tree(&self, calls: &[TraceCall]) -> String {
        let mut tree = String::new();
        for call in calls {
            let indent = "  ".repeat(call.depth + 1);
            let line = format!(
                "{indent}{} [{} gas] {}",
                self.call(call),
                call.gas_used,
                self.ending(call)
            );
            tree.push_str(line.trim_end());
            tree.push('\n');
            for line in &call.printed {
                let _ = writeln!(tree, "{indent}  prints {line}");
            }
            for log in &call.logs {
                // Writing to a string cannot fail.
                let _ = writeln!(tree, "{indent}  emits {}", self.log(log));
            }
        }
        tree
    }

    fn name(&self, address: &Address) -> String {
        self.names.get(address).cloned().unwrap_or_else(|| address.to_string())
    }

    fn call(&self, call: &TraceCall) -> String {
        let (caller, target) = (self.name(&call.caller), self.name(&call.target));
        let value = match call.value.is_zero() {
            true => String::new(),
            false => format!(" with {}", call.value),
        };
        match call.kind {
            TraceKind::Create => format!("{caller} creates {target}{value}"),
            TraceKind::Migrate => format!("{target} migrates"),
            _ if call.input.is_empty() => format!("{caller} pays {target}{value}"),
            _ => format!("{caller} -> {target}.{}{value}", self.input(&call.target, &call.input)),
        }
    }

    fn input(&self, target: &Address, input: &Bytes) -> String {
        let known = input.split_first_chunk::<4>().and_then(|(selector, arguments)| {
            let function = self.abis.get(target)?.function_by_selector((*selector).into())?;
            let values = function.abi_decode_input(arguments).ok()?;
            Some(format!("{}{}", function.name, self.list(&values)))
        });
        known.unwrap_or_else(|| input.to_string())
    }

    fn ending(&self, call: &TraceCall) -> String {
        match &call.outcome {
            None => "is running".into(),
            Some(Outcome::Success { output }) => self.output(call, output),
            Some(Outcome::Reverted { output }) => format!("reverts: {}", self.reason(output)),
            Some(Outcome::Halted { halt }) => format!("halts: {halt}"),
        }
    }

    fn output(&self, call: &TraceCall, output: &Bytes) -> String {
        let known = call.input.first_chunk::<4>().and_then(|selector| {
            let function = self.abis.get(&call.target)?.function_by_selector((*selector).into())?;
            Some(self.list(&function.abi_decode_output(output).ok()?))
        });
        match known {
            _ if output.is_empty() => String::new(),
            Some(values) => format!("returns {values}"),
            None => format!("returns {output}"),
        }
    }

    /// A reason may come from any contract below, so all are asked.
    pub(super) fn reason(&self, data: &Bytes) -> String {
        if let Some(reason) = alloy_sol_types::decode_revert_reason(data) {
            return reason;
        }
        let known = data.split_first_chunk::<4>().and_then(|(selector, arguments)| {
            let host = JsonAbi::parse(HOST_ERRORS).unwrap_or_default();
            let contracts = self.abis.values().flat_map(|abi| abi.errors());
            let mut errors = host.errors().chain(contracts).chain(&self.errors);
            let error = errors.find(|error| error.selector() == *selector)?;
            Some(format!("{}{}", error.name, self.list(&error.abi_decode_input(arguments).ok()?)))
        });
        known.unwrap_or_else(|| data.to_string())
    }

    fn log(&self, log: &Log) -> String {
        let known = log.topics().first().and_then(|topic| {
            let mut events = self.abis.get(&log.address)?.events();
            let event = events.find(|event| event.selector() == *topic)?;
            let decoded = event.decode_log(&log.data).ok()?;
            let (mut indexed, mut body) = (decoded.indexed.iter(), decoded.body.iter());
            let mut values = Vec::new();
            for input in &event.inputs {
                let value = if input.indexed { indexed.next() } else { body.next() };
                values.push(format!("{}: {}", input.name, self.value(value?)));
            }
            Some(format!("{}({})", event.name, values.join(", ")))
        });
        known.unwrap_or_else(|| format!("{:?} {}", log.topics(), log.data.data))
    }

    fn list(&self, values: &[DynSolValue]) -> String {
        let values: Vec<_> = values.iter().map(|value| self.value(value)).collect();
        format!("({})", values.join(", "))
    }

    fn value(&self, value: &DynSolValue) -> String {
        match value {
            DynSolValue::Address(address) => self.name(address),
            DynSolValue::Uint(number, _) if *number == U256::MAX => "max".into(),
            DynSolValue::Uint(number, _) => number.to_string(),
            DynSolValue::Int(number, _) => number.to_string(),
            DynSolValue::Bool(truth) => truth.to_string(),
            DynSolValue::String(text) => format!("{text:?}"),
            DynSolValue::Bytes(bytes) if bytes.len() > BYTES => {
                format!("{}... ({} bytes)", hex::encode_prefixed(&bytes[..BYTES]), bytes.len())
            }
            DynSolValue::Bytes(bytes) => hex::encode_prefixed(bytes),
            DynSolValue::FixedBytes(word, size) => hex::encode_prefixed(&word[..*size]),
            DynSolValue::Function(function) => hex::encode_prefixed(function),
            DynSolValue::Array(values) | DynSolValue::FixedArray(values) => self.list(values),
            DynSolValue::Tuple(values) => self.list(values),
            DynSolValue::CustomStruct { tuple, .. } => self.list(tuple),
        }
    }
}
