//! Methods, as the author wrote them in a `#[contract] impl` or an `#[interface]` trait.

use crate::names::{Mistakes, camel_case};
use syn::{Attribute, FnArg, Ident, LitStr, Pat, ReturnType, Signature, Type, parse_quote};

/// What a method is to the contract.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Called by its selector.
    Exported,
    /// `#[constructor]`
    Constructor,
    /// `#[receive]`
    Receive,
    /// `#[fallback]`
    Fallback,
    /// `#[migrate]`
    Migrate,
    /// Not callable from outside.
    Internal,
}

/// A method.
pub struct Method {
    /// Its documentation.
    pub docs: Vec<Attribute>,
    /// What it is.
    pub role: Role,
    /// Its name in Rust.
    pub name: Ident,
    /// Its name in Solidity.
    pub external: String,
    /// Whether it takes `&self`.
    pub view: bool,
    /// `#[payable]`
    pub payable: bool,
    /// `#[reentrant]`
    pub reentrant: bool,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// What it returns.
    pub output: Type,
    /// `#[migrate(from = "...")]`
    pub from: Option<[u8; 32]>,
}

/// An argument of a method.
pub struct Argument {
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub kind: Type,
}

impl Method {
    /// Solidity's `stateMutability`.
    pub fn mutability(&self) -> &'static str {
        match (self.view, self.payable) {
            (true, _) => "view",
            (false, true) => "payable",
            (false, false) => "nonpayable",
        }
    }
}

/// The attributes of a method that are ours, taken off it.
#[derive(Default)]
struct Marks {
    role: Option<(Role, Attribute)>,
    payable: Option<Attribute>,
    reentrant: Option<Attribute>,
    selector: Option<(LitStr, Attribute)>,
    from: Option<[u8; 32]>,
}

impl Marks {
    /// Takes our attributes off a method.
    fn take(attributes: &mut Vec<Attribute>, mistakes: &mut Mistakes) -> Marks {
        let mut marks = Marks::default();
        attributes.retain(|attribute| {
            let role = match attribute.path().get_ident().map(Ident::to_string).as_deref() {
                Some("constructor") => Role::Constructor,
                Some("receive") => Role::Receive,
                Some("fallback") => Role::Fallback,
                Some("migrate") => {
                    marks.from = mistakes.take(migrates_from(attribute));
                    Role::Migrate
                }
                Some("internal") => Role::Internal,
                Some("payable") => {
                    marks.payable = Some(attribute.clone());
                    return false;
                }
                Some("reentrant") => {
                    marks.reentrant = Some(attribute.clone());
                    return false;
                }
                Some("selector") => {
                    let name = mistakes.take(selector_name(attribute));
                    marks.selector = name.map(|name| (name, attribute.clone()));
                    return false;
                }
                Some("view") => {
                    mistakes.at(attribute, "a method with `&self` is a view: remove #[view]");
                    return false;
                }
                _ => return true,
            };
            if marks.role.is_some() {
                mistakes.at(attribute, "a method has one role: keep one of these attributes");
            }
            marks.role = Some((role, attribute.clone()));
            false
        });
        marks
    }
}

/// The name in `#[selector(name = "...")]`.
fn selector_name(attribute: &Attribute) -> syn::Result<LitStr> {
    let mut name = None;
    attribute
        .parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                name = Some(meta.value()?.parse::<LitStr>()?);
                Ok(())
            } else {
                Err(meta.error("write #[selector(name = \"solidityName\")]"))
            }
        })
        .map_err(|error| {
            syn::Error::new(error.span(), "write #[selector(name = \"solidityName\")]")
        })?;
    let name = name.ok_or_else(|| {
        syn::Error::new_spanned(attribute, "write #[selector(name = \"solidityName\")]")
    })?;
    let text = name.value();
    let identifier = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
    if text.is_empty() || !identifier || text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(syn::Error::new(
            name.span(),
            "only the name of the Solidity function, without arguments: they follow from the Rust types",
        ));
    }
    Ok(name)
}

