//! cargo, run with the contract profile in an environment of its own.
//!
//! Invariant: what the caller's cargo set for the caller's build (flags, wrappers, target folder)
//! never reaches the contract's build.

use crate::{BuildError, Mode, Options, Package, Progress, TARGET};
use serde::Deserialize;
use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The contract profile. Overflow checks stay on: contracts handle money. Optimised for size, a
/// token transfer is four percent slower than at level 3 (5.3 against 5.1 us), and the token a
/// quarter smaller and cheaper to deploy.
const PROFILE: &[&str] = &[
    "profile.release.opt-level=\"s\"",
    "profile.release.lto=\"fat\"",
    "profile.release.codegen-units=1",
    "profile.release.panic=\"abort\"",
    "profile.release.overflow-checks=true",
    "profile.release.debug-assertions=false",
    "profile.release.incremental=false",
    "profile.release.debug=false",
    // Names are needed for the report of sizes; `module::finish` strips them.
    "profile.release.strip=\"debuginfo\"",
];

/// Bytes of shadow stack. Small, because all of it is memory that every call starts with: with the
/// data it fits one or two pages. Recursion deeper than this traps.
const STACK_BYTES: u32 = 32 * 1024;

/// What cargo's own configuration needs from the environment; every other `CARGO_*` variable is the
/// outer build's.
const KEPT: &[&str] = &[
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
];

/// What cargo made.
pub struct Compiled {
    /// The module as the linker left it, with names.
    pub module: Vec<u8>,
    /// The compiler, as it names itself.
    pub rustc: String,
    /// The version of the SDK that was linked, if it was.
    pub sdk: Option<String>,
}

/// `cargo` in `dir`, free of what an outer cargo put into the environment.
pub fn cargo(dir: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(dir);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_outer)) {
        command.env_remove(name);
    }
    command
}

/// Whether an environment variable is about the outer build. Wrappers count: clippy's and those of
/// coverage tools would change what is compiled.
fn is_outer(name: &str) -> bool {
    let cargo = name.starts_with("CARGO_") && !KEPT.iter().any(|kept| name.starts_with(kept));
    cargo || name.starts_with("RUSTC") || name == "RUSTFLAGS"
}

/// Compiles the package to an unstripped module.
pub fn compile(package: &Package, options: &Options<'_>) -> Result<Compiled, BuildError> {
    let dir = &package.dir;
    let rustc = rustc(dir, &["--version"])?;
    ensure_target(dir, options.progress)?;
    let target_dir =
        options.target_dir.clone().unwrap_or_else(|| package.target_dir.join("florin"));

    let mut command = cargo(dir);
    command
        .args(["rustc", "--lib", "--crate-type", "cdylib", "--release", "--target", TARGET])
        .args(["--message-format", "json-render-diagnostics", "--manifest-path"])
        .arg(dir.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target_dir)
        .args(PROFILE.iter().flat_map(|line| ["--config", line]))
        .env("CARGO_ENCODED_RUSTFLAGS", flags(package, options.mode, dir)?.join("\x1f"));
    run(command, package, options.progress).and_then(|messages| {
        let module = messages
            .module
            .ok_or_else(|| BuildError::NoModule { package: package.name.clone() })?;
        let module = fs::read(&module).map_err(BuildError::file(module))?;
        Ok(Compiled { module, rustc, sdk: messages.sdk })
    })
}

fn flags(package: &Package, mode: Mode, dir: &Path) -> Result<Vec<String>, BuildError> {
    let mut flags = vec![
        format!("-Clink-arg=-zstack-size={STACK_BYTES}"),
        // Else each address and each index of a function takes five bytes, whatever its value.
        "-Clink-arg=--compress-relocations".to_owned(),
        "--check-cfg=cfg(florin_dev)".to_owned(),
    ];
    if mode == Mode::Development {
        flags.push("--cfg=florin_dev".to_owned());
    }
    // rustc takes the last prefix that matches, so the most particular comes last.
    let library = Path::new(&rustc(dir, &["--print", "sysroot"])?).join("lib/rustlib/src/rust");
    let general = [(cargo_home(), "cargo"), (Some(library), "rust")];
    let mut remapped: Vec<_> =
        general.iter().filter_map(|(from, to)| Some((from.as_deref()?, *to))).collect();
    remapped.push((&package.workspace, ""));
    remapped.extend(package.outside.iter().map(|(from, to)| (from.as_path(), to.as_str())));
    for (from, to) in remapped {
        flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    }
    Ok(flags)
}

fn cargo_home() -> Option<PathBuf> {
    let home = || env::home_dir().map(|home| home.join(".cargo"));
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home)
}

