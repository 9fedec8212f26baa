//! What `florin new` makes builds and passes its tests at once, as its user runs them.

use std::{path::Path, process::Command};

#[test]
#[ignore = "compiles the whole host for the new project, which takes minutes; .ci/run runs it"]
fn a_new_contract_passes_its_tests() {
    let place = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_florin"))
        .args(["new", "tip-jar"])
        .current_dir(place.path())
        .status()
        .unwrap();
    assert!(made.success());
    // Kept between runs, so that only the first one takes minutes.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("scaffold");
    let tested = Command::new("cargo")
        .arg("test")
        .current_dir(place.path().join("tip-jar"))
        .env("CARGO_TARGET_DIR", target)
        .status()
        .unwrap();
    assert!(tested.success(), "the tests of a new contract: {tested}");
}
