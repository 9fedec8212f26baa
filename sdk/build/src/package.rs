//! Which crate is meant: what `cargo metadata` knows of a folder.

use crate::{BuildError, compile::cargo};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A package that can be a contract, and where cargo would work on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its `Cargo.toml`.
    pub manifest: PathBuf,
    /// The root of its workspace.
    pub workspace: PathBuf,
    /// The target folder of its workspace.
    pub target_dir: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Member>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Member {
    name: String,
    version: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

impl Member {
    fn has_library(&self) -> bool {
        self.targets.iter().any(|t| t.kind.iter().any(|k| k == "lib" || k == "cdylib"))
    }
}

/// Finds the package that a folder, or a name in its workspace, stands for.
pub fn find(dir: &Path, name: Option<&str>) -> Result<Package, BuildError> {
    let dir = dir.canonicalize().map_err(|_| BuildError::NoCrate(dir.to_owned()))?;
    let output = cargo(&dir)
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .map_err(|source| BuildError::Tool { tool: "cargo".into(), source })?;
    if !output.status.success() {
        let output = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.contains("could not find `Cargo.toml`") {
            return Err(BuildError::NoCrate(dir));
        }
        return Err(BuildError::Manifest { dir, output });
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)
        .map_err(|error| BuildError::Manifest { dir: dir.clone(), output: error.to_string() })?;
    choose(&dir, name, metadata)
}

/// By name, else by the nearest manifest at or above the folder, else the only one there is.
fn choose(dir: &Path, name: Option<&str>, metadata: Metadata) -> Result<Package, BuildError> {
    let Metadata { packages, workspace_root, target_directory } = metadata;
    let libraries: Vec<_> = packages.into_iter().filter(Member::has_library).collect();
    let chosen = match name {
        Some(name) => libraries.iter().find(|p| p.name == name),
        None => dir
            .ancestors()
            .take_while(|above| above.starts_with(&workspace_root))
            .find_map(|above| libraries.iter().find(|p| p.manifest_path.parent() == Some(above)))
            .or(if libraries.len() == 1 { libraries.first() } else { None }),
    };
    let Some(member) = chosen else {
        let packages = libraries.into_iter().map(|p| p.name).collect();
        return Err(BuildError::WhichPackage { dir: dir.to_owned(), packages });
    };
    Ok(Package {
        name: member.name.clone(),
        version: member.version.clone(),
        manifest: member.manifest_path.clone(),
        workspace: workspace_root,
        target_dir: target_directory,
    })
}