/// The compiler that cargo would use in `dir`, asked one thing.
fn rustc(dir: &Path, args: &[&str]) -> Result<String, BuildError> {
    let output = Command::new("rustc")
        .current_dir(dir)
        .args(args)
        .output()
        .map_err(|cause| BuildError::Tool { tool: "rustc".into(), cause })?;
    if !output.status.success() {
        let cause = std::io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned());
        return Err(BuildError::Tool { tool: "rustc".into(), cause });
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Adds the wasm target through rustup if the toolchain lacks it.
fn ensure_target(dir: &Path, progress: &dyn Fn(Progress<'_>)) -> Result<(), BuildError> {
    let libraries = rustc(dir, &["--print", "target-libdir", "--target", TARGET])?;
    if Path::new(&libraries).is_dir() {
        return Ok(());
    }
    progress(Progress::Step("adding the wasm target: rustup target add wasm32-unknown-unknown"));
    let added = Command::new("rustup").current_dir(dir).args(["target", "add", TARGET]).output();
    match added {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let output = format!("\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
            Err(BuildError::NoTarget { output })
        }
        Err(error) => Err(BuildError::NoTarget { output: format!("\nrustup: {error}") }),
    }
}

/// What is of interest in cargo's messages.
#[derive(Default)]
struct Messages {
    module: Option<PathBuf>,
    sdk: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    target: Option<MessageTarget>,
}

#[derive(Deserialize)]
struct MessageTarget {
    name: String,
}

fn run(
    mut command: Command,
    package: &Package,
    progress: &dyn Fn(Progress<'_>),
) -> Result<Messages, BuildError> {
    let tool = |cause| BuildError::Tool { tool: "cargo".into(), cause };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(tool)?;
    // Both pipes are drained at once, or a full one would stop cargo.
    let stdout = child.stdout.take();
    let messages = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.map(|mut pipe| pipe.read_to_string(&mut text)).transpose().map(|_| text)
    });
    let mut output = String::new();
    for line in child.stderr.take().into_iter().flat_map(|pipe| BufReader::new(pipe).lines()) {
        let line = line.map_err(tool)?;
        progress(sort(&line));
        output.push_str(&line);
        output.push('\n');
    }
    let status = child.wait().map_err(tool)?;
    if !status.success() {
        return Err(BuildError::Compile { package: package.name.clone(), output });
    }
    let text = messages.join().unwrap_or_else(|_| Ok(String::new())).map_err(tool)?;
    Ok(read(&text, &package.dir.join("Cargo.toml")))
}

/// cargo right-aligns the verb of a step in twelve columns; the compiler never indents so.
fn sort(line: &str) -> Progress<'_> {
    let step = line.trim_start();
    let verb = step.split(' ').next().unwrap_or_default();
    let aligned = line.len() - step.len() + verb.len() == 12;
    if aligned && verb.chars().all(char::is_alphabetic) {
        Progress::Step(step)
    } else {
        Progress::Compiler(line)
    }
}

fn read(text: &str, manifest: &Path) -> Messages {
    let mut found = Messages::default();
    let artefacts = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact");
    for message in artefacts {
        if message.target.is_some_and(|target| target.name == "florin_sdk") {
            found.sdk = message.package_id.rsplit(['@', '#']).next().map(str::to_owned);
        }
        if message.manifest_path == manifest {
            let is_module = |file: &PathBuf| file.extension().is_some_and(|e| e == "wasm");
            found.module = message.filenames.into_iter().find(is_module).or(found.module);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_from_diagnostics() {
        let step = "   Compiling token v0.1.0";
        assert_eq!(sort(step), Progress::Step("Compiling token v0.1.0"));
        for line in ["error[E0308]: mismatched types", "  --> src/lib.rs:1:1", "", "12 | let x"] {
            assert_eq!(sort(line), Progress::Compiler(line));
        }
    }

    #[test]
    fn the_outer_build_is_told_from_the_users_settings() {
        let outer = [
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET",
            "CARGO_PROFILE_RELEASE_OPT_LEVEL",
            "CARGO_PKG_NAME",
            "CARGO_MAKEFLAGS",
        ];
        assert!(outer.into_iter().all(is_outer));
        let settings =
            ["PATH", "RUSTUP_TOOLCHAIN", "CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_HTTP_PROXY"];
        assert!(!settings.into_iter().any(is_outer));
    }

    #[test]
    fn messages_yield_the_module_and_the_version_of_the_sdk() {
        let text = r#"not json
{"reason":"compiler-artifact","package_id":"path+file:///x/sdk#florin-sdk@1.2.3","manifest_path":"/x/sdk/Cargo.toml","target":{"name":"florin_sdk"},"filenames":["/t/sdk.rlib"]}
{"reason":"compiler-artifact","package_id":"path+file:///x/dep#0.1.0","manifest_path":"/x/dep/Cargo.toml","target":{"name":"dep"},"filenames":["/t/dep.wasm"]}
{"reason":"compiler-artifact","package_id":"path+file:///x/c#0.1.0","manifest_path":"/x/c/Cargo.toml","target":{"name":"c"},"filenames":["/t/c.wasm"]}
{"reason":"build-finished","success":true}"#;
        let found = read(text, Path::new("/x/c/Cargo.toml"));
        assert_eq!(found.sdk.as_deref(), Some("1.2.3"));
        assert_eq!(found.module, Some(PathBuf::from("/t/c.wasm")));
    }
}
