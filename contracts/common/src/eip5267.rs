//! The domain in which a token's owners sign (EIP-712), shown to wallets as EIP-5267 has it.
//!
//! Invariant: what is signed names the chain and the contract, read at each call, so that a
//! signature is good nowhere else, not on a copy of the ledger under another chain identifier
//! either.

use crate::erc20::Erc20;
use florin_sdk::eip712::DomainFields;
use florin_sdk::prelude::*;

/// The signing domain of a token: its name, a version, the chain and the contract.
#[interface]
pub trait Eip5267: Erc20 {
    /// Which fields the domain has, its name, version, chain, contract, salt and extensions.
    fn eip712_domain(&self) -> DomainFields {
        Domain { name: &self.name(), version: self.domain_version() }.fields()
    }

    /// The hash of the domain.
    #[selector(name = "DOMAIN_SEPARATOR")]
    fn domain_separator(&self) -> B256 {
        Domain { name: &self.name(), version: self.domain_version() }.separator()
    }

    /// The version in the domain.
    #[internal]
    fn domain_version(&self) -> &'static str {
        "1"
    }

    /// The hash that is signed for a message.
    #[internal]
    fn digest<M: Eip712>(&self, message: &M) -> B256 {
        Domain { name: &self.name(), version: self.domain_version() }.digest(message)
    }
}
