//! `#[storage]`: a group of handles.

use crate::names::{Mistakes, sdk};
use crate::object::fields;
use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemStruct;

/// See [`implement`].
pub fn expand(arguments: TokenStream, object: &mut ItemStruct) -> TokenStream {
    let mut mistakes = Mistakes::default();
    if !arguments.is_empty() {
        mistakes.at(&arguments, "#[storage] takes no arguments");
    }
    let generated = implement(object, &mut mistakes);
    if object.fields.is_empty() {
        mistakes.at(
            &object.ident,
            "a group needs a field: an empty one is not in the storage layout, so nobody would notice that it comes or \
             goes, and with it the places of the fields that follow",
        );
    }
    mistakes.with(generated)
}

/// Makes a struct of handles a part of storage:
///
/// ```text
/// impl Storage for Erc20State {
///     const LAYOUT: Layout = Layout::Group(&[Field { name: "balances", layout: <Map<..> as Storage>::LAYOUT }, ..]);
///     fn at(place: Place) -> Self { Erc20State { balances: Storage::at(place.field(0)), .. } }
/// }
/// ```
pub fn implement(object: &ItemStruct, mistakes: &mut Mistakes) -> TokenStream {
    let sdk = sdk();
    if !object.generics.params.is_empty() {
        mistakes.at(&object.generics, "a struct of storage handles cannot be generic");
    }
    let fields = fields(&object.fields, &object.ident, mistakes);
    if fields.len() > 256 {
        mistakes.at(&object.ident, "at most 256 fields: group some in a #[storage] struct");
    }
    if mistakes.count() > 0 {
        return TokenStream::new();
    }
    let name = &object.ident;
    let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
    let kinds: Vec<_> = fields.iter().map(|(_, kind)| kind).collect();
    let texts = names.iter().map(|name| name.to_string());
    let indices = (0..fields.len()).map(|index| index as u8);
    quote! {
        impl #sdk::Storage for #name {
            const LAYOUT: #sdk::Layout = #sdk::Layout::Group(&[#(
                #sdk::Field { name: #texts, layout: <#kinds as #sdk::Storage>::LAYOUT }
            ),*]);
            #[inline]
            #[allow(unused_variables)]
            fn at(place: #sdk::Place) -> Self {
                #name { #(#names: <#kinds as #sdk::Storage>::at(place.field(#indices)),)* }
            }
        }
    }
}
