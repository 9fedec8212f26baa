//! What was measured, in three forms (`table` for people, `json` for programs, `chart` for pages),
//! and whether it is good enough (`targets`).

pub mod chart;
pub mod json;
pub mod table;
pub mod targets;

use crate::measure::{Group, Row, Unit};

/// Everything that was measured, and where.
pub struct Report {
    /// The machine, in words.
    pub machine: String,
    /// What the figures are worth, if not what they seem.
    pub warning: Option<String>,
    /// What was to be done, in words.
    pub workload: String,
    pub groups: Vec<Group>,
}

impl Report {
    pub fn row(&self, id: &str) -> Option<&Row> {
        self.groups.iter().flat_map(|group| &group.rows).find(|row| row.id == id)
    }

    /// A row's time by that of the row it is compared with.
    pub fn ratio(&self, row: &Row) -> Option<f64> {
        Some(row.median()? / self.row(row.against?)?.median()?)
    }
}

/// A duration with a unit that suits it.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s if s >= 1e-6 => format!("{:.2} µs", s * 1e6),
        s => format!("{:.1} ns", s * 1e9),
    }
}

/// A rate, with its thousands apart.
pub fn per_second(seconds: f64) -> String {
    let digits = format!("{:.0}", 1.0 / seconds);
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A sample as its group has it.
pub fn figure(unit: Unit, seconds: f64) -> String {
    match unit {
        Unit::Time => duration(seconds),
        Unit::Rate => format!("{}/s", per_second(seconds)),
        Unit::TimePerKib => format!("{}/KiB", duration(seconds)),
    }
}
