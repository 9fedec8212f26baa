//! The module around a contract: exports, sections, and what is checked of the whole.

use crate::names::sdk;
use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;

/// The exports and sections of the module, and the checks that no two methods share a selector and
/// that a migration leads somewhere. Only the package that is being built exports; a contract that
/// another one depends on (for its client) does not.
pub fn exports(contract: &Path, migrates: bool) -> TokenStream {
    let sdk = sdk();
    let check = quote! {
        const COLLISION: ::core::option::Option<(#sdk::Method, #sdk::Method)> = #sdk::collision(
            <#contract as #sdk::Contract>::METHODS,
            <#contract as #sdk::Declared>::INTERFACES,
        );
        const MESSAGE: &str = match COLLISION {
            ::core::option::Option::None => "",
            ::core::option::Option::Some(_) => #sdk::text!(
                COLLISION_NAMES.0, " and ", COLLISION_NAMES.1,
                " have the same selector: rename one, or give it another Solidity name with \
                 #[selector(name = \"...\")]"
            ),
        };
        const COLLISION_NAMES: (&str, &str) = match COLLISION {
            ::core::option::Option::None => ("", ""),
            ::core::option::Option::Some((a, b)) => (a.name, b.name),
        };
        const _: () = if !MESSAGE.is_empty() { ::core::panic!("{}", MESSAGE) };
        const _: () = #sdk::check_migration::<#contract>();
    };
    if std::env::var_os("CARGO_PRIMARY_PACKAGE").is_none() {
        return quote!(const _: () = { #check };);
    }
    let export = |name: &str, entry: TokenStream| {
        quote! {
            #[unsafe(export_name = #name)]
            extern "C" fn entry(length: u32) -> u32 {
                <#contract as #sdk::Contract>::entry(#sdk::Entry::#entry, length)
            }
        }
    };
    let call = export("call", quote!(Call));
    let deploy = export("deploy", quote!(Deploy));
    let migrate = migrates.then(|| {
        let migrate = export("migrate", quote!(Migrate));
        quote! {
            const _: () = { #migrate };
        }
    });
    let section = |name: &str, bytes: TokenStream| {
        quote! {
            const _: () = {
                const BYTES: &[u8] = #bytes;
                #[unsafe(link_section = #name)]
                static SECTION: [u8; BYTES.len()] = *BYTES.first_chunk().unwrap();
            };
        }
    };
    let abi = section("florin.abi", quote!(<#contract as #sdk::Contract>::ABI.as_bytes()));
    let layout =
        section("florin.layout", quote!(<#contract as #sdk::Contract>::LAYOUT_TEXT.as_bytes()));
    let reentrant = section("florin.reentrant", quote!(<#contract as #sdk::Contract>::REENTRANT));
    let from = quote!(<#contract as #sdk::Contract>::MIGRATES_FROM.as_slice().as_flattened());
    let migrates = migrates.then(|| section("florin.migrates", from));
    quote! {
        const _: () = {
            #check
            #[cfg(target_arch = "wasm32")]
            const _: () = {
                const _: () = { #call };
                const _: () = { #deploy };
                #migrate
                #abi
                #layout
                #reentrant
                #migrates
            };
        };
    }
}
