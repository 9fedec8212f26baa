//! Creating contracts and replacing one's own code.

use crate::call::{CallError, outcome};
use crate::contract::Contract;
use crate::grow::append;
use crate::host;
use crate::u256::U256;
use alloc::vec::Vec;
use alloy_primitives::{Address, B256};
use core::marker::PhantomData;
use florin_abi::deploy::{BY_HASH, MAGIC};

/// A contract to be created, with its constructor's arguments: `Piggy::deploy(owner)`. A test
/// deploys it on its chain; a contract creates it from code that is already on the ledger.
#[must_use = "a deployment does nothing until it is created"]
pub struct Deploy<C> {
    /// The ABI-encoded arguments of the constructor.
    pub arguments: Vec<u8>,
    /// Native value to send along, in the smallest unit.
    pub value: U256,
    contract: PhantomData<fn() -> C>,
}

impl<C: Contract> Deploy<C> {
    #[doc(hidden)]
    pub fn new(arguments: Vec<u8>) -> Self {
        Deploy { arguments, value: U256::ZERO, contract: PhantomData }
    }

    /// Sends native value to the new contract. Its constructor must be `#[payable]`.
    pub fn value(self, value: impl Into<U256>) -> Self {
        Deploy { value: value.into(), ..self }
    }

    /// Creates the contract from the code with this keccak-256. Its address follows from the
    /// creator's nonce, as with Ethereum's CREATE.
    pub fn create(self, code: B256) -> Result<Address, CallError> {
        create(self.value, &by_hash(code, &self.arguments), &[])
    }

    /// Creates the contract from the code with this keccak-256, at the address that CREATE2
    /// (EIP-1014) gives for `salt`.
    pub fn create2(self, code: B256, salt: B256) -> Result<Address, CallError> {
        create(self.value, &by_hash(code, &self.arguments), &salt.0)
    }
}

/// Deployment data for code that is on the ledger.
fn by_hash(code: B256, arguments: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    append(&mut data, &MAGIC);
    append(&mut data, &[BY_HASH]);
    append(&mut data, &code.0);
    append(&mut data, arguments);
    data
}

fn create(value: U256, data: &[u8], salt: &[u8]) -> Result<Address, CallError> {
    let mut address = [0; 20];
    outcome(host::create(&value.to_be_bytes(), data, salt, &mut address))?;
    Ok(Address::from(address))
}

/// Replaces this contract's code by that in `code`, from the next call on: deployment data, as an
/// artefact's `bytecode` holds it, followed by the ABI-encoded arguments of the new code's
/// `#[migrate]` method, if it is to run. The call reverts if the new code would misread what is
/// stored; see [Upgrades](crate#upgrades). Guard the method that calls this: whoever may upgrade a
/// contract owns all it holds.
pub fn upgrade(code: &[u8]) {
    host::upgrade(code);
}

/// [`upgrade`] to code that is already on the ledger, by its keccak-256.
pub fn upgrade_to(code: B256, arguments: &[u8]) {
    host::upgrade(&by_hash(code, arguments));
}
