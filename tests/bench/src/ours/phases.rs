//! The phases of a transfer, each by itself: bytes to transaction, signature to sender,
//! authenticated transaction to receipt.
//!
//! Execution is over a hash map in memory, so that no disk is in it, as for those it is compared
//! with.

use crate::measure::{Contender, Row, Whose, each, on_threads, seconds_each};
use crate::workload::*;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use anyhow::{Result, ensure};
use florin_runtime::host::BlockEnv;
use florin_runtime::limits::BATCH_SIGNATURES;
use florin_runtime::pipeline::{admit, authenticate, decode, execute};
use florin_runtime::senders::{Authenticated, Authenticator, Offer};
use florin_runtime::state::{Overlay, StateView};
use florin_runtime::types::{Account, Call, Intent, StateKey, Write};
use florin_runtime::vm::Vm;
use florin_runtime::{Fault, Genesis};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// State in memory.
#[derive(Default, Clone)]
struct Memory {
    accounts: HashMap<Address, Account>,
    storage: HashMap<(Address, Bytes), Bytes>,
    code: HashMap<B256, Bytes>,
}

impl StateView for Memory {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        Ok(self.accounts.get(address).copied())
    }
    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.storage.get(&(*address, Bytes::copy_from_slice(key))).cloned())
    }
    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        Ok(self.code.get(hash).cloned())
    }
}

impl Memory {
    fn apply(&mut self, writes: Vec<Write>) {
        for Write { key, after, .. } in writes {
            match (key, after) {
                (StateKey::Account(address), Some(bytes)) => {
                    self.accounts.insert(address, Account::from_bytes(&bytes).expect("an account"));
                }
                (StateKey::Storage(address, key), Some(value)) => {
                    self.storage.insert((address, key), value);
                }
                (StateKey::Code(hash), Some(module)) => {
                    self.code.insert(hash, module);
                }
                (_, None) => {}
            }
        }
    }
}

/// A ledger in memory on which everybody has some of the token, and payments that were signed.
pub struct Phases {
    genesis: Genesis,
    vm: Arc<Vm>,
    state: Arc<Memory>,
    block: BlockEnv,
    scale: Scale,
    token_transfers: Vec<Bytes>,
    native_transfers: Vec<Bytes>,
}

impl Phases {
    pub fn new(people: &People) -> Result<Self> {
        let (genesis, scale) = (people.genesis(), people.scale);
        let mut state = Memory::default();
        state.apply(genesis.writes());
        let vm = Arc::new(Vm::new(None, false)?);
        let block = BlockEnv {
            chain_id: genesis.chain_id,
            number: 1,
            timestamp: 1_700_000_000,
            gas_price: genesis.gas_price,
            gas_limit: genesis.block_gas_limit,
            fee_recipient: genesis.fee_recipient,
        };
        let admin = address_of(&people.admin);
        let token = admin.create(0);
        let create = deployment(&erc20().wasm, &erc20_arguments());
        let fund = people.addresses.iter().map(|to| (Some(token), transfer(*to, FUNDS)));
        let mut overlay = Overlay::new(Arc::new(state.clone()));
        for (nonce, (to, input)) in [(None, create)].into_iter().chain(fund).enumerate() {
            let intent = intent(admin, nonce as u64, to, input);
            let executed;
            (overlay, executed) =
                execute(overlay, &block, vm.admit_execution(), &intent, 0, false)?;
            ensure!(executed.receipt.is_success(), "{:?}", executed.receipt.outcome);
        }
        state.apply(overlay.into_writes());
        let payments = people.payments(0, scale.senders, Paid::Anybody);
        let token_transfers = people.sign_all(&payments, &mut vec![0; scale.senders], |to| {
            (TxKind::Call(token), 0, transfer(to, 1))
        })?;
        let native_transfers = people.sign_all(&payments, &mut vec![0; scale.senders], |to| {
            (TxKind::Call(to), 1, Bytes::new())
        })?;
        let state = Arc::new(state);
        Ok(Phases { genesis, vm, state, block, scale, token_transfers, native_transfers })
    }

