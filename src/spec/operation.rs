//! Owns the rules for one operation: its name, parameters, body, answers, security and job declaration.
//! Must not know: what a schema's change means (schema.rs).

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    change::Class,
    findings::{At, Direction, Findings},
    schema,
};

/// Compares two operations at the same method and path.
pub(super) fn compare(old: &At<'_>, new: &At<'_>, findings: &mut Findings) {
    prose(
        old,
        new,
        &[
            "summary",
            "description",
            "tags",
            "externalDocs",
            "deprecated",
        ],
        findings,
    );
    if old.value["operationId"] != new.value["operationId"] {
        let message = format!(
            "operationId {} became {}: generated clients call it by that name",
            old.value["operationId"], new.value["operationId"]
        );
        findings.add(Class::Breaking, &new.pointer, message);
    }
    parameters(old, new, findings);
    body(old, new, findings);
    responses(old, new, findings);
    security(old, new, findings);
    job(old, new, findings);
    let (paged, now_paged) = (
        old.get("x-dropshot-pagination"),
        new.get("x-dropshot-pagination"),
    );
    match (paged.is_there(), now_paged.is_there()) {
        (true, false) => findings.add(Class::Breaking, &new.pointer, "is paginated no longer"),
        (false, true) => findings.add(Class::Breaking, &new.pointer, "is paginated now"),
        _ => {}
    }
}

fn prose(old: &At<'_>, new: &At<'_>, keys: &[&str], findings: &mut Findings) {
    for key in keys {
        if old.value[*key] != new.value[*key] {
            findings.add(Class::Trivial, &new.pointer, format!("{key} changed"));
        }
    }
}

/// By place and name. A path variable is known by its position: its name is not on the wire.
fn parameters_of<'d>(operation: &At<'d>) -> BTreeMap<(String, String), At<'d>> {
    let list = operation.get("parameters");
    let count = list.value.as_array().map_or(0, Vec::len);
    let mut variables = 0;
    (0..count)
        .map(|index| list.get(&index.to_string()))
        .map(|parameter| {
            let text = |key: &str| parameter.value[key].as_str().unwrap_or_default().to_owned();
            let name = match text("in").as_str() {
                "path" => {
                    variables += 1;
                    format!("variable {variables}")
                }
                // Names of headers have no case.
                "header" => text("name").to_lowercase(),
                _ => text("name"),
            };
            ((text("in"), name), parameter)
        })
        .collect()
}

fn parameters(old: &At<'_>, new: &At<'_>, findings: &mut Findings) {
    let (mine, theirs) = (parameters_of(old), parameters_of(new));
    for ((place, name), _) in mine.iter().filter(|(key, _)| !theirs.contains_key(*key)) {
        findings.add(
            Class::Breaking,
            &old.pointer,
            format!("{place} parameter {name} removed"),
        );
    }
    for ((place, name), parameter) in &theirs {
        let required = parameter.value["required"] == true;
        let Some(before) = mine.get(&(place.clone(), name.clone())) else {
            let (class, kind) = if required {
                (Class::Breaking, "required")
            } else {
                (Class::Compatible, "optional")
            };
            findings.add(
                class,
                &new.pointer,
                format!("{kind} {place} parameter {name} added"),
            );
            continue;
        };
        match (before.value["required"] == true, required) {
            (false, true) => findings.add(Class::Breaking, &parameter.pointer, "became required"),
            (true, false) => findings.add(Class::Compatible, &parameter.pointer, "became optional"),
            _ => {}
        }
        prose(
            before,
            parameter,
            &["description", "example", "examples", "deprecated", "name"],
            findings,
        );
        schema::compare(
            &before.get("schema"),
            &parameter.get("schema"),
            Direction::Request,
            findings,
        );
    }
}

fn body(old: &At<'_>, new: &At<'_>, findings: &mut Findings) {
    let (before, after) = (old.get("requestBody"), new.get("requestBody"));
    match (before.is_there(), after.is_there()) {
        (false, false) => {}
        (true, false) => findings.add(Class::Breaking, &old.pointer, "request body removed"),
        (false, true) if after.value["required"] == true => {
            findings.add(Class::Breaking, &new.pointer, "required request body added");
        }
        (false, true) => findings.add(
            Class::Compatible,
            &new.pointer,
            "optional request body added",
        ),
        (true, true) => {
            match (
                before.value["required"] == true,
                after.value["required"] == true,
            ) {
                (false, true) => findings.add(Class::Breaking, &after.pointer, "became required"),
                (true, false) => findings.add(Class::Compatible, &after.pointer, "became optional"),
                _ => {}
            }
            prose(&before, &after, &["description"], findings);
            content(&before, &after, Direction::Request, findings);
        }
    }
}

