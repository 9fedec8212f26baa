//! Each operation of a scripted run fails once: a write with EIO, with ENOSPC at once or after a
//! part of it, a sync, an opening, a reading with EIO. Nothing is acknowledged by an operation that
//! fails, nothing after it but by a ledger that was opened anew, and that one is right; also if the
//! power fails then and what the failed sync should have written is gone.

use crate::{
    crash_images::{
        LEDGER, Models, commit, create, half_a_mark, killed, open, rebuild, root_of, torn,
    },
    recorder::Promise,
    support::{Random, Snapshot, scratch},
};
use florin_runtime::store::{
    StoreError,
    disk::{self, Operation, Verdict},
};
use std::{cell::Cell, io, path::Path, rc::Rc};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    Broken,
    Full,
    /// Half of a write is done, and the rest fails.
    HalfFull,
    /// Half of a write is done, and the rest when it is asked for.
    Short,
}

impl Failure {
    const ALL: [Failure; 4] = [Failure::Broken, Failure::Full, Failure::HalfFull, Failure::Short];

    /// Whether it happens to an operation.
    fn befalls(self, operation: &Operation<'_>) -> bool {
        match (self, operation) {
            (Failure::Broken, _) => true,
            (Failure::Full, Operation::Create(_) | Operation::CreateDirectory(_)) => true,
            (_, Operation::Write { bytes, .. }) => bytes.len() > 1,
            _ => false,
        }
    }
}

/// Runs something while its operation of some number, counted from 0, fails. Says which that was.
fn failing<T>(failure: Failure, number: usize, run: impl FnOnce() -> T) -> (T, Option<String>) {
    let failed: Rc<Cell<Option<String>>> = Rc::default();
    let (mut next, mut rest, note) = (0, false, failed.clone());
    let watcher = move |operation: &Operation<'_>| {
        if std::mem::take(&mut rest) {
            return Verdict::Fail(io::Error::from_raw_os_error(ENOSPC));
        }
        if !failure.befalls(operation) {
            return Verdict::Go;
        }
        next += 1;
        if next != number + 1 {
            return Verdict::Go;
        }
        let text = format!("{operation:?}");
        note.set(Some(text.chars().take(160).collect()));
        match (failure, operation) {
            (Failure::Broken, _) => Verdict::Fail(io::Error::from_raw_os_error(EIO)),
            (Failure::Full, _) => Verdict::Fail(io::Error::from_raw_os_error(ENOSPC)),
            (_, Operation::Write { bytes, .. }) => {
                rest = failure == Failure::HalfFull;
                Verdict::AtMost(bytes.len() / 2)
            }
            _ => Verdict::Go,
        }
    };
    let done = disk::watched(watcher, run);
    (done, failed.take())
}

/// A part of the script: what is there before, what is done, what was acknowledged before and in
/// the end. A run says up to which block it was told of, and what stopped it.
struct Part<'a> {
    name: &'static str,
    before: Snapshot,
    acknowledged: Option<u64>,
    run: &'a dyn Fn(&Path) -> (Option<u64>, Result<(), StoreError>),
}

/// Has each operation of a part fail in each way, and checks what is there then. Returns how many
/// did.
fn fail_each(models: &Models, part: &Part<'_>, random: &mut Random) -> usize {
    let root = scratch();
    let dir = root.path().join(LEDGER);
    let mut count = 0;
    for failure in Failure::ALL {
        for number in 0.. {
            part.before.put(root.path());
            let ((told, outcome), failed) = failing(failure, number, || (part.run)(&dir));
            let Some(failed) = failed else {
                outcome.unwrap_or_else(|error| panic!("{}: {error}", part.name));
                break;
            };
            count += 1;
            let what = format!("{}, {failure:?} {number}: {failed}", part.name);
            // It may work the next time, so it is not to be taken for damage.
            let is_right = match failure {
                Failure::Short => outcome.is_ok(),
                _ => matches!(outcome, Err(StoreError::Io { .. })),
            };
            assert!(is_right, "{what}, which led to {outcome:?}");
            let acknowledged = told.max(part.acknowledged);
            let committing = acknowledged.map_or(0, |number| number + 1);
            let check = || models.hold(&dir, Promise { acknowledged, committing }, random);
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
            checked.unwrap_or_else(|_| panic!("{what}, which led to {outcome:?}"));
        }
    }
    count
}

#[test]
fn an_operation_that_fails_acknowledges_nothing_and_loses_nothing() {
    let models = Models::up_to(20);
    let with_blocks = |last| {
        root_of(|dir| {
            let store = create(&models, dir).unwrap();
            commit(&models, &store, last).1.unwrap();
            store.close().unwrap();
        })
    };
    let killed = killed(&models);
    let go_on = |dir: &Path, last| match open(dir) {
        Ok(store) => {
            let (told, outcome) = commit(&models, &store, last);
            let read = || (0..=last).try_for_each(|number| store.block(number).map(drop));
            (told, outcome.and_then(|()| read()).and_then(|()| store.close()))
        }
        Err(error) => (None, Err(error)),
    };
    let parts = [
        Part {
            name: "a new ledger",
            before: Snapshot::default(),
            acknowledged: None,
            run: &|dir| match create(&models, dir) {
                Ok(store) => commit(&models, &store, 3),
                Err(error) => (None, Err(error)),
            },
        },
        Part {
            name: "a closed ledger",
            before: with_blocks(4),
            acknowledged: Some(4),
            run: &|dir| go_on(dir, 8),
        },
        Part {
            name: "a ledger that was killed",
            before: killed.clone(),
            acknowledged: Some(9),
            run: &|dir| go_on(dir, 10),
        },
        Part {
            name: "a torn write",
            before: torn(&killed),
            acknowledged: Some(9),
            run: &|dir| go_on(dir, 10),
        },
        Part {
            name: "a repair",
            before: half_a_mark(&killed),
            acknowledged: Some(9),
            run: &|dir| (None, rebuild(dir).map(drop)),
        },
    ];
    let mut random = Random(7);
    for part in parts {
        let count = fail_each(&models, &part, &mut random);
        eprintln!("{}: {count} failures", part.name);
    }
}
