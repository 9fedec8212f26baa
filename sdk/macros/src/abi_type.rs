//! `#[derive(AbiType)]`.

use crate::names::{Mistakes, camel_case, sdk};
use crate::object::fields;
use crate::router::{parameters, signature};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DataEnum, DeriveInput, Ident};

/// Makes a struct a tuple, or a fieldless enum a `uint8`; see [`tuple`] and [`number`].
pub fn expand(item: &DeriveInput) -> syn::Result<TokenStream> {
    if !item.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(
            &item.generics,
            "a type that crosses the ABI has one Solidity type, so it cannot be generic",
        ));
    }
    match &item.data {
        Data::Struct(object) => tuple(&item.ident, &object.fields),
        Data::Enum(choice) => number(&item.ident, choice),
        Data::Union(_) => {
            Err(syn::Error::new_spanned(&item.ident, "use a struct or a fieldless enum"))
        }
    }
}

/// ```text
/// impl AbiType for Order {
///     const NAME: &str = "(address,uint256)"; const KIND: &str = "tuple"; const COMPONENTS: &str = "{..},{..}"; ..
///     fn encode(&self, to) { if DYNAMIC { to.tail(..) } else { .. } }
///     fn decode(from) -> Result<Self, Malformed> { .. }
/// }
/// ```
fn tuple(name: &Ident, list: &syn::Fields) -> syn::Result<TokenStream> {
    let sdk = sdk();
    let mut mistakes = Mistakes::default();
    let list = fields(list, name, &mut mistakes);
    if list.is_empty() {
        mistakes.at(name, "a Solidity struct has at least one named field");
    }
    mistakes.finish()?;
    let names: Vec<_> = list.iter().map(|(name, _)| name).collect();
    let kinds: Vec<_> = list.iter().map(|(_, kind)| kind).collect();
    let signature = signature("", &kinds);
    let components = parameters(list.iter().map(|(name, kind)| (camel_case(name), kind, "")));
    let body = quote!(0 #(+ <#kinds as #sdk::AbiType>::HEAD)*);
    Ok(quote! {
        impl #sdk::AbiType for #name {
            const NAME: &'static str = #signature;
            const KIND: &'static str = "tuple";
            const COMPONENTS: &'static str = #sdk::text!(#components);
            const DYNAMIC: bool = false #(|| <#kinds as #sdk::AbiType>::DYNAMIC)*;
            const HEAD: usize = if <Self as #sdk::AbiType>::DYNAMIC { 32 } else { #body };
            fn encode(&self, to: &mut #sdk::Encoder<'_>) {
                let fill = |to: &mut #sdk::Encoder<'_>| {
                    #(<#kinds as #sdk::AbiType>::encode(&self.#names, to);)*
                };
                if <Self as #sdk::AbiType>::DYNAMIC { to.tail(#body, fill) } else { fill(to) }
            }
            fn decode(
                from: &mut #sdk::Decoder<'_>,
            ) -> ::core::result::Result<Self, #sdk::Malformed> {
                let mut tail;
                let from = if <Self as #sdk::AbiType>::DYNAMIC {
                    tail = from.tail(#body)?;
                    &mut tail
                } else {
                    from
                };
                ::core::result::Result::Ok(#name {
                    #(#names: <#kinds as #sdk::AbiType>::decode(from)?,)*
                })
            }
        }
    })
}

/// ```text
/// impl Word for Stage { fn to_word(&self) -> [u8; 32] { .. } fn from_word(word) -> Result<Self, Malformed> { .. } }
/// word_type!([] Stage, "uint8");
/// ```
fn number(name: &Ident, choice: &DataEnum) -> syn::Result<TokenStream> {
    let sdk = sdk();
    let mut mistakes = Mistakes::default();
    for variant in &choice.variants {
        if !variant.fields.is_empty() {
            mistakes.at(
                variant,
                "an enum crosses the ABI as uint8, so its variants have no fields: use a struct",
            );
        }
        if let Some((_, discriminant)) = &variant.discriminant {
            mistakes.at(discriminant, "variants count from 0, as Solidity's do: remove the number");
        }
    }
    if choice.variants.is_empty() || choice.variants.len() > 256 {
        mistakes.at(name, "an enum that crosses the ABI has 1 to 256 variants");
    }
    mistakes.finish()?;
    let variants: Vec<_> = choice.variants.iter().map(|variant| &variant.ident).collect();
    let numbers: Vec<_> = (0..variants.len()).map(|number| number as u8).collect();
    Ok(quote! {
        impl #sdk::Word for #name {
            fn to_word(&self) -> [u8; 32] {
                <u8 as #sdk::Word>::to_word(&match self { #(Self::#variants => #numbers,)* })
            }
            fn from_word(word: &[u8; 32]) -> ::core::result::Result<Self, #sdk::Malformed> {
                match <u8 as #sdk::Word>::from_word(word)? {
                    #(#numbers => ::core::result::Result::Ok(Self::#variants),)*
                    #[allow(unreachable_patterns)]
                    _ => ::core::result::Result::Err(#sdk::Malformed),
                }
            }
        }
        #sdk::word_type!([] #name, "uint8");
    })
}
