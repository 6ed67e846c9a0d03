//! The contract holds: what the program carries is what openapi.yaml says, its examples are valid, its patterns and
//! job types are usable, and the client crate stays a client.

mod client_tree;
mod examples;
mod identity;
mod job_types;
mod run_time;

use std::sync::LazyLock;

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// A validator for one of the document's schemas, formats included.
fn validator(schema: &Value) -> Validator {
    static COMPONENTS: LazyLock<Value> =
        LazyLock::new(|| translated(&lockstep::contract::document()["components"]));
    let mut root = match translated(schema) {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    // Draft 4 ignores what stands beside a $ref.
    let root = if root.contains_key("$ref") {
        json!({ "allOf": [root], "components": *COMPONENTS })
    } else {
        root.insert("components".into(), COMPONENTS.clone());
        Value::Object(root)
    };
    jsonschema::options()
        .with_draft(Draft::Draft4)
        .should_validate_formats(true)
        .build(&root)
        .unwrap()
}

/// OpenAPI's `nullable` in the words of JSON Schema.
fn translated(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Map<_, _> = members
                .iter()
                .map(|(key, member)| (key.clone(), translated(member)))
                .collect();
            if members.remove("nullable") == Some(json!(true)) {
                members["type"] = json!([members["type"], "null"]);
            }
            Value::Object(members)
        }
        Value::Array(items) => items.iter().map(translated).collect(),
        other => other.clone(),
    }
}

/// Every value in the document that holds `key`, with its pointer.
fn holders<'d>(value: &'d Value, key: &str, at: &str, found: &mut Vec<(String, &'d Value)>) {
    match value {
        Value::Object(members) => {
            if members.contains_key(key) {
                found.push((at.to_owned(), value));
            }
            for (name, member) in members {
                holders(member, key, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                holders(item, key, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}
