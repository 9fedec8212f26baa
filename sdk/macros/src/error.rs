//! `#[derive(Error)]`.

use crate::names::{Mistakes, camel_case, sdk};
use crate::object::members;
use crate::router::{parameters, signature};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, Ident};

/// One error: a variant, or the whole struct.
struct Case<'a> {
    name: &'a Ident,
    fields: &'a Fields,
    path: TokenStream,
    transparent: bool,
}

/// Makes an enum (or a struct) a set of errors:
///
/// ```text
/// impl Error for PiggyError {
///     const LIST: ErrorList = ErrorList { own: &["{..}", ..], nested: &[&<Erc20Error as Error>::LIST] };
///     fn encode(&self) -> Vec<u8> { match self { PiggyError::TooEarly {} => encode_call(SELECTOR, 0, ..), .. } }
///     fn decode(data: &[u8]) -> Option<Self> { .. }
/// }
/// impl From<Erc20Error> for PiggyError { .. }      // for each transparent variant
/// ```
pub fn expand(item: &DeriveInput) -> syn::Result<TokenStream> {
    let sdk = sdk();
    let mut mistakes = Mistakes::default();
    if !item.generics.params.is_empty() {
        mistakes.at(&item.generics, "an error has one signature, so it cannot be generic");
    }
    let name = &item.ident;
    let cases = cases(item, &mut mistakes)?;
    let (nested, own): (Vec<_>, Vec<_>) = cases.iter().partition(|case| case.transparent);
    for case in &nested {
        if !matches!(case.fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1) {
            mistakes
                .at(case.name, "a transparent variant wraps one error type: `Token(Erc20Error)`");
        }
    }
    mistakes.finish()?;

    let inner: Vec<_> =
        nested.iter().filter_map(|c| c.fields.iter().next().map(|f| &f.ty)).collect();
    let wraps: Vec<_> = nested.iter().map(|case| &case.path).collect();
    let json = own.iter().map(|case| json(case));
    let encode = own.iter().map(|case| encode(case));
    let decode = own.iter().map(|case| decode(case));
    Ok(quote! {
        impl #sdk::Error for #name {
            const LIST: #sdk::ErrorList = #sdk::ErrorList {
                own: &[#(#json),*],
                nested: &[#(&<#inner as #sdk::Error>::LIST),*],
            };
            fn encode(&self) -> #sdk::Vec<u8> {
                match self {
                    #(#encode)*
                    #(#wraps(inner) => <#inner as #sdk::Error>::encode(inner),)*
                }
            }
            fn decode(data: &[u8]) -> ::core::option::Option<Self> {
                #(#decode)*
                #(
                    if let ::core::option::Option::Some(inner) = <#inner as #sdk::Error>::decode(data) {
                        return ::core::option::Option::Some(#wraps(inner));
                    }
                )*
                ::core::option::Option::None
            }
        }
        #(
            impl ::core::convert::From<#inner> for #name {
                fn from(inner: #inner) -> Self {
                    #wraps(inner)
                }
            }
        )*
    })
}

fn cases<'a>(item: &'a DeriveInput, mistakes: &mut Mistakes) -> syn::Result<Vec<Case<'a>>> {
    let name = &item.ident;
    match &item.data {
        Data::Struct(object) => {
            Ok(vec![Case { name, fields: &object.fields, path: quote!(#name), transparent: false }])
        }
        Data::Enum(choice) => Ok(choice
            .variants
            .iter()
            .map(|variant| {
                let ident = &variant.ident;
                let mut transparent = false;
                for attribute in variant.attrs.iter().filter(|a| a.path().is_ident("error")) {
                    match attribute.parse_args::<Ident>() {
                        Ok(word) if word == "transparent" => transparent = true,
                        _ => mistakes.at(
                            attribute,
                            "the error's text is its Solidity signature: write a plain variant, or \
                             #[error(transparent)] to wrap another error type",
                        ),
                    }
                }
                let path = quote!(Self::#ident);
                Case { name: ident, fields: &variant.fields, path, transparent }
            })
            .collect()),
        Data::Union(_) => {
            Err(syn::Error::new_spanned(name, "an error type is an enum, one variant per error"))
        }
    }
}

/// `SIGNATURE` of a case.
fn case_signature(case: &Case<'_>) -> TokenStream {
    let kinds: Vec<_> = case.fields.iter().map(|field| &field.ty).collect();
    signature(&case.name.to_string(), &kinds)
}

fn json(case: &Case<'_>) -> TokenStream {
    let sdk = sdk();
    let inputs =
        parameters(case.fields.iter().map(|field| {
            (field.ident.as_ref().map(camel_case).unwrap_or_default(), &field.ty, "")
        }));
    let open = format!(r#"{{"type":"error","name":"{}","inputs":["#, case.name);
    quote!(#sdk::text!(#open, #inputs "]}"))
}

fn encode(case: &Case<'_>) -> TokenStream {
    let sdk = sdk();
    let path = &case.path;
    let signature = case_signature(case);
    let members = members(case.fields);
    let places: Vec<_> = members.iter().map(|(member, ..)| member).collect();
    let names: Vec<_> = members.iter().map(|(_, name, _)| name).collect();
    let kinds: Vec<_> = members.iter().map(|(.., kind)| kind).collect();
    quote! {
        #path { #(#places: #names),* } => {
            const SELECTOR: u32 = #sdk::selector(#signature);
            #sdk::encode_call(SELECTOR, 0 #(+ <#kinds as #sdk::AbiType>::HEAD)*, |to| {
                let _ = &to;
                #(<#kinds as #sdk::AbiType>::encode(#names, to);)*
            })
        }
    }
}

fn decode(case: &Case<'_>) -> TokenStream {
    let sdk = sdk();
    let path = &case.path;
    let signature = case_signature(case);
    let members = members(case.fields);
    let places = members.iter().map(|(member, ..)| member);
    let kinds = members.iter().map(|(.., kind)| kind);
    quote! {{
        const SELECTOR: [u8; 4] = #sdk::selector(#signature).to_be_bytes();
        if let ::core::option::Option::Some(data) = data.strip_prefix(&SELECTOR) {
            let budget = #sdk::Decoder::budget(data);
            let mut from = #sdk::Decoder::new(data, &budget);
            let _ = &mut from;
            return ::core::option::Option::Some(#path {
                #(#places: <#kinds as #sdk::AbiType>::decode(&mut from).ok()?),*
            });
        }
    }}
}
