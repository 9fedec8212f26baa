//! The attribute macros and derives of the Florin SDK. Contract authors use them through
//! `florin_sdk::prelude`.
//!
//! Each macro parses its item to plain structs, checks them and generates code; the generators' own
//! documentation shows what they emit. Invariants: the author's item is always emitted again, so
//! that one mistake does not cause a hundred errors; all mistakes are reported at once, each on the
//! author's own text; generated code names everything by absolute paths.

use proc_macro::TokenStream;
use quote::ToTokens;

mod abi_type;
mod client;
mod contract;
mod eip712;
mod error;
mod event;
mod exports;
mod interface;
mod methods;
mod names;
mod object;
mod router;
mod storage;
mod stored;

/// Declares a contract: on its struct, the storage; on its `impl`, the methods.
#[proc_macro_attribute]
pub fn contract(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item: proc_macro2::TokenStream = item.into();
    match syn::parse2::<syn::Item>(item.clone()) {
        Ok(syn::Item::Struct(object)) => {
            attribute(object, |object| contract::object(arguments.into(), object))
        }
        Ok(syn::Item::Impl(block)) => {
            attribute(block, |block| contract::methods(arguments.into(), block))
        }
        Ok(other) => failed(
            item,
            syn::Error::new_spanned(
                other,
                "#[contract] goes on the contract's struct (its storage) and on `impl` of that struct (its methods)",
            ),
        ),
        Err(error) => failed(item, error),
    }
}

/// Declares an interface: its methods are exported by every contract that lists it, and callable
/// through its client.
#[proc_macro_attribute]
pub fn interface(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item: proc_macro2::TokenStream = item.into();
    match syn::parse2::<syn::ItemTrait>(item.clone()) {
        Ok(definition) => {
            attribute(definition, |definition| interface::expand(arguments.into(), definition))
        }
        Err(_) => {
            let error = syn::Error::new_spanned(
                &item,
                "#[interface] goes on a trait; a contract's own methods go in `#[contract] impl`",
            );
            failed(item, error)
        }
    }
}

/// Declares a group of storage handles that contracts and other groups can embed as a field.
#[proc_macro_attribute]
pub fn storage(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item: proc_macro2::TokenStream = item.into();
    match syn::parse2::<syn::ItemStruct>(item.clone()) {
        Ok(object) => attribute(object, |object| storage::expand(arguments.into(), object)),
        Err(_) => {
            let error = syn::Error::new_spanned(
                &item,
                "#[storage] goes on a struct of storage handles; for a stored value use #[derive(StorageValue)]",
            );
            failed(item, error)
        }
    }
}

/// Makes a struct a Solidity event. Fields marked `#[indexed]`, at most three, become topics.
#[proc_macro_derive(Event, attributes(indexed))]
pub fn event(item: TokenStream) -> TokenStream {
    derive(item, event::expand)
}

/// Makes an enum a set of Solidity custom errors, one per variant. A variant marked
/// `#[error(transparent)]` wraps another such enum.
#[proc_macro_derive(Error, attributes(error))]
pub fn error(item: TokenStream) -> TokenStream {
    derive(item, error::expand)
}

/// Makes a struct a Solidity tuple, or a fieldless enum a `uint8`.
#[proc_macro_derive(AbiType)]
pub fn abi_type(item: TokenStream) -> TokenStream {
    derive(item, abi_type::expand)
}

/// Makes a struct a message that wallets show and sign (EIP-712). The struct's name and its fields'
/// names, in camelCase, are part of the signed type.
#[proc_macro_derive(Eip712)]
pub fn eip712(item: TokenStream) -> TokenStream {
    derive(item, eip712::expand)
}

/// Makes a struct or an enum a value that can be stored.
#[proc_macro_derive(StorageValue)]
pub fn storage_value(item: TokenStream) -> TokenStream {
    derive(item, stored::expand)
}

/// Runs an attribute's generator, which may edit the item (to take its own attributes off), and
/// emits the item again.
fn attribute<T: ToTokens>(
    mut item: T,
    expand: impl FnOnce(&mut T) -> proc_macro2::TokenStream,
) -> TokenStream {
    let generated = expand(&mut item);
    quote::quote!(#item #generated).into()
}

/// Emits an item that could not be read, together with the reason.
fn failed(item: proc_macro2::TokenStream, error: syn::Error) -> TokenStream {
    let error = error.into_compile_error();
    quote::quote!(#item #error).into()
}

/// Runs a derive's generator.
fn derive(
    item: TokenStream,
    expand: impl FnOnce(&syn::DeriveInput) -> syn::Result<proc_macro2::TokenStream>,
) -> TokenStream {
    match syn::parse(item).and_then(|item| expand(&item)) {
        Ok(generated) => generated.into(),
        Err(error) => error.into_compile_error().into(),
    }
}
