//! wasmtime by itself: the call of a contract on the least host that it runs on.
//!
//! The module is that of Florin's rows, and so are the settings that matter: a pool, fuel, a fresh
//! instance for each call. What is missing is what a ledger adds: transactions, gas, undo.

use crate::measure::{Contender, Row, Whose, seconds_each};
use crate::workload::*;
use alloy_primitives::Address;
use anyhow::Result;
use florin_abi::{Context, IMPORT_MODULE, Slice, exports};
use std::collections::HashMap;
use std::mem::take;
use wasmtime::{
    Caller, Config, Engine, Error, InstanceAllocationStrategy, InstancePre, Linker, Memory, Module,
    ModuleExport, OptLevel, PoolingAllocationConfig, Store,
};

type Storage = HashMap<Vec<u8>, Vec<u8>>;

/// What the host functions of a call work on.
#[derive(Default)]
struct Host {
    caller: Address,
    input: Vec<u8>,
    output: Vec<u8>,
    log: (Vec<u8>, Vec<u8>),
    storage: Storage,
    memory: Option<Memory>,
}

/// A contract that is ready to be called.
struct Contract {
    instance: InstancePre<Host>,
    memory: ModuleExport,
    call: ModuleExport,
    deploy: ModuleExport,
    storage: Storage,
}

pub fn contender(people: &People) -> Result<Contender<'_>> {
    let mut contract = prepare(people).map_err(from_wasmtime)?;
    let row = Row::new("bare-call", Whose::Baseline, "wasmtime, the bare call", WORK);
    Ok(Contender::new(row, move |round| {
        let payments = people.payments(round, people.scale.senders, Paid::Anybody);
        let calls: Vec<_> = payments
            .into_iter()
            .map(|(from, to)| (people.addresses[from], transfer(people.addresses[to], 1).to_vec()))
            .collect();
        seconds_each(calls.len(), || {
            let mut results = Vec::with_capacity(calls.len());
            for (caller, input) in calls {
                let run = contract.run(contract.call, caller, input).map_err(from_wasmtime)?;
                results.push(run);
            }
            Ok(results)
        })
    }))
}

fn from_wasmtime(error: Error) -> anyhow::Error {
    anyhow::Error::from_boxed(error.into())
}

/// A contract of which everybody has some.
fn prepare(people: &People) -> wasmtime::Result<Contract> {
    let mut contract = Contract::new(&erc20().wasm)?;
    let admin = address_of(&people.admin);
    contract.run(contract.deploy, admin, erc20_arguments())?;
    for to in &people.addresses {
        contract.run(contract.call, admin, transfer(*to, FUNDS).to_vec())?;
    }
    Ok(contract)
}

fn config() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(32)
        .total_memories(32)
        .total_tables(32)
        .max_memory_size(16 << 20)
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(64 << 10);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .concurrency_support(false)
        .wasm_backtrace_max_frames(None)
        .consume_fuel(true)
        .cranelift_nan_canonicalization(true)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_simd(false)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false);
    config
}

impl Contract {
    fn new(wasm: &[u8]) -> wasmtime::Result<Self> {
        let engine = Engine::new(&config())?;
        let module = Module::from_binary(&engine, wasm)?;
        let instance = linker(&engine)?.instantiate_pre(&module)?;
        let export = |name| {
            let export = module.get_export_index(name);
            export.ok_or_else(|| Error::msg(format!("no export {name}")))
        };
        Ok(Contract {
            memory: export(exports::MEMORY)?,
            call: export(exports::CALL)?,
            deploy: export(exports::DEPLOY)?,
            instance,
            storage: Storage::default(),
        })
    }

