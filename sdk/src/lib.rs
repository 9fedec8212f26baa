//! Write payment contracts for Florin in Rust.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;
extern crate self as florin_sdk;

#[doc(hidden)]
pub mod abi;
pub mod call;
pub mod contract;
pub mod crypto;
pub mod deploy;
pub mod eip712;
pub mod env;
pub mod error;
pub mod event;
#[cfg(target_arch = "wasm32")]
mod heap;
mod host;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
pub mod panic;
pub mod storage;
#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub mod testing;
mod u256;

pub use alloy_primitives;
pub use u256::{TooLarge, U256};

/// Everything a contract needs: `use florin_sdk::prelude::*;`
pub mod prelude {
    pub use crate::abi::{AbiType, Bytes};
    pub use crate::call::{Call, CallError};
    pub use crate::contract::{Contract, Has};
    pub use crate::crypto::{
        is_valid_signature, keccak256, recover, recover_bytes, ripemd160, sha256,
    };
    pub use crate::eip712::{Domain, Eip712};
    pub use crate::ensure;
    pub use crate::env::{
        balance, block_number, caller, chain_id, contract_address, emit, gas_left, origin, revert,
        send_value, timestamp, value,
    };
    pub use crate::error::Error;
    pub use crate::event::Event;
    pub use crate::storage::{Item, List, Map, Set, StorageValue};
    pub use crate::u256::U256;
    pub use alloc::string::String;
    pub use alloc::vec;
    pub use alloc::vec::Vec;
    pub use alloy_primitives::{Address, B256, FixedBytes};
    pub use florin_macros::{
        AbiType, Eip712, Error, Event, StorageValue, contract, interface, storage,
    };
}

#[doc(inline)]
pub use florin_macros::{
    AbiType, Eip712, Error, Event, StorageValue, contract, interface, storage,
};

/// What the macros' output names. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::__text as text;
    pub use crate::__word_type as word_type;
    pub use crate::abi::{AbiType, Bytes, Decoder, Encoder, Json, Malformed, Word, as_str, decode};
    pub use crate::call::{Call, Located};
    pub use crate::contract::*;
    pub use crate::deploy::Deploy;
    pub use crate::eip712::Eip712;
    pub use crate::error::{Error, ErrorList};
    pub use crate::event::{Event, Indexed, Topics};
    pub use crate::storage::{
        Field, Layout, Place, Storage, StorageValue, add_sizes, layout_length, layout_text,
    };
    pub use crate::u256::U256;
    pub use alloc::vec::Vec;
    pub use alloy_primitives::Address;
}
