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
    /// The folder of its `Cargo.toml`.
    pub dir: PathBuf,
    /// The root of its workspace.
    pub workspace: PathBuf,
    /// The target folder of its workspace.
    pub target_dir: PathBuf,
    /// The folders outside the workspace that it depends on by path, directly or not, each with
    /// what it holds as `name-version`.
    pub outside: Vec<(PathBuf, String)>,
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
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Dependency {
    path: Option<PathBuf>,
}

impl Member {
    fn has_library(&self) -> bool {
        self.targets.iter().any(|t| t.kind.iter().any(|k| k == "lib" || k == "cdylib"))
    }

    fn dir(&self) -> PathBuf {
        self.manifest_path.parent().unwrap_or(&self.manifest_path).to_owned()
    }
}

impl Package {
    /// Finds the package that a folder, or a name in its workspace, stands for.
    ///
    /// # Errors
    /// If there is none, or several and none is named.
    pub fn find(dir: &Path, name: Option<&str>) -> Result<Package, BuildError> {
        let dir = dir.canonicalize().map_err(|_| BuildError::NoCrate(dir.to_owned()))?;
        let Metadata { mut packages, workspace_root, target_directory } = metadata(&dir)?;
        let Some(chosen) = choose(&dir, name, &packages, &workspace_root) else {
            let libraries = packages.into_iter().filter(Member::has_library);
            let mut packages: Vec<_> = libraries.map(|p| p.name).collect();
            packages.sort_unstable();
            return Err(BuildError::WhichPackage { dir, packages });
        };
        let chosen = packages.swap_remove(chosen);
        Ok(Package {
            outside: outside(&workspace_root, packages.iter().chain([&chosen]))?,
            dir: chosen.dir(),
            name: chosen.name,
            version: chosen.version,
            workspace: workspace_root,
            target_dir: target_directory,
        })
    }
}

/// By name, else by the nearest manifest at or above the folder, else the only one there is.
fn choose(dir: &Path, name: Option<&str>, packages: &[Member], root: &Path) -> Option<usize> {
    let find = |wanted: &dyn Fn(&Member) -> bool| {
        packages.iter().position(|p| p.has_library() && wanted(p))
    };
    if let Some(name) = name {
        return find(&|p| p.name == name);
    }
    let within = dir.ancestors().take_while(|above| above.starts_with(root));
    within.filter_map(|above| find(&|p| p.dir() == above)).next().or_else(|| {
        let several = packages.iter().filter(|p| p.has_library()).count() > 1;
        find(&|_| !several)
    })
}

/// Follows path dependencies out of the workspace.
fn outside<'a>(
    root: &Path,
    packages: impl Iterator<Item = &'a Member>,
) -> Result<Vec<(PathBuf, String)>, BuildError> {
    let paths = |p: &Member| p.dependencies.iter().filter_map(|d| d.path.clone()).collect();
    let mut queue: Vec<PathBuf> = packages.flat_map(paths).collect();
    let mut found: Vec<(PathBuf, String)> = vec![];
    while let Some(path) = queue.pop() {
        if path.starts_with(root) || found.iter().any(|(dir, _)| *dir == path) {
            continue;
        }
        let Some(member) = metadata(&path)?.packages.into_iter().find(|p| p.dir() == path) else {
            continue;
        };
        queue.extend::<Vec<_>>(paths(&member));
        found.push((path, format!("{}-{}", member.name, member.version)));
    }
    Ok(found)
}

fn metadata(dir: &Path) -> Result<Metadata, BuildError> {
    let output = cargo(dir)
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .map_err(|cause| BuildError::Tool { tool: "cargo".into(), cause })?;
    if !output.status.success() {
        let output = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.contains("could not find `Cargo.toml`") {
            return Err(BuildError::NoCrate(dir.to_owned()));
        }
        return Err(BuildError::Manifest { dir: dir.to_owned(), output });
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| BuildError::Manifest { dir: dir.to_owned(), output: error.to_string() })
}
