//! `docs/CLI.md` says what `florin help` says. `UPDATE_DOCS=1` writes it anew.

use std::{env, fmt::Write, fs, path::Path, process::Command};

const INTRODUCTION: &str = "\
# The command line

<!-- Made from what `florin help` prints by a test; `just bless` writes it anew. -->

Every command of `florin`. [README](../README.md) has a tour of them.

| exit code | meaning |
| ---: | --- |
| 0 | done |
| 1 | failed, for a reason that has no code of its own |
| 2 | the command was not understood |
| 3 | the transaction was refused: it is in no block and cost nothing |
| 4 | the transaction is in a block and was paid for, but took no effect; a call that reverts |
| 5 | another process has the ledger open |
| 6 | the ledger is damaged; the message says what to do |

Results go to stdout, all else to stderr. With `--json` an error is a line `{\"code\":…,\"error\":…}` there, but for
those of code 2: a command that was not understood may not have understood `--json` either, so they are text.

";

/// What `florin COMMAND --help` prints, in any terminal and whatever is set.
fn help(path: &[String]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_florin"));
    for name in ["FLORIN_DIR", "FLORIN_FROM", "COLUMNS"] {
        command.env_remove(name);
    }
    let output = command.args(path).arg("--help").output().unwrap();
    assert!(output.status.success(), "{path:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The commands below one, as its help lists them.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let name = line.strip_prefix("  ")?.split(' ').next()?;
        (!name.is_empty() && name != "help").then(|| name.to_owned())
    });
    names.collect()
}

fn describe(path: &[String], text: &mut String) {
    let help = help(path);
    let name = [&["florin".to_owned()], path].concat().join(" ");
    let level = "#".repeat(path.len() + 2);
    let lines = help.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>();
    writeln!(text, "{level} {name}\n\n```text\n{}\n```\n", lines.trim_end()).unwrap();
    for command in commands(&help) {
        describe(&[path, &[command]].concat(), text);
    }
}

#[test]
fn the_reference_is_what_help_prints() {
    let mut text = INTRODUCTION.to_owned();
    describe(&[], &mut text);
    assert!(text.matches("```text").count() > 25, "commands are missing: {text}");
    let text = format!("{}\n", text.trim_end());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/CLI.md");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, text).unwrap();
    } else {
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "docs/CLI.md is not what `florin help` prints: run `just bless`");
    }
}
