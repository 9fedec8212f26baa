//! From methods to their descriptions and to the code that calls them by selector.

use crate::methods::{Argument, Method, Role};
use crate::names::{camel_case, sdk};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

/// The parts of a signature's text: `"transfer("`, names of types, `")"`.
pub fn signature(name: &str, kinds: &[&syn::Type]) -> TokenStream {
    let sdk = sdk();
    let open = format!("{name}(");
    let types = kinds.iter().enumerate().map(|(i, kind)| {
        let comma = if i == 0 { "" } else { "," };
        quote!(#comma, <#kind as #sdk::AbiType>::NAME)
    });
    quote!(#sdk::text!(#open, #(#types,)* ")"))
}

/// The parts of an ABI JSON parameter list's text, each parameter with what its name is followed
/// by.
pub fn parameters<'a>(
    list: impl IntoIterator<Item = (String, &'a syn::Type, &'static str)>,
) -> TokenStream {
    let sdk = sdk();
    let parts = list.into_iter().enumerate().map(|(i, (name, kind, extra))| {
        let comma = if i == 0 { "" } else { "," };
        let open = format!(r#"{comma}{{"name":"{name}",{extra}"type":""#);
        quote! {
            #open, <#kind as #sdk::AbiType>::KIND, <#kind as #sdk::AbiType>::OPEN,
            <#kind as #sdk::AbiType>::COMPONENTS, <#kind as #sdk::AbiType>::CLOSE
        }
    });
    quote!(#(#parts,)*)
}

/// The parameter list of a method.
fn inputs(arguments: &[Argument]) -> TokenStream {
    parameters(arguments.iter().map(|a| (camel_case(&a.name), &a.kind, "")))
}

/// The ABI JSON of a method, as an expression.
pub fn json(method: &Method) -> TokenStream {
    let sdk = sdk();
    let inputs = inputs(&method.arguments);
    let mutability = method.mutability();
    let mutability = format!(r#""stateMutability":"{mutability}"}}"#);
    match method.role {
        Role::Receive => {
            let text = format!(r#"{{"type":"receive",{mutability}"#);
            quote!(#text)
        }
        Role::Fallback => {
            let text = format!(r#"{{"type":"fallback",{mutability}"#);
            quote!(#text)
        }
        Role::Constructor => {
            let close = format!("],{mutability}");
            quote!(#sdk::text!(r#"{"type":"constructor","inputs":["#, #inputs #close))
        }
        _ => {
            let open = format!(r#"{{"type":"function","name":"{}","inputs":["#, method.external);
            let output = &method.output;
            let close = format!("],{mutability}");
            quote! {{
                const OUTPUTS: [&str; 5] =
                    <<#output as #sdk::Output>::Value as #sdk::AbiType>::OUTPUTS;
                #sdk::text!(
                    #open, #inputs "],\"outputs\":[",
                    OUTPUTS[0], OUTPUTS[1], OUTPUTS[2], OUTPUTS[3], OUTPUTS[4], #close
                )
            }}
        }
    }
}

/// The description of an exported method:
///
/// ```text
/// Method { name: "Erc20::transfer", signature: SIGNATURE, selector: selector(SIGNATURE), json: .., errors: .., .. }
/// ```
pub fn describe(owner: &syn::Ident, method: &Method) -> TokenStream {
    let sdk = sdk();
    let name = format!("{owner}::{}", method.name);
    let kinds: Vec<_> = method.arguments.iter().map(|a| &a.kind).collect();
    let signature = signature(&method.external, &kinds);
    let json = json(method);
    let output = &method.output;
    let reentrant = method.reentrant;
    quote! {{
        const SIGNATURE: &str = #signature;
        #sdk::Method {
            name: #name,
            signature: SIGNATURE,
            selector: #sdk::selector(SIGNATURE),
            json: #json,
            errors: <#output as #sdk::Output>::ERRORS,
            reentrant: #reentrant,
        }
    }}
}

/// The statements that decode a method's arguments from `input` and run it, as an expression of its
/// result.
pub fn invoke(method: &Method, target: &TokenStream) -> TokenStream {
    let sdk = sdk();
    let name = &method.name;
    let deny = (!method.payable).then(|| quote!(#sdk::deny_value();));
    let slots: Vec<_> =
        (0..method.arguments.len()).map(|i| format_ident!("argument_{i}")).collect();
    let kinds = method.arguments.iter().map(|a| &a.kind);
    quote! {{
        #deny
        #(let #slots = #sdk::argument::<#kinds>(input);)*
        #target::#name(self #(, #slots)*)
    }}
}

/// The body of a router, with `selector` and `input` in scope:
///
/// ```text
/// const SELECTOR_0: u32 = selector("transfer(address,uint256)");
/// match selector { SELECTOR_0 => Some(finish({ .. })), _ => None }
/// ```
pub fn route(methods: &[&Method], target: &TokenStream) -> TokenStream {
    let sdk = sdk();
    let names: Vec<_> = (0..methods.len()).map(|i| format_ident!("SELECTOR_{i}")).collect();
    let signatures = methods.iter().map(|method| {
        let kinds: Vec<_> = method.arguments.iter().map(|a| &a.kind).collect();
        signature(&method.external, &kinds)
    });
    let calls = methods.iter().map(|method| invoke(method, target));
    quote! {
        #(const #names: u32 = #sdk::selector(#signatures);)*
        match selector {
            #(#names => ::core::option::Option::Some(#sdk::finish(#calls)),)*
            _ => ::core::option::Option::None,
        }
    }
}
