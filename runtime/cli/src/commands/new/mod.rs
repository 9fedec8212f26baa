//! `florin new`: a contract project that builds and tests at once.

use crate::{
    context::Context,
    output::{Report, fields},
    source,
};
use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The files of a project; `{{...}}` is filled in.
const FILES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("template/lib.rs.txt")),
    ("tests/contract.rs", include_str!("template/contract.rs.txt")),
    ("README.md", include_str!("template/README.md.txt")),
    (".gitignore", "/target\n/florin-ledger\n"),
];

/// Keywords, and crates that every crate or every contract has.
#[rustfmt::skip]
const RESERVED: [&str; 56] = [
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "const", "continue",
    "core", "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "florin-sdk", "fn",
    "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut",
    "override", "priv", "pub", "ref", "return", "self", "static", "std", "struct", "super", "test",
    "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Arguments of `florin new`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the contract, in lower case with dashes; also the folder that is made
    name: String,
    /// The folder of florin-sdk; by default that of the clone of Florin around the working
    /// directory, else around this program, else where it was built
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
}

#[derive(Serialize)]
struct Made {
    folder: PathBuf,
    files: Vec<&'static str>,
    sdk: PathBuf,
}

impl Report for Made {
    fn text(&self) -> String {
        let folder = self.folder.display().to_string();
        let next = format!("cd {folder} && cargo test\nflorin build {folder}");
        let sdk = self.sdk.display().to_string();
        fields([("made", folder), ("files", self.files.join("\n")), ("sdk", sdk), ("next", next)])
    }
}

/// Writes the project.
pub fn run(args: Args, context: &Context) -> Result<()> {
    check_name(&args.name)?;
    let sdk = sdk(args.sdk)?;
    let folder = PathBuf::from(&args.name);
    if folder.exists() {
        bail!("{} exists already; choose another name", folder.display());
    }
    for (file, template) in FILES {
        write(&folder.join(file), &fill(template, &args.name, &sdk))?;
    }
    let mut files: Vec<_> = FILES.iter().map(|(file, _)| *file).collect();
    // The versions that the SDK is tested with; cargo drops what this project does not need.
    if let Ok(lock) = fs::read_to_string(sdk.join("../Cargo.lock")) {
        write(&folder.join("Cargo.lock"), &lock)?;
        files.push("Cargo.lock");
    }
    context.out.show(&Made { folder, files, sdk })
}

/// The SDK that is named, else that of the nearest clone.
fn sdk(named: Option<PathBuf>) -> Result<PathBuf> {
    let Some(sdk) = named else {
        let clone = source::find().context(
            "florin-sdk is not found: work in a clone of Florin's repository, or say --sdk FOLDER",
        )?;
        return Ok(clone.join("sdk"));
    };
    let found = sdk.canonicalize().ok().filter(|sdk| sdk.join("Cargo.toml").is_file());
    found.with_context(|| format!("no florin-sdk in {}; --sdk takes its folder", sdk.display()))
}

/// A name that is good for a package and, in camel case, for a type.
fn check_name(name: &str) -> Result<()> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    let goes_well = name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'));
    if !starts_well || !goes_well || name.ends_with('-') || name.contains("--") {
        bail!("`{name}` cannot be a contract's name: lower-case words with dashes, as in tip-jar");
    }
    if RESERVED.contains(&name) {
        bail!("`{name}` means something to Rust itself; choose another name");
    }
    Ok(())
}

fn fill(template: &str, name: &str, sdk: &Path) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    template
        .replace("{{name}}", name)
        .replace("{{crate}}", &name.replace('-', "_"))
        .replace("{{Type}}", &words.collect::<String>())
        .replace("{{sdk}}", &sdk.display().to_string().escape_default().to_string())
}

fn write(path: &Path, text: &str) -> Result<()> {
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        fs::write(path, text)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_good_for_a_package_and_a_type() {
        for name in ["", "Shop", "2fast", "a b", "../x", "shop-", "a--b", "-a", "std", "self"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("tip-jar2").is_ok());
        assert_eq!(fill("{{Type}} {{crate}}", "tip-jar", Path::new("/")), "TipJar tip_jar");
    }

    #[test]
    fn everything_in_the_templates_is_filled_in() {
        for (file, template) in FILES {
            let filled = fill(template, "tip-jar", Path::new("/sdk"));
            assert!(!filled.contains("{{") && !filled.contains("}}"), "{file}: {filled}");
        }
    }
}
