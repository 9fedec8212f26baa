//! The contracts that tests deploy, each built once per process.

use crate::contract::Contract;
use florin_build::{Artefact, Mode, Options};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

static BUILT: Mutex<BTreeMap<&'static str, Arc<Artefact>>> = Mutex::new(BTreeMap::new());

/// The artefact of a contract. Fails the test, with the compiler's own words, if it does not build.
pub(super) fn of<C: Contract>() -> Arc<Artefact> {
    // Held while building, so that tests that run side by side build once.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(artefact) = built.get(C::PACKAGE) {
        return artefact.clone();
    }
    let mode = match std::env::var_os("FLORIN_DEVELOPMENT") {
        Some(_) => Mode::Development,
        None => Mode::Release,
    };
    let options =
        Options { package: Some(C::PACKAGE.into()), mode, ..Options::new(C::MANIFEST_DIR) };
    let artefact = florin_build::build(&options)
        .unwrap_or_else(|error| panic!("{} does not build: {error}", C::PACKAGE));
    let artefact = Arc::new(artefact);
    built.insert(C::PACKAGE, artefact.clone());
    artefact
}
