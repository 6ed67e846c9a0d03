//! Owns the canonical form of a document: two documents that say the same are equal in it, and only those.

use serde_json::{Map, Value};

/// What a reference within the document names, or the value itself.
pub(super) fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let pointer = value["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    pointer
        .and_then(|pointer| document.pointer(pointer))
        .unwrap_or(value)
}

/// The names of the component schemas that a value refers to.
pub(super) fn schema_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let reference = members.get("$ref").and_then(Value::as_str);
            let name = reference.and_then(|to| to.strip_prefix("#/components/schemas/"));
            found.extend(name.map(str::to_owned));
            members
                .values()
                .for_each(|member| schema_references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| schema_references(item, found)),
        _ => {}
    }
}

/// References to all components but schemas are followed, orders without a meaning sorted, defaults left out.
pub(super) fn canonical(document: &Value) -> Value {
    let mut canonical = inlined(document, document);
    if let Some(components) = canonical["components"].as_object_mut() {
        components.retain(|kind, _| matches!(kind.as_str(), "schemas" | "securitySchemes"));
    }
    sort(&mut canonical["tags"], |tag| tag["name"].to_string());
    for item in members_mut(&mut canonical["paths"]) {
        for operation in members_mut(item) {
            sort(&mut operation["parameters"], |parameter| {
                format!("{} {}", parameter["in"], parameter["name"])
            });
        }
    }
    plain(&mut canonical);
    canonical
}

fn inlined(document: &Value, value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members
                .get("$ref")
                .and_then(Value::as_str)
                .is_none_or(|to| to.starts_with("#/components/schemas/"));
            if !kept {
                return inlined(document, resolve(document, value));
            }
            let members = members.iter();
            let members = members.map(|(name, member)| (name.clone(), inlined(document, member)));
            Value::Object(members.collect())
        }
        Value::Array(items) => items.iter().map(|item| inlined(document, item)).collect(),
        leaf => leaf.clone(),
    }
}

fn members_mut(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().into_iter().flat_map(Map::values_mut)
}

fn sort(array: &mut Value, key: impl Fn(&Value) -> String) {
    if let Some(items) = array.as_array_mut() {
        items.sort_by_key(key);
    }
}

/// `required` in any order is the same; what a document says when it says nothing is left out.
fn plain(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(plain);
            if let Some(required) = members.get_mut("required") {
                sort(required, Value::to_string);
            }
            members.retain(|key, member| !is_default(key, member));
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Number(number) => {
            // 0 and 0.0 are one bound.
            if let Some(float) = number.as_f64().filter(|_| number.is_f64()) {
                *value = Value::String(format!("number {float}"));
            } else {
                *value = Value::String(format!("number {number}"));
            }
        }
        _ => {}
    }
}

fn is_default(key: &str, member: &Value) -> bool {
    match key {
        // `parameters` of an operation without any was looked at above.
        "parameters" => member.is_null() || member == &Value::Array(Vec::new()),
        "style" => member == "simple" || member == "form",
        "required" | "deprecated" | "nullable" => member == false,
        _ => false,
    }
}
