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
    Target {
        what: "authentication of known senders, in times of k256's recovery",
        row: "batch",
        of: "k256",
        most: 1.0 / 3.0,
    },
    Target {
        what: "a hinted token transfer, in times of libsecp256k1's recovery on all cores",
        row: "token-hinted",
        of: "libsecp256k1-all",
        most: 1.0,
    },
    Target {
        what: "a token transfer without hint, in times of k256's recovery on all cores",
        row: "token",
        of: "k256-all",
        most: 1.0 / 0.9,
    },
    Target {
        what: "a native transfer, in times of a token transfer",
        row: "native",
        of: "token-hinted",
        most: 1.0,
    },
    Target {
        what: "a token transfer to one shop, in times of one to anybody",
        row: "token-shop",
        of: "token-hinted",
        most: 1.0,
    },
    Target {
        what: "the only transfer of an idle ledger, p50, in times of fdatasync",
        row: "latency-p50",
        of: "fdatasync-p50",
        most: 2.0,
    },
    Target {
        what: "a token transfer among ten million accounts, in times of one among few",
        row: "many-token",
        of: "few-token",
        most: 1.5,
    },
    Target {
        what: "a native transfer among ten million accounts, in times of one among few",
        row: "many-native",
        of: "few-native",
        most: 1.5,
    },
    Target {
        what: "reads on all cores, in times of those on one",
        row: "call-2",
        of: "call-1",
        most: 0.6,
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
