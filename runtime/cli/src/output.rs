//! The two channels: stdout carries the result of a command and nothing else, stderr everything
//! else (progress, notes, warnings, errors).
//!
//! Invariants: no other file prints. `--json` changes the form of the result, never what is done.
//! Contracts choose some of the text (reasons, names, versions), so what is printed for people
//! holds no control characters, and a line that begins at the margin is florin's own: further lines
//! of a value, a cell or an error never do. JSON is exact.

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

/// The result of a command: its fields are the JSON, [`text`](Report::text) is for people.
pub trait Report: Serialize {
    /// The result as lines of text.
    fn text(&self) -> String;
}

/// How to talk to whoever runs the program.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// Results as JSON.
    pub json: bool,
    /// No progress and no notes.
    pub quiet: bool,
}

impl Output {
    /// Prints the result of the command.
    pub fn show(&self, report: &impl Report) -> Result<()> {
        let text = match self.json {
            true => serde_json::to_string_pretty(report)?,
            false => printable(&report.text()),
        };
        self.raw(format!("{}\n", text.trim_end()).as_bytes())
    }

    /// Writes a result that has a form of its own, such as a script.
    pub fn raw(&self, bytes: &[u8]) -> Result<()> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            // Whoever reads has enough, as in `florin events | head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => Ok(done?),
        }
    }

    /// Says something that is good to know.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            self.stderr(&printable(text.as_ref()));
        }
    }

    /// Says something that must be known.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.stderr(&format!("warning: {}", printable(text.as_ref())));
    }

    /// Says why the command failed.
    pub fn error(&self, error: &anyhow::Error) {
        if self.json {
            let code = crate::exit::Exit::of(error) as u8;
            let json = serde_json::json!({ "error": format!("{error:#}"), "code": code });
            self.stderr(&json.to_string());
        } else {
            let text = printable(&format!("{error:#}")).replace('\n', "\n       ");
            self.stderr(&format!("error: {text}"));
        }
    }

    /// Shows that long work goes on, until dropped.
    pub fn working(&self, what: &str) -> Working {
        let shown = !self.quiet && io::stderr().is_terminal();
        let bar = if shown { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Working { bar, output: *self }
    }

    fn stderr(&self, line: &str) {
        // If even stderr is gone there is nobody left to tell.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}

/// Text with every character but line breaks and tabs escaped that a terminal obeys instead of
/// showing it: control characters, and those that are invisible or turn the direction of writing.
fn printable(text: &str) -> String {
    let is_obeyed = |c: char| {
        let format = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}');
        (c.is_control() && !matches!(c, '\n' | '\t')) || format
    };
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        match is_obeyed(c) {
            true => printable.extend(c.escape_default()),
            false => printable.push(c),
        }
    }
    printable
}

/// Long work that goes on.
pub struct Working {
    bar: ProgressBar,
    output: Output,
}

impl Working {
    /// Says which step of the work it is now.
    pub fn step(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// Says how much of a step is done.
    pub fn part(&self, what: &str, done: u64, total: u64) {
        self.bar.set_message(format!("{what}: {done} of {total}"));
    }

    /// Prints a line above the progress.
    pub fn line(&self, line: &str) {
        self.bar.suspend(|| self.output.note(line));
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Lines of `label  value`, the values aligned.
pub fn fields<L: AsRef<str>, V: AsRef<str>>(rows: impl IntoIterator<Item = (L, V)>) -> String {
    let rows: Vec<_> = rows.into_iter().collect();
    let width = rows.iter().map(|(label, _)| label.as_ref().chars().count()).max().unwrap_or(0);
    let indent = format!("\n{:width$}  ", "");
    let lines = rows.iter().map(|(label, value)| {
        format!("{:width$}  {}\n", label.as_ref(), value.as_ref().replace('\n', &indent))
    });
    lines.collect()
}

/// A table with a header.
pub fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.map(str::to_uppercase));
    table.add_rows(rows.into_iter().map(|row| row.map(|cell| cell.replace('\n', "\\n"))));
    table.lines().map(|line| format!("{}\n", line.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_aligned_also_over_several_lines() {
        let text = fields([("a", "1"), ("long", "2\n3")]);
        assert_eq!(text, "a     1\nlong  2\n      3\n");
    }

    #[test]
    fn text_of_contracts_is_shown_and_not_obeyed() {
        assert_eq!(
            printable("a\u{1b}[2Jb\rc\0d\ne\u{202e}\u{9b}é"),
            "a\\u{1b}[2Jb\\rc\\u{0}d\ne\\u{202e}\\u{9b}é"
        );
        let text = table(["a"], [["1\n2".into()]]);
        assert_eq!(text, "A\n1\\n2\n");
    }

    #[test]
    fn a_table_has_one_line_per_row() {
        let text = table(["name", "gas"], [["alice".into(), "21000".into()]]);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.lines().next().unwrap().starts_with("NAME"));
    }
}
