//! EIP-2612: an allowance by signature, so that an owner without native currency can pay.
//!
//! Invariant: a signature counts once, for the owner's nonce moves with it.

use crate::eip5267::Eip5267;
use crate::erc20::Erc20Error;
use florin_sdk::prelude::*;

/// What an owner signs.
mod message {
    use super::*;

    #[derive(Eip712)]
    pub struct Permit {
        pub owner: Address,
        pub spender: Address,
        pub value: U256,
        pub nonce: U256,
        pub deadline: U256,
    }
}

/// A permit with its signature, for a method that takes one along with the payment it is for.
#[derive(AbiType, Debug, Clone, PartialEq, Eq)]
pub struct SignedPermit {
    /// The last second at which it is good.
    pub deadline: U256,
    /// The signature's v: 27 or 28.
    pub v: u8,
    /// The signature's r.
    pub r: B256,
    /// The signature's s.
    pub s: B256,
}

/// The state of permits.
#[storage]
pub struct PermitState {
    nonces: Map<Address, U256>,
}

/// Why a permit was refused.
#[derive(Error, Debug, Clone, PartialEq, Eq)]
pub enum PermitError {
    /// The deadline is over.
    ERC2612ExpiredSignature {
        /// The last second at which the permit was good.
        deadline: U256,
    },
    /// Somebody else than the owner has signed, or something else.
    ERC2612InvalidSigner {
        /// Who signed what was asked for, or zero if the signature is malformed.
        signer: Address,
        /// Who should have.
        owner: Address,
    },
    /// The allowance was refused.
    #[error(transparent)]
    Erc20(Erc20Error),
}

/// EIP-2612.
#[interface]
pub trait Permit: Eip5267 + Has<PermitState> {
    /// Sets what a spender may spend, by the owner's signature. Anybody may hand it in.
    #[allow(clippy::too_many_arguments)] // EIP-2612 has it so
    fn permit(
        &mut self,
        owner: Address,
        spender: Address,
        value: U256,
        deadline: U256,
        v: u8,
        r: B256,
        s: B256,
    ) -> Result<(), PermitError> {
        ensure!(
            U256::from(timestamp()) <= deadline,
            PermitError::ERC2612ExpiredSignature { deadline }
        );
        let nonce = self.nonces(owner);
        let hash = self.digest(&message::Permit { owner, spender, value, nonce, deadline });
        let signer = recover(hash, v, r, s).unwrap_or_default();
        ensure!(
            signer == owner && !owner.is_zero(),
            PermitError::ERC2612InvalidSigner { signer, owner }
        );
        let state: &mut PermitState = self.state_mut();
        state.nonces.save(&owner, &(nonce + U256::ONE));
        self.set_allowance(owner, spender, value)?;
        Ok(())
    }

    /// The nonce of an owner's next permit.
    fn nonces(&self, owner: Address) -> U256 {
        let state: &PermitState = self.state();
        state.nonces.get(&owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use florin_sdk::alloy_primitives::b256;

    /// The type hash that EIP-2612 tokens publish as PERMIT_TYPEHASH.
    #[test]
    fn the_message_has_its_published_type() {
        let published = b256!("6e71edae12b1b97f4d1f60370fef10105fa2faae0126114a169c64845d6126c9");
        assert_eq!(message::Permit::TYPE_HASH, published);
    }
}
