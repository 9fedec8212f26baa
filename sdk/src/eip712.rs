//! Typed messages that wallets show before signing (EIP-712).

use crate::abi::encode;
use crate::contract::topic;
use crate::crypto::{keccak256, recover};
use crate::env::{chain_id, contract_address};
use crate::grow::{append, text};
use crate::u256::U256;
use alloc::string::String;
use alloc::vec::Vec;
use alloy_primitives::{Address, B256, FixedBytes};

/// A message that can be signed; derive it: `#[derive(Eip712)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a typed message",
    label = "cannot be signed as EIP-712 says",
    note = "put #[derive(Eip712)] on the struct"
)]
pub trait Eip712 {
    /// `encodeType`: `Permit(address owner,address spender,uint256 value,uint256 nonce,uint256
    /// deadline)`.
    const TYPE: &'static str;
    /// `typeHash`: keccak-256 of [`TYPE`](Self::TYPE).
    const TYPE_HASH: [u8; 32] = topic(Self::TYPE);
    /// `encodeData`: one word per field, those of variable size hashed.
    fn encode_data(&self, out: &mut Vec<u8>);
    /// `hashStruct`: keccak-256 of type hash and data.
    fn struct_hash(&self) -> B256 {
        let mut out = Vec::new();
        append(&mut out, const { &Self::TYPE_HASH });
        self.encode_data(&mut out);
        keccak256(&out)
    }
}

/// Whose messages they are: the signature is good for this name and version, this chain and this
/// contract only.
#[derive(Debug, Clone, Copy)]
pub struct Domain<'a> {
    /// What wallets show as the application.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
}

/// What EIP-5267's `eip712Domain()` returns.
pub type DomainFields = (FixedBytes<1>, String, String, U256, Address, B256, Vec<U256>);

impl Domain<'_> {
    /// The domain separator, as EIP-2612's `DOMAIN_SEPARATOR()` returns it.
    pub fn separator(&self) -> B256 {
        const TYPE_HASH: [u8; 32] = topic(
            "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
        );
        let (name, version) = (keccak256(self.name.as_bytes()), keccak256(self.version.as_bytes()));
        keccak256(&encode(&(B256::new(TYPE_HASH), name, version, chain_id(), contract_address())))
    }

    /// The hash that is signed: 0x1901, domain separator, struct hash.
    pub fn digest<M: Eip712>(&self, message: &M) -> B256 {
        let mut data = Vec::new();
        append(&mut data, &[0x19, 0x01]);
        append(&mut data, &self.separator().0);
        append(&mut data, &message.struct_hash().0);
        keccak256(&data)
    }

    /// The account whose ECDSA signature over `message` this is; see [`recover`] for what is
    /// refused.
    pub fn recover<M: Eip712>(&self, message: &M, v: u8, r: B256, s: B256) -> Option<Address> {
        recover(self.digest(message), v, r, s)
    }

    /// What EIP-5267's `eip712Domain()` returns: this domain has name, version, chain and contract
    /// (0x0f).
    pub fn fields(&self) -> DomainFields {
        let (name, version) = (text(self.name), text(self.version));
        let chain = U256::from(chain_id());
        (FixedBytes([0x0f]), name, version, chain, contract_address(), B256::ZERO, Vec::new())
    }
}
