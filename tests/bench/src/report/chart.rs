//! The chart: a panel per group, a bar per row, a whisker from the best round to the worst.
//!
//! Each panel has a scale of its own that begins at zero, so lengths can be compared within a panel
//! and nowhere else.

use super::{Report, figure};
use crate::measure::{Group, Unit, Whose};
use std::fmt::Write;

const WIDTH: f64 = 1000.0;
/// Where bars begin: left of it stand the names.
const LEFT: f64 = 330.0;
/// Room for the longest bar; right of it stands its figure.
const LONGEST: f64 = 540.0;
const BAR: f64 = 18.0;
const LINE: f64 = 26.0;
const TITLE: f64 = 44.0;

/// The chart as SVG.
pub fn svg(report: &Report) -> String {
    let mut body = String::new();
    let mut y = 30.0;
    text(&mut body, 20.0, y, "heading", "Florin, beside others in the same run");
    for line in [Some(&report.machine), Some(&report.workload), report.warning.as_ref()] {
        y += 20.0;
        text(&mut body, 20.0, y, "note", line.map_or("", String::as_str));
    }
    for group in &report.groups {
        panel(&mut body, group, &mut y);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{0}\" \
         viewBox=\"0 0 {WIDTH} {0}\">\n<style>{STYLE}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n",
        y + 30.0
    )
}

const STYLE: &str = "text { font-family: sans-serif; font-size: 13px; fill: #222222 } \
    .heading { font-size: 18px; font-weight: bold } .title { font-size: 15px; font-weight: bold } \
    .note { fill: #666666 } .name { text-anchor: end }";

/// A group of bars. Rates grow to the right as times do: what is better is said beside the title.
fn panel(body: &mut String, group: &Group, y: &mut f64) {
    let value = |seconds: f64| match group.unit {
        Unit::Rate => 1.0 / seconds,
        Unit::Time | Unit::TimePerKib => seconds,
    };
    let better = match group.unit {
        Unit::Rate => "longer is better",
        Unit::Time | Unit::TimePerKib => "shorter is better",
    };
    *y += TITLE;
    text(body, 20.0, *y, "title", &format!("{} ({better})", group.title));
    let largest = group.rows.iter().flat_map(|row| &row.samples).map(|s| value(*s));
    let scale = LONGEST / largest.fold(f64::MIN_POSITIVE, f64::max);
    for row in &group.rows {
        *y += LINE;
        text(body, LEFT - 10.0, *y, "name", &row.name);
        let (Some(median), Some((best, worst))) = (row.median(), row.spread()) else {
            text(body, LEFT, *y, "note", "not measured");
            continue;
        };
        let colour = if row.whose == Whose::Ours { "#c2410c" } else { "#94a3b8" };
        let [at, best, worst] = [median, best, worst].map(|seconds| value(seconds) * scale);
        let (top, middle) = (*y - BAR + 5.0, *y - BAR / 2.0 + 5.0);
        let (from, to) = (LEFT + best.min(worst), LEFT + best.max(worst));
        writeln!(
            body,
            "<rect x=\"{LEFT}\" y=\"{top:.1}\" width=\"{at:.1}\" height=\"{BAR}\" \
             fill=\"{colour}\"/>\n<path d=\"M{from:.1} {middle:.1}H{to:.1}\" stroke=\"#222222\" \
             stroke-width=\"2\"/>"
        )
        .expect("a string");
        text(body, to.max(LEFT + at) + 8.0, *y, "figure", &figure(group.unit, median));
    }
}

fn text(body: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    writeln!(body, "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{text}</text>")
        .expect("a string");
}
