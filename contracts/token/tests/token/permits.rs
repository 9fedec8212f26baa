//! EIP-2612 and EIP-5267.

use crate::signing::{Permit, twin};
use crate::{World, units};
use florin_common::erc20::Approval;
use florin_common::permit::PermitError;
use florin_sdk::prelude::*;

/// Alice lets Bob spend 50, for an hour.
fn message(w: &World) -> Permit {
    Permit {
        owner: w.alice.address(),
        spender: w.bob.address(),
        value: units(50).into(),
        nonce: units(0).into(),
        deadline: units(w.chain.now() + 3_600).into(),
    }
}

/// The call that hands a permit in.
fn call(w: &World, message: &Permit, (v, r, s): (u8, B256, B256)) -> Call<()> {
    let Permit { owner, spender, value, deadline, .. } = *message;
    w.token.permit(owner, spender, value, deadline, v, r, s)
}

#[test]
fn the_domain_is_the_one_that_wallets_sign_in() {
    let w = World::new();
    let domain = w.domain();
    assert_eq!(w.chain.view(w.token.domain_separator()), domain.separator());
    let (fields, name, version, chain, contract, salt, extensions) =
        w.chain.view(w.token.eip712_domain());
    assert_eq!(fields, [0x0f]);
    assert_eq!((name.as_str(), version.as_str()), ("Test Euro", "1"));
    assert_eq!(Some(chain.into()), domain.chain_id);
    assert_eq!(Some(contract), domain.verifying_contract);
    assert_eq!((salt, extensions), (B256::ZERO, vec![]));
}

#[test]
fn anybody_hands_in_a_permit_once() {
    let mut w = World::new();
    let message = message(&w);
    let (owner, spender) = (message.owner, message.spender);
    let permit = call(&w, &message, w.sign(&w.alice, &message));
    let sent = w.chain.send(&w.carol, permit.clone());
    assert_eq!(sent.events::<Approval>(), [Approval { owner, spender, value: units(50) }]);
    sent.succeeds();
    assert_eq!(w.chain.view(w.token.allowance(owner, spender)), units(50));
    assert_eq!(w.chain.view(w.token.nonces(owner)), units(1));
    w.chain.send(&w.bob, w.token.transfer_from(owner, spender, units(50))).succeeds();

    let again = w.chain.send(&w.carol, permit);
    assert!(matches!(again.error(), Some(PermitError::ERC2612InvalidSigner { .. })));
    again.reverts();
    assert_eq!(w.chain.view(w.token.allowance(owner, spender)), units(0));
}

#[test]
fn a_permit_is_good_to_its_last_second() {
    let mut w = World::new();
    let message = message(&w);
    let permit = call(&w, &message, w.sign(&w.alice, &message));
    w.chain.advance(3_601);
    let deadline = U256::from(message.deadline);
    w.chain
        .send(&w.bob, permit.clone())
        .reverts_with(PermitError::ERC2612ExpiredSignature { deadline });

    let mut w = World::new();
    w.chain.advance(3_600);
    w.chain.send(&w.bob, permit).succeeds();
}

#[test]
fn a_permit_is_the_owners_and_says_what_it_says() {
    let mut w = World::new();
    let honest = message(&w);
    let signature = w.sign(&w.alice, &honest);
    let owner = honest.owner;

    // Somebody else's signature, and a malleable or malformed one.
    let bobs = w.sign(&w.bob, &honest);
    w.chain
        .send(&w.bob, call(&w, &honest, bobs))
        .reverts_with(PermitError::ERC2612InvalidSigner { signer: w.bob.address(), owner });
    let (v, r, s) = signature;
    for bad in [twin(signature), (v - 27, r, s), (v, B256::ZERO, s), (v, r, B256::ZERO)] {
        let sent = w.chain.send(&w.bob, call(&w, &honest, bad));
        sent.reverts_with(PermitError::ERC2612InvalidSigner { signer: Address::ZERO, owner });
    }
    // The zero address, whose signature every malformed one would be.
    let zero = Permit { owner: Address::ZERO, ..message(&w) };
    w.chain.send(&w.bob, call(&w, &zero, (v, B256::ZERO, s))).reverts_with(
        PermitError::ERC2612InvalidSigner { signer: Address::ZERO, owner: Address::ZERO },
    );
    // Each field changed.
    let changed = [
        Permit { spender: w.carol.address(), ..message(&w) },
        Permit { value: units(51).into(), ..message(&w) },
        Permit { deadline: units(w.chain.now() + 3_601).into(), ..message(&w) },
    ];
    for changed in changed {
        let sent = w.chain.send(&w.bob, call(&w, &changed, signature));
        assert!(matches!(sent.error(), Some(PermitError::ERC2612InvalidSigner { .. })));
        sent.reverts();
    }
    // A later nonce.
    let later = Permit { nonce: units(1).into(), ..message(&w) };
    let later = call(&w, &later, w.sign(&w.alice, &later));
    w.chain.send(&w.bob, later.clone()).reverts();
    w.chain.send(&w.bob, call(&w, &honest, signature)).succeeds();
    w.chain.send(&w.bob, later).succeeds();
}
