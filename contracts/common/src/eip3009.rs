//! EIP-3009: a transfer by signature, in any order, within a window of time.
//!
//! Invariant: the nonce of an authorization is used or canceled once; after that no authorization
//! with it is good.

use crate::eip5267::Eip5267;
use crate::erc20::Erc20Error;
use florin_sdk::prelude::*;

/// The state of authorizations.
#[storage]
pub struct Eip3009State {
    spent: Map<(Address, B256), bool>,
}

/// An authorization was used.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationUsed {
    /// Who had signed it.
    #[indexed]
    pub authorizer: Address,
    /// Its nonce.
    #[indexed]
    pub nonce: B256,
}

/// An authorization was canceled before it was used.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationCanceled {
    /// Who had signed it.
    #[indexed]
    pub authorizer: Address,
    /// Its nonce.
    #[indexed]
    pub nonce: B256,
}

/// Why an authorization was refused.
#[derive(Error, Debug, Clone, PartialEq, Eq)]
pub enum Eip3009Error {
    /// It is too early.
    AuthorizationNotYetValid {
        /// The last second at which it is not yet good.
        valid_after: U256,
    },
    /// It is too late.
    AuthorizationExpired {
        /// The first second at which it is no longer good.
        valid_before: U256,
    },
    /// It was used or canceled.
    AuthorizationAlreadyUsed {
        /// Who had signed it.
        authorizer: Address,
        /// Its nonce.
        nonce: B256,
    },
    /// Somebody else than the authorizer has signed, or something else.
    AuthorizationInvalidSignature {
        /// Who should have.
        authorizer: Address,
    },
    /// Only the payee may hand it in.
    AuthorizationInvalidCaller {
        /// Who did.
        caller: Address,
        /// Who may.
        payee: Address,
    },
    /// The transfer was refused.
    #[error(transparent)]
    Erc20(Erc20Error),
}

/// What an authorizer signs for anybody to hand in.
#[derive(Eip712)]
struct TransferWithAuthorization {
    from: Address,
    to: Address,
    value: U256,
    valid_after: U256,
    valid_before: U256,
    nonce: B256,
}

/// What an authorizer signs for the payee to hand in.
#[derive(Eip712)]
struct ReceiveWithAuthorization {
    from: Address,
    to: Address,
    value: U256,
    valid_after: U256,
    valid_before: U256,
    nonce: B256,
}

/// What an authorizer signs to make an authorization void.
#[derive(Eip712)]
struct CancelAuthorization {
    authorizer: Address,
    nonce: B256,
}

/// A signature in one of the two forms that the methods take.
enum Signature {
    /// Of an account.
    Account(u8, B256, B256),
    /// Of an account, or of a contract, which ERC-1271 asks.
    Any(Bytes),
}

impl Signature {
    fn is_by(&self, signer: Address, hash: B256) -> bool {
        match self {
            Signature::Account(v, r, s) => {
                !signer.is_zero() && recover(hash, *v, *r, *s) == Some(signer)
            }
            Signature::Any(signature) => is_valid_signature(signer, hash, signature),
        }
    }
}

/// Refuses unless now is within a window of time. Both ends are outside.
fn check_time(valid_after: U256, valid_before: U256) -> Result<(), Eip3009Error> {
    let now = U256::from(timestamp());
    ensure!(now > valid_after, Eip3009Error::AuthorizationNotYetValid { valid_after });
    ensure!(now < valid_before, Eip3009Error::AuthorizationExpired { valid_before });
    Ok(())
}

/// Spends the nonce of a message, unless it is spent or somebody else has signed.
fn spend<T: Eip3009 + ?Sized>(
    token: &mut T,
    authorizer: Address,
    nonce: B256,
    message: &impl Eip712,
    signature: Signature,
) -> Result<(), Eip3009Error> {
    let spent = token.authorization_state(authorizer, nonce);
    ensure!(!spent, Eip3009Error::AuthorizationAlreadyUsed { authorizer, nonce });
    let signed = signature.is_by(authorizer, token.digest(message));
    ensure!(signed, Eip3009Error::AuthorizationInvalidSignature { authorizer });
    let state: &mut Eip3009State = token.state_mut();
    state.spent.save(&(authorizer, nonce), &true);
    Ok(())
}

/// Makes a payment that anybody may hand in.
fn transfer<T: Eip3009 + ?Sized>(
    token: &mut T,
    message: TransferWithAuthorization,
    signature: Signature,
) -> Result<(), Eip3009Error> {
    let TransferWithAuthorization { from, to, value, valid_after, valid_before, nonce } = message;
    check_time(valid_after, valid_before)?;
    spend(token, from, nonce, &message, signature)?;
    emit(AuthorizationUsed { authorizer: from, nonce });
    token.move_tokens(from, to, value)?;
    Ok(())
}

/// Makes a payment that the payee hands in.
fn receive<T: Eip3009 + ?Sized>(
    token: &mut T,
    message: ReceiveWithAuthorization,
    signature: Signature,
) -> Result<(), Eip3009Error> {
    let ReceiveWithAuthorization { from, to, value, valid_after, valid_before, nonce } = message;
    let caller = caller();
    ensure!(caller == to, Eip3009Error::AuthorizationInvalidCaller { caller, payee: to });
    check_time(valid_after, valid_before)?;
    spend(token, from, nonce, &message, signature)?;
    emit(AuthorizationUsed { authorizer: from, nonce });
    token.move_tokens(from, to, value)?;
    Ok(())
}

