//! Examples and defaults are valid by the schemas that they stand beside.

use lockstep::contract::document;
use serde_json::{Value, json};

use super::{holders, validator};

#[test]
fn examples_fit_their_schemas() {
    let mut found = Vec::new();
    holders(document(), "example", "", &mut found);
    for (at, holder) in &found {
        // Beside a media type's schema, or inside a schema.
        let schema = holder.get("schema").unwrap_or(holder);
        fits(schema, &holder["example"], at);
    }
    assert!(found.len() >= 7, "one per request body: {}", found.len());
}

#[test]
fn every_request_body_has_an_example() {
    let mut bodies = Vec::new();
    holders(document(), "requestBody", "", &mut bodies);
    assert!(!bodies.is_empty());
    for (at, operation) in bodies {
        let content = &operation["requestBody"]["content"]["application/json"];
        assert!(content.get("example").is_some(), "{at}");
    }
}

#[test]
fn defaults_fit_their_schemas() {
    let mut found = Vec::new();
    holders(document(), "default", "", &mut found);
    assert!(!found.is_empty());
    for (at, schema) in found {
        fits(schema, &schema["default"], &at);
    }
}

/// The check above finds what is wrong.
#[test]
fn a_wrong_example_does_not_fit() {
    let user = json!({"$ref": "#/components/schemas/UserRequest"});
    let valid = json!({"email": "a@example.com", "age": 1});
    assert!(validator(&user).is_valid(&valid));
    for (key, wrong) in [
        ("email", json!("a")),
        ("age", json!(151)),
        ("age", json!(1.5)),
        ("age", Value::Null),
        ("city", json!("x")),
    ] {
        let mut user_with = valid.clone();
        user_with[key] = wrong;
        assert!(!validator(&user).is_valid(&user_with), "{user_with}");
    }
    let patch = json!({"$ref": "#/components/schemas/UserPatch"});
    assert!(validator(&patch).is_valid(&json!({"bio": null})));
}

fn fits(schema: &Value, example: &Value, at: &str) {
    let validator = validator(schema);
    let faults: Vec<_> = validator
        .iter_errors(example)
        .map(|fault| fault.to_string())
        .collect();
    assert!(faults.is_empty(), "{at}: {faults:?}");
}
