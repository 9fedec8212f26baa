//! How fast Florin means to be, beside what was measured in the same run.

use super::Report;

/// A row takes at most so many times as long as another.
struct Target {
    what: &'static str,
    row: &'static str,
    of: &'static str,
    most: f64,
}

const TARGETS: &[Target] = &[
    Target {
        what: "execution of a token transfer, in times of the bare call",
        row: "execute-token",
        of: "bare-call",
        most: 1.5,
    },
    Target {
        what: "execution of a token transfer, in times of revm's",
        row: "execute-token",
        of: "revm",
        most: 1.0,
    },
];

/// What became of a target.
pub struct Verdict {
    pub what: &'static str,
    /// The ratio that was aimed for.
    pub most: f64,
    /// The ratio that was found.
    pub found: Option<f64>,
}

/// What became of each target. A smoke run decides none.
pub fn judge(report: &Report) -> Vec<Verdict> {
    let verdict = |target: &Target| {
        let median = |id| report.row(id).filter(|_| report.warning.is_none())?.median();
        let found = median(target.row).zip(median(target.of)).map(|(row, of)| row / of);
        Verdict { what: target.what, most: target.most, found }
    };
    TARGETS.iter().map(verdict).collect()
}
