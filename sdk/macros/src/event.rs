//! `#[derive(Event)]`.

use crate::names::{Mistakes, camel_case, sdk};
use crate::router::{parameters, signature};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Field, Fields};

/// Makes a struct an event:
///
/// ```text
/// impl Event for Saved {
///     const SIGNATURE: &str = "Saved(address,uint256)"; const TOPIC: [u8; 32] = ..; const TOPICS: usize = 2; ..
///     fn write(&self, out) { .. }        // a frame of the topics, a frame of the data
///     fn read(topics, data) -> Option<Self> { .. }
/// }
/// ```
pub fn expand(item: &DeriveInput) -> syn::Result<TokenStream> {
    let sdk = sdk();
    let mut mistakes = Mistakes::default();
    let Data::Struct(object) = &item.data else {
        return Err(syn::Error::new_spanned(
            &item.ident,
            "an event is a struct with one named field per parameter; write one struct per event",
        ));
    };
    if let Fields::Unnamed(fields) = &object.fields {
        mistakes.at(fields, "name the fields: their names are the event's parameters");
    }
    if !item.generics.params.is_empty() {
        mistakes.at(&item.generics, "an event has one signature, so it cannot be generic");
    }
    let fields: Vec<_> = object.fields.iter().collect();
    let (indexed, plain): (Vec<&Field>, Vec<&Field>) = fields.iter().partition(|f| is_indexed(f));
    if let Some(fourth) = indexed.get(3) {
        mistakes.at(fourth, "a log has room for three indexed fields: remove an #[indexed]");
    }
    mistakes.finish()?;

    let name = &item.ident;
    let kinds: Vec<_> = fields.iter().map(|field| &field.ty).collect();
    let signature = signature(&name.to_string(), &kinds);
    let inputs = parameters(fields.iter().filter_map(|field| {
        let extra = if is_indexed(field) { r#""indexed":true,"# } else { r#""indexed":false,"# };
        Some((camel_case(field.ident.as_ref()?), &field.ty, extra))
    }));
    let open = format!(r#"{{"type":"event","name":"{name}","inputs":["#);
    let indexed_names: Vec<_> = indexed.iter().map(|field| &field.ident).collect();
    let indexed_kinds: Vec<_> = indexed.iter().map(|field| &field.ty).collect();
    let indices = 1..=indexed.len();
    let count = indexed.len() + 1;
    let plain_names: Vec<_> = plain.iter().map(|field| &field.ident).collect();
    let plain_kinds: Vec<_> = plain.iter().map(|field| &field.ty).collect();
    Ok(quote! {
        impl #sdk::Event for #name {
            const SIGNATURE: &'static str = #signature;
            const TOPIC: [u8; 32] = #sdk::topic(<Self as #sdk::Event>::SIGNATURE);
            const JSON: &'static str =
                #sdk::text!(#open, #inputs r#"],"anonymous":false}"#);
            const TOPICS: usize = #count;
            fn write(&self, out: &mut #sdk::Vec<u8>) {
                #sdk::Encoder::frame(out, 32 * #count, |to| {
                    to.word(const { &<Self as #sdk::Event>::TOPIC });
                    #(<#indexed_kinds as #sdk::Indexed>::write_topic(&self.#indexed_names, to);)*
                });
                #sdk::Encoder::frame(out, 0 #(+ <#plain_kinds as #sdk::AbiType>::HEAD)*, |to| {
                    let _ = &to;
                    #(<#plain_kinds as #sdk::AbiType>::encode(&self.#plain_names, to);)*
                });
            }
            fn read(topics: &[[u8; 32]], data: &[u8]) -> ::core::option::Option<Self> {
                if topics.len() != #count || topics[0] != <Self as #sdk::Event>::TOPIC {
                    return ::core::option::Option::None;
                }
                let budget = #sdk::Decoder::budget(data);
                let mut from = #sdk::Decoder::new(data, &budget);
                let _ = &mut from;
                ::core::option::Option::Some(#name {
                    #(#indexed_names:
                        <#indexed_kinds as #sdk::Indexed>::from_topic(&topics[#indices])?,)*
                    #(#plain_names: <#plain_kinds as #sdk::AbiType>::decode(&mut from).ok()?,)*
                })
            }
        }
    })
}

fn is_indexed(field: &Field) -> bool {
    field.attrs.iter().any(|attribute| attribute.path().is_ident("indexed"))
}
