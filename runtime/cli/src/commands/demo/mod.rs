//! `florin demo`: from contract source to durable receipts, on a ledger of its own that stays there
//! to go on with.

mod interfaces;
mod stage;

use crate::{
    context::Context,
    ledger::now,
    output::{Report, fields, table},
};
use alloy_primitives::{Address, U256, keccak256};
use alloy_sol_types::SolValue;
use anyhow::{Context as _, Result, ensure};
use interfaces::{Escrow, Permit, SignedPermit, Splitter, Token, TransferWithAuthorization};
use serde::Serialize;
use stage::{NATIVE_UNIT, PASSWORD, Stage, Step, word};
use std::{env, path, path::PathBuf, thread, time::Duration};

/// Seconds until the purchase that is refunded may be refunded.
const DEADLINE: u64 = 2;
/// One unit of the token, which has six decimals as dollar tokens have.
const DOLLAR: u64 = 1_000_000;

/// The folder of the ledger, unless --dir names another.
pub const FOLDER: &str = "florin-demo";

/// The arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Serialize)]
struct Demo {
    folder: PathBuf,
    steps: Vec<Step>,
    balances: Vec<Balance>,
    blocks: u64,
    transactions: u64,
    /// The sum of all native balances, in the smallest unit.
    supply: String,
}

#[derive(Serialize)]
struct Balance {
    name: String,
    address: Address,
    native: String,
    token: String,
    #[serde(skip)]
    texts: [String; 2],
}

impl Report for Demo {
    fn text(&self) -> String {
        let steps = self.steps.iter().map(Step::row);
        let balances = self.balances.iter().map(|balance| {
            let [native, token] = balance.texts.clone();
            [balance.name.clone(), balance.address.to_string(), native, token]
        });
        let audit = format!(
            "{} blocks, {} transactions: every hash, signature, index and balance is right",
            self.blocks, self.transactions
        );
        let program = env::args().next().unwrap_or_else(|| "florin".into());
        let commands = [
            "balance --token token",
            "transfer bob 12.5 --token token",
            "events token",
            "inspect escrow",
            "gas",
        ]
        .map(|command| format!("\n  {program} {command}"));
        format!(
            "{}\nTime is from signing until it is durable on disk; gas costs 1 gwei and goes to the bank.\n\n\
             {}\n{}\nGo on by hand:\n  export FLORIN_DIR={} FLORIN_FROM=alice FLORIN_PASSWORD={PASSWORD}{}\n",
            table(["what", "sent by", "amount", "    gas", "       time"], steps),
            table(["account", "address", "native", "token"], balances),
            fields([("ledger", self.folder.display().to_string()), ("audit", audit)]),
            self.folder.display(),
            commands.concat(),
        )
    }
}

