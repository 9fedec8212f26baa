//! Fields of structs and variants.

use crate::names::Mistakes;
use quote::format_ident;
use syn::{Fields, Ident, Type};

/// The named fields of a struct.
pub fn fields(fields: &Fields, owner: &Ident, mistakes: &mut Mistakes) -> Vec<(Ident, Type)> {
    match fields {
        Fields::Named(named) => named
            .named
            .iter()
            .filter_map(|field| Some((field.ident.clone()?, field.ty.clone())))
            .collect(),
        Fields::Unit => Vec::new(),
        Fields::Unnamed(unnamed) => {
            mistakes.at(unnamed, format!("name the fields: `struct {owner} {{ name: Type, .. }}`"));
            Vec::new()
        }
    }
}

/// The fields of an enum variant, with names for those that have none, and the pattern's or
/// constructor's way to name them.
pub fn members(fields: &Fields) -> Vec<(syn::Member, Ident, Type)> {
    fields
        .iter()
        .enumerate()
        .map(|(index, field)| match &field.ident {
            Some(name) => (name.clone().into(), format_ident!("field_{name}"), field.ty.clone()),
            None => (index.into(), format_ident!("field_{index}"), field.ty.clone()),
        })
        .collect()
}
