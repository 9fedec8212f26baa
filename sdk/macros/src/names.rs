//! Names: Rust's to Solidity's, and the SDK's own path.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use std::path::Path;
use std::sync::OnceLock;
use syn::{Ident, ext::IdentExt};

/// The path of what generated code may name.
pub fn sdk() -> TokenStream {
    let name = Ident::new(sdk_crate(), Span::call_site());
    quote!(::#name::__private)
}

/// The name under which the crate being compiled knows the SDK, for it may have renamed the
/// dependency.
fn sdk_crate() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        std::env::var_os("CARGO_MANIFEST_DIR")
            .and_then(|folder| std::fs::read_to_string(Path::new(&folder).join("Cargo.toml")).ok())
            .and_then(|manifest| renamed(&manifest))
            .unwrap_or_else(|| "florin_sdk".to_string())
    })
}

/// The dependency in a manifest that says `package = "florin-sdk"`: a table of its own, or an
/// inline one.
fn renamed(manifest: &str) -> Option<String> {
    let mut section = "";
    for line in manifest.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').rsplit('.').next()?;
        }
        if line.replace(' ', "").contains(r#"package="florin-sdk""#) {
            let name = line.split_once('=')?.0.trim();
            let name = if name == "package" { section } else { name };
            return Some(name.trim_matches('"').replace('-', "_"));
        }
    }
    None
}

/// `balance_of` as `balanceOf`; leading underscores, which in Rust mark what is unused, are
/// dropped.
pub fn camel_case(name: &Ident) -> String {
    let name = name.unraw().to_string();
    let mut words = name.split('_').filter(|word| !word.is_empty());
    let mut out = words.next().unwrap_or_default().to_string();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        out.push_str(letters.as_str());
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

    /// How often a mistake was noted.
    pub fn count(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// The generated code, together with the mistakes: what was right still exists, so that one
    /// mistake does not cause others elsewhere.
    pub fn with(self, generated: TokenStream) -> TokenStream {
        let errors = self.0.map(syn::Error::into_compile_error);
        quote!(#generated #errors)
    }

    /// All mistakes, if there were any.
    pub fn finish(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_soliditys() {
        for (rust, solidity) in [
            ("balance_of", "balanceOf"),
            ("transfer", "transfer"),
            ("_unused_name", "unusedName"),
            ("eip712_domain", "eip712Domain"),
            ("r#type", "type"),
            ("grüße_über_ß", "grüßeÜberSS"),
        ] {
            assert_eq!(camel_case(&syn::parse_str(rust).unwrap()), solidity);
        }
    }

    #[test]
    fn a_renamed_dependency_is_found() {
        for (manifest, name) in [
            ("[dependencies]\nflorin-sdk = \"1\"", None),
            ("[dependencies]\npay = { version = \"1\", package = \"florin-sdk\" }", Some("pay")),
            ("[dependencies]\n# old = { package = \"florin-sdk\" }\nflorin-sdk = \"1\"", None),
            ("[dependencies.my-pay]\npath = \"..\"\npackage=\"florin-sdk\"", Some("my_pay")),
        ] {
            assert_eq!(renamed(manifest).as_deref(), name, "{manifest}");
        }
    }
}