/// Runs the demonstration.
pub fn run(_: Args, context: &Context) -> Result<()> {
    let folder = path::absolute(&context.dir).context("the folder cannot be")?;
    ensure!(
        !folder.exists(),
        "{} exists already; name another folder with --dir, or remove it",
        folder.display()
    );
    context.out.note(format!("florin demo: a new ledger in {}", folder.display()));
    context.out.note("  building token, escrow and splitter");
    let mut stage = Stage::set(context)?;
    let scenes: [(&str, fn(&mut Stage<'_>) -> Result<()>); 4] = [
        ("deploying them", deploy),
        ("paying: a transfer, a permit, a signed transfer", pay),
        ("buying through the escrow: once released, once refunded", buy),
        ("dividing income among three", split),
    ];
    for (title, scene) in scenes {
        context.out.note(format!("  {title}"));
        scene(&mut stage)?;
    }
    context.out.note("  auditing\n");
    let audit = stage.session.ledger.audit(&context.out)?;
    ensure!(audit.is_clean(), "the ledger is damaged; `florin audit` says how");
    let balances = balances(&stage)?;
    let (blocks, transactions) = (audit.storage.blocks, audit.storage.counts.transactions);
    let supply = audit.supply.to_string();
    context.out.show(&Demo { folder, steps: stage.steps, balances, blocks, transactions, supply })
}

fn deploy(stage: &mut Stage<'_>) -> Result<()> {
    let [bank, bob, carol, dave] = ["bank", "bob", "carol", "dave"].map(|name| stage.address(name));
    let (supply, decimals) = (U256::from(1_000_000 * DOLLAR), U256::from(6));
    let arguments = ("Florin Dollar".to_owned(), "FUSD".to_owned(), decimals, bank, supply);
    stage.deploy("token", arguments.abi_encode_params())?;
    stage.deploy("escrow", Vec::new())?;
    let shares: Vec<U256> = [50u64, 30, 20].map(U256::from).into();
    stage.deploy("splitter", (vec![bob, carol, dave], shares).abi_encode_params())
}

/// A transfer, a permit and an authorised transfer; the last two are signed by alice and sent by
/// carol.
fn pay(stage: &mut Stage<'_>) -> Result<()> {
    let [token, alice, bob] = ["token", "alice", "bob"].map(|name| stage.address(name));
    let dollars = |amount: u64| U256::from(amount * DOLLAR);
    let call = Token::transferCall { to: alice, value: dollars(500) };
    stage.send("transfer to alice", "bank", "token", call)?;

    let (value, deadline) = (dollars(25), U256::from(now() + 3600));
    let nonce = stage.ask(token, Token::noncesCall { owner: alice })?;
    let permit = Permit { owner: alice, spender: bob, value, nonce, deadline };
    let (v, r, s) = stage.sign("alice", "token", &permit)?;
    let call = Token::permitCall { owner: alice, spender: bob, value, deadline, v, r, s };
    stage.send("permit for bob, signed by alice", "carol", "token", call)?;
    let call = Token::transferFromCall { from: alice, to: bob, value };
    stage.send("transferFrom alice to bob", "bob", "token", call)?;

    let (value, nonce) = (DOLLAR * 25 / 2, keccak256("authorisation 1"));
    let (value, after, before) = (U256::from(value), U256::ZERO, deadline);
    let message = TransferWithAuthorization {
        from: alice,
        to: bob,
        value,
        validAfter: after,
        validBefore: before,
        nonce,
    };
    let (v, r, s) = stage.sign("alice", "token", &message)?;
    let call = Token::transferWithAuthorizationCall {
        from: alice,
        to: bob,
        value,
        validAfter: after,
        validBefore: before,
        nonce,
        v,
        r,
        s,
    };
    stage.send("transfer to bob, signed by alice", "carol", "token", call)
}

/// A purchase in tokens that is released, and one in native currency that is refunded after its
/// deadline.
fn buy(stage: &mut Stage<'_>) -> Result<()> {
    let [token, escrow, alice, bob, carol] =
        ["token", "escrow", "alice", "bob", "carol"].map(|name| stage.address(name));
    let (amount, deadline) = (U256::from(100 * DOLLAR), now() + 3600);
    let nonce = stage.ask(token, Token::noncesCall { owner: alice })?;
    let until = U256::from(deadline);
    let permit = Permit { owner: alice, spender: escrow, value: amount, nonce, deadline: until };
    let (v, r, s) = stage.sign("alice", "token", &permit)?;
    let call = Escrow::openWithPermitCall {
        seller: bob,
        arbiter: carol,
        token,
        amount,
        deadline,
        memo: word("order 1001"),
        permit: SignedPermit { deadline: until, v, r, s },
    };
    stage.send("escrow: buy from bob, with permit", "alice", "escrow", call)?;
    stage.send("escrow: release to bob", "alice", "escrow", Escrow::releaseCall { id: 1 })?;
    let call = Escrow::withdrawCall { asset: token, to: bob };
    stage.send("escrow: withdraw", "bob", "escrow", call)?;

    let (amount, deadline) = (U256::from(2) * NATIVE_UNIT, now() + DEADLINE);
    let (asset, memo) = (Address::ZERO, word("order 1002"));
    let call = Escrow::openCall { seller: bob, arbiter: carol, asset, amount, deadline, memo };
    stage.send_value("escrow: buy from bob again", "alice", "escrow", amount, call)?;
    let working = stage.session.context.out.working("waiting for the purchase's deadline to pass");
    while now() <= deadline {
        thread::sleep(Duration::from_millis(50));
    }
    drop(working);
    let call = Escrow::refundCall { id: 2 };
    stage.send("escrow: refund after the deadline", "alice", "escrow", call)?;
    let call = Escrow::withdrawCall { asset, to: alice };
    stage.send("escrow: withdraw", "alice", "escrow", call)
}

/// Income that is divided 50 : 30 : 20, and does not divide evenly.
fn split(stage: &mut Stage<'_>) -> Result<()> {
    let [token, splitter] = ["token", "splitter"].map(|name| stage.address(name));
    let value = U256::from(100 * DOLLAR + 1);
    let call = Token::transferCall { to: splitter, value };
    stage.send("splitter: income", "alice", "token", call)?;
    for name in ["bob", "carol", "dave"] {
        let account = stage.address(name);
        let call = Splitter::releaseCall { token, account };
        stage.send(&format!("splitter: share of {name}"), name, "splitter", call)?;
    }
    Ok(())
}

fn balances(stage: &Stage<'_>) -> Result<Vec<Balance>> {
    let token = stage.address("token");
    let balance = |(name, address): (&str, Address)| {
        let native = stage.session.ledger.account(address)?.balance;
        let held = stage.ask(token, Token::balanceOfCall { account: address })?;
        let texts = [stage.session.ledger.native().display(native), stage.dollars.display(held)];
        Ok(Balance {
            name: name.to_owned(),
            address,
            native: native.to_string(),
            token: held.to_string(),
            texts,
        })
    };
    let (people, contracts): (Vec<_>, Vec<_>) =
        stage.session.book.entries().partition(|(name, _)| stage.has_key(name));
    people.into_iter().chain(contracts).map(balance).collect()
}
