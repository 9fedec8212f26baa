//! The two channels: stdout carries the result of a command and nothing else, stderr everything
//! else (progress, notes, warnings, errors).
//!
//! Invariant: no other file prints. `--json` changes the form of the result, never what is done.

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
        let text = if self.json { serde_json::to_string_pretty(report)? } else { report.text() };
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
            self.stderr(text.as_ref());
        }
    }

    /// Says something that must be known.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.stderr(&format!("warning: {}", text.as_ref()));
    }

    /// Says why the command failed.
    pub fn error(&self, error: &anyhow::Error) {
        if self.json {
            let code = crate::exit::Exit::of(error) as u8;
            let json = serde_json::json!({ "error": format!("{error:#}"), "code": code });
            self.stderr(&json.to_string());
        } else {
            self.stderr(&format!("error: {error:#}"));
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
    table.add_rows(rows);
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
    fn a_table_has_one_line_per_row() {
        let text = table(["name", "gas"], [["alice".into(), "21000".into()]]);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.lines().next().unwrap().starts_with("NAME"));
    }
}
