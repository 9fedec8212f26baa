//! `#[derive(StorageValue)]`.

use crate::names::sdk;
use crate::object::members;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, Ident};

/// Makes a struct or an enum a stored value: the fields one after the other; for an enum, the
/// variant's index in one byte before them.
///
/// ```text
/// impl StorageValue for Order {
///     const SCHEMA: &str = "Order{who:Address,amount:U256}"; const SIZE: Option<usize> = ..;
///     fn write(&self, out) { .. } fn read(from) -> Option<Self> { .. }
/// }
/// ```
pub fn expand(item: &DeriveInput) -> syn::Result<TokenStream> {
    if !item.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(
            &item.generics,
            "a stored type has one layout, so it cannot be generic",
        ));
    }
    let name = &item.ident;
    match &item.data {
        Data::Struct(object) => Ok(structure(name, &object.fields)),
        Data::Enum(choice) if choice.variants.len() <= 256 && !choice.variants.is_empty() => {
            Ok(choices(name, choice))
        }
        _ => Err(syn::Error::new_spanned(name, "store a struct, or an enum of 1 to 256 variants")),
    }
}

/// The pieces of a schema's text: `Name{field:Type,..}`.
fn schema(name: &Ident, fields: &Fields) -> TokenStream {
    let sdk = sdk();
    let open = format!("{name}{{");
    let parts = fields.iter().enumerate().map(|(index, field)| {
        let label = field.ident.as_ref().map_or_else(|| index.to_string(), Ident::to_string);
        let comma = if index == 0 { "" } else { "," };
        let label = format!("{comma}{label}:");
        let kind = &field.ty;
        quote!(#label, <#kind as #sdk::StorageValue>::SCHEMA)
    });
    if fields.is_empty() {
        let name = name.to_string();
        return quote!(#name,);
    }
    quote!(#open, #(#parts,)* "}",)
}

/// A pattern or constructor, statements that write its fields, and expressions that read them, for
/// one of `write` and `write_last`.
fn body(
    path: &TokenStream,
    fields: &Fields,
    last: bool,
) -> (TokenStream, TokenStream, TokenStream) {
    let sdk = sdk();
    let members = members(fields);
    let places: Vec<_> = members.iter().map(|(member, ..)| member).collect();
    let names: Vec<_> = members.iter().map(|(_, name, _)| name).collect();
    let kinds: Vec<_> = members.iter().map(|(.., kind)| kind).collect();
    let is_last = |index: usize| last && index + 1 == members.len();
    let writes = (0..members.len())
        .map(|index| if is_last(index) { quote!(write_last) } else { quote!(write) });
    let reads = (0..members.len())
        .map(|index| if is_last(index) { quote!(read_last) } else { quote!(read) });
    (
        quote!(#path { #(#places: #names),* }),
        quote!(#(<#kinds as #sdk::StorageValue>::#writes(#names, out);)*),
        quote!(#path { #(#places: <#kinds as #sdk::StorageValue>::#reads(from)?),* }),
    )
}

fn structure(name: &Ident, fields: &Fields) -> TokenStream {
    let sdk = sdk();
    let schema = schema(name, fields);
    let kinds = fields.iter().map(|field| &field.ty);
    let (pattern, write, read) = body(&quote!(#name), fields, false);
    let (_, write_last, read_last) = body(&quote!(#name), fields, true);
    quote! {
        impl #sdk::StorageValue for #name {
            const SCHEMA: &'static str = #sdk::text!(#schema);
            const SIZE: ::core::option::Option<usize> = {
                let size = ::core::option::Option::Some(0);
                #(let size = #sdk::add_sizes(size, <#kinds as #sdk::StorageValue>::SIZE);)*
                size
            };
            fn write(&self, out: &mut #sdk::Vec<u8>) {
                let _ = &out;
                let #pattern = self;
                #write
            }
            fn read(from: &mut &[u8]) -> ::core::option::Option<Self> {
                let _ = &from;
                ::core::option::Option::Some(#read)
            }
            fn write_last(&self, out: &mut #sdk::Vec<u8>) {
                let _ = &out;
                let #pattern = self;
                #write_last
            }
            fn read_last(from: &mut &[u8]) -> ::core::option::Option<Self> {
                let _ = &from;
                ::core::option::Option::Some(#read_last)
            }
        }
    }
}

fn choices(name: &Ident, choice: &syn::DataEnum) -> TokenStream {
    let sdk = sdk();
    let open = format!("{name}[");
    let schemas = choice.variants.iter().enumerate().map(|(index, variant)| {
        let comma = if index == 0 { "" } else { "," };
        let schema = schema(&variant.ident, &variant.fields);
        quote!(#comma, #schema)
    });
    let fieldless = choice.variants.iter().all(|variant| variant.fields.is_empty());
    let size = if fieldless {
        quote!(::core::option::Option::Some(1))
    } else {
        quote!(::core::option::Option::None)
    };
    let arms = |last: bool| -> (Vec<TokenStream>, Vec<TokenStream>) {
        choice
            .variants
            .iter()
            .enumerate()
            .map(|(index, variant)| {
                let index = index as u8;
                let ident = &variant.ident;
                let (pattern, write, read) = body(&quote!(Self::#ident), &variant.fields, last);
                (
                    quote!(#pattern => { <u8 as #sdk::StorageValue>::write(&#index, out); #write }),
                    quote!(#index => #read,),
                )
            })
            .unzip()
    };
    let (write, read) = arms(false);
    let (write_last, read_last) = arms(true);
    quote! {
        impl #sdk::StorageValue for #name {
            const SCHEMA: &'static str = #sdk::text!(#open, #(#schemas)* "]");
            const SIZE: ::core::option::Option<usize> = #size;
            fn write(&self, out: &mut #sdk::Vec<u8>) {
                match self { #(#write)* }
            }
            fn read(from: &mut &[u8]) -> ::core::option::Option<Self> {
                ::core::option::Option::Some(match <u8 as #sdk::StorageValue>::read(from)? {
                    #(#read)*
                    #[allow(unreachable_patterns)]
                    _ => return ::core::option::Option::None,
                })
            }
            fn write_last(&self, out: &mut #sdk::Vec<u8>) {
                match self { #(#write_last)* }
            }
            fn read_last(from: &mut &[u8]) -> ::core::option::Option<Self> {
                ::core::option::Option::Some(match <u8 as #sdk::StorageValue>::read(from)? {
                    #(#read_last)*
                    #[allow(unreachable_patterns)]
                    _ => return ::core::option::Option::None,
                })
            }
        }
    }
}
