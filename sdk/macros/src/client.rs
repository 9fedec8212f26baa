//! Typed clients.

use crate::methods::Method;
use crate::names::sdk;
use crate::router::signature;
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Ident, Type};

/// The client type. `next` is what it derefs to: the clients of the interfaces, one in the other,
/// and at last the address.
///
/// ```text
/// pub struct PiggyClient { next: OwnedClient<Address> }
/// impl PiggyClient { pub const fn at(address: Address) -> Self }
/// impl Deref, Located for PiggyClient; impl From<PiggyClient> for Address
/// ```
pub fn define(
    name: &Ident,
    visibility: &syn::Visibility,
    of: &Ident,
    next: &TokenStream,
) -> TokenStream {
    let sdk = sdk();
    let doc = format!("Calls [`{of}`] at an address, from another contract or from a test.");
    quote! {
        #[doc = #doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #visibility struct #name { next: #next }

        impl #name {
            /// The contract at `address`.
            pub fn at(address: impl ::core::convert::Into<#sdk::Address>) -> Self {
                #name { next: <#next as ::core::convert::From<#sdk::Address>>::from(address.into()) }
            }
        }
        impl ::core::ops::Deref for #name {
            type Target = #next;
            fn deref(&self) -> &#next {
                &self.next
            }
        }
        impl #sdk::Located for #name {
            fn located(&self) -> #sdk::Address {
                #sdk::Located::located(&self.next)
            }
        }
        impl ::core::convert::From<#sdk::Address> for #name {
            fn from(address: #sdk::Address) -> Self {
                #name::at(address)
            }
        }
        impl ::core::convert::From<#name> for #sdk::Address {
            fn from(client: #name) -> Self {
                #sdk::Located::located(&client)
            }
        }
        impl ::core::convert::From<&#name> for #sdk::Address {
            fn from(client: &#name) -> Self {
                #sdk::Located::located(client)
            }
        }
    }
}

/// The generic client type of an interface, which can stand before another one: see [`define`].
pub fn define_generic(name: &Ident, visibility: &syn::Visibility, of: &Ident) -> TokenStream {
    let sdk = sdk();
    let doc = format!(
        "Calls a contract that has the interface [`{of}`], from another contract or from a test."
    );
    quote! {
        #[doc = #doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #visibility struct #name<Next = #sdk::Address> { next: Next }

        impl #name {
            /// The contract at `address`.
            pub fn at(address: impl ::core::convert::Into<#sdk::Address>) -> Self {
                #name { next: address.into() }
            }
        }
        impl<Next> ::core::ops::Deref for #name<Next> {
            type Target = Next;
            fn deref(&self) -> &Next {
                &self.next
            }
        }
        impl<Next: #sdk::Located> #sdk::Located for #name<Next> {
            fn located(&self) -> #sdk::Address {
                #sdk::Located::located(&self.next)
            }
        }
        impl<Next: ::core::convert::From<#sdk::Address>> ::core::convert::From<#sdk::Address> for #name<Next> {
            fn from(address: #sdk::Address) -> Self {
                #name { next: Next::from(address) }
            }
        }
        impl<Next: #sdk::Located> ::core::convert::From<#name<Next>> for #sdk::Address {
            fn from(client: #name<Next>) -> Self {
                #sdk::Located::located(&client)
            }
        }
        impl<Next: #sdk::Located> ::core::convert::From<&#name<Next>> for #sdk::Address {
            fn from(client: &#name<Next>) -> Self {
                #sdk::Located::located(client)
            }
        }
    }
}

/// A client's method:
///
/// ```text
/// pub fn transfer(&self, to: impl Into<Address>, amount: impl Into<U256>) -> Call<bool> {
///     let to: Address = to.into();
///     ..
///     Call::new(self.located(), encode_call(selector("transfer(..)"), 32 + 32, |encoder| { to.encode(encoder); .. }), false)
/// }
/// ```
pub fn method(method: &Method) -> TokenStream {
    let sdk = sdk();
    let Method { docs, name, output, view, .. } = method;
    let kinds: Vec<_> = method.arguments.iter().map(|a| &a.kind).collect();
    let signature = signature(&method.external, &kinds);
    let Encoding { names, accepted, head, fill } = encoding(method);
    quote! {
        #(#docs)*
        #[allow(missing_docs, clippy::too_many_arguments)]
        pub fn #name(&self #(, #names: #accepted)*) -> #sdk::Call<<#output as #sdk::Output>::Value> {
            const SELECTOR: u32 = #sdk::selector(#signature);
            #sdk::Call::new(
                #sdk::Located::located(self),
                #sdk::encode_call(SELECTOR, #head, #fill),
                #view,
            )
        }
    }
}

/// What a function needs that encodes arguments.
pub struct Encoding<'a> {
    /// Names of the arguments.
    pub names: Vec<&'a Ident>,
    /// Types accepted for them.
    pub accepted: Vec<TokenStream>,
    /// Bytes of their heads, as an expression.
    pub head: TokenStream,
    /// A closure that writes them to an encoder.
    pub fill: TokenStream,
}

/// The encoding of a method's arguments.
pub fn encoding(method: &Method) -> Encoding<'_> {
    let sdk = sdk();
    // An argument may have any name, so ours is one that the author cannot write.
    let encoder = Ident::new("encoder", Span::mixed_site());
    let names: Vec<_> = method.arguments.iter().map(|a| &a.name).collect();
    let kinds: Vec<_> = method.arguments.iter().map(|a| &a.kind).collect();
    let values = names.iter().zip(&kinds).map(|(name, kind)| {
        if is_plain(kind) {
            quote!(#name)
        } else {
            quote!(<_ as ::core::convert::Into<#kind>>::into(#name))
        }
    });
    Encoding {
        accepted: kinds.iter().map(|kind| accepted(kind)).collect(),
        head: quote!(0 #(+ <#kinds as #sdk::AbiType>::HEAD)*),
        fill: quote!(|#encoder| {
            let _ = &#encoder;
            #(<#kinds as #sdk::AbiType>::encode(&#values, #encoder);)*
        }),
        names,
    }
}

/// What a client takes for an argument: for Rust's own numbers themselves, so that literals work;
/// else whatever converts.
fn accepted(kind: &Type) -> TokenStream {
    if is_plain(kind) { quote!(#kind) } else { quote!(impl ::core::convert::Into<#kind>) }
}

fn is_plain(kind: &Type) -> bool {
    const PLAIN: [&str; 11] =
        ["bool", "u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128"];
    matches!(kind, Type::Path(path) if PLAIN.iter().any(|name| path.path.is_ident(name)))
}
