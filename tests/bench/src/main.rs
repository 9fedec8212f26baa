//! `just bench`: what a transfer costs here, beside what bare signatures, a bare disk, a bare hash
//! map, bare wasmtime, revm and PostgreSQL cost on the same machine in the same run. Prints one
//! table and writes it as JSON and as a chart into `target/bench`. `docs/PERFORMANCE.md` describes
//! every row.
//!
//! `--quick` does little of everything, to see that it works; its figures mean nothing. Words
//! choose groups: `just bench execution`.
//!
//! Invariant: whoever is compared takes turns with what it is compared with (`measure`).
#![allow(clippy::print_stdout)] // the table is the result

#[path = "../../../runtime/cli/src/allocator.rs"]
mod allocator;
mod baselines;
mod measure;
mod network;
mod ours;
mod report;
mod workload;

use anyhow::{Result, ensure};
use baselines::postgres::{self, Postgres};
use baselines::{evm, hash_map, signatures, wasm};
use measure::{Group, Unit, race};
use network::servers;
use ours::growth::{self, Growth};
use ours::ledger::Ledger;
use ours::phases::Phases;
use report::{Report, chart, json, table};
use std::path::Path;
use std::time::Instant;
use workload::{People, Scale, cores};

const SIGNATURES: &str = "signatures";
const EXECUTION: &str = "execution of a transfer";
const LEDGER: &str = "transfers per second, end to end";
const LATENCY: &str = "latency of a single transfer";
const DEPLOYMENT: &str = "deployment";
const READS: &str = "reads per second";
/// These two are measured only if they are asked for: it takes half an hour and 5 GB of disk.
const GROWTH: &str = "growth: payments among few accounts and many";
const OPENING: &str = "growth: opening after the process was killed";

/// What is asked for.
struct Wish {
    quick: bool,
    groups: Vec<String>,
}

impl Wish {
    fn from_arguments() -> Result<Self> {
        // cargo says --bench to every benchmark.
        let all = std::env::args().skip(1).filter(|argument| argument != "--bench");
        let (options, groups): (Vec<_>, Vec<_>) = all.partition(|word| word.starts_with('-'));
        ensure!(options.iter().all(|option| option == "--quick"), "the only option is --quick");
        Ok(Wish { quick: !options.is_empty(), groups })
    }

    fn has(&self, title: &str) -> bool {
        self.groups.is_empty() || self.names(title)
    }

    fn names(&self, title: &str) -> bool {
        self.groups.iter().any(|word| title.contains(word.as_str()))
    }
}

fn main() -> Result<()> {
    allocator::keep_memory();
    let (start, wish) = (Instant::now(), Wish::from_arguments()?);
    let scale = if wish.quick { Scale::QUICK } else { Scale::FULL };
    if growth::child(scale.with_memory_for_growth())? || servers::child(scale)? {
        return Ok(());
    }
    let people = People::new(scale)?;
    // On the disk of the build, since /tmp may be memory.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut groups = Vec::new();
    if wish.has(SIGNATURES) || wish.has(EXECUTION) {
        groups.extend(in_memory(&wish, &people)?);
    }
    if [LEDGER, LATENCY, DEPLOYMENT, READS].iter().any(|title| wish.has(title)) {
        groups.extend(on_disk(&wish, &people, dir.path())?);
    }
    if [network::RATES, network::LATENCIES, network::START].iter().any(|title| wish.has(title)) {
        groups.extend(network::groups(&people, dir.path(), scale.rounds)?);
    }
    if wish.names(network::SOAK) {
        groups.push(network::soak(&people, dir.path())?);
    }
    if [GROWTH, OPENING].iter().any(|title| wish.names(title)) {
        groups.extend(grown(&wish, &people, dir.path())?);
    }
    let report =
        Report { machine: machine(), warning: warning(&wish), workload: workload(&scale), groups };
    println!("{}", table::text(&report));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    std::fs::create_dir_all(&folder)?;
    let (as_json, as_chart) = (folder.join("bench.json"), folder.join("bench.svg"));
    std::fs::write(&as_json, serde_json::to_string_pretty(&json::json(&report))?)?;
    std::fs::write(&as_chart, chart::svg(&report))?;
    println!("\n{}\n{}", as_json.display(), as_chart.display());
    println!("{} s", start.elapsed().as_secs());
    Ok(())
}

