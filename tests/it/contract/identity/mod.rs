//! What Dropshot emits for the registered operations is openapi.yaml: whole, in canonical form, after one listed step
//! that carries over what Dropshot has no words for.

mod canonical;
mod completion;

use std::collections::BTreeSet;

use lockstep::{api, contract};
use serde_json::{Value, json};

use self::{
    canonical::canonical,
    completion::{carried_over, complete, named_by_x_job},
};

/// Every place where the emitted document, completed, is not the contract.
fn differences(emitted: &Value, contract: &Value) -> Vec<String> {
    let completed = canonical(&complete(emitted.clone(), contract));
    let mut found = Vec::new();
    compare(&completed, &canonical(contract), "", &mut found);
    found
}

fn compare(emitted: &Value, contract: &Value, at: &str, found: &mut Vec<String>) {
    match (emitted, contract) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => compare(a, b, &at, found),
                    (Some(_), None) => found.push(format!("{at}: emitted, not in the contract")),
                    (None, _) => found.push(format!("{at}: in the contract, not emitted")),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                compare(a, b, &format!("{at}/{index}"), found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push(format!("{at}: emitted {a}, contract {b}")),
    }
}

#[test]
fn the_emitted_document_is_the_contract() {
    let differences = differences(&api::emitted().unwrap(), contract::document());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What is registered is what the contract lists: nothing is hidden from the comparison, nothing is made up.
#[test]
fn every_operation_is_emitted() {
    let emitted = api::emitted().unwrap();
    let mut found = Vec::new();
    for (path, item) in emitted["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            found.push((id, method.to_uppercase(), path.clone()));
        }
    }
    found.sort();
    let mut listed: Vec<_> = contract::OPERATIONS
        .iter()
        .map(|one| {
            (
                one.id.to_owned(),
                one.method.to_owned(),
                one.path.to_owned(),
            )
        })
        .collect();
    listed.sort();
    assert_eq!(found, listed);
}

/// The comparison sees a change of each kind.
#[test]
fn a_changed_contract_is_noticed() {
    let emitted = api::emitted().unwrap();
    for (pointer, value) in [
        ("/info/version", json!("1.0.1")),
        ("/tags/0/description", json!("Other words.")),
        ("/paths/~1users/post/summary", json!("Keep a user")),
        ("/paths/~1users/post/description", json!("Other words.")),
        ("/paths/~1users/post/tags/0", json!("jobs")),
        ("/paths/~1users/post/operationId", json!("store_user")),
        ("/paths/~1users/get/parameters/0/name", json!("mail")),
        (
            "/paths/~1users/get/parameters/0/description",
            json!("Other."),
        ),
        (
            "/paths/~1users/get/parameters/0/schema/maxLength",
            json!(253),
        ),
        (
            "/paths/~1users/get/x-dropshot-pagination/required",
            json!(["email"]),
        ),
        ("/components/parameters/Limit/schema/default", json!(99)),
        ("/components/parameters/Limit/schema/maximum", json!(999)),
        ("/components/parameters/Id/in", json!("query")),
        (
            "/components/headers/ETag/description",
            json!("Other words."),
        ),
        ("/components/headers/ETag/schema/maxLength", json!(41)),
        ("/components/headers/Location/required", json!(false)),
        ("/components/schemas/UserAge/maximum", json!(151)),
        ("/components/schemas/UserName/pattern", json!("^.*$")),
        (
            "/components/schemas/UserPatch/properties/bio/nullable",
            json!(false),
        ),
        ("/components/schemas/UserRequest/required", json!(["email"])),
        (
            "/components/schemas/UserRequest/additionalProperties",
            json!(true),
        ),
        (
            "/components/schemas/JobRequest/properties/payload/additionalProperties",
            json!(false),
        ),
        ("/components/schemas/ErrorCode/enum/0", json!("clash")),
        (
            "/components/schemas/DataExportPayload/properties/formats/minItems",
            json!(0),
        ),
    ] {
        let mut other = contract::document().clone();
        *other.pointer_mut(pointer).expect(pointer) = value;
        assert_ne!(&other, contract::document(), "{pointer} is a change");
        assert!(
            !differences(&emitted, &other).is_empty(),
            "{pointer} went unnoticed"
        );
    }
}

