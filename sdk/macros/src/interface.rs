//! `#[interface]`: a trait whose methods are exported by the contracts that list it.

use crate::contract::Arguments;
use crate::methods::parse;
use crate::names::{Mistakes, client, sdk};
use crate::{client, router};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{ItemTrait, Token, TraitItem, parse_quote, parse_quote_spanned};

/// `#[interface(events(Transfer))] trait Erc20 { .. }`:
///
/// ```text
/// trait Erc20: Lists<Erc20Client> {
///     ..
///     const __METHODS: &'static [Method] = &[..];
///     const __EVENTS: &'static [&'static str] = &[<Transfer as Event>::JSON];
///     fn __route(&mut self, selector: u32, input: &mut Decoder<'_>) -> Option<u32> { .. }
/// }
/// pub struct Erc20Client<Next = Address> { next: Next }
/// impl<Next: Located> Erc20Client<Next> { pub fn transfer(&self, ..) -> Call<bool> .. }
/// ```
pub fn expand(arguments: TokenStream, definition: &mut ItemTrait) -> TokenStream {
    let sdk = sdk();
    let mut mistakes = Mistakes::default();
    let arguments = mistakes.take(syn::parse2::<Arguments>(arguments)).unwrap_or_default();
    for interface in &arguments.interfaces {
        mistakes
            .at(interface, "an interface lists its events only: `#[interface(events(Transfer))]`");
    }
    if !definition.generics.params.is_empty() {
        mistakes.at(
            &definition.generics,
            "an interface has one set of selectors, so it cannot be generic",
        );
        return mistakes.with(TokenStream::new());
    }
    let mut list = Vec::new();
    for item in &mut definition.items {
        if let TraitItem::Fn(function) = item {
            list.extend(parse(&mut function.attrs, &function.sig, true, &mut mistakes));
        }
    }
    for method in &list {
        if method.name == "at" {
            mistakes.at(&method.name, "`at` is taken by the generated client: choose another name");
        }
    }

    let name = &definition.ident;
    let message = format!("`{{Self}}` lists the interface `{name}` and does not implement it");
    let note = format!(
        "write `impl {name} for {{Self}} {{{{ .. }}}}`, with the methods that have no default"
    );
    definition.attrs.push(parse_quote! {
        #[diagnostic::on_unimplemented(message = #message, label = "not implemented", note = #note)]
    });
    let methods: Vec<_> = list.iter().collect();
    let descriptions: Vec<_> = list.iter().map(|method| router::describe(name, method)).collect();
    let route = router::route(&methods, &quote!(Self));
    let events = &arguments.events;
    definition.items.push(parse_quote! {
        #[doc(hidden)]
        const __METHODS: &'static [#sdk::Method] = &[#(#descriptions),*];
    });
    definition.items.push(parse_quote! {
        #[doc(hidden)]
        const __EVENTS: &'static [&'static str] = &[#(<#events as #sdk::Event>::JSON),*];
    });
    definition.items.push(parse_quote! {
        #[doc(hidden)]
        #[inline]
        #[allow(unused_variables)]
        fn __route(
            &mut self,
            selector: u32,
            input: &mut #sdk::Decoder<'_>,
        ) -> ::core::option::Option<u32> {
            #route
        }
    });
    let client = client(name);
    // On the author's own text, or the compiler would show the whole trait for it.
    definition.colon_token.get_or_insert(Token![:](name.span()));
    definition.supertraits.push(parse_quote_spanned!(name.span()=> #sdk::Lists<#client>));
    let define = client::define_generic(&client, &definition.vis, name);
    let calls = list.iter().map(client::method);
    mistakes.with(quote! {
        #define
        impl<Next: #sdk::Located> #client<Next> {
            #(#calls)*
        }
    })
}
