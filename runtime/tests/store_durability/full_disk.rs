//! A full disk stops the store with an error; what was acknowledged is there when there is room
//! again.

use crate::{
    crash::{child_command, parse},
    mount::Mounted,
    support::{Model, open},
};
use florin_runtime::store::{Durability, Store, StoreError};
use std::{io::Read, path::Path, process::Command};

#[test]
fn a_full_disk_stops_the_store_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let tmpfs = Path::new("tmpfs");
    let Some(mounted) = Mounted::new("tmpfs", "size=3m", tmpfs, dir.path()) else { return };
    let ledger = dir.path().join("ledger");
    let mut model = Model::new(31);
    let store = Store::create(&ledger, model.head(), crate::support::CONFIG, Durability::Synced);
    let store = store.unwrap();
    let failure = loop {
        let block = model.extend();
        if let Err(error) = store.commit(&block) {
            break error;
        }
        assert!(model.blocks.len() < 100_000, "the disk never filled up");
    };
    assert!(!matches!(failure, StoreError::Refused(_)), "{failure}");
    let block = model.extend();
    let refused = store.commit(&block).unwrap_err();
    assert!(matches!(refused, StoreError::Stopped { .. }), "{refused}");
    let last = store.head().number;
    Model::up_to(31, last).assert_never_wrong(&store);
    drop(store);

    // Still full: an error, or all of it.
    match open(&ledger) {
        Ok(store) => assert!(store.head().number >= last),
        Err(error) => assert!(matches!(error, StoreError::Io { .. }), "{error}"),
    }
    mounted.remount("size=64m");
    let store = open(&ledger).unwrap();
    let head = store.head().number;
    assert!(head >= last, "block {last} was acknowledged, the head is {head}");
    let mut model = Model::up_to(31, head);
    model.assert_equals(&store);
    store.commit(&model.extend()).unwrap();
    model.assert_equals(&store);
}

#[test]
fn a_file_size_limit_stops_the_store_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    Model::new(21).create(dir.path()).close().unwrap();
    let child = child_command(dir.path());
    // Eight or sixteen MiB, depending on the shell.
    let script = r#"trap "" XFSZ; ulimit -f 16000; exec "$0" "$@""#;
    let mut limited = Command::new("sh");
    limited.args(["-c", script]).arg(child.get_program()).args(child.get_args());
    limited.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let mut child = limited.spawn().unwrap();
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(!child.wait().unwrap().success(), "the limit was never reached");
    let store = open(dir.path()).unwrap();
    let acknowledged: Vec<_> = output.lines().filter_map(parse).collect();
    assert!(!acknowledged.is_empty(), "{output}");
    for (number, hash) in acknowledged {
        assert_eq!(store.block(number).unwrap().map(|block| block.hash), Some(hash));
    }
    Model::up_to(21, store.head().number).assert_equals(&store);
}