    /// From bytes to a sender.
    pub fn authentication(&self) -> Result<Vec<Contender<'_>>> {
        let transfers = &self.token_transfers[..self.scale.signatures.min(self.scale.senders)];
        let decoded: Vec<_> =
            transfers.iter().map(|bytes| decode(bytes, &self.genesis)).collect::<Result<_, _>>()?;
        let decoding = move |_| {
            seconds_each(transfers.len(), || {
                for bytes in transfers {
                    black_box(decode(bytes, &self.genesis)?);
                }
                Ok(())
            })
        };
        let one_by_one = move |_| {
            let signed = decoded.clone();
            seconds_each(transfers.len(), || {
                for transaction in signed {
                    black_box(authenticate(transaction)?);
                }
                Ok(())
            })
        };
        let row = |id, name, work| Row::new(id, Whose::Ours, name, work).against("k256");
        Ok(vec![
            Contender::new(row("decode", "Florin: decode", DECODE), decoding),
            Contender::new(row("authenticate", "Florin: authenticate", AUTHENTICATE), one_by_one),
            self.batches(1, false, false)?,
            self.batches(cores(), false, false)?,
            self.batches(1, true, false)?,
            self.batches(cores(), true, false)?,
            self.batches(1, false, true)?,
            self.batches(1, true, true)?,
        ])
    }

    /// Batches, each thread its own, of senders that are known and hinted, or not; by what this
    /// processor can do, or by what every one can.
    fn batches(&self, threads: usize, hinted: bool, portable: bool) -> Result<Contender<'_>> {
        let transfers = &self.token_transfers[..self.scale.signatures.min(self.scale.senders)];
        let offers = transfers.iter().map(|bytes| {
            let signed = decode(bytes, &self.genesis)?;
            let hint = hinted.then(|| authenticate(signed.clone())).transpose()?;
            Ok(Offer { signed, hint: hint.map(|intent| intent.sender), source: 1 })
        });
        let offers = offers.collect::<Result<Vec<_>>>()?;
        let authenticator = if portable { Authenticator::portable() } else { Authenticator::new() };
        authenticator.authenticate_all(offers.clone());
        let (id, against) = match (portable, hinted, threads) {
            (true, false, _) => ("portable-unhinted", "k256"),
            (true, true, _) => ("portable", "k256"),
            (false, false, 1) => ("batch-unhinted", "k256"),
            (false, false, _) => ("batch-unhinted-all", "k256-all"),
            (false, true, 1) => ("batch", "k256"),
            (false, true, _) => ("batch-all", "k256-all"),
        };
        let (what, work) = match (portable, hinted) {
            (false, false) => ("authenticate, no hint", UNHINTED),
            (false, true) => ("authenticate, hinted", HINTED),
            (true, false) => ("no hint, any processor", PORTABLE),
            (true, true) => ("hinted, any processor", EQUATION),
        };
        let plural = if threads == 1 { "" } else { "s" };
        let name = format!("Florin: {what}, {threads} thread{plural}");
        let row = Row::new(id, Whose::Ours, name, work).against(against);
        Ok(Contender::new(row, move |_| {
            let batches: Vec<_> = offers.chunks(BATCH_SIGNATURES).map(<[Offer]>::to_vec).collect();
            let shares: Vec<_> = (0..threads).map(|_| Mutex::new(batches.clone())).collect();
            let start = Instant::now();
            on_threads(threads, |thread| {
                let mine = std::mem::take(&mut *shares[thread].lock().expect("no thread panics"));
                for batch in mine {
                    let all = authenticator.authenticate_all(batch);
                    let is_right = |one: &Authenticated| {
                        one.result.is_ok() && (!portable || one.recovered != hinted)
                    };
                    ensure!(all.iter().all(is_right), "a sender was not found as it was meant");
                }
                Ok(())
            })?;
            Ok(each(start.elapsed(), threads * offers.len()))
        }))
    }

    /// From an authenticated transaction to its receipt.
    pub fn execution(&self) -> Result<Vec<Contender<'_>>> {
        let token = Row::new("execute-token", Whose::Ours, "Florin: token transfer", TOKEN);
        let native = Row::new("execute-native", Whose::Ours, "Florin: native transfer", NATIVE);
        let (tokens, natives) =
            (self.receive(&self.token_transfers)?, self.receive(&self.native_transfers)?);
        Ok(vec![
            Contender::new(token.against("bare-call"), move |_| self.execute_all(&tokens)),
            Contender::new(native.against("hash-map"), move |_| self.execute_all(&natives)),
        ])
    }

    fn receive(&self, transactions: &[Bytes]) -> Result<Vec<Intent>> {
        let receive = |bytes: &Bytes| Ok(authenticate(decode(bytes, &self.genesis)?)?);
        transactions.iter().map(receive).collect()
    }

    /// Executes all, in blocks as a ledger does. What a block changed is kept until the clock has
    /// stopped, and dropped: every round begins with the same state.
    fn execute_all(&self, intents: &[Intent]) -> Result<f64> {
        seconds_each(intents.len(), || {
            let mut blocks = Vec::new();
            for intents in intents.chunks(self.scale.block) {
                let (mut overlay, mut gas_used) = (Overlay::new(self.state.clone()), 0);
                let mut receipts = Vec::with_capacity(intents.len());
                for intent in intents {
                    let gas_left = self.block.gas_limit - gas_used;
                    admit(&mut overlay, &self.block, gas_left, intent)??;
                    let executed;
                    (overlay, executed) = execute(
                        overlay,
                        &self.block,
                        self.vm.admit_execution(),
                        intent,
                        gas_used,
                        false,
                    )?;
                    ensure!(executed.receipt.is_success());
                    gas_used = executed.receipt.cumulative_gas_used;
                    receipts.push(executed.receipt);
                }
                blocks.push((overlay, receipts));
            }
            Ok(blocks)
        })
    }
}

