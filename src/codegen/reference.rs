//! Owns following `$ref` inside one document.
//! Must not know: which references the restricted style wants where.

use serde_json::Value;

/// The place that a `$ref` names, when the value is one.
pub(super) fn of(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()
}

/// What a local reference (`#/…`) points to.
pub(super) fn target<'d>(document: &'d Value, reference: &str) -> Option<&'d Value> {
    document.pointer(reference.strip_prefix('#')?)
}

/// The value itself, or what it refers to. References to references are not followed: the style has none.
pub(super) fn resolve<'d>(document: &'d Value, value: &'d Value) -> Option<&'d Value> {
    match of(value) {
        Some(reference) => target(document, reference),
        None => Some(value),
    }
}

/// `User` of `#/components/schemas/User`.
pub(super) fn schema_name(reference: &str) -> Option<&str> {
    reference
        .strip_prefix("#/components/schemas/")
        .filter(|name| !name.contains('/'))
}
