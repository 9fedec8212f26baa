//! `#[derive(Eip712)]`.

use crate::names::{Mistakes, camel_case, sdk};
use crate::object::fields;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput};

/// Makes a struct a typed message:
///
/// ```text
/// impl Eip712 for Permit {
///     const TYPE: &str = "Permit(address owner,..)";
///     fn encode_data(&self, out: &mut Vec<u8>) { .. self.owner.write_topic(to); .. }
/// }
/// ```
pub fn expand(item: &DeriveInput) -> syn::Result<TokenStream> {
    let sdk = sdk();
    let mut mistakes = Mistakes::default();
    let name = &item.ident;
    let Data::Struct(object) = &item.data else {
        return Err(syn::Error::new_spanned(name, "a typed message is a struct with named fields"));
    };
    if !item.generics.params.is_empty() {
        mistakes.at(&item.generics, "a typed message has one type, so it cannot be generic");
    }
    let list = fields(&object.fields, name, &mut mistakes);
    mistakes.finish()?;
    let open = format!("{name}(");
    let parts = list.iter().enumerate().map(|(index, (field, kind))| {
        let comma = if index == 0 { "" } else { "," };
        let label = format!(" {}", camel_case(field));
        quote!(#comma, <#kind as #sdk::AbiType>::NAME, #label)
    });
    let count = list.len();
    let names = list.iter().map(|(name, _)| name);
    let kinds = list.iter().map(|(_, kind)| kind);
    Ok(quote! {
        impl #sdk::Eip712 for #name {
            const TYPE: &'static str = #sdk::text!(#open, #(#parts,)* ")");
            fn encode_data(&self, out: &mut #sdk::Vec<u8>) {
                #sdk::Encoder::frame(out, 32 * #count, |to| {
                    let _ = &to;
                    #(<#kinds as #sdk::Indexed>::write_topic(&self.#names, to);)*
                });
            }
        }
    })
}