/// Makes an authorization void.
fn cancel<T: Eip3009 + ?Sized>(
    token: &mut T,
    authorizer: Address,
    nonce: B256,
    signature: Signature,
) -> Result<(), Eip3009Error> {
    spend(token, authorizer, nonce, &CancelAuthorization { authorizer, nonce }, signature)?;
    emit(AuthorizationCanceled { authorizer, nonce });
    Ok(())
}

/// EIP-3009. Each method takes the signature of an account as v, r and s, or as bytes, which may be
/// those that a contract accepts for its own by ERC-1271.
#[interface(events(AuthorizationUsed, AuthorizationCanceled))]
#[allow(clippy::too_many_arguments)] // EIP-3009 has it so
pub trait Eip3009: Eip5267 + Has<Eip3009State> {
    /// The type of what is signed to be transferred.
    #[selector(name = "TRANSFER_WITH_AUTHORIZATION_TYPEHASH")]
    fn transfer_with_authorization_typehash(&self) -> B256 {
        B256::new(TransferWithAuthorization::TYPE_HASH)
    }

    /// The type of what is signed to be received.
    #[selector(name = "RECEIVE_WITH_AUTHORIZATION_TYPEHASH")]
    fn receive_with_authorization_typehash(&self) -> B256 {
        B256::new(ReceiveWithAuthorization::TYPE_HASH)
    }

    /// The type of what is signed to cancel.
    #[selector(name = "CANCEL_AUTHORIZATION_TYPEHASH")]
    fn cancel_authorization_typehash(&self) -> B256 {
        B256::new(CancelAuthorization::TYPE_HASH)
    }

    /// Whether an authorization was used or canceled.
    fn authorization_state(&self, authorizer: Address, nonce: B256) -> bool {
        let state: &Eip3009State = self.state();
        state.spent.get(&(authorizer, nonce))
    }

    /// Makes a transfer that the payer has signed. Anybody may hand it in.
    fn transfer_with_authorization(
        &mut self,
        from: Address,
        to: Address,
        value: U256,
        valid_after: U256,
        valid_before: U256,
        nonce: B256,
        v: u8,
        r: B256,
        s: B256,
    ) -> Result<(), Eip3009Error> {
        let message =
            TransferWithAuthorization { from, to, value, valid_after, valid_before, nonce };
        transfer(self, message, Signature::Account(v, r, s))
    }

    /// Makes a transfer that the payer has signed. Anybody may hand it in.
    #[selector(name = "transferWithAuthorization")]
    fn transfer_with_authorization_bytes(
        &mut self,
        from: Address,
        to: Address,
        value: U256,
        valid_after: U256,
        valid_before: U256,
        nonce: B256,
        signature: Bytes,
    ) -> Result<(), Eip3009Error> {
        let message =
            TransferWithAuthorization { from, to, value, valid_after, valid_before, nonce };
        transfer(self, message, Signature::Any(signature))
    }

    /// Makes a transfer that the payer has signed. Only the payee may hand it in, so that a
    /// contract that counts its payments sees all of them.
    fn receive_with_authorization(
        &mut self,
        from: Address,
        to: Address,
        value: U256,
        valid_after: U256,
        valid_before: U256,
        nonce: B256,
        v: u8,
        r: B256,
        s: B256,
    ) -> Result<(), Eip3009Error> {
        let message =
            ReceiveWithAuthorization { from, to, value, valid_after, valid_before, nonce };
        receive(self, message, Signature::Account(v, r, s))
    }

    /// Makes a transfer that the payer has signed. Only the payee may hand it in.
    #[selector(name = "receiveWithAuthorization")]
    fn receive_with_authorization_bytes(
        &mut self,
        from: Address,
        to: Address,
        value: U256,
        valid_after: U256,
        valid_before: U256,
        nonce: B256,
        signature: Bytes,
    ) -> Result<(), Eip3009Error> {
        let message =
            ReceiveWithAuthorization { from, to, value, valid_after, valid_before, nonce };
        receive(self, message, Signature::Any(signature))
    }

    /// Cancels an authorization that was not used, by its signer's signature.
    fn cancel_authorization(
        &mut self,
        authorizer: Address,
        nonce: B256,
        v: u8,
        r: B256,
        s: B256,
    ) -> Result<(), Eip3009Error> {
        cancel(self, authorizer, nonce, Signature::Account(v, r, s))
    }

    /// Cancels an authorization that was not used, by its signer's signature.
    #[selector(name = "cancelAuthorization")]
    fn cancel_authorization_bytes(
        &mut self,
        authorizer: Address,
        nonce: B256,
        signature: Bytes,
    ) -> Result<(), Eip3009Error> {
        cancel(self, authorizer, nonce, Signature::Any(signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use florin_sdk::alloy_primitives::b256;

    /// The type hashes that EIP-3009 gives.
    #[test]
    fn messages_have_their_published_types() {
        let transfer = b256!("7c7c6cdb67a18743f49ec6fa9b35f50d52ed05cbed4cc592e13b44501c1a2267");
        let receive = b256!("d099cc98ef71107a616c4f0f941f04c322d8e254fe26b3c6668db87aae413de8");
        let cancel = b256!("158b0a9edf7a828aad02f63cd515c68ef2f50ba807396f6d12842833a1597429");
        assert_eq!(TransferWithAuthorization::TYPE_HASH, transfer);
        assert_eq!(ReceiveWithAuthorization::TYPE_HASH, receive);
        assert_eq!(CancelAuthorization::TYPE_HASH, cancel);
    }
}
