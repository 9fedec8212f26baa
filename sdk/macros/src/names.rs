//! Names: Rust's to Solidity's, and the SDK's own path.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Ident, ext::IdentExt};

/// The path of what generated code may name.
pub fn sdk() -> TokenStream {
    quote!(::florin_sdk::__private)
}

/// `balance_of` as `balanceOf`; leading underscores, which in Rust mark what is unused, are dropped.
pub fn camel_case(name: &Ident) -> String {
    let name = name.unraw().to_string();
    let mut words = name.split('_').filter(|word| !word.is_empty());
    let mut out = words.next().unwrap_or_default().to_string();
    for word in words {
        let (first, rest) = word.split_at(1);
        out.push_str(&first.to_uppercase());
        out.push_str(rest);
    }
    out
}

/// The name of the client of a contract or an interface.
pub fn client(name: &Ident) -> Ident {
    format_ident!("{}Client", name, span = name.span())
}

/// A path with its last name made that of its client.
pub fn client_path(path: &syn::Path) -> syn::Path {
    let mut path = path.clone();
    if let Some(last) = path.segments.last_mut() {
        last.ident = client(&last.ident);
    }
    path
}

/// Collects mistakes, to report all of them at once.
#[derive(Default)]
pub struct Mistakes(Option<syn::Error>);

impl Mistakes {
    /// Notes a mistake at `tokens`, with what to write instead.
    pub fn at(&mut self, tokens: impl quote::ToTokens, message: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(tokens, message));
    }

    /// Notes a mistake.
    pub fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            none => *none = Some(error),
        }
    }

    /// The value of `result`, or its mistake noted.
    pub fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// All mistakes, if there were any.
    pub fn finish(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
