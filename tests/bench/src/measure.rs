//! How anything is measured here: contenders for the same work take turns, round after round, so
//! that whatever else the machine does falls on all of them.
//!
//! Invariant: the first round warms caches and is thrown away; every other round is in the row. No
//! outlier is removed.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// Whose row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Ours,
    Baseline,
}

/// How a row is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// The time that one takes.
    Time,
    /// So many are done in a second.
    Rate,
    /// The time that a kibibyte takes.
    TimePerKib,
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// By which other rows and the targets name it.
    pub id: &'static str,
    pub whose: Whose,
    pub name: String,
    /// What is done between the start and the stop of the clock, line by line.
    pub work: &'static [&'static str],
    /// The row that it is compared with.
    pub against: Option<&'static str>,
    /// Seconds that one operation took, a sample per round; none if it could not be measured.
    pub samples: Vec<f64>,
    /// Why it could not be measured.
    pub missing: Option<String>,
}

impl Row {
    pub fn new(
        id: &'static str,
        whose: Whose,
        name: impl Into<String>,
        work: &'static [&'static str],
    ) -> Self {
        let (name, samples) = (name.into(), Vec::new());
        Row { id, whose, name, work, against: None, samples, missing: None }
    }

    /// The same row, compared with another.
    pub fn against(self, id: &'static str) -> Self {
        Row { against: Some(id), ..self }
    }

    /// The middle sample, the lower of two.
    pub fn median(&self) -> Option<f64> {
        percentile(&self.samples, 50.0)
    }

    /// The smallest and the largest sample.
    pub fn spread(&self) -> Option<(f64, f64)> {
        Some((percentile(&self.samples, 0.0)?, percentile(&self.samples, 100.0)?))
    }
}

/// Rows about one question.
pub struct Group {
    pub title: &'static str,
    pub unit: Unit,
    pub rows: Vec<Row>,
}

/// Who does the work of a row: given the number of the round, one round of it, as seconds per
/// operation.
pub struct Contender<'a> {
    row: Row,
    round: Box<dyn FnMut(u64) -> Result<f64> + 'a>,
}

impl<'a> Contender<'a> {
    pub fn new(row: Row, round: impl FnMut(u64) -> Result<f64> + 'a) -> Self {
        Contender { row, round: Box::new(round) }
    }
}

/// Lets contenders take turns for so many rounds, after one that does not count.
pub fn race(rounds: u64, mut contenders: Vec<Contender<'_>>) -> Result<Vec<Row>> {
    for round in 0..=rounds {
        for Contender { row, round: run } in &mut contenders {
            let sample = run(round).with_context(|| row.name.clone())?;
            eprintln!("round {round} of {rounds}: {} {sample:.2e} s", row.name);
            if round > 0 {
                row.samples.push(sample);
            }
        }
    }
    Ok(contenders.into_iter().map(|contender| contender.row).collect())
}

/// Seconds that each of `count` operations takes, which `work` does.
pub fn seconds_each<R>(count: usize, work: impl FnOnce() -> Result<R>) -> Result<f64> {
    let start = Instant::now();
    let result = work()?;
    let elapsed = start.elapsed();
    drop(result); // what is freed was not asked for
    Ok(each(elapsed, count))
}

/// The share of one in `count`.
pub fn each(elapsed: Duration, count: usize) -> f64 {
    elapsed.as_secs_f64() / count as f64
}

/// Runs the same work on so many threads at once, each with its number.
pub fn on_threads(threads: usize, work: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
    std::thread::scope(|scope| {
        let work = &work;
        let started: Vec<_> = (0..threads).map(|i| scope.spawn(move || work(i))).collect();
        started.into_iter().try_for_each(|thread| thread.join().expect("no thread panics"))
    })
}

/// The sample below which `percent` of them lie.
pub fn percentile(samples: &[f64], percent: f64) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * percent / 100.0) as usize).copied()
}