    /// Runs an entry in an instance of its own; returns output and log.
    fn run(
        &mut self,
        entry: ModuleExport,
        caller: Address,
        input: Vec<u8>,
    ) -> wasmtime::Result<(Vec<u8>, (Vec<u8>, Vec<u8>))> {
        let length = input.len() as u32;
        let host = Host { caller, input, storage: take(&mut self.storage), ..Host::default() };
        let mut store = Store::new(self.instance.module().engine(), host);
        store.set_fuel(1 << 40)?;
        let instance = self.instance.instantiate(&mut store)?;
        let memory = instance.get_module_export(&mut store, &self.memory);
        store.data_mut().memory = memory.and_then(|export| export.into_memory());
        let function = instance.get_module_export(&mut store, &entry);
        let function = function.and_then(|export| export.into_func());
        let function = function.ok_or_else(|| Error::msg("the entry is no function"))?;
        let status = function.typed::<u32, u32>(&store)?.call(&mut store, length)?;
        let host = store.into_data();
        self.storage = host.storage;
        match status {
            0 => Ok((host.output, host.log)),
            _ => Err(Error::msg("the contract reverted")),
        }
    }
}

/// Runs a host function on the memory of its guest.
fn enter<R>(
    mut caller: Caller<'_, Host>,
    function: impl FnOnce(&mut Host, &mut [u8]) -> R,
) -> wasmtime::Result<R> {
    let memory = caller.data().memory.ok_or_else(|| Error::msg("no memory"))?;
    let (bytes, host) = memory.data_and_store_mut(&mut caller);
    Ok(function(host, bytes))
}

/// The bytes that a guest named. It is our own contract: it names none beyond its memory.
fn range(packed: u64) -> std::ops::Range<usize> {
    let Slice { pointer, length } = Slice::unpack(packed);
    pointer as usize..pointer as usize + length as usize
}

/// Copies as much as fits.
fn fill(out: &mut [u8], bytes: &[u8]) -> u32 {
    let length = out.len().min(bytes.len());
    out[..length].copy_from_slice(&bytes[..length]);
    length as u32
}

/// The functions that the ERC-20 imports.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::<Host>::new(engine);
    linker.func_wrap(
        IMPORT_MODULE,
        "input",
        |caller: Caller<'_, Host>, offset: u32, out: u64| {
            enter(caller, |host, memory| {
                fill(&mut memory[range(out)], &host.input[offset as usize..])
            })
        },
    )?;
    linker.func_wrap(IMPORT_MODULE, "output", |caller: Caller<'_, Host>, data: u64| {
        enter(caller, |host, memory| host.output = memory[range(data)].to_vec())
    })?;
    linker.func_wrap(IMPORT_MODULE, "context", |caller: Caller<'_, Host>, out: u64| {
        enter(caller, |host, memory| {
            let caller = host.caller.into();
            let context = Context { caller, origin: caller, ..Context::from_bytes(&[0; 136]) };
            fill(&mut memory[range(out)], &context.to_bytes());
        })
    })?;
    linker.func_wrap(
        IMPORT_MODULE,
        "storage_get",
        |caller: Caller<'_, Host>, key: u64, out: u64| {
            enter(caller, |host, memory| match host.storage.get(&memory[range(key)]) {
                Some(value) => {
                    fill(&mut memory[range(out)], value);
                    value.len() as u32
                }
                None => u32::MAX,
            })
        },
    )?;
    linker.func_wrap(
        IMPORT_MODULE,
        "storage_set",
        |caller: Caller<'_, Host>, key: u64, value: u64| {
            enter(caller, |host, memory| {
                let value = memory[range(value)].to_vec();
                host.storage.insert(memory[range(key)].to_vec(), value);
            })
        },
    )?;
    linker.func_wrap(
        IMPORT_MODULE,
        "log",
        |caller: Caller<'_, Host>, topics: u64, data: u64| {
            enter(caller, |host, memory| {
                host.log = (memory[range(topics)].to_vec(), memory[range(data)].to_vec());
            })
        },
    )?;
    linker.func_wrap(
        IMPORT_MODULE,
        "revert",
        |_: Caller<'_, Host>, _: u64| -> wasmtime::Result<()> { Err(Error::msg("it reverted")) },
    )?;
    Ok(linker)
}

const WORK: &[&str] = &[
    "an instance from wasmtime's pool, fuel on, `transfer` of examples/erc20 called; storage",
    "is one hash map, the log is kept; no transaction, nonce, gas price, receipt or undo",
];
