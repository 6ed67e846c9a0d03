//! Owns what Dropshot has no words for: each thing that is carried over from the contract by name, and nothing else.
//! Everything that is not carried over here has to be equal already.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::canonical::{resolve, schema_references};

/// What the emitted document becomes with the listed things carried over from the contract.
pub(super) fn complete(mut emitted: Value, contract: &Value) -> Value {
    // Where a server is and who may call are no part of its operations' types.
    for key in ["servers", "security", "externalDocs"] {
        carry(&mut emitted, contract, key);
    }
    let components = &contract["components"];
    carry(&mut emitted["components"], components, "securitySchemes");
    schemas_of_job_results(&mut emitted, contract);
    let responses = emitted["components"]["responses"].take();
    for (path, item) in emitted["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let written = &contract["paths"][path][method];
            complete_operation(operation, written, contract, &responses);
        }
    }
    // They are spelt out at the operations now.
    if let Some(components) = emitted["components"].as_object_mut() {
        components.remove("responses");
    }
    emitted
}

fn complete_operation(operation: &mut Value, written: &Value, contract: &Value, responses: &Value) {
    carry(operation, written, "security");
    carry(operation, written, "x-job");
    if operation.get("requestBody").is_some() {
        let body = &written["requestBody"];
        carry(&mut operation["requestBody"], body, "description");
        let media = &mut operation["requestBody"]["content"]["application/json"];
        carry(media, &body["content"]["application/json"], "example");
    }
    further_successes(operation, written);
    named_errors(operation, written, contract, responses);
}

/// Dropshot knows one success of an operation. Others take their status and description from the contract, the content
/// from what Dropshot said; they have no headers.
fn further_successes(operation: &mut Value, written: &Value) {
    let Some(emitted) = operation["responses"].as_object_mut() else {
        return;
    };
    let content = emitted
        .iter()
        .find(|(status, _)| status.starts_with('2'))
        .map(|(_, response)| response["content"].clone());
    let declared = written["responses"].as_object().into_iter().flatten();
    for (status, response) in declared.filter(|(status, _)| status.starts_with('2')) {
        if !emitted.contains_key(status) {
            let further = json!({ "description": response["description"], "content": content });
            emitted.insert(status.clone(), further);
        }
    }
}

/// Pointers to the descriptions of successes that Dropshot does not emit.
fn further_descriptions(contract: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (path, item) in contract["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let responses = operation["responses"].as_object().into_iter().flatten();
            let successes: Vec<_> = responses
                .filter(|(status, _)| status.starts_with('2'))
                .collect();
            // Dropshot is told of the one that has headers, or else of the first.
            let told = successes
                .iter()
                .position(|(_, it)| it.get("headers").is_some())
                .unwrap_or(0);
            let others = successes.iter().enumerate();
            let others = others.filter(|(index, _)| *index != told);
            let path = path.replace('/', "~1");
            let pointer =
                |status: &str| format!("/paths/{path}/{method}/responses/{status}/description");
            found.extend(others.map(|(_, (status, _))| pointer(status)));
        }
    }
    found
}

/// Dropshot says `4XX` and `5XX`. The contract's error codes take their place: code and description from the contract,
/// the content from what Dropshot said.
fn named_errors(operation: &mut Value, written: &Value, contract: &Value, responses: &Value) {
    let Some(emitted) = operation["responses"].as_object_mut() else {
        return;
    };
    for (range, digit) in [("4XX", '4'), ("5XX", '5')] {
        let Some(reference) = emitted.remove(range) else {
            continue;
        };
        let name = reference["$ref"].as_str().unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or_default();
        let declared = written["responses"].as_object().into_iter().flatten();
        for (status, response) in declared.filter(|(status, _)| status.starts_with(digit)) {
            let description = &resolve(contract, response)["description"];
            let content = &responses[name]["content"];
            let named = json!({ "description": description, "content": content });
            emitted.insert(status.clone(), named);
        }
    }
}

/// No operation answers with a job's result: only `x-job` names its schema.
fn schemas_of_job_results(emitted: &mut Value, contract: &Value) {
    let written = &contract["components"]["schemas"];
    for name in named_by_x_job(contract) {
        let schemas = emitted["components"]["schemas"].as_object_mut();
        if let Some(schemas) = schemas.filter(|schemas| !schemas.contains_key(&name)) {
            schemas.insert(name.clone(), written[&name].clone());
        }
    }
}

/// The result schemas and what they refer to.
pub(super) fn named_by_x_job(contract: &Value) -> BTreeSet<String> {
    let operations = contract["paths"].as_object().into_iter().flatten();
    let operations = operations.flat_map(|(_, item)| item.as_object().into_iter().flatten());
    let results = operations.filter_map(|(_, operation)| operation["x-job"]["result"].as_str());
    let mut open: Vec<String> = results
        .filter_map(|reference| reference.rsplit('/').next())
        .map(str::to_owned)
        .collect();
    let mut found = BTreeSet::new();
    while let Some(name) = open.pop() {
        if found.insert(name.clone()) {
            schema_references(&contract["components"]["schemas"][&name], &mut open);
        }
    }
    found
}

/// Takes one member over as it is, also when it is absent.
fn carry(to: &mut Value, from: &Value, key: &str) {
    let Some(to) = to.as_object_mut() else { return };
    match from.get(key) {
        Some(value) => to.insert(key.to_owned(), value.clone()),
        None => to.remove(key),
    };
}

/// Where a change of the contract goes unnoticed by the comparison, because the completion carries it over: patterns of
/// pointers, `*` for one part and `**` for the rest.
pub(super) fn carried_over(
    contract: &Value,
    job_schemas: &BTreeSet<String>,
    emitted: &Map<String, Value>,
) -> Vec<String> {
    let mut patterns: Vec<String> = [
        "/servers/**",
        "/security/**",
        "/components/securitySchemes/**",
        "/paths/*/*/security/**",
        "/paths/*/*/x-job/**",
        "/paths/*/*/requestBody/description",
        "/paths/*/*/requestBody/content/application~1json/example/**",
        "/paths/*/*/responses/4/description",
        "/paths/*/*/responses/5/description",
    ]
    .map(str::to_owned)
    .into();
    let only_named = job_schemas
        .iter()
        .filter(|name| !emitted.contains_key(*name));
    patterns.extend(only_named.map(|name| format!("/components/schemas/{name}/**")));
    patterns.extend(further_descriptions(contract));
    patterns
}
