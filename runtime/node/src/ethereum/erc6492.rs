//! Whether a signature is somebody's, where clients send EVM code to find that out.
//!
//! An account that is a contract says itself which signatures are its own (ERC-1271), and may do so
//! before it is there (ERC-6492). viem and others ask by a call that creates a validator: its
//! bytecode, then whom it is about. There is no EVM here, so this one contract is known by its
//! hash, and what it would have done is done instead.
//!
//! Invariant: the answer to a claim is the one that ERC-6492's reference validator would give: no
//! for all that it reverts for, and for the zero address, as its newer versions have it.

use super::error::{fault, submission};
use alloy_primitives::{FixedBytes, Signature, U256, b256, keccak256};
use alloy_sol_types::SolValue;
use florin_runtime::types::{Address, B256, Bytes};
use florin_runtime::{CallRequest, Simulator};
use jsonrpsee::core::RpcResult;

/// What the validators are created from: how many bytes, and their keccak-256.
const VALIDATORS: [(usize, B256); 5] = [
    // viem 1.0 to 2.18.5, @ambire/signature-validator 1.3 and 1.4.
    (1792, b256!("ee74d748528f7923aa4eb6a220d14f58df777338c68b605dadb9d9fc2f7f9e0c")),
    // viem 2.18.8 to 2.57.13, ox up to 1.8 (and so the thirdweb SDK).
    (1684, b256!("00f03afb646c45f698b5a1f540c482aebc9f5215003e4707d362a02526753936")),
    // viem 2.57.20.
    (1709, b256!("e5a34b3ba859e76b831596ccddcf86ae87fb56523300c4a4eb7b889301f9f9d9")),
    // @ambire/signature-validator 1.5.
    (1787, b256!("accf0d00fb8cc053bf67fc3117a4b74288379bc0d910b609daad573696eefd9f")),
    // reown-com/erc6492, for Rust.
    (3483, b256!("9c390032123cfddec8b6eae6cac532bcb2baab095f9d8014f5eff6cfbde88532")),
];

/// What a signature ends with that has to be unwrapped (ERC-6492).
const WRAPPED: [u8; 32] =
    b256!("6492649264926492649264926492649264926492649264926492649264926492").0;

/// The selector of `isValidSignature(bytes32,bytes)`, which is also the answer that means yes
/// (ERC-1271).
const IS_VALID_SIGNATURE: [u8; 4] = [0x16, 0x26, 0xba, 0x7e];

/// That a signature is somebody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose: an account, or a contract, which may not be there yet.
    pub signer: Address,
    /// What was signed.
    pub hash: B256,
    /// 65 bytes of ECDSA, or what the contract understands.
    pub signature: Bytes,
}

/// The claim that a validator would be created to judge; `None` if the data is for something else.
pub fn recognise(data: &[u8]) -> Option<Claim> {
    let arguments = VALIDATORS.iter().find_map(|(length, hash)| {
        let (code, arguments) = data.split_at_checked(*length)?;
        (keccak256(code) == *hash).then_some(arguments)
    })?;
    decode(arguments)
}

/// What a validator's constructor takes.
fn decode(arguments: &[u8]) -> Option<Claim> {
    let (signer, hash, signature) =
        <(Address, B256, Bytes)>::abi_decode_params_validate(arguments).ok()?;
    Some(Claim { signer, hash, signature })
}