/// An intent that nobody signed, to prepare the state.
fn intent(sender: Address, nonce: u64, to: Option<Address>, input: Bytes) -> Intent {
    Intent {
        hash: B256::ZERO,
        kind: 2,
        sender,
        payer: sender,
        nonce_key: U256::ZERO,
        nonce,
        window: None,
        unsigned: false,
        intrinsic_gas: florin_runtime::gas::intrinsic(&input, to.is_none(), 0, 0),
        calls: vec![Call { to, value: U256::ZERO, input }],
        gas_limit: 10_000_000,
        max_fee: 1,
        max_priority_fee: 0,
    }
}

const DECODE: &[&str] = &[
    "EIP-1559 bytes of a token transfer to a checked transaction:",
    "size, type and chain id checked; the signature not looked at",
];
const AUTHENTICATE: &[&str] = &[
    "a decoded transaction to its sender, one by one, one thread:",
    "signature hash, k256 recovery, address; high s refused",
];
const UNHINTED: &[&str] = &[
    "the same without hints, in batches of 1,024: senders recovered side by side;",
    "on all cores time is the wall's, divided by all of them",
];
const HINTED: &[&str] = &[
    "the same with hints, which processors with AVX-512 IFMA make no use of;",
    "others: senders whose keys are known, by one equation over 1,024",
];
const PORTABLE: &[&str] = &["without hints by a processor that has no AVX-512 IFMA"];
const EQUATION: &[&str] = &["with hints by a processor that has no AVX-512 IFMA, keys known"];
const TOKEN: &[&str] = &[
    "authenticated token transfer to its receipt: nonce, funds and gas checked, gas bought,",
    "a fresh instance of examples/erc20 in wasm, metered, every write undoable, a log,",
    "gas settled, receipt; state in a hash map, one thread",
];
const NATIVE: &[&str] = &["the same for a payment of native currency: no contract, no log"];
