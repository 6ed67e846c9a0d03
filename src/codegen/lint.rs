//! Owns the restricted style above the operation: paths, components, extensions, uniqueness of names.
//! Must not know: what is generated.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    lint_operation::OperationLint,
    names, reference,
    refusal::{Pointer, Refusals, Refused},
    schema_lint::SchemaLint,
};

const METHODS: [&str; 5] = ["delete", "get", "patch", "post", "put"];
const COMPONENTS: [&str; 5] = [
    "headers",
    "parameters",
    "responses",
    "schemas",
    "securitySchemes",
];

/// Checks the whole document and reports everything that is outside the style.
pub(super) fn lint(document: &Value) -> Result<(), Refused> {
    let mut refusals = Refusals::default();
    everywhere(
        document,
        document,
        false,
        &Pointer::default(),
        &mut refusals,
    );
    // A dangling reference would be reported again by everything that follows it.
    refusals.finish()?;

    let mut refusals = Refusals::default();
    components(document, &mut refusals);
    paths(document, &mut refusals);
    refusals.finish()
}

/// What holds anywhere: references lead somewhere, and an extension that nobody reads is a misspelt one.
/// `names` says whether the keys of this object are names of properties rather than keywords.
fn everywhere(document: &Value, value: &Value, names: bool, at: &Pointer, refusals: &mut Refusals) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let at = at.then(key);
                match key.as_str() {
                    // Data, not specification.
                    "example" | "default" | "enum" | "x-job" | "x-dropshot-pagination"
                        if !names => {}
                    "$ref" if !names => follow(document, member, &at, refusals),
                    _ if key.starts_with("x-") && !names => {
                        refusals.add(&at, "unknown extension (x-job, x-dropshot-pagination)");
                    }
                    _ => {
                        let names = key == "properties" && !names;
                        everywhere(document, member, names, &at, refusals);
                    }
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                everywhere(document, item, false, &at.then(index), refusals);
            }
        }
        _ => {}
    }
}

fn follow(document: &Value, name: &Value, at: &Pointer, refusals: &mut Refusals) {
    let name = name.as_str().unwrap_or_default();
    match reference::target(document, name) {
        None => refusals.add(at, format!("{name} does not exist")),
        Some(target) if reference::of(target).is_some() => {
            refusals.add(at, format!("{name} is itself a reference; name its target"));
        }
        Some(_) => {}
    }
}

fn components(document: &Value, refusals: &mut Refusals) {
    let at = Pointer::default().then("components");
    let Some(components) = document["components"].as_object() else {
        return;
    };
    for kind in components.keys() {
        if !COMPONENTS.contains(&kind.as_str()) {
            refusals.add(&at.then(kind), "not supported; write it where it is used");
        }
    }
    let lint = SchemaLint { document };
    for (name, schema) in components
        .get("schemas")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let at = at.then("schemas").then(name);
        if !names::is_type_name(name) {
            refusals.add(
                &at,
                "the name of a schema is upper camel case, as UserRequest",
            );
        }
        lint.schema(schema, &at, refusals);
    }
    for (name, header) in components
        .get("headers")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        lint.schema(
            &header["schema"],
            &at.then("headers").then(name).then("schema"),
            refusals,
        );
    }
}

fn paths(document: &Value, refusals: &mut Refusals) {
    let root = Pointer::default().then("paths");
    let Some(paths) = document["paths"]
        .as_object()
        .filter(|paths| !paths.is_empty())
    else {
        refusals.add(&root, "missing or empty");
        return;
    };
    siblings(paths.keys(), &root, refusals);
    let mut ids = BTreeMap::new();
    for (path, item) in paths {
        let at = root.then(path);
        for (method, operation) in item.as_object().into_iter().flatten() {
            let at = at.then(method);
            if !METHODS.contains(&method.as_str()) {
                refusals.add(&at, format!("not supported; an operation's method is one of {METHODS:?}, and all else is written in the operation"));
                continue;
            }
            let lint = OperationLint {
                document,
                path,
                method,
                operation,
                at: &at,
            };
            lint.check(refusals);
            if let Some(id) = operation["operationId"].as_str()
                && let Some(first) = ids.insert(names::type_name(id), at.to_string())
            {
                refusals.add(&at.then("operationId"), format!("{id} is taken by {first}"));
            }
        }
    }
}

/// Dropshot's router cannot hold a literal and a variable at one place.
fn siblings<'p>(paths: impl Iterator<Item = &'p String>, at: &Pointer, refusals: &mut Refusals) {
    let mut variables: BTreeMap<String, &str> = BTreeMap::new();
    let mut literals: BTreeMap<String, &str> = BTreeMap::new();
    for path in paths {
        let mut prefix = String::new();
        for segment in path.split('/').skip(1) {
            let (mine, other) = if segment.starts_with('{') {
                (&mut variables, &literals)
            } else {
                (&mut literals, &variables)
            };
            let taken = mine.insert(prefix.clone(), segment);
            let renamed = segment.starts_with('{') && taken.is_some_and(|taken| taken != segment);
            if renamed || other.contains_key(&prefix) {
                refusals.add(&at.then(path), format!("`{segment}` stands where another path has a different variable or a literal; the router takes one of them"));
                break;
            }
            prefix = format!(
                "{prefix}/{}",
                if segment.starts_with('{') {
                    "{}"
                } else {
                    segment
                }
            );
        }
    }
}
