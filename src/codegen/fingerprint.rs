//! Owns the fingerprint of a schema: equal as long as the same JSON passes, whatever the prose and the order.
//! Must not know: job types, or where fingerprints are stored.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::reference;

/// Prose and hints: they decide about no JSON value.
const PROSE: [&str; 7] = [
    "description",
    "title",
    "example",
    "examples",
    "externalDocs",
    "deprecated",
    "xml",
];
/// Keys whose `false` says the same as leaving them out.
const FLAGS: [&str; 4] = [
    "nullable",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "uniqueItems",
];
/// Lists whose order decides nothing.
const SETS: [&str; 2] = ["required", "enum"];
/// Half of SHA-256: short enough for a column, long enough never to clash by accident.
const BYTES: usize = 16;

/// 32 hexadecimal digits over the canonical form of `schema`, references into `document` followed.
pub fn fingerprint(document: &Value, schema: &Value) -> String {
    let canonical = canonical(document, schema, &mut Vec::new());
    // serde_json's maps are sorted by key, so the text is one and the same for one schema.
    let digest = Sha256::digest(canonical.to_string().as_bytes());
    digest[..BYTES]
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// `open` holds the references that are being followed: one that comes back becomes its distance, so the walk ends
/// and the names of schemas stay out of the result.
fn canonical<'d>(document: &'d Value, schema: &'d Value, open: &mut Vec<&'d str>) -> Value {
    if let Some(name) = reference::of(schema) {
        if let Some(distance) = open.iter().rev().position(|other| *other == name) {
            return json!({ "$recursion": distance });
        }
        let Some(target) = reference::target(document, name) else {
            return json!({ "$missing": name });
        };
        open.push(name);
        let result = canonical(document, target, open);
        open.pop();
        return result;
    }
    let Some(members) = schema.as_object() else {
        return schema.clone();
    };
    let mut result = Map::new();
    for (key, value) in members {
        let says_nothing = PROSE.contains(&key.as_str())
            || key.starts_with("x-")
            || (FLAGS.contains(&key.as_str()) && *value == json!(false))
            || (SETS.contains(&key.as_str()) && *value == json!([]));
        if !says_nothing {
            result.insert(key.clone(), member(document, key, value, open));
        }
    }
    Value::Object(result)
}

fn member<'d>(document: &'d Value, key: &str, value: &'d Value, open: &mut Vec<&'d str>) -> Value {
    match (key, value) {
        // A property may be called `title`: names are not keywords.
        ("properties", Value::Object(properties)) => properties
            .iter()
            .map(|(name, schema)| (name.clone(), canonical(document, schema, open)))
            .collect(),
        ("items" | "additionalProperties" | "not", schema) => canonical(document, schema, open),
        ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => schemas
            .iter()
            .map(|schema| canonical(document, schema, open))
            .collect(),
        (key, Value::Array(values)) if SETS.contains(&key) => {
            let mut values = values.clone();
            values.sort_by_key(Value::to_string);
            Value::Array(values)
        }
        _ => value.clone(),
    }
}
