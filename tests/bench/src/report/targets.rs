//! How fast Florin means to be, beside what was measured in the same run.

use super::Report;

/// A row takes at most so many times as long as another, the longest of several, or so many seconds
/// if there is none.
struct Target {
    what: &'static str,
    row: &'static str,
    of: &'static [&'static str],
    most: f64,
}

const TARGETS: &[Target] = &[
    Target {
        what: "execution of a token transfer, in times of the bare call",
        row: "execute-token",
        of: &["bare-call"],
        most: 1.5,
    },
    Target {
        what: "execution of a token transfer, in times of revm's",
        row: "execute-token",
        of: &["revm"],
        most: 1.0,
    },
    Target {
        what: "authentication of known senders, in times of k256's recovery",
        row: "batch",
        of: &["k256"],
        most: 1.0 / 3.0,
    },
    Target {
        what: "the same by what every processor has",
        row: "portable",
        of: &["k256"],
        most: 1.0 / 3.0,
    },
    Target {
        what: "a hinted token transfer, in times of libsecp256k1's recovery on all cores",
        row: "token-hinted",
        of: &["libsecp256k1-beside"],
        most: 1.0,
    },
    Target {
        what: "a token transfer without hint, in times of k256's recovery on all cores",
        row: "token",
        of: &["k256-beside"],
        most: 1.0 / 0.9,
    },
    Target {
        what: "a native transfer, in times of a token transfer",
        row: "native",
        of: &["token-hinted"],
        most: 1.0,
    },
    Target {
        what: "a token transfer to one shop, in times of one to anybody",
        row: "token-shop",
        of: &["token-hinted"],
        most: 1.0,
    },
    Target {
        what: "the only transfer of an idle ledger, p50, in times of fdatasync",
        row: "latency-p50",
        of: &["fdatasync-p50"],
        most: 2.0,
    },
    Target {
        what: "a token transfer among ten million accounts, in times of one among few",
        row: "many-token",
        of: &["few-token"],
        most: 1.5,
    },
    Target {
        what: "a native transfer among ten million accounts, in times of one among few",
        row: "many-native",
        of: &["few-native"],
        most: 1.5,
    },
    Target {
        what: "a transfer of one of five hundred clients who keep a ledger busy, p99, in seconds",
        row: "loaded-p99",
        of: &[],
        most: 0.05,
    },
    Target {
        what: "clients who wait, HTTP, in times of the slower of transport and ledger",
        row: "node-waiting-http",
        of: &["nothing-waiting-http", "inside-waiting"],
        most: 2.0,
    },
    Target {
        what: "clients who wait, WebSocket, in times of the slower of transport and ledger",
        row: "node-waiting-ws",
        of: &["nothing-waiting-ws", "inside-waiting"],
        most: 2.0,
    },
    Target {
        what: "gateways, HTTP, in times of the slower of transport and ledger",
        row: "node-gateways-http",
        of: &["nothing-gateways-http", "inside"],
        most: 2.0,
    },
    Target {
        what: "gateways, WebSocket, in times of the slower of transport and ledger",
        row: "node-gateways-ws",
        of: &["nothing-gateways-ws", "inside"],
        most: 2.0,
    },
    Target {
        what: "gateways, HTTP, in times of anvil's best",
        row: "node-gateways-http",
        of: &["anvil-gateways"],
        most: 0.5,
    },
    Target {
        what: "clients who wait, HTTP, in times of anvil as it comes",
        row: "node-waiting-http",
        of: &["anvil-waiting"],
        most: 0.01,
    },
    Target {
        what: "a node's start on a fresh ledger, in seconds",
        row: "start-fresh",
        of: &[],
        most: 1.0,
    },
    Target {
        what: "a node's start on a million accounts after its process was killed, in seconds",
        row: "start-large",
        of: &[],
        most: 1.0,
    },
    Target {
        what: "a KiB of a contract that comes to the ledger, in seconds",
        row: "deploy-token",
        of: &[],
        most: 0.002,
    },
    Target { what: "the same of a small one", row: "deploy", of: &[], most: 0.002 },
    Target {
        what: "opening a million accounts after the process was killed, in seconds",
        row: "open-large",
        of: &[],
        most: 1.0,
    },
    Target {
        what: "opening ten million accounts after the process was killed, in seconds",
        row: "open-largest",
        of: &[],
        most: 5.0,
    },
    Target {
        what: "a token transfer while a core reads, in times of one while a core is busy otherwise",
        row: "token-reading",
        of: &["token-computing"],
        most: 1.1,
    },
    Target {
        what: "reads on all cores, in times of those on one",
        row: "call-2",
        of: &["call-1"],
        most: 0.6,
    },
];

/// What became of a target.
pub struct Verdict {
    pub what: &'static str,
    /// The ratio, or the seconds, that was aimed for.
    pub most: f64,
    /// What was found.
    pub found: Option<f64>,
}

/// What became of each target. A smoke run decides none.
pub fn judge(report: &Report) -> Vec<Verdict> {
    let verdict = |target: &Target| {
        let median = |id| report.row(id).filter(|_| report.warning.is_none())?.median();
        let others: Option<Vec<f64>> = target.of.iter().copied().map(median).collect();
        let unit = others.map(|others| others.into_iter().reduce(f64::max).unwrap_or(1.0));
        let found = median(target.row).zip(unit).map(|(row, unit)| row / unit);
        Verdict { what: target.what, most: target.most, found }
    };
    TARGETS.iter().map(verdict).collect()
}
