//! A permit (EIP-2612) signed by another implementation of EIP-712 than the contracts' own: shared
//! by the tests of contracts that are paid by one (`#[path]`).

use alloy_sol_types::{SolStruct, eip712_domain, sol};
use florin_common::permit::SignedPermit;
use florin_sdk::prelude::*;
use florin_sdk::testing::{Account, Chain};
use florin_token::TokenClient;

sol! {
    struct Permit {
        address owner;
        address spender;
        uint256 value;
        uint256 nonce;
        uint256 deadline;
    }
}

/// The owner's next permit, good for ever, as it is if `signer` signs it.
pub fn permit(
    chain: &Chain,
    token: TokenClient,
    signer: &Account,
    owner: &Account,
    spender: impl Into<Address>,
    value: U256,
) -> SignedPermit {
    let name = chain.view(token.name());
    let domain = eip712_domain! {
        name: name,
        version: "1",
        chain_id: chain.ledger().genesis().chain_id,
        verifying_contract: token.into(),
    };
    let message = Permit {
        owner: owner.address(),
        spender: spender.into(),
        value: value.into(),
        nonce: chain.view(token.nonces(owner)).into(),
        deadline: U256::MAX.into(),
    };
    let (v, r, s) = signer.sign_hash(message.eip712_signing_hash(&domain));
    SignedPermit { deadline: U256::MAX, v, r, s }
}
