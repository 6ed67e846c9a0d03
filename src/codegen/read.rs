//! Owns reading: YAML text to a document in which no key was lost or misread on the way.
//! Must not know: the restricted style, or what is generated.

use openapiv3::{OpenAPI, Operation, Schema};
use serde_json::Value;

use super::refusal::{Pointer, Refusals, Refused};

/// Parses the text. Duplicate keys and YAML 1.1 booleans (`yes`, `on`) are not taken; unknown keys are refused.
pub(super) fn read(text: &str) -> Result<Value, Refused> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let document: Value = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| Refused::one("YAML", error.to_string()))?;
    // The model below knows 3.0 only; say so before it stumbles over 3.1.
    match document.get("openapi").and_then(Value::as_str) {
        Some(version) if version.starts_with("3.0.") => {}
        Some(version) => {
            return Err(Refused::one(
                "/openapi",
                format!("version {version} is not supported; write 3.0.3"),
            ));
        }
        None => return Err(Refused::one("/openapi", "missing; write 3.0.3")),
    }
    let known = understand(&document)?;
    let mut refusals = Refusals::default();
    find_lost(&document, &known, &Pointer::default(), &mut refusals);
    refusals.finish()?;
    Ok(document)
}

/// The document as the model of OpenAPI understands it.
fn understand(document: &Value) -> Result<Value, Refused> {
    let parsed = serde_json::from_value::<OpenAPI>(document.clone())
        .map_err(|error| locate(document, &error.to_string()))?;
    serde_json::to_value(parsed).map_err(|error| Refused::one("/", error.to_string()))
}

/// The model's own message names no place: try the parts one by one to find where it stumbled.
fn locate(document: &Value, message: &str) -> Refused {
    let root = Pointer::default();
    for (path, item) in members(&document["paths"]) {
        for (method, operation) in members(item) {
            if let Err(error) = serde_json::from_value::<Operation>(operation.clone()) {
                let at = root.then("paths").then(path).then(method);
                return Refused::one(at.to_string(), error.to_string());
            }
        }
    }
    for (name, schema) in members(&document["components"]["schemas"]) {
        if let Err(error) = serde_json::from_value::<openapiv3::ReferenceOr<Schema>>(schema.clone())
        {
            let at = root.then("components").then("schemas").then(name);
            return Refused::one(at.to_string(), error.to_string());
        }
    }
    Refused::one("/", message)
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn find_lost(written: &Value, known: &Value, at: &Pointer, refusals: &mut Refusals) {
    match (written, known) {
        (Value::Object(written), Value::Object(known)) => {
            for (key, value) in written {
                match known.get(key) {
                    Some(known) => find_lost(value, known, &at.then(key), refusals),
                    None => refusals.add(&at.then(key), lost(value)),
                }
            }
        }
        (Value::Array(written), Value::Array(known)) if written.len() == known.len() => {
            for (index, (written, known)) in written.iter().zip(known).enumerate() {
                find_lost(written, known, &at.then(index), refusals);
            }
        }
        (Value::Number(written), Value::Number(known)) if written.as_f64() == known.as_f64() => {}
        _ if written == known => {}
        _ => refusals.add(at, format!("{written} would be read as {known}")),
    }
}

fn lost(value: &Value) -> &'static str {
    let is_default = match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    if is_default {
        "says nothing: leave it out (or the key is misspelt)"
    } else {
        "unknown key, or one that does not belong to this type"
    }
}
