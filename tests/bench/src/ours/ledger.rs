//! A ledger on disk as its users have it: signed bytes in, durable receipts out.
//!
//! Everything goes through `florin_runtime::Chain` and its sequencer. [`Ledger::pay`] is the only
//! place that knows how transactions are handed in and receipts come back.

use crate::baselines::disk::{Syncer, settle};
use crate::measure::{Contender, Row, Whose, each, on_threads, percentile, seconds_each};
use crate::workload::*;
use alloy_primitives::{Address, B256, Bytes, TxKind, keccak256};
use alloy_rlp::Encodable;
use anyhow::{Context, Result, ensure};
use florin_runtime::sequencer::{Answer, Sequencer, Submission};
use florin_runtime::{CallRequest, Chain};
use std::cell::{Cell, RefCell};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

/// A ledger on which everybody has some of the native currency and of the token.
pub struct Ledger<'a> {
    people: &'a People,
    // Before the chain, because it has to end before.
    sequencer: Sequencer,
    chain: Chain,
    pub token: Address,
    /// The next nonce of every sender.
    nonces: RefCell<Vec<u64>>,
    /// That of the administrator.
    nonce: Cell<u64>,
    dir: &'a Path,
}

/// Transfers that are on their way at a time where a ledger is kept busy: more make batches of
/// signatures longer, and everybody wait longer.
const CLIENTS: usize = 500;
/// Hashes that take about as long as a read.
const COMPUTED: usize = 10;
/// Any time will do: the ledger has no clock.
const TIME: u64 = 1_700_000_000;

impl<'a> Ledger<'a> {
    pub fn new(people: &'a People, dir: &'a Path) -> Result<Self> {
        let chain = Chain::create(&dir.join("ledger"), &people.genesis(), people.scale.options())?;
        let ledger = Ledger::around(people, chain, dir)?;
        let create = deployment(&erc20().wasm, &erc20_arguments());
        ledger.pay(vec![ledger.sign_as_admin(TxKind::Create, create)])?;
        let token = ledger.token;
        let fund = |to: &Address| ledger.sign_as_admin(TxKind::Call(token), transfer(*to, FUNDS));
        ledger.pay(people.addresses.iter().map(fund).collect())?;
        ledger.introduce()?;
        Ok(ledger)
    }

    /// Opens a ledger that was made before.
    pub fn open(people: &'a People, dir: &'a Path) -> Result<Self> {
        let chain = Chain::open(&dir.join("ledger"), people.scale.options(), &mut |_, _| {})?;
        let ledger = Ledger::around(people, chain, dir)?;
        ledger.introduce()?;
        Ok(ledger)
    }

    fn around(people: &'a People, chain: Chain, dir: &'a Path) -> Result<Self> {
        let (admin, view) = (address_of(&people.admin), chain.view());
        let nonce = |of: &Address| anyhow::Ok(view.account(of)?.map_or(0, |account| account.nonce));
        let senders = &people.addresses[..people.scale.senders];
        let nonces = RefCell::new(senders.iter().map(nonce).collect::<Result<_>>()?);
        let nonce = Cell::new(nonce(&admin)?);
        let (token, sequencer) = (admin.create(0), chain.sequencer(|| TIME)?);
        Ok(Ledger { people, sequencer, chain, token, nonces, nonce, dir })
    }

    /// The first transaction of a sender makes its key known.
    fn introduce(&self) -> Result<()> {
        self.pay(self.signed(0, self.people.scale.senders, Paid::Anybody, true, false)?)
    }

    /// Ends it, with its state whole on disk; the next nonce of every sender.
    pub fn close(self) -> Result<Vec<u64>> {
        let Ledger { sequencer, chain, nonces, .. } = self;
        drop(sequencer);
        chain.close()?;
        Ok(nonces.into_inner())
    }

    /// Hands in signed transactions and has all receipts, each of a success and durable, when it
    /// returns.
    pub fn pay(&self, submissions: Vec<Submission>) -> Result<()> {
        let (tell, answers) = channel();
        for window in submissions.chunks(self.people.scale.window) {
            for submission in window {
                let tell = tell.clone();
                let done = move |answer: Answer| drop(tell.send(answer));
                self.sequencer.submit(submission.clone(), Box::new(done));
            }
            for _ in window {
                let located = answers.recv()??;
                ensure!(located.receipt().is_success(), "a transaction failed");
            }
        }
        Ok(())
    }

