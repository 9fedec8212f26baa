//! What a contract can ask and do beyond its storage: the call it is in, native value, logs, its
//! own code.

use crate::call::{CallError, outcome};
use crate::error::Error;
use crate::event::Event;
use crate::host;
use crate::u256::U256;
use alloc::vec::Vec;
use alloy_primitives::Address;
use florin_abi::{CONTEXT_BYTES, Context};

/// The context, read once per call. What is remembered is its bytes: each caller decodes the one
/// field it wants.
#[cfg(target_arch = "wasm32")]
#[inline(always)]
fn context() -> Context {
    Context::from_bytes(context_bytes())
}

#[cfg(target_arch = "wasm32")]
#[inline(never)]
fn context_bytes() -> &'static [u8; CONTEXT_BYTES] {
    struct Cache(core::cell::Cell<Option<&'static [u8; CONTEXT_BYTES]>>);
    // SAFETY: a contract has one thread.
    unsafe impl Sync for Cache {}
    static CACHE: Cache = Cache(core::cell::Cell::new(None));
    CACHE.0.get().unwrap_or_else(|| {
        let bytes = alloc::boxed::Box::leak(alloc::boxed::Box::new([0; CONTEXT_BYTES]));
        host::context(bytes);
        CACHE.0.set(Some(bytes));
        bytes
    })
}

/// The context. Natively one thread runs many calls, so nothing is remembered.
#[cfg(not(target_arch = "wasm32"))]
fn context() -> Context {
    let mut bytes = [0; CONTEXT_BYTES];
    host::context(&mut bytes);
    Context::from_bytes(&bytes)
}

/// The account or contract that called this method: Solidity's `msg.sender`.
pub fn caller() -> Address {
    Address::from(context().caller)
}

/// The contract that is running: Solidity's `address(this)`.
pub fn contract_address() -> Address {
    Address::from(context().address)
}

/// The account that signed the transaction: Solidity's `tx.origin`. For records only: a contract
/// that grants rights by it can be robbed through any contract that its owner calls.
pub fn origin() -> Address {
    Address::from(context().origin)
}

/// Native value sent along with the call, in the smallest unit: Solidity's `msg.value`.
pub fn value() -> U256 {
    U256::from_be_bytes(context().value)
}

/// Whether value was sent along.
pub(crate) fn has_value() -> bool {
    context().value != [0; 32]
}

/// Time of the block, in seconds since 1970: Solidity's `block.timestamp`.
pub fn timestamp() -> u64 {
    context().timestamp
}

/// Number of the block: Solidity's `block.number`.
pub fn block_number() -> u64 {
    context().block
}

/// The chain identifier (EIP-155): Solidity's `block.chainid`.
pub fn chain_id() -> u64 {
    context().chain_id
}

/// What one unit of gas costs this transaction, in the smallest native unit: Solidity's
/// `tx.gasprice`.
pub fn gas_price() -> u128 {
    context().gas_price
}

/// Whether this call must not change state (it was made by a static call).
pub fn is_static() -> bool {
    context().is_static
}

/// Gas left in this call.
pub fn gas_left() -> u64 {
    host::gas_left()
}

/// Native balance of an account, in the smallest unit.
pub fn balance(account: Address) -> U256 {
    let mut word = [0; 32];
    host::balance(&account.0.0, &mut word);
    U256::from_be_bytes(word)
}

/// Sends native value from this contract. A contract is called with empty input, its `#[receive]`
/// method, and can refuse; the result says so, and nothing was sent then.
pub fn send_value(to: Address, amount: U256) -> Result<(), CallError> {
    outcome(host::transfer(&to.0.0, &amount.to_be_bytes())).map(drop)
}

/// Emits an event.
pub fn emit<E: Event>(event: E) {
    let mut log = Vec::new();
    event.write(&mut log);
    if let Some((topics, data)) = log.split_at_checked(const { 32 * E::TOPICS }) {
        host::log(topics, data);
    }
}

/// Prints a line where the operator of a development ledger sees it; elsewhere it does nothing.
pub fn debug(message: &str) {
    host::debug(message.as_bytes());
}

/// Ends the call at once, undoes it and gives the caller `error` as the reason. Prefer returning
/// `Err`.
pub fn revert(error: impl Error) -> ! {
    revert_with(&error.encode())
}

/// Ends the call at once, undoes it and gives the caller `data` as the reason.
pub fn revert_with(data: &[u8]) -> ! {
    match host::revert(data) {}
}
