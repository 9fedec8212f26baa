//! `#[contract]` on a struct and on its `impl`.

use crate::methods::{Method, Role, parse};
use crate::names::{Mistakes, client, client_path, sdk};
use crate::{client, exports, router, storage};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{ImplItem, ItemImpl, ItemStruct, Path, Token, Type, Visibility, parse_quote};

/// `Erc20, Owned, events(Transfer, Approval)`
#[derive(Default)]
pub struct Arguments {
    /// The interfaces.
    pub interfaces: Vec<Path>,
    /// The events.
    pub events: Vec<Path>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Arguments::default();
        while !input.is_empty() {
            let path: Path = input.call(Path::parse_mod_style)?;
            if path.is_ident("events") && input.peek(syn::token::Paren) {
                let inner;
                syn::parenthesized!(inner in input);
                let list = Punctuated::<Path, Token![,]>::parse_terminated(&inner)?;
                arguments.events.extend(list);
            } else {
                arguments.interfaces.push(path);
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

/// `#[contract(Erc20, events(Saved))] struct Piggy { .. }`:
///
/// ```text
/// impl Storage for Piggy { .. }
/// impl Has<Erc20State> for Piggy { .. }            // for each field that is a group
/// impl Declared for Piggy { .. }                   // the interfaces' methods, and the way to them
/// impl Lists<Erc20Client> for Piggy {}             // for each interface, which asks for it
/// pub struct PiggyClient { next: Erc20Client<Address> }
/// ```
pub fn object(arguments: TokenStream, object: &mut ItemStruct) -> TokenStream {
    let sdk = sdk();
    let mut mistakes = Mistakes::default();
    let arguments = mistakes.take(syn::parse2::<Arguments>(arguments)).unwrap_or_default();
    let Arguments { interfaces, events } = arguments;
    let storage = storage::implement(object, &mut mistakes);
    let groups = groups(object);
    let name = &object.ident;
    let clients: Vec<_> = interfaces.iter().map(client_path).collect();
    let next =
        clients.iter().rev().fold(quote!(#sdk::Address), |next, client| quote!(#client<#next>));
    let client = client::define(&client(name), &object.vis, name, &next);
    let check = quote_spanned! {name.span()=> #sdk::is_contract::<#name>() };
    let generated = quote! {
        #storage
        #(#groups)*
        #client
        const _: () = #check;
        #(impl #sdk::Lists<#clients> for #name {})*
        impl #sdk::Declared for #name {
            const INTERFACES: &'static [&'static [#sdk::Method]] =
                &[#(<#name as #interfaces>::__METHODS),*];
            const EVENTS: &'static [&'static [&'static str]] = &[
                &[#(<#events as #sdk::Event>::JSON),*],
                #(<#name as #interfaces>::__EVENTS),*
            ];
            #[inline]
            #[allow(unused_variables)]
            fn route(
                &mut self,
                selector: u32,
                input: &mut #sdk::Decoder<'_>,
            ) -> ::core::option::Option<u32> {
                #(
                    if let ::core::option::Option::Some(done) =
                        <#name as #interfaces>::__route(self, selector, input)
                    {
                        return ::core::option::Option::Some(done);
                    }
                )*
                ::core::option::Option::None
            }
        }
    };
    mistakes.with(generated)
}

/// `Has<S>` for each field that is no handle and whose type no other field has.
fn groups(object: &ItemStruct) -> Vec<TokenStream> {
    const HANDLES: [&str; 4] = ["Item", "Map", "List", "Set"];
    let sdk = sdk();
    let contract = &object.ident;
    let is_group = |kind: &Type| match kind {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            !HANDLES.iter().any(|handle| last.ident == handle) && last.arguments.is_none()
        }),
        _ => false,
    };
    let count = |kind: &Type| object.fields.iter().filter(|field| field.ty == *kind).count();
    object
        .fields
        .iter()
        .filter(|field| is_group(&field.ty) && count(&field.ty) == 1)
        .map(|field| {
            let (name, kind) = (&field.ident, &field.ty);
            quote! {
                impl #sdk::Has<#kind> for #contract {
                    fn state(&self) -> &#kind {
                        &self.#name
                    }
                    fn state_mut(&mut self) -> &mut #kind {
                        &mut self.#name
                    }
                }
            }
        })
        .collect()
}

/// `#[contract] impl Piggy { .. }`:
///
/// ```text
/// impl Contract for Piggy { .. }                   // own methods, constructor, ABI, layout
/// impl PiggyClient { pub fn save(&self) -> Call<()> .. }
/// impl Piggy { pub fn deploy(owner: ..) -> Deploy<Piggy> }
/// const _: () = { exports and sections, on wasm32 };
/// ```
pub fn methods(arguments: TokenStream, block: &mut ItemImpl) -> TokenStream {
    let mut mistakes = Mistakes::default();
    if !arguments.is_empty() {
        mistakes.at(
            &arguments,
            "interfaces and events are listed on the struct: `#[contract(Erc20)] struct ..`",
        );
    }
    if let Some((_, path, _)) = &block.trait_ {
        mistakes.at(
            path,
            "an `impl` of an interface is plain Rust: remove #[contract] here and list the interface on the struct",
        );
        return mistakes.with(TokenStream::new());
    }
    if !block.generics.params.is_empty() {
        mistakes.at(&block.generics, "a contract cannot be generic");
    }
    let mut list = Vec::new();
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item {
            let exported = matches!(function.vis, Visibility::Public(_));
            list.extend(parse(&mut function.attrs, &function.sig, exported, &mut mistakes));
        }
    }
    for role in [Role::Constructor, Role::Receive, Role::Fallback, Role::Migrate] {
        for method in list.iter().filter(|method| method.role == role).skip(1) {
            mistakes.at(
                &method.name,
                "a contract has one of these at most; another method has this role already",
            );
        }
    }
    for method in &list {
        if method.role == Role::Exported && (method.name == "at" || method.name == "deploy") {
            mistakes.at(
                &method.name,
                "`at` and `deploy` are taken by the generated client: choose another name",
            );
        }
    }
    let Type::Path(path) = &*block.self_ty else {
        mistakes.at(&block.self_ty, "#[contract] goes on `impl` of the contract's struct");
        return mistakes.with(TokenStream::new());
    };
    let generated = generate(&path.path, &list);
    // A constructor fills a contract that is there already, so it takes `self`, and is best called
    // `new` all the same.
    block
        .attrs
        .push(parse_quote!(#[allow(clippy::new_ret_no_self, clippy::wrong_self_convention)]));
    mistakes.with(generated)
}

fn generate(contract: &Path, list: &[Method]) -> TokenStream {
    let sdk = sdk();
    let Some(name) = contract.segments.last().map(|last| &last.ident) else {
        return TokenStream::new();
    };
    let text = name.to_string();
    let exported: Vec<_> = list.iter().filter(|method| method.role == Role::Exported).collect();
    let descriptions = exported.iter().map(|method| router::describe(name, method));
    let route = router::route(&exported, &quote!(#contract));
    let receive = list.iter().any(|method| method.role == Role::Receive && method.reentrant);
    let special = special(contract, list);
    let specials = list
        .iter()
        .filter(|m| matches!(m.role, Role::Constructor | Role::Receive | Role::Fallback));
    let errors = list.iter().filter(|method| method.role != Role::Exported).map(|method| {
        let output = &method.output;
        quote!(<#output as #sdk::Output>::ERRORS)
    });
    let specials = specials.map(router::json);
    let client = client_path(contract);
    let calls = exported.iter().map(|method| client::method(method));
    let deploy = deploy(contract, list);
    let from = list.iter().find_map(|method| method.from);
    let migrates_from = match from {
        Some(hash) => quote!(::core::option::Option::Some([#(#hash),*])),
        None => quote!(::core::option::Option::None),
    };
    let exports = exports::exports(contract, from.is_some());
    quote! {
        impl #sdk::Contract for #contract {
            const NAME: &'static str = #text;
            #[cfg(not(target_arch = "wasm32"))]
            const MANIFEST_DIR: &'static str = ::core::env!("CARGO_MANIFEST_DIR");
            #[cfg(not(target_arch = "wasm32"))]
            const PACKAGE: &'static str = ::core::env!("CARGO_PKG_NAME");
            const METHODS: &'static [#sdk::Method] = &[#(#descriptions),*];
            #[allow(long_running_const_eval)]
            const ABI: &'static str = {
                const ABI: #sdk::Abi = #sdk::Abi {
                    special: &[#(#specials),*],
                    methods: &[<#contract as #sdk::Contract>::METHODS],
                    interfaces: <#contract as #sdk::Declared>::INTERFACES,
                    events: <#contract as #sdk::Declared>::EVENTS,
                    errors: &[#(#errors),*],
                };
                const JSON: [u8; ABI.length()] = ABI.json();
                #sdk::as_str(&JSON)
            };
            const LAYOUT_TEXT: &'static str = {
                const LAYOUT: #sdk::Layout = <#contract as #sdk::Storage>::LAYOUT;
                const TEXT: [u8; #sdk::layout_length(&LAYOUT)] = #sdk::layout_text(&LAYOUT);
                #sdk::as_str(&TEXT)
            };
            const REENTRANT: &'static [u8] = {
                const OWN: &[#sdk::Method] = <#contract as #sdk::Contract>::METHODS;
                const INTERFACES: &[&[#sdk::Method]] = <#contract as #sdk::Declared>::INTERFACES;
                const SELECTORS: [u8; 4 * #sdk::count_reentrant(#receive, OWN, INTERFACES)] =
                    #sdk::reentrant(#receive, OWN, INTERFACES);
                &SELECTORS
            };
            const MIGRATES_FROM: ::core::option::Option<[u8; 32]> = #migrates_from;
            #[inline]
            #[allow(unused_variables)]
            fn dispatch(
                &mut self,
                selector: u32,
                input: &mut #sdk::Decoder<'_>,
            ) -> ::core::option::Option<u32> {
                #route
            }
            #special
        }
        impl #client {
            #(#calls)*
        }
        #deploy
        #exports
    }
}

/// The methods of `Contract` that run the constructor, `#[receive]`, `#[fallback]` and
/// `#[migrate]`.
fn special(contract: &Path, list: &[Method]) -> TokenStream {
    let sdk = sdk();
    let find = |role| list.iter().find(|method| method.role == role);
    let target = quote!(#contract);
    let construct = match find(Role::Constructor) {
        Some(method) => {
            let run = router::invoke(method, &target);
            quote!(#sdk::finish(#run))
        }
        None => quote!({
            #sdk::deny_value();
            0
        }),
    };
    let receive = find(Role::Receive).map(|method| {
        let run = router::invoke(method, &target);
        quote! {
            fn on_receive(&mut self) -> ::core::option::Option<u32> {
                ::core::option::Option::Some(#sdk::finish(#run))
            }
        }
    });
    let fallback = find(Role::Fallback).map(|method| {
        let name = &method.name;
        let deny = (!method.payable).then(|| quote!(#sdk::deny_value();));
        quote! {
            fn on_fallback(&mut self, input: &[u8]) -> ::core::option::Option<u32> {
                #deny
                let input = #sdk::Bytes::from(input);
                ::core::option::Option::Some(#sdk::finish_raw(#contract::#name(self, input)))
            }
        }
    });
    let migrate = find(Role::Migrate).map(|method| {
        let run = router::invoke(method, &target);
        quote! {
            fn on_migrate(&mut self, input: &mut #sdk::Decoder<'_>) -> ::core::option::Option<u32> {
                ::core::option::Option::Some(#sdk::finish(#run))
            }
        }
    });
    quote! {
        #[allow(unused_variables)]
        fn construct(&mut self, input: &mut #sdk::Decoder<'_>) -> u32 {
            #construct
        }
        #receive
        #fallback
        #migrate
    }
}

/// `Piggy::deploy(owner)`: the constructor's arguments, for tests and for contracts that create
/// contracts.
fn deploy(contract: &Path, list: &[Method]) -> TokenStream {
    let sdk = sdk();
    let constructor = list.iter().find(|method| method.role == Role::Constructor);
    let (parameters, arguments) = match constructor.map(client::encoding) {
        Some(client::Encoding { names, accepted, head, fill }) => {
            (quote!(#(#names: #accepted),*), quote!(#sdk::encode_arguments(#head, #fill)))
        }
        None => (quote!(), quote!(#sdk::Vec::new())),
    };
    quote! {
        impl #contract {
            /// A deployment of this contract with these constructor arguments.
            #[allow(clippy::too_many_arguments)]
            pub fn deploy(#parameters) -> #sdk::Deploy<#contract> {
                #sdk::Deploy::new(#arguments)
            }
        }
    }
}