    /// Keeps so many transactions on their way until all are durable: the seconds that each took.
    fn pay_by(&self, clients: usize, submissions: Vec<Submission>) -> Result<Vec<f64>> {
        let (tell, answers) = channel();
        let submit = |submission: Submission| {
            let (tell, start) = (tell.clone(), Instant::now());
            let done = move |answer: Answer| drop(tell.send((start.elapsed(), answer)));
            self.sequencer.submit(submission, Box::new(done));
        };
        let (count, mut next) = (submissions.len(), submissions.into_iter());
        next.by_ref().take(clients).for_each(&submit);
        let answered = |_| {
            let (took, answer) = answers.recv()?;
            ensure!(answer?.receipt().is_success(), "a transaction failed");
            next.next().map(&submit);
            Ok(took.as_secs_f64())
        };
        (0..count).map(answered).collect()
    }

    fn sign_as_admin(&self, to: TxKind, input: Bytes) -> Submission {
        let nonce = self.nonce.get();
        self.nonce.set(nonce + 1);
        let transaction = sign(eip1559(nonce, to, 0, input), &self.people.admin);
        Submission { transaction, hint: None, source: 0 }
    }

    /// Payments of a round, signed.
    pub fn signed(
        &self,
        round: u64,
        count: usize,
        paid: Paid,
        native: bool,
        hinted: bool,
    ) -> Result<Vec<Submission>> {
        let payments = self.people.payments(round, count, paid);
        let token = self.token;
        let signed =
            self.people.sign_all(&payments, &mut self.nonces.borrow_mut(), |to| match native {
                true => (TxKind::Call(to), 1, Bytes::new()),
                false => (TxKind::Call(token), 0, transfer(to, 1)),
            })?;
        let submission = |(transaction, (from, _)): (Bytes, &(usize, usize))| {
            let hint = hinted.then(|| self.people.addresses[*from]);
            Submission { transaction, hint, source: 1 }
        };
        Ok(signed.into_iter().zip(&payments).map(submission).collect())
    }