/// Whether a claim is true. Contracts are called as `like` says, each with all of its gas, and not
/// statically as by the validator: one that changes something when it is asked is believed here.
///
/// # Errors
/// The ledger failed, a call like this is not taken, or there is no time left.
pub fn holds(claim: &Claim, simulator: &mut Simulator, like: &CallRequest) -> RpcResult<bool> {
    let Claim { signer, hash, signature } = claim;
    let is_there = simulator.account(signer).map_err(fault)?.is_contract();
    let accepts = |simulator: &mut Simulator, signature: &Bytes| -> RpcResult<bool> {
        let arguments = (*hash, signature.clone()).abi_encode_params();
        let input = [&IS_VALID_SIGNATURE, arguments.as_slice()].concat().into();
        let output = call(simulator, like, *signer, input)?;
        let word = output.as_ref().and_then(|output| output.get(..32));
        let answer = word.and_then(|word| FixedBytes::<4>::abi_decode_validate(word).ok());
        Ok(answer.is_some_and(|answer| answer == IS_VALID_SIGNATURE))
    };
    let Some(wrapped) = signature.strip_suffix(&WRAPPED) else {
        return if is_there { accepts(simulator, signature) } else { Ok(is_signed(claim)) };
    };
    let Some(Wrapped { factory, data, signature }) = unwrap(wrapped) else { return Ok(false) };
    if is_there && accepts(simulator, &signature)? {
        return Ok(true);
    }
    // A contract that is not there has to be made; one that is may have to be made ready.
    Ok(call(simulator, like, factory, data)?.is_some() && accepts(simulator, &signature)?)
}

/// A signature, with the call after which its contract is there, or ready.
#[derive(Debug, PartialEq, Eq)]
struct Wrapped {
    factory: Address,
    data: Bytes,
    signature: Bytes,
}

/// What a signature is wrapped in, without the end that tells that it is.
fn unwrap(wrapped: &[u8]) -> Option<Wrapped> {
    let (factory, data, signature) =
        <(Address, Bytes, Bytes)>::abi_decode_params_validate(wrapped).ok()?;
    Some(Wrapped { factory, data, signature })
}

/// What a call returns; `None` if it does not succeed.
fn call(
    simulator: &mut Simulator,
    like: &CallRequest,
    to: Address,
    input: Bytes,
) -> RpcResult<Option<Bytes>> {
    let request = CallRequest { to: Some(to), value: U256::ZERO, input, ..like.clone() };
    // That it cannot be asked says nothing about the signature.
    let simulation = simulator.call(&request, false).map_err(submission)?;
    Ok(simulation.output().cloned())
}

