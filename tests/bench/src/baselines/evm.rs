//! revm, the Ethereum virtual machine in Rust, with OpenZeppelin's ERC-20 as solc compiles it
//! (`fixtures/README.md`).

use crate::measure::{Contender, Row, Whose, seconds_each};
use crate::workload::{FUNDS, Paid, People, address_of, transfer};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use anyhow::{Context as _, Result, anyhow, ensure};
use florin_runtime::Genesis;
use revm::context::TxEnv;
use revm::context::result::ExecutionResult;
use revm::database::{DbAccount, InMemoryDB};
use revm::state::{AccountInfo, Bytecode};
use revm::{Context, ExecuteCommitEvm, MainBuilder, MainContext, MainnetEvm};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Creation code of `fixtures/Token.sol`.
const TOKEN: &str = include_str!("../../fixtures/Token.hex");

type Evm = MainnetEvm<revm::handler::MainnetContext<InMemoryDB>>;

/// The machine, and the token on it: everybody has some of both currencies.
fn funded(people: &People) -> Result<(Evm, Address)> {
    let mut db = InMemoryDB::default();
    let admin = address_of(&people.admin);
    for account in people.addresses.iter().chain([&admin]) {
        let balance = U256::from(1_u64 << 60);
        db.insert_account_info(*account, AccountInfo { balance, ..AccountInfo::default() });
    }
    let mut evm: Evm = Context::mainnet().with_db(db).build_mainnet();
    let token = admin.create(0);
    let code = hex::decode(TOKEN.trim())?.into();
    run(&mut evm, transaction(admin, 0, TxKind::Create, code, 10_000_000)?)?;
    for (to, nonce) in people.addresses.iter().zip(1..) {
        let input = transfer(*to, FUNDS);
        run(&mut evm, transaction(admin, nonce, TxKind::Call(token), input, 100_000)?)?;
    }
    Ok((evm, token))
}

/// The same as geth writes a genesis, for other machines.
pub fn genesis(people: &People) -> Result<Value> {
    let (evm, _) = funded(people)?;
    let cache = &evm.ctx.journaled_state.database.cache;
    let account = |(address, account): (&Address, &DbAccount)| {
        let info = &account.info;
        let code = cache.contracts.get(&info.code_hash).map(Bytecode::original_bytes);
        let word =
            |(key, value): (&U256, &U256)| (format!("{key:#066x}"), format!("{value:#066x}"));
        let storage: BTreeMap<_, _> = account.storage.iter().map(word).collect();
        let described = json!({
            "balance": info.balance,
            "nonce": format!("{:#x}", info.nonce),
            "code": code.unwrap_or_default(),
            "storage": storage,
        });
        (address.to_string(), described)
    };
    let accounts: serde_json::Map<_, _> = cache.accounts.iter().map(account).collect();
    Ok(json!({
        "config": { "chainId": Genesis::default().chain_id },
        "nonce": "0x0",
        "timestamp": "0x0",
        "extraData": "0x",
        "gasLimit": format!("{:#x}", people.genesis().block_gas_limit),
        "difficulty": "0x0",
        "mixHash": B256::ZERO,
        "coinbase": Address::ZERO,
        "alloc": accounts,
    }))
}

pub fn contender(people: &People) -> Result<Contender<'_>> {
    let (mut evm, token) = funded(people)?;
    let row = Row::new("revm", Whose::Baseline, "revm, OpenZeppelin's ERC-20", WORK);
    Ok(Contender::new(row, move |round| {
        let payments = people.payments(round, people.scale.senders, Paid::Anybody);
        let transactions = payments
            .into_iter()
            .map(|(from, to)| {
                let input = transfer(people.addresses[to], 1);
                let to = TxKind::Call(token);
                transaction(people.addresses[from], round, to, input, 100_000)
            })
            .collect::<Result<Vec<_>>>()?;
        seconds_each(transactions.len(), || {
            let mut results = Vec::with_capacity(transactions.len());
            for transaction in transactions {
                results.push(run(&mut evm, transaction)?);
            }
            Ok(results)
        })
    }))
}

fn transaction(
    caller: Address,
    nonce: u64,
    kind: TxKind,
    data: Bytes,
    gas_limit: u64,
) -> Result<TxEnv> {
    let builder = TxEnv::builder().caller(caller).nonce(nonce).kind(kind).data(data);
    let built = builder.gas_limit(gas_limit).gas_price(1).chain_id(Some(1)).build();
    built.map_err(|error| anyhow!("{error:?}"))
}

fn run(evm: &mut Evm, transaction: TxEnv) -> Result<ExecutionResult> {
    let result = evm.transact_commit(transaction).context("revm refuses")?;
    ensure!(result.is_success() && !result.logs().is_empty(), "{result:?}");
    Ok(result)
}

const WORK: &[&str] = &[
    "revm's own checks of nonce, funds and gas, gas bought, `transfer` interpreted, log,",
    "gas settled, changes committed to its in-memory database, result; one machine for all",
    "transactions; the signature is not checked",
];