    /// Transfers per second, from signed bytes to durable receipts.
    pub fn end_to_end(&self) -> Vec<Contender<'_>> {
        let contender = |id, name, work, against, paid, native, hinted| {
            let row = Row::new(id, Whose::Ours, name, work).against(against);
            self.paying(row, paid, native, hinted)
        };
        let (any, shop) = (Paid::Anybody, Paid::Shop);
        let (pg, pg_shop) = ("pg-procedure", "pg-procedure-shop");
        let (chain, token, accounts) = (&self.chain, self.token, &self.people.addresses);
        vec![
            contender("token", "Florin: token", TOKEN, pg, any, false, false),
            contender("token-hinted", "Florin: token, hinted", HINTED, pg, any, false, true),
            contender("token-shop", "Florin: token, shop", SHOP, pg_shop, shop, false, true),
            contender("native", "Florin: native, hinted", NATIVE, pg, any, true, true),
            contender("native-shop", "Florin: native, shop", SHOP, pg_shop, shop, true, true),
            self.accompanied("token-computing", "Florin: token, a core is busy", COMPUTING, |_| {
                (0..COMPUTED).fold(B256::ZERO, |hash, _| keccak256(hash));
                Ok(())
            }),
            self.accompanied(
                "token-reading",
                "Florin: token, a core reads",
                READING,
                move |number| read(chain, token, accounts[number % accounts.len()]),
            ),
        ]
    }

    /// Transfers while another thread does something over and over.
    fn accompanied<'b>(
        &'b self,
        id: &'static str,
        name: &str,
        work: &'static [&'static str],
        what: impl Fn(usize) -> Result<()> + Sync + 'b,
    ) -> Contender<'b> {
        Contender::new(Row::new(id, Whose::Ours, name, work), move |round| {
            let count = self.people.scale.ledger_transfers;
            let signed = self.signed(round, count, Paid::Anybody, false, false)?;
            let is_over = AtomicBool::new(false);
            thread::scope(|scope| {
                let other = scope.spawn(|| {
                    (0..).take_while(|_| !is_over.load(Ordering::Relaxed)).try_for_each(&what)
                });
                let sample = seconds_each(count, || self.pay(signed));
                is_over.store(true, Ordering::Relaxed);
                other.join().expect("no thread panics")?;
                sample
            })
        })
    }

    /// Some of them once more, to take turns with what a node does; and one for clients who wait.
    pub fn beside(&self) -> Vec<Contender<'_>> {
        let row = |id, name, work| Row::new(id, Whose::Ours, name, work);
        let waiting =
            row("inside-waiting", "Florin: no node, 500 clients who wait", INSIDE_WAITING);
        vec![
            self.paying(row("inside", "Florin: no node", BESIDE), Paid::Anybody, false, false),
            Contender::new(waiting, move |round| {
                let count = self.people.scale.ledger_transfers;
                let signed = self.signed(round, count, Paid::Anybody, false, true)?;
                seconds_each(count, || self.pay_by(CLIENTS, signed))
            }),
        ]
    }

    fn paying(&self, row: Row, paid: Paid, native: bool, hinted: bool) -> Contender<'_> {
        Contender::new(row, move |round| {
            let count = self.people.scale.ledger_transfers;
            let signed = self.signed(round, count, paid, native, hinted)?;
            seconds_each(count, || self.pay(signed))
        })
    }

    /// How long the only transfer of an idle ledger takes, beside what the disk takes for the same
    /// bytes: now the one, now the other.
    pub fn latency(&self, rounds: u64) -> Result<Vec<Row>> {
        let bytes = self.record_bytes()?;
        let mut disk = Syncer::new(self.dir, bytes)?;
        let mut rows = [
            Row::new("fdatasync-p50", Whose::Baseline, "fdatasync, p50", FDATASYNC),
            Row::new("fdatasync-p99", Whose::Baseline, "fdatasync, p99", FDATASYNC),
            Row::new("latency-p50", Whose::Ours, "Florin: one token transfer, p50", LATENCY)
                .against("fdatasync-p50"),
            Row::new("latency-p99", Whose::Ours, "Florin: one token transfer, p99", LATENCY)
                .against("fdatasync-p99"),
        ];
        let singles = self.people.scale.singles;
        for round in 0..=rounds {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            settle()?;
            for i in 0..singles {
                let round = round * singles as u64 + i as u64;
                let one = self.signed(round, 1, Paid::Anybody, false, false)?.remove(0);
                let start = Instant::now();
                let located = self.sequencer.submit_and_wait(one)?;
                ensure!(located.receipt().is_success(), "a transaction failed");
                ours.push(start.elapsed().as_secs_f64());
                let start = Instant::now();
                disk.write()?;
                theirs.push(start.elapsed().as_secs_f64());
            }
            if round > 0 {
                for (row, samples) in rows.iter_mut().zip([&theirs, &theirs, &ours, &ours]) {
                    let percent = if row.id.ends_with("p99") { 99.0 } else { 50.0 };
                    row.samples.extend(percentile(samples, percent));
                }
            }
        }
        rows[0].name = format!("fdatasync of {bytes} bytes, p50");
        rows[1].name = format!("fdatasync of {bytes} bytes, p99");
        Ok(rows.into_iter().chain(self.loaded(rounds)?).collect())
    }

    /// How long a transfer takes while others are on their way all the time.
    fn loaded(&self, rounds: u64) -> Result<[Row; 2]> {
        let name = |percentile| format!("Florin: a transfer of {CLIENTS} clients, {percentile}");
        let mut rows = [("loaded-p50", name("p50")), ("loaded-p99", name("p99"))]
            .map(|(id, name)| Row::new(id, Whose::Ours, name, LOADED));
        for round in 0..=rounds {
            let count = self.people.scale.ledger_transfers;
            let signed = self.signed(round, count, Paid::Anybody, false, false)?;
            settle()?;
            let took = self.pay_by(CLIENTS, signed)?;
            if round > 0 {
                for (row, percent) in rows.iter_mut().zip([50.0, 99.0]) {
                    row.samples.extend(percentile(&took, percent));
                }
            }
        }
        Ok(rows)
    }

    /// What the journal takes for a block of one token transfer.
    fn record_bytes(&self) -> Result<usize> {
        /// What is around a block in the journal: header and checksum.
        const RECORD: usize = 96;
        self.pay(self.signed(0, 1, Paid::Anybody, false, false)?)?;
        let block = self.chain.block(self.chain.head().number)?.context("a block")?;
        let body = postcard::to_allocvec(&block.body)?;
        Ok(RECORD + block.header.length() + body.len())
    }

    /// Contracts that come to the ledger, each time as code that it has not seen before.
    pub fn deployment(&self) -> Vec<Contender<'_>> {
        let contender = |id, name: &str, module: Vec<u8>, arguments: Vec<u8>| {
            let kib = module.len() as f64 / 1024.0;
            let row = Row::new(id, Whose::Ours, format!("Florin: {name}, {kib:.1} KiB"), DEPLOY);
            Contender::new(row, move |round| {
                let module = never_seen(&module, round);
                let create = self.sign_as_admin(TxKind::Create, deployment(&module, &arguments));
                Ok(seconds_each(1, || self.pay(vec![create]))? / kib)
            })
        };
        let admin = address_of(&self.people.admin);
        let token = bundled_token();
        vec![
            contender("deploy", "examples/erc20", erc20().wasm.clone(), erc20_arguments()),
            contender("deploy-token", "contracts/token", token.wasm, token_arguments(admin)),
        ]
    }

    /// Questions to the ledger, which has nothing else to do.
    pub fn reads(&self) -> Vec<Contender<'_>> {
        let (chain, people, token) = (&self.chain, self.people, self.token);
        let contender = |id, name, threads: usize| {
            let count = people.scale.reads;
            Contender::new(Row::new(id, Whose::Ours, name, CALL), move |_| {
                let start = Instant::now();
                on_threads(threads, |thread| {
                    let accounts = people.payments(thread as u64, count, Paid::Anybody);
                    accounts.iter().try_for_each(|(_, i)| read(chain, token, people.addresses[*i]))
                })?;
                Ok(each(start.elapsed(), threads * count))
            })
        };
        vec![
            contender("call-1", "Florin: call, 1 thread", 1),
            contender("call-2", "Florin: call, 2 threads", 2),
        ]
    }
}

