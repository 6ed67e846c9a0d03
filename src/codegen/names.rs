//! Owns how names in the document become names in Rust.
//! Must not know: anything about operations or schemas.

use heck::{ToSnakeCase, ToUpperCamelCase};

/// `create_user` → `CreateUser`.
pub(super) fn type_name(name: &str) -> String {
    name.to_upper_camel_case()
}

/// Lower snake case that starts with a letter, is not a word of the language, and survives the way to a type and back.
pub(super) fn is_snake_case(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase())
        && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.ends_with('_')
        && !name.contains("__")
        && syn::parse_str::<syn::Ident>(name).is_ok()
}

/// Upper camel case, as types are written.
pub(super) fn is_type_name(name: &str) -> bool {
    name.chars()
        .next()
        .is_some_and(|first| first.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric())
        && syn::parse_str::<syn::Ident>(name).is_ok()
}

/// The variant that an enum value becomes. Characters without a place in a name are lost: that is where two clash.
pub(super) fn variant_name(value: &str) -> String {
    let kept: String = value
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    kept.to_upper_camel_case()
}

/// The field that a property becomes.
pub(super) fn field_name(property: &str) -> String {
    property.to_snake_case()
}
