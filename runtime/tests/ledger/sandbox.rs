//! A sandbox does what its holder pleases, and its history still says what happened; any other ledger
//! does none of it.

use super::support::*;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use florin_runtime::limits::HISTORY_STEPS;
use florin_runtime::store::Durability;
use florin_runtime::types::*;
use florin_runtime::{Chain, Genesis, Rejection, SandboxError, SubmitError, impersonation};
use std::collections::BTreeMap;
use std::path::Path;

const STRANGER: Address = Address::repeat_byte(0x57);

fn sandbox(dir: &Path) -> Chain {
    let rules = Genesis { sandbox: true, ..genesis() };
    Chain::create(dir, &rules, Durability::Unsynced).expect("a ledger")
}

/// A payment in somebody's name.
fn in_the_name_of(sender: Address, nonce: u64, value: u64) -> Bytes {
    let transaction: TxEip1559 = payment(nonce, value);
    TxEnvelope::from(transaction.into_signed(impersonation(&sender))).encoded_2718().into()
}

fn balance(balance: u64) -> Option<Bytes> {
    Some(Account { balance: U256::from(balance), ..Account::default() }.to_bytes())
}

#[test]
fn its_holder_changes_it_at_will_and_its_history_holds() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = sandbox(&dir.path().join("ledger"));
    let key = StateKey::Account(STRANGER);
    let slot = StateKey::Storage(STRANGER, Bytes::from_static(b"key"));
    let entries = BTreeMap::from([(key.clone(), balance(1_000_000)), (slot, Some(Bytes::new()))]);
    let block = chain.adjust(entries, NOW).expect("a sandbox").expect("a change");
    assert_eq!((block.header.number, block.body.writes.len()), (1, 2));
    assert_eq!(chain.account(&STRANGER).expect("readable").balance, U256::from(1_000_000));
    let again = BTreeMap::from([(key.clone(), balance(1_000_000))]);
    assert!(chain.adjust(again, NOW).expect("a sandbox").is_none(), "nothing changed");

    let paid = chain.submit(in_the_name_of(STRANGER, 0, 5), NOW).expect("it is taken");
    assert_eq!(paid.receipt().sender, STRANGER);
    chain.submit(signed(payment(0, 7), &super::support::key(1)), NOW).expect("as ever");
    let nonsense = BTreeMap::from([(key, Some(Bytes::from_static(&[1])))]);
    let refused = chain.adjust(nonsense, NOW);
    assert!(matches!(refused, Err(SandboxError::Impossible(_))), "{refused:?}");

    let mut silent = |_, _| {};
    assert_eq!(chain.replay(&mut silent).expect("no fault"), (3, None));
    let audit = chain.audit(&mut silent).expect("no fault");
    assert!(audit.is_clean(), "{:?}", audit.findings);

    // Back to before the payments, and on from there.
    let branch =
        chain.branch(&dir.path().join("branch"), 1, Durability::Unsynced).expect("a branch");
    let then = chain.at(1, HISTORY_STEPS).expect("within reach").expect("a block");
    assert_eq!(branch.head(), then.header().inner().clone());
    assert_eq!(branch.account(&BOB).expect("readable"), Account::default());
    branch.submit(in_the_name_of(STRANGER, 0, 5), NOW).expect("once more");
    assert_eq!(branch.replay(&mut silent).expect("no fault"), (2, None));
    let missing = chain.branch(&dir.path().join("other"), 9, Durability::Unsynced);
    assert!(matches!(missing, Err(SandboxError::NoBlock(9))));
    drop(branch);
    assert_eq!(open(&dir.path().join("branch")).head().number, 2);
}

#[test]
fn no_other_ledger_does_any_of_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = create(&dir.path().join("ledger"));
    let before = chain.head();
    let sender = address_of(&key(1));
    let Err(SubmitError::Rejected(rejection)) = chain.submit(in_the_name_of(sender, 0, 5), NOW)
    else {
        panic!("nobody signed it")
    };
    assert_eq!(rejection, Rejection::BadSignature);
    let entries = BTreeMap::from([(StateKey::Account(sender), balance(1))]);
    assert!(matches!(chain.adjust(entries, NOW), Err(SandboxError::NoSandbox)));
    let branch = chain.branch(&dir.path().join("branch"), 0, Durability::Unsynced);
    assert!(matches!(branch, Err(SandboxError::NoSandbox)));
    assert_eq!(chain.head(), before);
    assert!(!dir.path().join("branch").exists());
}
