//! Florin inside a Rust service: customers in threads of their own sign payments and hand them to
//! the one thread that seals blocks. Whatever waits when a block is made goes into it together, and
//! is durable together; each customer then gets the receipt. Try it:
//! `cargo run --bin florin-example-embed`.
#![allow(clippy::print_stdout, reason = "what it prints is its result")]

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolValue, sol};
use anyhow::{Context, Result, ensure};
use florin_runtime::store::Durability;
use florin_runtime::types::Receipt;
use florin_runtime::{CallRequest, Chain, Genesis, Rejection};
use std::iter;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

const TOKEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/token");
/// Ample for a token transfer; what is not used is not paid for.
const GAS: u64 = 200_000;
const DEPLOYMENT_GAS: u64 = 10_000_000;

sol! {
    function transferWithMemo(address to, uint256 amount, bytes32 memo);
    function balanceOf(address account) returns (uint256);
}

/// A receipt, and the number of its block.
type Paid = (u64, Receipt);

/// A signed transaction, and where to say what became of it.
struct Order {
    transaction: Bytes,
    answer: Sender<Result<Paid, Rejection>>,
}

/// A merchant with a ledger and a token. All of it can be used from any thread.
struct Shop {
    chain: Chain,
    token: Address,
    merchant: Address,
}

impl Shop {
    /// Creates the ledger, deploys the bundled token, and gives each customer 1,000 of it.
    fn open(dir: &Path, customers: &[PrivateKeySigner]) -> Result<Self> {
        let genesis = Genesis { timestamp: now(), ..Genesis::default() };
        let chain = Chain::create(dir, &genesis, Durability::Synced)?;
        let bank = PrivateKeySigner::random();
        let artefact = florin_build::build(&florin_build::Options::new(TOKEN))?;
        let supply = U256::from(1_000 * customers.len());
        let new = ("Points", "PTS", U256::ZERO, bank.address(), supply).abi_encode_params();
        let code = [artefact.bytecode(), new].concat();
        let deployed = chain.submit(sign(&chain, &bank, 0, TxKind::Create, code)?, now())?;
        let token = deployed.receipt().created.context("the token was not created")?;
        let shop = Shop { chain, token, merchant: Address::repeat_byte(0x5e) };
        for (customer, nonce) in customers.iter().zip(1..) {
            let gift = shop.transfer(&bank, nonce, customer.address(), 1_000, "welcome")?;
            shop.chain.submit(gift, now())?;
        }
        Ok(shop)
    }

    /// Seals what comes in until no customer is left.
    fn serve(&self, orders: Receiver<Order>) -> Result<()> {
        while let Ok(first) = orders.recv() {
            let waiting: Vec<_> = iter::once(first).chain(orders.try_iter()).collect();
            let transactions = waiting.iter().map(|order| order.transaction.clone()).collect();
            let sealed = self.chain.seal(transactions, now())?;
            let block = sealed.block.as_deref();
            let block = block.map(|block| (block.header.number, &block.body.receipts[..]));
            let (number, receipts) = block.unwrap_or_default();
            for (order, result) in waiting.into_iter().zip(sealed.results) {
                // A customer that has gone does not want to know.
                let _ = order.answer.send(result.map(|index| (number, receipts[index].clone())));
            }
        }
        Ok(())
    }

    /// Pays a number of invoices one after the other.
    fn pay(
        &self,
        key: &PrivateKeySigner,
        invoices: u64,
        orders: &Sender<Order>,
    ) -> Result<Vec<Paid>> {
        let pay = |nonce: u64| {
            let memo = format!("invoice {nonce}");
            let transaction = self.transfer(key, nonce, self.merchant, 10, &memo)?;
            let (answer, paid) = channel();
            orders.send(Order { transaction, answer }).context("the service has ended")?;
            Ok(paid.recv().context("the service has ended")??)
        };
        (0..invoices).map(pay).collect()
    }

    fn transfer(
        &self,
        from: &PrivateKeySigner,
        nonce: u64,
        to: Address,
        amount: u64,
        memo: &str,
    ) -> Result<Bytes> {
        let (amount, memo) = (U256::from(amount), B256::right_padding_from(memo.as_bytes()));
        let call = transferWithMemoCall { to, amount, memo }.abi_encode();
        sign(&self.chain, from, nonce, TxKind::Call(self.token), call)
    }

    /// What the merchant has.
    fn earned(&self) -> Result<U256> {
        let input = balanceOfCall { account: self.merchant }.abi_encode().into();
        let request = CallRequest { to: Some(self.token), input, ..CallRequest::default() };
        let answer = self.chain.simulate(&request, now())?;
        Ok(balanceOfCall::abi_decode_returns(answer.output().context("the token failed")?)?)
    }
}

/// Everybody pays at once; then the books are checked.
fn run(dir: &Path, customers: usize, invoices: u64) -> Result<Vec<Paid>> {
    let keys: Vec<_> = iter::repeat_with(PrivateKeySigner::random).take(customers).collect();
    let shop = Shop::open(dir, &keys)?;
    let (orders, inbox) = channel();
    let paid = thread::scope(|scope| {
        let start = |key| {
            let (shop, orders) = (&shop, orders.clone());
            scope.spawn(move || shop.pay(key, invoices, &orders))
        };
        let customers: Vec<_> = keys.iter().map(start).collect();
        // Each customer has its own sender; when the last is gone, the service ends.
        drop(orders);
        shop.serve(inbox)?;
        let paid = customers.into_iter().map(|thread| thread.join().expect("nobody panics"));
        Ok::<_, anyhow::Error>(paid.collect::<Result<Vec<_>>>()?.concat())
    })?;
    let earned = shop.earned()?;
    ensure!(earned == U256::from(10 * paid.len()), "the merchant has {earned}");
    ensure!(shop.chain.audit(&mut |_, _| {})?.is_clean(), "the audit found something");
    shop.chain.close()?;
    Ok(paid)
}

fn sign(
    chain: &Chain,
    key: &PrivateKeySigner,
    nonce: u64,
    to: TxKind,
    input: Vec<u8>,
) -> Result<Bytes> {
    let transaction = TxEip1559 {
        chain_id: chain.genesis().chain_id,
        nonce,
        gas_limit: if to.is_create() { DEPLOYMENT_GAS } else { GAS },
        to,
        input: input.into(),
        ..TxEip1559::default()
    };
    let signature = key.sign_hash_sync(&transaction.signature_hash())?;
    Ok(TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into())
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn main() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut paid = run(&dir.path().join("ledger"), 4, 5)?;
    paid.sort_by_key(|(block, _)| *block);
    for (block, receipt) in paid {
        let Receipt { sender, transaction, gas_used, .. } = receipt;
        println!("block {block}: {sender} paid, {gas_used} gas, {transaction}");
    }
    println!("Everybody has paid, and the audit found nothing.");
    Ok(())
}

#[test]
fn every_invoice_is_paid_once() {
    let dir = tempfile::tempdir().unwrap();
    let receipts = run(&dir.path().join("ledger"), 3, 4).unwrap();
    assert_eq!(receipts.len(), 12);
    assert!(receipts.iter().all(|(_, receipt)| receipt.is_success() && receipt.logs.len() == 2));
    // It is all on disk.
    let again =
        Chain::open(&dir.path().join("ledger"), Durability::Synced, &mut |_, _| {}).unwrap();
    for (block, receipt) in &receipts {
        let found = again.transaction(&receipt.transaction).unwrap().unwrap();
        assert_eq!((found.block.header.number, found.receipt()), (*block, receipt));
    }
}