fn in_memory(wish: &Wish, people: &People) -> Result<Vec<Group>> {
    let (mut groups, rounds) = (Vec::new(), people.scale.rounds);
    let phases = Phases::new(people)?;
    if wish.has(SIGNATURES) {
        let mut contenders = signatures::contenders(people)?;
        contenders.extend(phases.authentication()?);
        let rows = race(rounds, contenders)?;
        groups.push(Group { title: SIGNATURES, unit: Unit::Time, rows });
    }
    if wish.has(EXECUTION) {
        let mut contenders =
            vec![hash_map::contender(people), wasm::contender(people)?, evm::contender(people)?];
        contenders.extend(phases.execution()?);
        let rows = race(rounds, contenders)?;
        groups.push(Group { title: EXECUTION, unit: Unit::Time, rows });
    }
    Ok(groups)
}

fn on_disk(wish: &Wish, people: &People, dir: &Path) -> Result<Vec<Group>> {
    let (mut groups, rounds) = (Vec::new(), people.scale.rounds);
    let ledger = Ledger::new(people, dir)?;
    if wish.has(LEDGER) {
        let postgres = Postgres::start(dir, people.scale);
        let theirs = postgres.as_ref().map(Postgres::contenders);
        let (mut contenders, missing) = match theirs {
            Ok(Ok(contenders)) => (contenders, Vec::new()),
            Ok(Err(error)) => (Vec::new(), postgres::missing(&error)),
            Err(error) => (Vec::new(), postgres::missing(error)),
        };
        contenders.extend(signatures::beside(people)?);
        contenders.extend(ledger.end_to_end());
        let rows = missing.into_iter().chain(race(rounds, contenders)?).collect();
        groups.push(Group { title: LEDGER, unit: Unit::Rate, rows });
    }
    if wish.has(LATENCY) {
        let rows = ledger.latency(rounds)?;
        groups.push(Group { title: LATENCY, unit: Unit::Time, rows });
    }
    if wish.has(DEPLOYMENT) {
        let rows = race(rounds, ledger.deployment())?;
        groups.push(Group { title: DEPLOYMENT, unit: Unit::TimePerKib, rows });
    }
    if wish.has(READS) {
        let rows = race(rounds, ledger.reads())?;
        groups.push(Group { title: READS, unit: Unit::Rate, rows });
    }
    Ok(groups)
}

fn grown(wish: &Wish, people: &People, dir: &Path) -> Result<Vec<Group>> {
    let (mut groups, rounds) = (Vec::new(), people.scale.rounds);
    let people = People::new(people.scale.with_memory_for_growth())?;
    let growth = Growth::new(&people, dir)?;
    if wish.names(GROWTH) {
        let rows = growth.rates(rounds)?;
        groups.push(Group { title: GROWTH, unit: Unit::Rate, rows });
    }
    if wish.names(OPENING) {
        let rows = growth.openings(rounds)?;
        groups.push(Group { title: OPENING, unit: Unit::Time, rows });
    }
    Ok(groups)
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let name = name.map_or("processor of unknown name", |(_, name)| name);
    format!("{name}, {} cores, {}", cores(), std::env::consts::OS)
}

fn workload(scale: &Scale) -> String {
    let Scale { senders, accounts, rounds, block, .. } = scale;
    format!(
        "{senders} senders pay {accounts} accounts; {rounds} rounds, in which everybody takes \
         turns, and the median of them; blocks of {block}"
    )
}

fn warning(wish: &Wish) -> Option<String> {
    match (wish.quick, cfg!(debug_assertions)) {
        (false, false) => None,
        (true, false) => Some("A SMOKE RUN, NOT A MEASUREMENT".to_owned()),
        (_, true) => Some("NOT OPTIMISED AND NOT A MEASUREMENT".to_owned()),
    }
}
