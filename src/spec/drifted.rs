//! Owns asking the `drift` crate, and keeping from it what its author has not written yet.
//! Must not know: our own rules; it only fills the places where they saw nothing.

use std::{
    collections::BTreeMap,
    panic::{self, AssertUnwindSafe},
};

use drift::{ChangeClass, ChangePath};
use serde_json::Value;

use super::{
    change::Class,
    findings::{At, Findings},
};

/// Adds what `drift` finds at places where nothing was found so far.
pub(super) fn add(old: &Value, new: &Value, findings: &mut Findings) {
    let (old, new) = (canonical(old), canonical(new));
    // Its assertions: such changes were found by our rules already.
    if [&old, &new].into_iter().any(is_endless) {
        if old != new {
            let reason =
                "drift was not asked: a component refers to itself without anything between";
            findings.add(Class::Unhandled, "/components", reason);
        }
        return;
    }
    let (before, after) = (media_types(&old), media_types(&new));
    if before
        .iter()
        .any(|(place, media)| after.get(place).is_some_and(|now| now != media))
    {
        return;
    }
    let answer = panic::catch_unwind(AssertUnwindSafe(|| drift::compare(&old, &new)));
    let changes = match answer {
        Ok(Ok(changes)) => changes,
        Ok(Err(error)) => {
            findings.add(
                Class::Unhandled,
                "/",
                format!("drift could not compare: {error:#}"),
            );
            return;
        }
        Err(_) => {
            findings.add(Class::Unhandled, "/", "drift could not compare");
            return;
        }
    };
    for change in changes {
        let places: Vec<_> = change.paths.iter().map(base).collect();
        if places
            .iter()
            .flatten()
            .any(|place| findings.any_below(place))
        {
            continue;
        }
        let place = places.first().map_or("/", |[_, new]| new.as_str());
        for info in change.changes {
            let pointer = format!("{place}/{}", info.new_subpath);
            findings.add(
                class(info.class),
                pointer.trim_end_matches('/'),
                info.message,
            );
        }
    }
}

/// The component or operation of a change, in the old and the new document.
fn base(path: &ChangePath) -> [String; 2] {
    [&path.old, &path.new].map(|stack| {
        stack
            .base_and_subpath()
            .0
            .trim_start_matches('#')
            .to_owned()
    })
}

/// `drift` judges both ways; what counts here are callers that exist already.
const fn class(class: ChangeClass) -> Class {
    match class {
        ChangeClass::BackwardIncompatible | ChangeClass::Incompatible => Class::Breaking,
        ChangeClass::ForwardIncompatible => Class::Compatible,
        ChangeClass::Trivial => Class::Trivial,
        ChangeClass::Unhandled => Class::Unhandled,
    }
}

/// The document with the orders sorted that mean nothing: `drift` would report them.
pub(super) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| (key.clone(), sorted(key, canonical(member))))
            .collect(),
        Value::Array(items) => items.iter().map(canonical).collect(),
        other => other.clone(),
    }
}

fn sorted(key: &str, value: Value) -> Value {
    match value {
        Value::Array(mut items) if matches!(key, "required" | "enum" | "tags") => {
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        other => other,
    }
}

/// Whether a component leads back to itself by references and alternatives alone. `drift` would follow it for ever.
fn is_endless(document: &Value) -> bool {
    let components = document["components"].as_object().into_iter().flatten();
    components.into_iter().any(|(kind, members)| {
        let members = members.as_object().into_iter().flatten();
        members.into_iter().any(|(name, component)| {
            let place = format!("#/components/{kind}/{name}");
            leads_back(document, component, &mut vec![place])
        })
    })
}

fn leads_back(document: &Value, value: &Value, open: &mut Vec<String>) -> bool {
    if let Some(place) = value["$ref"].as_str() {
        if open.iter().any(|other| other == place) {
            return true;
        }
        let Some(target) = document.pointer(place.trim_start_matches('#')) else {
            return false;
        };
        open.push(place.to_owned());
        let endless = leads_back(document, target, open);
        open.pop();
        return endless;
    }
    ["allOf", "anyOf", "oneOf"].iter().any(|key| {
        let alternatives = value[*key].as_array().into_iter().flatten();
        alternatives
            .into_iter()
            .any(|one| leads_back(document, one, open))
    })
}

/// Every place of every operation that has content, with its media types.
fn media_types(document: &Value) -> BTreeMap<String, Vec<String>> {
    let paths = At::root(document).get("paths");
    let mut found = BTreeMap::new();
    for path in paths.keys() {
        let item = paths.get(path);
        for method in item.keys() {
            let operation = item.get(method);
            let responses = operation.get("responses");
            let statuses = responses
                .keys()
                .into_iter()
                .map(|status| (status, responses.get(status)));
            for (name, holder) in statuses.chain([("body", operation.get("requestBody"))]) {
                let content = holder.get("content");
                if content.is_there() {
                    let media = content.keys().into_iter().map(|media| {
                        format!("{media} {}", content.get(media).get("schema").is_there())
                    });
                    found.insert(format!("{method} {path} {name}"), media.collect());
                }
            }
        }
    }
    found
}
