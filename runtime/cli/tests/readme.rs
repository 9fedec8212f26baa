//! The tour in README.md works as it is written: its commands are run, in order and in one shell,
//! and print what it shows.
//!
//! The rule: in a `console` block a line that begins with `$ ` is a command, and what follows is
//! its whole output, in which `...` stands for anything, also over several lines. A command must
//! succeed, unless `error:` is shown.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A command and what the tour shows of its output.
#[derive(Debug, Default, PartialEq)]
struct Step {
    command: String,
    shown: String,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The steps of all `console` blocks.
fn steps(text: &str) -> Vec<Step> {
    let (mut steps, mut inside) = (Vec::<Step>::new(), false);
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            steps.push(Step { command: command.into(), ..Step::default() });
        } else if inside {
            let step = steps.last_mut().expect("a block begins with a command");
            writeln!(step.shown, "{line}").unwrap();
        }
    }
    steps
}

/// Whether `text` is what `shown` shows; `...` stands for anything, and trailing blanks for
/// nothing.
fn fits(shown: &str, text: &str) -> bool {
    let (shown, mut rest) = (shown.trim_end(), text.trim_end());
    let Some((first, others)) = shown.split_once("...") else { return shown == rest };
    let Some(after) = rest.strip_prefix(first) else { return false };
    rest = after;
    let mut parts: Vec<_> = others.split("...").collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// One shell script: each command's output goes to a file of its number; the first that does not
/// end as it should ends the script, with the number on its stdout.
fn script(steps: &[Step], outputs: &Path) -> String {
    let mut script = String::new();
    for (number, Step { command, shown }) in steps.iter().enumerate() {
        let not = if shown.contains("error:") { "! " } else { "" };
        let output = outputs.join(number.to_string());
        let output = output.display();
        writeln!(script, "{not}{{ {command}\n}} >'{output}' 2>&1 || {{ echo {number}; exit 1; }}")
            .unwrap();
    }
    script
}

#[test]
fn dots_stand_for_anything_and_nothing_else_does() {
    for (shown, text) in [("a\n", "a"), ("a...c", "abc"), ("...", ""), ("a\n...\nd", "a\nb\nc\nd")]
    {
        assert!(fits(shown, text), "{shown:?} {text:?}");
    }
    for (shown, text) in
        [("", "a"), ("a...c", "ab"), ("a...", "ba"), ("a...b...b", "ab"), ("a", "ab")]
    {
        assert!(!fits(shown, text), "{shown:?} {text:?}");
    }
    let text = "$ no\n```console\n$ a\nb\n$ c\n```\n```sh\n$ d\n```\n";
    let step = |command: &str, shown: &str| Step { command: command.into(), shown: shown.into() };
    assert_eq!(steps(text), [step("a", "b\n"), step("c", "")]);
}

#[test]
fn the_tour_works_as_it_is_written() {
    let text = fs::read_to_string(repository().join("README.md")).unwrap();
    let steps = steps(&text);
    assert!(steps.len() > 20, "the tour has {} commands", steps.len());
    let (place, outputs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bin = Path::new(env!("CARGO_BIN_EXE_florin")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let ended = Command::new("sh")
        .args(["-c", &script(&steps, outputs.path())])
        .current_dir(place.path())
        .env_remove("FLORIN_DIR")
        .envs([("PATH", path.as_str()), ("FLORIN_PASSWORD", "tour"), ("FLORIN_FROM", "alice")])
        .env("FLORIN", repository())
        .output()
        .unwrap();
    let failed = String::from_utf8_lossy(&ended.stdout).trim().parse::<usize>();
    for (number, Step { command, shown }) in steps.iter().enumerate() {
        let printed = fs::read_to_string(outputs.path().join(number.to_string()));
        let printed = printed.unwrap_or_else(|error| panic!("`{command}` did not run: {error}"));
        assert!(failed != Ok(number), "`{command}` ended otherwise than shown:\n{printed}");
        assert!(fits(shown, &printed), "`{command}` printed\n{printed}\nnot\n{shown}");
    }
    assert!(ended.status.success(), "{ended:?}");
}
