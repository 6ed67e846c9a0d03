//! Owns the comparison of two whole documents: which operations came and went, the words around them, and what `drift`
//! adds.
//! Must not know: the rules for one operation or schema.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    change::{Class, SpecDiff},
    drifted,
    findings::{At, Findings},
    operation,
};

const METHODS: [&str; 8] = [
    "delete", "get", "head", "options", "patch", "post", "put", "trace",
];

/// Everything that changed from `old` to `new`. Both must be OpenAPI 3.0 documents, as [`read`](super::read()) gives
/// them; parts that are not what OpenAPI says are taken as missing.
pub fn diff(old: &Value, new: &Value) -> SpecDiff {
    let (before, after) = (At::root(old), At::root(new));
    let mut findings = Findings::default();
    operations(&before, &after, &mut findings);
    around(&before, &after, &mut findings);
    drifted::add(old, new, &mut findings);
    if findings.is_empty() && comparable(old) != comparable(new) {
        findings.add(
            Class::Unhandled,
            "/",
            "the documents differ where no rule looks",
        );
    }
    let version = |document: &Value| {
        document["info"]["version"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    SpecDiff {
        old_version: version(old),
        new_version: version(new),
        changes: findings.into_changes(),
    }
}

/// By method and path, the variables of the path without their names: those are not on the wire.
fn operations_of<'d>(root: &At<'d>) -> BTreeMap<(String, &'static str), At<'d>> {
    let paths = root.get("paths");
    let mut found = BTreeMap::new();
    for path in paths.keys() {
        let item = paths.get(path);
        for method in METHODS {
            let operation = item.get(method);
            if operation.is_there() {
                found.insert((nameless(path), method), operation);
            }
        }
    }
    found
}

fn nameless(path: &str) -> String {
    path.split('/')
        .map(|segment| {
            if segment.starts_with('{') {
                "{}"
            } else {
                segment
            }
        })
        .collect::<Vec<_>>()
        .join("/")
}

fn operations(old: &At<'_>, new: &At<'_>, findings: &mut Findings) {
    let (before, after) = (operations_of(old), operations_of(new));
    let id = |operation: &At<'_>| {
        operation.value["operationId"]
            .as_str()
            .unwrap_or("(unnamed)")
            .to_owned()
    };
    for (key, operation) in &before {
        findings.enter(&id(operation));
        match after.get(key) {
            Some(now) => operation::compare(operation, now, findings),
            None => findings.add(Class::Breaking, &operation.pointer, "operation removed"),
        }
    }
    for (_, operation) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
        findings.enter(&id(operation));
        findings.add(Class::Compatible, &operation.pointer, "operation added");
    }
    findings.enter("");
}

/// What belongs to no operation.
fn around(old: &At<'_>, new: &At<'_>, findings: &mut Findings) {
    for key in ["info", "tags", "externalDocs"] {
        let (old, new) = (prose(&old.value[key]), prose(&new.value[key]));
        if old != new {
            findings.add(Class::Trivial, &format!("/{key}"), "changed");
        }
    }
    if old.value["servers"] != new.value["servers"] {
        findings.add(
            Class::Trivial,
            "/servers",
            "changed: where a server is, each caller is told anyway",
        );
    }
    let (old, new) = (old.get("components"), new.get("components"));
    let (old, new) = (old.get("securitySchemes"), new.get("securitySchemes"));
    for name in old.keys().intersection(&new.keys()) {
        let (old, new) = (old.get(name), new.get(name));
        for key in old.keys().union(&new.keys()) {
            if old.value[*key] != new.value[*key] {
                let class = if *key == "description" {
                    Class::Trivial
                } else {
                    Class::Breaking
                };
                findings.add(class, &new.pointer, format!("{key} changed"));
            }
        }
    }
}

/// The version is what the verdict is about, not a change.
fn prose(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        members.remove("version");
    }
    value
}

fn comparable(document: &Value) -> Value {
    let mut document = drifted::canonical(document);
    document["info"] = prose(&document["info"]);
    document
}