/// The hash in `#[migrate(from = "0x...")]`.
fn migrates_from(attribute: &Attribute) -> syn::Result<[u8; 32]> {
    let wrong = || {
        syn::Error::new_spanned(
            attribute,
            "say which storage layout it migrates from: #[migrate(from = \"0x...\")], with the layout's keccak-256; \
             the artefact of the former version has it as `layoutHash`, and a ledger names it when it refuses an upgrade",
        )
    };
    let mut from = None;
    attribute
        .parse_nested_meta(|meta| {
            from = Some(meta.value()?.parse::<LitStr>()?.value())
                .filter(|_| meta.path.is_ident("from"));
            Ok(())
        })
        .map_err(|_| wrong())?;
    let digits = from.as_deref().and_then(|text| text.strip_prefix("0x")).unwrap_or_default();
    let mut hash = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return Err(wrong());
    }
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * index..][..2], 16).map_err(|_| wrong())?;
    }
    Ok(hash)
}

/// Reads a method and takes our attributes off it. `exported` says whether it is callable without
/// further marks. `None` for a method that is not called from outside, and for one with a mistake.
pub fn parse(
    attributes: &mut Vec<Attribute>,
    signature: &Signature,
    exported: bool,
    mistakes: &mut Mistakes,
) -> Option<Method> {
    let before = mistakes.count();
    let method = read(attributes, signature, exported, mistakes)?;
    (mistakes.count() == before).then_some(method)
}

