//! The table for people.

use super::targets::{Verdict, judge};
use super::{Report, duration, per_second};
use crate::measure::{Group, Row, Unit};
use comfy_table::{Cell, CellAlignment, Table, presets};
use std::fmt::Write;

/// The whole report as text.
pub fn text(report: &Report) -> String {
    let mut text = format!("{}\n{}\n\n", report.machine, report.workload);
    if let Some(warning) = &report.warning {
        writeln!(text, "{}\n", loud(warning)).expect("a string");
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "what, and the work that is in it",
        "median",
        "best",
        "worst",
        "per second",
        "takes",
    ]);
    for group in &report.groups {
        add(&mut table, report, group);
    }
    for column in 1..=4 {
        let column = table.column_mut(column).expect("a column");
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(text, "{table}\n\nTargets").expect("a string");
    for verdict in judge(report) {
        let Verdict { what, most, found } = verdict;
        let places = if most < 0.01 { 5 } else { 2 };
        let found = match found {
            Some(found) if found <= most => format!("met      {found:.places$}"),
            Some(found) => format!("NOT MET  {found:.places$}"),
            None => "UNKNOWN  not measured".to_owned(),
        };
        writeln!(text, "  {found}, at most {most:.places$}: {what}").expect("a string");
    }
    if let Some(warning) = &report.warning {
        write!(text, "\n{}", loud(warning)).expect("a string");
    }
    text
}

fn loud(warning: &str) -> String {
    format!("!!! {warning}")
}

fn add(table: &mut Table, report: &Report, group: &Group) {
    table.add_row([group.title.to_uppercase()]);
    for row in &group.rows {
        let what = format!("{}\n  {}", row.name, row.work.join("\n  "));
        let mut cells = vec![Cell::new(what)];
        match (&row.missing, row.median(), row.spread()) {
            (None, Some(median), Some((best, worst))) => {
                let figure = |seconds| match group.unit {
                    Unit::TimePerKib => format!("{}/KiB", duration(seconds)),
                    Unit::Time | Unit::Rate => duration(seconds),
                };
                cells.extend([median, best, worst].map(|seconds| Cell::new(figure(seconds))));
                let rate = match group.unit {
                    Unit::TimePerKib => String::new(),
                    Unit::Time | Unit::Rate => per_second(median),
                };
                cells.extend([Cell::new(rate), Cell::new(comparison(report, row))]);
            }
            (missing, ..) => {
                let why = missing.as_deref().unwrap_or("no sample");
                cells.push(Cell::new("MISSING"));
                cells[0] = Cell::new(format!("{}\n  MISSING: {why}", row.name));
            }
        }
        table.add_row(cells);
    }
}

/// How many times as long it takes as what it is compared with.
fn comparison(report: &Report, row: &Row) -> String {
    let ratio = report.ratio(row).zip(row.against);
    ratio.map_or(String::new(), |(ratio, other)| format!("{ratio:.2} × {other}"))
}
