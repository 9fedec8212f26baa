//! What a contract costs, recorded in its page: shared by the tests of the contracts (`#[path]`).
//!
//! The page has a table between two marks. A test measures, and fails if a figure is off by more
//! than the tolerance; with `UPDATE_DOCS=1` it writes the table instead.

use florin_sdk::testing::{Chain, Code};
use std::fmt::Write as _;
use std::path::Path;

/// By how many percent a figure may be off the recorded one: as much as another compiler may
/// change.
const TOLERANCE: u64 = 3;
const BEGIN: &str = "<!-- costs: begin -->\n";
const END: &str = "<!-- costs: end -->";

/// Compares figures with those on a page of `docs/contracts`.
pub fn check(chain: &Chain, page: &str, figures: &[(&str, u64)]) {
    if chain.code() != Code::Release {
        return; // other code ran
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/contracts").join(page);
    let text = std::fs::read_to_string(&path).expect("the contract has a page");
    let (head, rest) = text.split_once(BEGIN).expect("the page has a table of costs");
    let (table, tail) = rest.split_once(END).expect("the table has an end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let mut table = String::from("| what | figure |\n| --- | ---: |\n");
        for (what, figure) in figures {
            writeln!(table, "| {what} | {figure} |").expect("a string takes what is written");
        }
        std::fs::write(&path, [head, BEGIN, &table, END, tail].concat()).expect("a writable page");
        return;
    }
    let recorded: Vec<(&str, u64)> = table
        .lines()
        .skip(2)
        .filter_map(|line| line.trim_matches(['|', ' ']).split_once(" | "))
        .map(|(what, figure)| (what, figure.parse().expect("a number")))
        .collect();
    let names = |figures: &[(&str, u64)]| {
        figures.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&recorded),
        names(figures),
        "rows of the table: UPDATE_DOCS=1 writes them anew"
    );
    for ((what, recorded), (_, measured)) in recorded.iter().zip(figures) {
        assert!(
            measured.abs_diff(*recorded) * 100 <= recorded * TOLERANCE,
            "{what}: {measured}, recorded {recorded}; UPDATE_DOCS=1 records it",
        );
    }
}
