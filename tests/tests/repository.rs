//! The files of the repository, for the tests that read them.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file of the repository.
pub struct Source {
    /// Its path from the root, with `/` between the parts.
    pub path: String,
    /// What it holds.
    pub text: String,
}

impl Source {
    /// The lines with their numbers, without line comments. A `//` within a string counts as one,
    /// which can only hide the rest of that line.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().zip(1..).map(|(line, number)| {
            let end = line.find("//").unwrap_or(line.len());
            (number, &line[..end])
        })
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("tests is a folder of the repository").to_owned()
}

/// A file that must be there.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file with this extension in a folder, in order of path. What is built or hidden is not
/// looked into.
pub fn sources(folder: &str, extension: &str) -> Vec<Source> {
    let mut found = Vec::new();
    visit(&root().join(folder), &mut |path| {
        if path.extension().is_some_and(|found| found == extension) {
            let name = path.strip_prefix(root()).expect("below the root").display().to_string();
            let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
            found.push(Source { path: name, text });
        }
    });
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Every folder in a folder, with it, that holds a file itself.
pub fn folders(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    visit(&root().join(folder), &mut |path| {
        let parent = path.parent().expect("a file is in a folder");
        found.push(parent.strip_prefix(root()).expect("below the root").display().to_string());
    });
    found.sort();
    found.dedup();
    found
}

fn visit(folder: &Path, file: &mut impl FnMut(&Path)) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    for entry in entries {
        let entry = entry.expect("a readable entry");
        let (path, name) = (entry.path(), entry.file_name());
        let is_ours = name != "target" && !name.to_string_lossy().starts_with('.');
        if is_ours && path.is_dir() {
            visit(&path, file);
        } else if is_ours {
            file(&path);
        }
    }
}