#[test]
fn a_part_that_is_missing_is_noticed() {
    let emitted = api::emitted().unwrap();
    for (holder, key) in [
        ("/paths", "/healthz"),
        ("/paths/~1users~1{id}", "patch"),
        ("/paths/~1users/post", "requestBody"),
        ("/paths/~1users/get", "parameters"),
        ("/paths/~1users/get", "x-dropshot-pagination"),
        ("/paths/~1users/post/responses", "201"),
        ("/paths/~1users/post/responses/201/headers", "ETag"),
        ("/components/schemas", "UserBio"),
        ("/components/schemas/UserName", "pattern"),
        ("/components/parameters/Limit/schema", "default"),
    ] {
        let mut less = contract::document().clone();
        let members = less.pointer_mut(holder).and_then(Value::as_object_mut);
        assert!(members.unwrap().remove(key).is_some(), "{holder}/{key}");
        assert!(
            !differences(&emitted, &less).is_empty(),
            "{holder}/{key} is not missed"
        );
    }
}

#[test]
fn a_part_that_is_new_is_noticed() {
    let emitted = api::emitted().unwrap();
    for (holder, key, value) in [
        ("/components/parameters/IfMatch", "required", json!(true)),
        ("/components/schemas/UserBio", "minLength", json!(1)),
        ("/components/schemas/UserBio", "nullable", json!(true)),
        ("/paths/~1users/post", "deprecated", json!(true)),
        (
            "/paths/~1users/post/responses",
            "202",
            json!({"description": "Later."}),
        ),
        (
            "/paths/~1health/get/responses/503/content/application~1json",
            "schema",
            json!({"$ref": "#/components/schemas/Error"}),
        ),
        (
            "/paths/~1healthz",
            "post",
            json!({"operationId": "revive", "responses": {}}),
        ),
    ] {
        let mut more = contract::document().clone();
        more.pointer_mut(holder).expect(holder)[key] = value;
        assert!(
            !differences(&emitted, &more).is_empty(),
            "{holder}/{key} went unnoticed"
        );
    }
}

/// Every single value of the contract, changed: what goes unnoticed is what the completion lists, nothing else.
#[test]
fn only_what_is_listed_goes_unnoticed() {
    let emitted = api::emitted().unwrap();
    let schemas = emitted["components"]["schemas"].as_object().unwrap();
    let listed = carried_over(
        contract::document(),
        &named_by_x_job(contract::document()),
        schemas,
    );
    let contract = canonical(contract::document());
    let mut changed = contract.clone();
    change_leaves(&mut changed, "");
    let reported = differences(&emitted, &changed);
    let reported: BTreeSet<_> = reported
        .iter()
        .filter_map(|line| line.split(": ").next())
        .collect();
    let mut leaves = Vec::new();
    leaves_of(&contract, "", &mut leaves);
    assert!(leaves.len() > 1000, "{} leaves", leaves.len());
    let (unnoticed, noticed): (Vec<_>, Vec<_>) = leaves
        .iter()
        .partition(|leaf| !reported.contains(leaf.as_str()));
    let unlisted: Vec<_> = unnoticed
        .iter()
        .filter(|leaf| !listed.iter().any(|pattern| fits(pattern, leaf)))
        .collect();
    assert!(
        unlisted.is_empty(),
        "unnoticed, and not listed: {unlisted:#?}"
    );
    let idle: Vec<_> = listed
        .iter()
        .filter(|pattern| !unnoticed.iter().any(|leaf| fits(pattern, leaf)))
        .collect();
    assert!(idle.is_empty(), "listed, and not needed: {idle:#?}");
    assert!(
        noticed.len() > unnoticed.len(),
        "{} of {}",
        noticed.len(),
        leaves.len()
    );
}

/// Changes every value, but not `x-job`: it says which schemas are carried over.
fn change_leaves(value: &mut Value, key: &str) {
    match value {
        Value::Object(members) if key != "x-job" => {
            members
                .iter_mut()
                .for_each(|(key, member)| change_leaves(member, key));
        }
        Value::Array(items) if items.is_empty() => items.push(json!("~")),
        Value::Array(items) => items.iter_mut().for_each(|item| change_leaves(item, key)),
        Value::String(text) => text.push('~'),
        Value::Bool(flag) => *flag = !*flag,
        _ => {}
    }
}

fn leaves_of(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                leaves_of(member, &format!("{at}/{key}"), found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                leaves_of(item, &format!("{at}/{index}"), found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

/// `4` stands for all error codes of the caller, `5` for those of the server.
fn fits(pattern: &str, pointer: &str) -> bool {
    let mut parts = pointer.split('/');
    for wanted in pattern.split('/') {
        if wanted == "**" {
            return true;
        }
        let Some(part) = parts.next() else {
            return false;
        };
        let code = part.len() == 3 && wanted.len() == 1 && part.starts_with(wanted);
        if wanted != "*" && wanted != part && !code {
            return false;
        }
    }
    parts.next().is_none()
}