/// [`parse`], whatever the mistakes.
fn read(
    attributes: &mut Vec<Attribute>,
    signature: &Signature,
    exported: bool,
    mistakes: &mut Mistakes,
) -> Option<Method> {
    let marks = Marks::take(attributes, mistakes);
    let selector = marks.selector.as_ref().map(|(_, attribute)| attribute);
    let marked = marks.payable.as_ref().or(marks.reentrant.as_ref()).or(selector);
    let role = match &marks.role {
        Some((role, _)) => *role,
        None if exported => Role::Exported,
        None => {
            if let Some(mark) = marked {
                mistakes.at(mark, "only an exported method can have this: write `pub fn`");
            }
            return None;
        }
    };
    if role == Role::Internal {
        if let Some(mark) = marked {
            mistakes.at(mark, "an #[internal] method is not called from outside: remove this");
        }
        return None;
    }
    let view = receiver(signature, role, mistakes)?;
    if let (true, Some(mark)) = (view, &marks.payable) {
        mistakes.at(mark, "a payable method changes the contract's balance: it takes `&mut self`");
    }
    if let (Role::Receive, Some(mark)) = (role, &marks.payable) {
        mistakes.at(mark, "#[receive] is payable by nature: remove #[payable]");
    }
    if let (Role::Fallback | Role::Constructor | Role::Migrate, Some(mark)) =
        (role, &marks.reentrant)
    {
        mistakes.at(
            mark,
            "only a method with a selector and #[receive] can be #[reentrant]: remove it",
        );
    }
    if let (Some(mark), true) = (selector, role != Role::Exported) {
        mistakes.at(mark, "only a method that is called by its name has a selector: remove this");
    }
    if let (Role::Receive | Role::Fallback | Role::Constructor | Role::Migrate, true) = (role, view)
    {
        mistakes.at(&signature.inputs, "this method takes `&mut self`");
    }
    plain(signature, mistakes);
    let arguments: Vec<_> = signature
        .inputs
        .iter()
        .filter_map(|input| match input {
            FnArg::Typed(typed) => argument(typed, mistakes),
            FnArg::Receiver(_) => None,
        })
        .collect();
    if role == Role::Receive && !arguments.is_empty() {
        mistakes.at(
            &signature.inputs,
            "#[receive] runs on empty input and takes no arguments: use #[fallback]",
        );
    }
    if role == Role::Fallback && arguments.len() != 1 {
        mistakes.at(
            &signature.ident,
            "write `fn fallback(&mut self, input: Bytes) -> Bytes` (or a Result of it)",
        );
    }
    if role == Role::Constructor {
        attributes
            .push(parse_quote!(#[allow(clippy::new_ret_no_self, clippy::wrong_self_convention)]));
    }
    if arguments.len() > 6 {
        attributes.push(parse_quote!(#[allow(clippy::too_many_arguments)]));
    }
    let docs = attributes.iter().filter(|a| a.path().is_ident("doc")).cloned().collect();
    Some(Method {
        docs,
        role,
        external: marks
            .selector
            .map_or_else(|| camel_case(&signature.ident), |(name, _)| name.value()),
        name: signature.ident.clone(),
        view,
        payable: marks.payable.is_some() || role == Role::Receive,
        reentrant: marks.reentrant.is_some(),
        arguments,
        output: output(&signature.output, mistakes),
        from: marks.from,
    })
}

/// Whether the method takes `&self`.
fn receiver(signature: &Signature, role: Role, mistakes: &mut Mistakes) -> Option<bool> {
    match signature.receiver() {
        Some(receiver) if receiver.reference.is_some() && receiver.colon_token.is_none() => {
            Some(receiver.mutability.is_none())
        }
        Some(receiver) => {
            mistakes.at(
                receiver,
                "write `&self` for a view or `&mut self` for a method that changes state",
            );
            None
        }
        None if role == Role::Constructor => {
            mistakes.at(
                &signature.ident,
                "a constructor fills the storage that is there: write `fn new(&mut self, ...)` and return nothing",
            );
            None
        }
        None => {
            mistakes.at(
                &signature.ident,
                "an exported method takes `&self` (a view) or `&mut self`; for a helper, remove `pub` (or write \
                 `pub(crate)`)",
            );
            None
        }
    }
}

/// Refuses what cannot cross the ABI in a signature.
fn plain(signature: &Signature, mistakes: &mut Mistakes) {
    if let Some(token) = &signature.asyncness {
        mistakes.at(token, "a contract method runs to its end at once: remove `async`");
    }
    if let Some(token) = &signature.unsafety {
        mistakes.at(token, "anybody can call a contract method: remove `unsafe`");
    }
    if !signature.generics.params.is_empty() {
        mistakes.at(
            &signature.generics,
            "an exported method has one signature, so it cannot be generic: write the types",
        );
    }
}

/// Reads an argument.
fn argument(typed: &syn::PatType, mistakes: &mut Mistakes) -> Option<Argument> {
    match &*typed.ty {
        Type::Reference(reference) => {
            let owned = match &*reference.elem {
                Type::Path(path) if path.path.is_ident("str") => "String".to_string(),
                Type::Slice(slice) => {
                    let item = &slice.elem;
                    match quote::quote!(#item).to_string().as_str() {
                        "u8" => "Bytes".to_string(),
                        item => format!("Vec<{item}>"),
                    }
                }
                owned => quote::quote!(#owned).to_string(),
            };
            mistakes.at(typed, format!("arguments come from outside, by value: write `{owned}`"));
            return None;
        }
        Type::ImplTrait(kind) => {
            mistakes.at(kind, "an exported method has one signature: write the type");
            return None;
        }
        kind => {
            floats_and_sizes(kind, mistakes);
        }
    }
    match &*typed.pat {
        Pat::Ident(pattern) => {
            Some(Argument { name: pattern.ident.clone(), kind: (*typed.ty).clone() })
        }
        pattern => {
            mistakes.at(pattern, "name the argument: the name appears in the ABI");
            None
        }
    }
}

/// Refuses types that beginners reach for and that have no Solidity type.
fn floats_and_sizes(kind: &Type, mistakes: &mut Mistakes) {
    let Type::Path(path) = kind else { return };
    let Some(name) = path.path.get_ident() else { return };
    match name.to_string().as_str() {
        "f32" | "f64" => mistakes.at(
            kind,
            "there are no floats in a contract: write amounts as U256 in the smallest unit",
        ),
        "usize" => mistakes.at(kind, "usize depends on the machine: write u32 or u64"),
        "isize" => mistakes.at(kind, "isize depends on the machine: write i32 or i64"),
        _ => {}
    }
}

/// The type returned.
fn output(output: &ReturnType, mistakes: &mut Mistakes) -> Type {
    match output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, kind) => {
            match &**kind {
                Type::Reference(_) => {
                    mistakes.at(kind, "results leave the contract by value: remove the `&`")
                }
                Type::ImplTrait(_) => {
                    mistakes.at(kind, "an exported method has one signature: write the type")
                }
                kind => floats_and_sizes(kind, mistakes),
            }
            (**kind).clone()
        }
    }
}