fn content(old: &At<'_>, new: &At<'_>, direction: Direction, findings: &mut Findings) {
    let (before, after) = (old.get("content"), new.get("content"));
    let (old_types, new_types) = (before.keys(), after.keys());
    for media in old_types.difference(&new_types) {
        findings.add(Class::Breaking, &old.pointer, format!("{media} removed"));
    }
    for media in new_types.difference(&old_types) {
        let class = match direction {
            Direction::Request => Class::Compatible,
            Direction::Response => Class::Breaking,
        };
        findings.add(class, &new.pointer, format!("{media} added"));
    }
    for media in old_types.intersection(&new_types) {
        let (before, after) = (before.get(media), after.get(media));
        prose(&before, &after, &["example", "examples"], findings);
        schema::compare(
            &before.get("schema"),
            &after.get("schema"),
            direction,
            findings,
        );
    }
}

fn responses(old: &At<'_>, new: &At<'_>, findings: &mut Findings) {
    let (before, after) = (old.get("responses"), new.get("responses"));
    let (old_statuses, new_statuses) = (before.keys(), after.keys());
    for status in old_statuses.difference(&new_statuses) {
        findings.add(
            Class::Breaking,
            &old.pointer,
            format!("status {status} removed"),
        );
    }
    for status in new_statuses.difference(&old_statuses) {
        // A caller takes an error that it does not know as the x00 of its class (RFC 9110 §15); a new success it cannot.
        let known_shape = old_statuses
            .iter()
            .filter(|other| other.starts_with(['4', '5']))
            .any(|other| schema_place(&before.get(other)) == schema_place(&after.get(status)));
        let class = if status.starts_with(['4', '5']) && known_shape {
            Class::Compatible
        } else {
            Class::Breaking
        };
        findings.add(class, &new.pointer, format!("status {status} added"));
    }
    for status in old_statuses.intersection(&new_statuses) {
        let (before, after) = (before.get(status), after.get(status));
        prose(&before, &after, &["description"], findings);
        content(&before, &after, Direction::Response, findings);
        headers(&before, &after, findings);
    }
}

fn schema_place(response: &At<'_>) -> String {
    response
        .get("content")
        .get("application/json")
        .get("schema")
        .pointer
}

fn headers(old: &At<'_>, new: &At<'_>, findings: &mut Findings) {
    let (before, after) = (old.get("headers"), new.get("headers"));
    let (old_names, new_names) = (before.keys(), after.keys());
    for name in old_names.difference(&new_names) {
        findings.add(
            Class::Breaking,
            &old.pointer,
            format!("header {name} removed"),
        );
    }
    for name in new_names.difference(&old_names) {
        findings.add(
            Class::Compatible,
            &new.pointer,
            format!("header {name} added"),
        );
    }
    for name in old_names.intersection(&new_names) {
        let (before, after) = (before.get(name), after.get(name));
        prose(&before, &after, &["description"], findings);
        match (
            before.value["required"] == true,
            after.value["required"] == true,
        ) {
            (true, false) => findings.add(
                Class::Breaking,
                &after.pointer,
                "is sent only sometimes now",
            ),
            (false, true) => findings.add(Class::Compatible, &after.pointer, "is always sent now"),
            _ => {}
        }
        schema::compare(
            &before.get("schema"),
            &after.get("schema"),
            Direction::Response,
            findings,
        );
    }
}

/// The requirement that holds: the operation's own, or the document's.
fn required_security<'d>(operation: &At<'d>) -> &'d Value {
    let own = &operation.value["security"];
    if own.is_null() {
        &operation.document["security"]
    } else {
        own
    }
}

fn security(old: &At<'_>, new: &At<'_>, findings: &mut Findings) {
    let (before, after) = (required_security(old), required_security(new));
    let open = |security: &Value| security.as_array().is_none_or(Vec::is_empty);
    match (open(before), open(after)) {
        (true, false) => findings.add(Class::Breaking, &new.pointer, "asks for authentication now"),
        (false, true) => findings.add(Class::Compatible, &new.pointer, "is open to all now"),
        (false, false) if before != after => {
            findings.add(
                Class::Breaking,
                &new.pointer,
                "asks for another authentication",
            );
        }
        _ => {}
    }
}

fn job(old: &At<'_>, new: &At<'_>, findings: &mut Findings) {
    let (before, after) = (old.get("x-job"), new.get("x-job"));
    match (before.is_there(), after.is_there()) {
        (true, false) => findings.add(
            Class::Breaking,
            &old.pointer,
            "declares a job type no longer",
        ),
        (false, true) => findings.add(Class::Compatible, &new.pointer, "declares a job type now"),
        _ => {}
    }
    if !before.is_there() || !after.is_there() {
        return;
    }
    for key in before
        .keys()
        .union(&after.keys())
        .filter(|key| **key != "result")
    {
        if before.value[*key] != after.value[*key] {
            let message = format!(
                "policy: {key} {} became {}",
                before.value[*key], after.value[*key]
            );
            findings.add(Class::Compatible, &after.pointer, message);
        }
    }
    match (
        before.value["result"].as_str(),
        after.value["result"].as_str(),
    ) {
        (Some(old_result), Some(new_result)) => {
            schema::compare(
                &before.follow(old_result),
                &after.follow(new_result),
                Direction::Response,
                findings,
            );
        }
        (Some(_), None) => findings.add(Class::Breaking, &after.pointer, "result removed"),
        (None, Some(_)) => findings.add(Class::Compatible, &after.pointer, "result added"),
        (None, None) => {}
    }
}
