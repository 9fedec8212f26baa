//! Calls to other contracts: what a typed client returns.

use crate::abi::{AbiType, Bytes, decode};
use crate::contract::{encode_call, selector};
use crate::env::revert_with;
use crate::error::{Error, ErrorList};
use crate::grow::{copied, zeros};
use crate::host;
use crate::u256::U256;
use alloc::vec::Vec;
use alloy_primitives::Address;
use core::marker::PhantomData;
use florin_abi::{ALL_GAS, status};

/// A call that was prepared and not yet made. In a contract, [`call`](Call::call) or
/// [`try_call`](Call::try_call) makes it; a test submits the same value to its chain.
#[must_use = "a call does nothing until `.call()` or `.try_call()`"]
#[derive(Debug)]
pub struct Call<R> {
    /// Whom to call.
    pub to: Address,
    /// Selector and encoded arguments.
    pub input: Vec<u8>,
    /// Native value to send along, in the smallest unit.
    pub value: U256,
    /// Most gas to give; [`ALL_GAS`] is all but one 64th of what is left (EIP-150).
    pub gas: u64,
    /// Whether the method is a view, called such that nothing can change.
    pub is_static: bool,
    result: PhantomData<fn() -> R>,
}

impl<R> Clone for Call<R> {
    fn clone(&self) -> Self {
        Call { input: self.input.clone(), result: PhantomData, ..*self }
    }
}

impl<R: AbiType> Call<R> {
    /// A call with the given input, no value and all gas.
    pub fn new(to: Address, input: Vec<u8>, is_static: bool) -> Self {
        Call { to, input, value: U256::ZERO, gas: ALL_GAS, is_static, result: PhantomData }
    }

    /// Sends native value along.
    pub fn value(self, value: impl Into<U256>) -> Self {
        Call { value: value.into(), ..self }
    }

    /// Gives at most this much gas.
    pub fn gas(self, gas: u64) -> Self {
        Call { gas, ..self }
    }

    /// Makes the call. If it fails, this call reverts with the callee's revert data, unchanged; if
    /// the callee has not said why (it halted, or returned something else than the method's
    /// results), with `CallFailed(address callee)`.
    pub fn call(self) -> R {
        let callee = self.to;
        match self.try_call() {
            Ok(result) => result,
            Err(CallError::Reverted(data)) => revert_with(&data),
            Err(CallError::Halted | CallError::Malformed(_)) => call_failed(callee),
        }
    }

    /// Makes the call and says how it went.
    pub fn try_call(self) -> Result<R, CallError> {
        let packed = if self.is_static && self.value.is_zero() {
            host::static_call(&self.to.0.0, &self.input, self.gas)
        } else {
            host::call(&self.to.0.0, &self.value.to_be_bytes(), &self.input, self.gas)
        };
        self.decode(&outcome(packed)?)
    }

    /// Decodes returned data as this call's result.
    pub fn decode(&self, data: &[u8]) -> Result<R, CallError> {
        decode(data).map_err(|_| CallError::Malformed(Bytes(copied(data))))
    }
}

/// Ends the call with `CallFailed(address callee)`, which is in every ABI.
#[cold]
#[inline(never)]
fn call_failed(callee: Address) -> ! {
    const SELECTOR: u32 = selector("CallFailed(address)");
    revert_with(&encode_call(SELECTOR, 32, |to| callee.encode(to)))
}

/// How a call failed. Its effects are undone, unless it is [`Malformed`](CallError::Malformed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// The callee reverted, with this data.
    Reverted(Bytes),
    /// The callee trapped or ran out of the gas it was given.
    Halted,
    /// The callee succeeded and returned something else than the method's results, or there is no
    /// contract.
    Malformed(Bytes),
}

impl CallError {
    /// The callee's reason as one of its custom errors.
    pub fn as_error<E: Error>(&self) -> Option<E> {
        match self {
            CallError::Reverted(data) => E::decode(data),
            _ => None,
        }
    }
}

/// As the reason of a revert, a failed call is the callee's own reason, unchanged.
impl Error for CallError {
    const LIST: ErrorList = ErrorList { own: &[], nested: &[] };
    fn encode(&self) -> Vec<u8> {
        match self {
            CallError::Reverted(data) => copied(data),
            _ => Vec::new(),
        }
    }
    /// Nothing: the reason of a failed call is the callee's, so it is to be read as one of the
    /// callee's errors.
    fn decode(_: &[u8]) -> Option<Self> {
        None
    }
}

/// Unpacks what the host says of a nested call, and fetches the data it returned.
pub(crate) fn outcome(packed: u64) -> Result<Vec<u8>, CallError> {
    let mut data = zeros(packed as u32 as usize);
    if !data.is_empty() {
        host::returned(0, &mut data);
    }
    match (packed >> 32) as u32 {
        status::SUCCESS => Ok(data),
        status::REVERTED => Err(CallError::Reverted(Bytes(data))),
        _ => Err(CallError::Halted),
    }
}

/// Something that stands for a contract at an address: an address, or a typed client around one.
#[doc(hidden)]
pub trait Located {
    /// The contract's address.
    fn located(&self) -> Address;
}

impl Located for Address {
    fn located(&self) -> Address {
        *self
    }
}
