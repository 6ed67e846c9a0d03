//! Owns the wire types and the client: one type space, generated once from the document extended by one object schema
//! per operation and place of parameters, so that parameters get types too.
//! Must not know: how the server uses the types.

use std::panic::{self, AssertUnwindSafe};

use openapiv3::OpenAPI;
use progenitor::{GenerationSettings, Generator, InterfaceStyle, TagStyle};
use quote::quote;
use serde_json::json;
use syn::{File, Item};

use super::{Spec, length, pattern, refusal::Refused, text};

pub(super) struct Generated {
    /// The items of the `types` module.
    pub(super) types: String,
    /// The client, its `types` being `crate::types`.
    pub(super) client: String,
}

pub(super) fn generate(spec: &Spec) -> Result<Generated, Refused> {
    let tokens = progenitor(spec)?;
    let mut file: File =
        syn::parse2(tokens).map_err(|error| Refused::one("client", error.to_string()))?;
    // A module with nothing but the name of the client.
    file.items.retain(|item| !is_module(item, "prelude"));
    let types = take_types(&mut file)
        .ok_or_else(|| Refused::one("client", "Progenitor generated no types"))?;
    let mut types = File {
        shebang: None,
        attrs: Vec::new(),
        items: types,
    };
    pattern::unite(&mut types);
    length::ask_bytes_first(&mut types);
    text::keep(&mut types);
    Ok(Generated {
        types: prettyplease::unparse(&types),
        // Its sketches of calls are no programs; as tests they would only be reported as ignored.
        client: prettyplease::unparse(&file).replace("```ignore", "```text"),
    })
}

fn progenitor(spec: &Spec) -> Result<proc_macro2::TokenStream, Refused> {
    let mut document = spec.document.clone();
    document["components"]["schemas"] = json!(spec.all_schemas());
    let document: OpenAPI =
        serde_json::from_value(document).map_err(|error| Refused::one("/", error.to_string()))?;
    let mut settings = GenerationSettings::new();
    settings
        .with_interface(InterfaceStyle::Builder)
        .with_tag(TagStyle::Merged)
        .with_derive("PartialEq");
    // It panics where it knows no way; the lint should have spoken before, but a panic must not be the message.
    panic::catch_unwind(AssertUnwindSafe(|| {
        Generator::new(&settings).generate_tokens(&document)
    }))
    .map_err(|cause| Refused::one("client", format!("Progenitor gave up: {}", words(&*cause))))?
    .map_err(|error| Refused::one("client", format!("Progenitor refused: {error}")))
}

fn words(cause: &(dyn std::any::Any + Send)) -> &str {
    cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("without a word")
}

/// Takes the body of `pub mod types` out and leaves a re-export in its place.
fn take_types(file: &mut File) -> Option<Vec<Item>> {
    let item = file
        .items
        .iter_mut()
        .find(|item| is_module(item, "types"))?;
    let shared = syn::parse2(quote! { pub use crate::types; }).ok()?;
    match std::mem::replace(item, shared) {
        Item::Mod(module) => module.content.map(|(_, items)| items),
        _ => None,
    }
}

fn is_module(item: &Item, name: &str) -> bool {
    matches!(item, Item::Mod(module) if module.ident == name)
}