fn read(chain: &Chain, token: Address, account: Address) -> Result<()> {
    let input = balance_of(account);
    let request = CallRequest { to: Some(token), input, ..CallRequest::default() };
    ensure!(chain.simulate(&request, TIME)?.output().is_some(), "a read failed");
    Ok(())
}

/// A module that does the same and is not the same: it ends with a section of another number.
fn never_seen(module: &[u8], number: u64) -> Vec<u8> {
    const NAME: &[u8] = b"n";
    let section = [&[0, 2 + 8, 1], NAME, &number.to_le_bytes()].concat();
    [module, &section].concat()
}

const TOKEN: &[&str] = &[
    "signed EIP-1559 bytes to durable receipts, all cores: decoded, senders recovered side by",
    "side, ERC-20 `transfer` in wasm, log, receipt, roots, state commitment, journal",
    "fdatasync'd before any receipt is given out, state and indexes written behind it",
];
const HINTED: &[&str] = &["the same, each with the address of its sender, whose key is known"];
const BESIDE: &[&str] = &["the row `token` once more: no sockets, no JSON"];
const INSIDE_WAITING: &[&str] =
    &["as `token-hinted`, but 500 are on their way at a time: no sockets, no JSON"];
const NATIVE: &[&str] = &["the same for payments of native currency"];
const COMPUTING: &[&str] =
    &["as `token`, while a thread computes all the time and so takes its share of a core"];
const READING: &[&str] =
    &["the same, while that thread asks the ledger for balances, as in `call-1`"];
const SHOP: &[&str] = &["the same, hinted, and everybody pays the same account"];
const LATENCY: &[&str] = &[
    "one signed token transfer handed to an idle ledger, until its receipt is durable and",
    "given out; percentile of each round",
];
const LOADED: &[&str] = &[
    "token transfers without hints by so many clients, each of whom waits for its receipt before",
    "the next is submitted; from submission to durable receipt, percentile of each round",
];
const FDATASYNC: &[&str] = &[
    "the bytes that the journal takes for such a transfer, written into a preallocated",
    "file of the same disk and fdatasync'd, taking turns with the transfers",
];
const DEPLOY: &[&str] = &[
    "a signed transaction with a module that the ledger has not seen: checked, compiled,",
    "constructed, durable; all that for each KiB of wasm",
];
const CALL: &[&str] = &[
    "`balanceOf` by `Chain::simulate`, unsigned: a view of the last block, a fresh instance,",
    "trace and receipt, nothing kept; accounts drawn from all",
];
