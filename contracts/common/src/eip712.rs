//! EIP-712 for a token: the domain in which its owners sign, told to wallets by EIP-5267.
//!
//! Invariant: a digest binds the chain and the contract, read at each call, so that a signature is good nowhere else,
//! not on a copy of the ledger with another chain identifier either.

use crate::erc20::Erc20;
use florin_sdk::contract::topic;
use florin_sdk::prelude::*;

const DOMAIN: B256 = B256::new(topic(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
));

/// The domain has name, version, chain and contract: the lowest four bits, as EIP-5267 numbers them.
const FIELDS: FixedBytes<1> = FixedBytes([0x0f]);

/// The hash of words, one after the other: EIP-712's `hashStruct` for structs whose members are one word each.
pub(crate) fn hash_words<const N: usize>(words: [B256; N]) -> B256 {
    keccak256(words.map(|word| word.0).as_flattened())
}

/// A number as a word.
pub(crate) fn number(value: U256) -> B256 {
    B256::new(value.to_be_bytes())
}

/// The domain in which a token's owners sign (EIP-712, EIP-5267).
#[interface]
pub trait Eip712: Erc20 {
    /// The domain's fields: which are used, name, version, chain, contract, salt, extensions.
    #[allow(clippy::type_complexity)] // EIP-5267 has it so
    fn eip712_domain(&self) -> (FixedBytes<1>, String, String, U256, Address, B256, Vec<U256>) {
        let (chain, contract) = (U256::from(chain_id()), contract_address());
        (FIELDS, self.name(), self.domain_version(), chain, contract, B256::ZERO, Vec::new())
    }

    /// The hash of the domain.
    #[selector(name = "DOMAIN_SEPARATOR")]
    fn domain_separator(&self) -> B256 {
        hash_words([
            DOMAIN,
            keccak256(self.name().as_bytes()),
            keccak256(self.domain_version().as_bytes()),
            number(chain_id().into()),
            contract_address().into_word(),
        ])
    }

    /// The version in the domain.
    #[internal]
    fn domain_version(&self) -> String {
        "1".into()
    }

    /// What is signed for a struct with this hash.
    #[internal]
    fn signing_hash(&self, struct_hash: B256) -> B256 {
        let words = [self.domain_separator().0, struct_hash.0];
        keccak256(&[b"\x19\x01", words.as_flattened()].concat())
    }
}
