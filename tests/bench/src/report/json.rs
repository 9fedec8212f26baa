//! The same as the table, with every sample, for programs.

use super::Report;
use super::targets::judge;
use crate::measure::{Group, Row, Whose};
use serde_json::{Value, json};

/// The whole report. Times are seconds; a row's samples are in the order of the rounds.
pub fn json(report: &Report) -> Value {
    let rows = report
        .groups
        .iter()
        .flat_map(|group| group.rows.iter().map(move |measured| row(report, group, measured)));
    let targets = judge(report).into_iter().map(|verdict| {
        let met = verdict.found.map(|found| found <= verdict.most);
        json!({ "what": verdict.what, "most": verdict.most, "found": verdict.found, "met": met })
    });
    json!({
        "machine": report.machine,
        "workload": report.workload,
        "warning": report.warning,
        "rows": rows.collect::<Vec<_>>(),
        "targets": targets.collect::<Vec<_>>(),
    })
}

fn row(report: &Report, group: &Group, row: &Row) -> Value {
    let (best, worst) = row.spread().unzip();
    json!({
        "id": row.id,
        "group": group.title,
        "name": row.name,
        "ours": row.whose == Whose::Ours,
        "work": row.work.join(" "),
        "missing": row.missing,
        "median": row.median(),
        "best": best,
        "worst": worst,
        "samples": row.samples,
        "against": row.against,
        "ratio": report.ratio(row),
    })
}
