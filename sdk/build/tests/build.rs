//! The way from a crate to an artefact, with the real compiler: what is built is a contract, the
//! same everywhere, and survives its two files.

use florin_build::{Artefact, BuildError, Mode, Options, Progress, build};
use std::{cell::RefCell, fs, path::Path};
use tempfile::TempDir;

/// A contract by hand: what the SDK generates, in its smallest form. Panics of overflow are
/// compiled in, with their locations, which would betray the folder of the source.
const CONTRACT: &str = r#"
#![no_std]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    unsafe { SEEN = info.location().map_or(0, |location| location.file().as_ptr() as usize) };
    core::arch::wasm32::unreachable()
}
static mut SEEN: usize = 0;
#[unsafe(no_mangle)]
pub extern "C" fn call(length: u32) -> u32 {
    if cfg!(florin_dev) { 7 } else { library::square(length) + length }
}
#[unsafe(no_mangle)]
pub extern "C" fn helper() -> usize { unsafe { SEEN } }
#[used]
#[unsafe(link_section = "florin.abi")]
static ABI: [u8; 2] = *b"[]";
#[used]
#[unsafe(link_section = "florin.layout")]
static LAYOUT: [u8; 14] = *b"owner: address";
"#;
/// A library beside it, outside its workspace, as the SDK is.
const LIBRARY: &str = "#![no_std]\npub fn square(x: u32) -> u32 { x * x }\n";

fn write_crate(dir: &Path, name: &str, source: &str, rest: &str) {
    let package =
        format!("[package]\nname = \"{name}\"\nversion = \"0.3.1\"\nedition = \"2024\"\n");
    fs::create_dir_all(dir.join("src")).unwrap();
    fs::write(dir.join("Cargo.toml"), package + rest).unwrap();
    fs::write(dir.join("src/lib.rs"), source).unwrap();
}

fn write_contract(dir: &Path, name: &str) {
    let library = dir.parent().unwrap().join("library");
    write_crate(&library, "library", LIBRARY, "");
    write_crate(dir, name, CONTRACT, "[dependencies]\nlibrary = { path = \"../library\" }\n");
}

#[test]
fn a_crate_becomes_an_artefact_that_is_the_same_everywhere() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::with_prefix("elsewhere").unwrap());
    let (tiny, again) = (here.path().join("tiny"), there.path().join("tiny"));
    write_contract(&tiny, "tiny");
    write_contract(&again, "tiny");
    let steps = RefCell::new(vec![]);
    let progress = |p: Progress<'_>| {
        if let Progress::Step(step) = p {
            steps.borrow_mut().push(step.to_owned());
        }
    };
    let artefact = build(&Options { progress: &progress, ..Options::new(&tiny) }).unwrap();

    assert!(steps.borrow().iter().any(|s| s.starts_with("Compiling tiny")), "{steps:?}");
    assert!(tiny.join("target/florin").is_dir(), "works in a folder of its own");
    wasmparser::validate(&artefact.wasm).unwrap();
    assert_eq!(artefact.name, "tiny");
    assert_eq!(artefact.layout, ["owner: address"]);
    let info = artefact.build_info.clone().unwrap();
    assert_eq!((info.version.as_str(), info.sdk, info.mode), ("0.3.1", None, Mode::Release));
    assert!(info.rustc.starts_with("rustc 1."), "{}", info.rustc);
    assert!(artefact.sizes.iter().any(|(name, _)| name == "call"), "{:?}", artefact.sizes);

    let same = build(&Options::new(again.join("src"))).unwrap();
    assert_eq!(same.code_hash(), artefact.code_hash(), "the folder must not matter");
    assert!(contains(&artefact.wasm, "library-0.3.1/src/lib.rs"), "the test tests nothing");
    assert!(!contains(&artefact.wasm, here.path().to_str().unwrap()));

    let development = build(&Options { mode: Mode::Development, ..Options::new(&tiny) }).unwrap();
    assert_ne!(development.code_hash(), artefact.code_hash());
    assert!(Artefact::from_wasm(development.wasm).unwrap().sizes.iter().any(|s| s.0 == "call"));

    for file in artefact.save(here.path().join("out")).unwrap() {
        let loaded = Artefact::load(&file).unwrap();
        assert_eq!((&loaded.wasm, &loaded.abi), (&artefact.wasm, &artefact.abi), "{file:?}");
        assert_eq!(
            (&loaded.name, loaded.build_info),
            (&artefact.name, artefact.build_info.clone())
        );
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn failures_say_what_to_do() {
    let dir = TempDir::new().unwrap();
    let error = build(&Options::new(dir.path())).unwrap_err();
    assert!(matches!(error, BuildError::NoCrate(_)), "{error}");
    assert!(error.to_string().contains("florin new"), "{error}");

    write_crate(dir.path(), "broken", "#![no_std]\npub fn f() -> u32 { \"no\" }\n", "");
    let error = build(&Options::new(dir.path())).unwrap_err();
    let BuildError::Compile { output, .. } = &error else { panic!("{error}") };
    assert!(output.contains("E0308") && output.contains("src/lib.rs:2"), "{output}");

    fs::write(dir.path().join("src/lib.rs"), "").unwrap();
    let error = build(&Options::new(dir.path())).unwrap_err();
    assert!(matches!(error, BuildError::NotAContract("call")), "{error}");

    let foreign = dir.path().join("foreign.json");
    fs::write(&foreign, r#"{"contractName":"Evm","abi":[],"bytecode":"0x6080604052"}"#).unwrap();
    let error = Artefact::load(&foreign).unwrap_err();
    assert!(error.to_string().contains("not for Florin"), "{error}");
}

#[test]
fn a_package_of_a_workspace_is_found_by_name_or_folder() {
    let dir = TempDir::new().unwrap();
    let workspace = "[workspace]\nresolver = \"3\"\nmembers = [\"a\", \"b\", \"library\"]\n";
    fs::write(dir.path().join("Cargo.toml"), workspace).unwrap();
    write_contract(&dir.path().join("a"), "alpha");
    write_contract(&dir.path().join("b"), "beta");
    let error = build(&Options::new(dir.path())).unwrap_err();
    assert!(error.to_string().contains("alpha, beta, library"), "{error}");
    let options = Options { package: Some("beta".into()), ..Options::new(dir.path()) };
    assert_eq!(build(&options).unwrap().name, "beta");
    assert_eq!(build(&Options::new(dir.path().join("a/src"))).unwrap().name, "alpha");
}
