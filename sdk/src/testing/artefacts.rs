//! The contracts that tests deploy, each built once per process and form.

use crate::contract::Contract;
use florin_build::{Artefact, Mode, Options};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The form in which a test's contracts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// WebAssembly as it is deployed for use.
    Release,
    /// WebAssembly built for development, so that panics tell their message, file and line.
    Development,
    /// Compiled for this machine, for debuggers and coverage. The host is the same, gas is not.
    Native,
}

impl Code {
    /// What the environment asks for.
    pub(super) fn of_environment() -> Self {
        let is_set = |name| std::env::var_os(name).is_some();
        match (is_set("FLORIN_NATIVE"), is_set("FLORIN_DEVELOPMENT")) {
            (true, _) => Code::Native,
            (false, true) => Code::Development,
            (false, false) => Code::Release,
        }
    }

    fn mode(self) -> Mode {
        match self {
            Code::Development => Mode::Development,
            Code::Release | Code::Native => Mode::Release,
        }
    }
}

static BUILT: Mutex<BTreeMap<(&'static str, bool), Arc<Artefact>>> = Mutex::new(BTreeMap::new());

/// The artefact of a contract. Fails the test, with the compiler's own words, if it does not build.
pub(super) fn of<C: Contract>(code: Code) -> Arc<Artefact> {
    // Held while building, so that tests that run side by side build once.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let (mode, package) = (code.mode(), C::PACKAGE);
    let key = (package, mode == Mode::Development);
    if let Some(artefact) = built.get(&key) {
        return artefact.clone();
    }
    let options = Options { package: Some(package.into()), mode, ..Options::new(C::MANIFEST_DIR) };
    let artefact = florin_build::build(&options)
        .unwrap_or_else(|error| panic!("{package} does not build: {error}"));
    let artefact = Arc::new(artefact);
    built.insert(key, artefact.clone());
    artefact
}
