//! The way from a crate to an artefact, with the real compiler: what is built is a contract, the
//! same everywhere, and survives its two files.

use florin_build::{Artefact, BuildError, Mode, Options, Progress, build};
use std::{cell::RefCell, fs, path::Path};
use tempfile::TempDir;

/// A contract by hand: what the SDK generates, in its smallest form. It returns 1 if the panic of
/// an overflow is compiled in, whose location would betray the folder of the source.
const SOURCE: &str = r#"
#![no_std]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let line = info.location().map_or(0, |l| l.file().len() as u32);
    unsafe { SEEN = line };
    core::arch::wasm32::unreachable()
}
static mut SEEN: u32 = 0;
#[unsafe(no_mangle)]
pub extern "C" fn call(length: u32) -> u32 { if cfg!(florin_dev) { 7 } else { length * length } }
#[unsafe(no_mangle)]
pub extern "C" fn helper() -> u32 { 7 }
#[used]
#[unsafe(link_section = "florin.abi")]
static ABI: [u8; 2] = *b"[]";
#[used]
#[unsafe(link_section = "florin.layout")]
static LAYOUT: [u8; 14] = *b"owner: address";
"#;

fn crate_in(parent: &Path, name: &str, source: &str) {
    let manifest =
        format!("[package]\nname = \"{name}\"\nversion = \"0.3.1\"\nedition = \"2024\"\n");
    fs::create_dir_all(parent.join("src")).unwrap();
    fs::write(parent.join("Cargo.toml"), manifest).unwrap();
    fs::write(parent.join("src/lib.rs"), source).unwrap();
}

#[test]
fn a_crate_becomes_an_artefact_that_is_the_same_everywhere() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::with_prefix("elsewhere").unwrap());
    crate_in(here.path(), "tiny", SOURCE);
    crate_in(there.path(), "tiny", SOURCE);
    let steps = RefCell::new(vec![]);
    let progress = |p: Progress<'_>| {
        if let Progress::Step(step) = p {
            steps.borrow_mut().push(step.to_owned());
        }
    };
    let options = Options { progress: &progress, ..Options::new(here.path()) };
    let artefact = build(&options).unwrap();

    assert!(steps.borrow().iter().any(|s| s.starts_with("Compiling tiny")), "{steps:?}");
    assert!(here.path().join("target/florin").is_dir(), "works in a folder of its own");
    wasmparser::validate(&artefact.wasm).unwrap();
    assert_eq!(artefact.name, "tiny");
    assert_eq!(artefact.layout, ["owner: address"]);
    let info = artefact.build_info.clone().unwrap();
    assert_eq!((info.version.as_str(), info.sdk, info.mode), ("0.3.1", None, Mode::Release));
    assert!(info.rustc.starts_with("rustc 1."), "{}", info.rustc);
    assert!(artefact.sizes.iter().any(|(name, _)| name == "call"), "{:?}", artefact.sizes);

    let again = build(&Options::new(there.path().join("src"))).unwrap();
    assert_eq!(again.code_hash(), artefact.code_hash(), "the folder must not matter");
    for path in [here.path(), Path::new("/root"), Path::new("/home")] {
        let path = path.to_str().unwrap().as_bytes();
        assert!(!artefact.wasm.windows(path.len()).any(|w| w == path), "names {path:?}");
    }

    let development =
        build(&Options { mode: Mode::Development, ..Options::new(here.path()) }).unwrap();
    assert_ne!(development.code_hash(), artefact.code_hash());
    assert!(Artefact::from_wasm(development.wasm).unwrap().sizes.iter().any(|s| s.0 == "call"));

    let [wasm, json] = artefact.save(here.path().join("out")).unwrap();
    for file in [wasm, json] {
        let loaded = Artefact::load(&file).unwrap();
        assert_eq!((&loaded.wasm, &loaded.abi), (&artefact.wasm, &artefact.abi), "{file:?}");
        assert_eq!(
            (&loaded.name, loaded.build_info),
            (&artefact.name, artefact.build_info.clone())
        );
    }
}

#[test]
fn failures_say_what_to_do() {
    let dir = TempDir::new().unwrap();
    let error = build(&Options::new(dir.path())).unwrap_err();
    assert!(matches!(error, BuildError::NoCrate(_)), "{error}");
    assert!(error.to_string().contains("florin new"), "{error}");

    crate_in(dir.path(), "broken", "#![no_std]\npub fn f() -> u32 { \"no\" }\n");
    let error = build(&Options::new(dir.path())).unwrap_err();
    let BuildError::Compile { output, .. } = &error else { panic!("{error}") };
    assert!(output.contains("E0308") && output.contains("src/lib.rs:2"), "{output}");

    fs::write(dir.path().join("src/lib.rs"), "").unwrap();
    let error = build(&Options::new(dir.path())).unwrap_err();
    assert!(matches!(error, BuildError::NotAContract("call")), "{error}");

    fs::write(dir.path().join("Cargo.toml"), "[workspace]\nmembers = [\"a\", \"b\"]\n").unwrap();
    crate_in(&dir.path().join("a"), "alpha", SOURCE);
    crate_in(&dir.path().join("b"), "beta", SOURCE);
    let error = build(&Options::new(dir.path())).unwrap_err();
    assert!(error.to_string().contains("alpha, beta"), "{error}");
    let options = Options { package: Some("beta".into()), ..Options::new(dir.path()) };
    assert_eq!(build(&options).unwrap().name, "beta");
    assert_eq!(build(&Options::new(dir.path().join("a/src"))).unwrap().name, "alpha");

    let foreign = dir.path().join("foreign.json");
    fs::write(&foreign, r#"{"contractName":"Evm","abi":[],"bytecode":"0x6080604052"}"#).unwrap();
    let error = Artefact::load(&foreign).unwrap_err();
    assert!(error.to_string().contains("not for Florin"), "{error}");
}