/// Whether a signature is an account's, as `ecrecover` sees it: also one with a large s.
fn is_signed(Claim { signer, hash, signature }: &Claim) -> bool {
    let Some((numbers, [v @ (27 | 28)])) = signature.split_at_checked(64) else { return false };
    let signature = Signature::from_bytes_and_parity(numbers, *v == 28);
    signature.recover_address_from_prehash(hash).is_ok_and(|found| found == *signer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_signer::SignerSync;
    use alloy_signer_local::PrivateKeySigner;
    use florin_runtime::store::Durability;
    use florin_runtime::{Chain, Genesis};

    const HASH: B256 = B256::repeat_byte(0x5a);
    /// Of secp256k1.
    const ORDER: B256 = b256!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");

    fn key() -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).expect("a key")
    }

    fn signature() -> [u8; 65] {
        key().sign_hash_sync(&HASH).expect("a signature").as_bytes()
    }

    fn claim(signer: Address, signature: &[u8]) -> Claim {
        Claim { signer, hash: HASH, signature: Bytes::copy_from_slice(signature) }
    }

    /// Over an empty ledger.
    fn is_true(claim: &Claim) -> bool {
        let folder = tempfile::tempdir().expect("a folder");
        let (place, genesis) = (folder.path().join("ledger"), Genesis::default());
        let chain = Chain::create(&place, &genesis, Durability::Synced).expect("a ledger");
        let snapshot = chain.latest();
        let mut simulator = snapshot.simulator(snapshot.next_block(1_700_000_000));
        holds(claim, &mut simulator, &CallRequest::default()).expect("an answer")
    }

    #[test]
    fn only_validators_are_recognised() {
        let arguments = (Address::repeat_byte(1), HASH, Bytes::from_static(&[7]));
        let arguments = arguments.abi_encode_params();
        assert_eq!(recognise(&[]), None);
        assert_eq!(recognise(&arguments), None);
        for (length, _) in VALIDATORS {
            for code in [vec![0x60; length - 1], vec![0x60; length], vec![0x60; length + 1]] {
                assert_eq!(recognise(&code), None);
                assert_eq!(recognise(&[code, arguments.clone()].concat()), None);
            }
        }
    }

    #[test]
    fn arguments_are_whole_or_refused() {
        let signature = Bytes::copy_from_slice(&signature());
        let whole = claim(key().address(), &signature);
        let mut arguments = (whole.signer, whole.hash, signature).abi_encode_params();
        assert_eq!(decode(&arguments).as_ref(), Some(&whole));
        for length in 0..arguments.len() {
            // What pads the last word may be missing of the padding, but nothing else.
            let found = decode(&arguments[..length]);
            assert!(found.is_none_or(|found| found == whole), "{length} bytes");
        }
        assert_eq!(decode(&arguments[..32 * 4 + 64]), None);
        arguments[0] = 1;
        assert_eq!(decode(&arguments), None, "more than an address");
        arguments[0] = 0;
        arguments[64..96].fill(0xff);
        assert_eq!(decode(&arguments), None, "an offset beyond all");
        arguments[64..96].copy_from_slice(&U256::from(96).to_be_bytes::<32>());
        arguments[96..128].fill(0xff);
        assert_eq!(decode(&arguments), None, "a length beyond all");
    }

    #[test]
    fn signatures_are_unwrapped() {
        let (factory, data) = (Address::repeat_byte(0xfa), Bytes::from_static(&[1, 2, 3]));
        for signature in [Bytes::new(), Bytes::copy_from_slice(&signature())] {
            let wrapped = (factory, data.clone(), signature.clone()).abi_encode_params();
            let expected = Wrapped { factory, data: data.clone(), signature };
            assert_eq!(unwrap(&wrapped), Some(expected));
            assert_eq!(unwrap(&wrapped[..95]), None);
        }
        assert_eq!(unwrap(&[]), None);
        assert_eq!(unwrap(&[0xff; 96]), None);
    }

    #[test]
    fn an_account_signs_by_ecdsa() {
        let (signer, good) = (key().address(), signature());
        assert!(is_true(&claim(signer, &good)));
        assert!(!is_true(&claim(Address::repeat_byte(9), &good)), "of somebody else");
        assert!(!is_true(&Claim { hash: B256::ZERO, ..claim(signer, &good) }), "of something else");
        for length in 0..65 {
            assert!(!is_signed(&claim(signer, &good[..length])), "{length} bytes");
        }
        assert!(!is_true(&claim(signer, &[good.as_slice(), &[0]].concat())), "66 bytes");
        for v in [0, 1, 26, 29, 0xff, 55 - good[64]] {
            let mut other = good;
            other[64] = v;
            assert!(!is_true(&claim(signer, &other)), "v = {v}");
        }
        // Its twin with the larger s: `ecrecover` takes it.
        let twin = Signature::from_bytes_and_parity(&good[..64], good[64] == 28);
        let order = U256::from_be_bytes(ORDER.0);
        let twin = Signature::new(twin.r(), order - twin.s(), !twin.v());
        assert!(is_true(&claim(signer, &twin.as_bytes())));
    }

    #[test]
    fn nobody_signs_for_the_zero_address() {
        for byte in [0, 1, 0xff] {
            let mut bad = [byte; 65];
            bad[64] = 27;
            assert!(!is_true(&claim(Address::ZERO, &bad)), "all {byte}");
        }
    }

    #[test]
    fn what_is_wrapped_needs_a_contract() {
        let (signer, inner) = (key().address(), Bytes::copy_from_slice(&signature()));
        let wrapped = (Address::repeat_byte(0xfa), Bytes::new(), inner).abi_encode_params();
        assert!(!is_true(&claim(signer, &[wrapped.as_slice(), &WRAPPED].concat())));
        for broken in [&wrapped[..50], &[]] {
            assert!(!is_true(&claim(signer, &[broken, &WRAPPED].concat())));
        }
    }
}
