//! Owns the rules for schemas: which values are allowed no longer, which are allowed anew, and who minds.
//! Must not know: operations.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    bounds,
    change::Class,
    findings::{At, Direction, Effect, Findings},
};

/// Words about a schema; they decide about no value.
const PROSE: [&str; 6] = [
    "description",
    "title",
    "example",
    "examples",
    "externalDocs",
    "deprecated",
];
/// Keywords with a rule of their own below.
const RULED: [&str; 7] = [
    "type",
    "enum",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "default",
];

/// Compares two schemas that stand for the same JSON.
pub(super) fn compare(old: &At<'_>, new: &At<'_>, direction: Direction, findings: &mut Findings) {
    if !findings.visit(&old.pointer, &new.pointer, direction) {
        return;
    }
    if old.value["type"] != new.value["type"] {
        let message = format!("type {} became {}", old.value["type"], new.value["type"]);
        findings.add(Class::Breaking, &new.pointer, message);
        return;
    }
    let (old_name, new_name) = (component(old), component(new));
    if let (Some(old_name), Some(new_name)) = (old_name, new_name)
        && old_name != new_name
    {
        let message = format!("{old_name} became {new_name}: generated clients name the type");
        findings.add(Class::Breaking, &new.pointer, message);
    }
    let rule = Rule {
        old,
        new,
        direction,
    };
    rule.keywords(findings);
    rule.enumeration(findings);
    rule.default(findings);
    rule.properties(findings);
    rule.additional(findings);
    let (items, new_items) = (old.get("items"), new.get("items"));
    if items.is_there() && new_items.is_there() {
        compare(&items, &new_items, direction, findings);
    }
    rule.unknown(findings);
}

fn component<'a>(at: &'a At<'_>) -> Option<&'a str> {
    at.pointer
        .strip_prefix("/components/schemas/")
        .filter(|name| !name.contains('/'))
}

struct Rule<'r, 'd> {
    old: &'r At<'d>,
    new: &'r At<'d>,
    direction: Direction,
}

impl Rule<'_, '_> {
    fn report(&self, effect: Effect, message: String, findings: &mut Findings) {
        findings.add(self.direction.class(effect), &self.new.pointer, message);
    }

    fn keywords(&self, findings: &mut Findings) {
        for keyword in bounds::keywords() {
            let (old, new) = (&self.old.value[keyword], &self.new.value[keyword]);
            if let Some(effect) = bounds::effect(keyword, old, new) {
                self.report(effect, changed(keyword, old, new), findings);
            }
        }
        for keyword in PROSE {
            if self.old.value[keyword] != self.new.value[keyword] {
                findings.add(
                    Class::Trivial,
                    &self.new.pointer,
                    format!("{keyword} changed"),
                );
            }
        }
    }

    fn enumeration(&self, findings: &mut Findings) {
        let values = |at: &At<'_>| -> Option<BTreeSet<String>> {
            Some(
                at.value["enum"]
                    .as_array()?
                    .iter()
                    .map(Value::to_string)
                    .collect(),
            )
        };
        match (values(self.old), values(self.new)) {
            (None, None) => {}
            (None, Some(_)) => self.report(Effect::Tighter, "became an enum".into(), findings),
            (Some(_), None) => self.report(Effect::Looser, "is an enum no longer".into(), findings),
            (Some(old), Some(new)) => {
                for value in old.difference(&new) {
                    self.report(
                        Effect::Tighter,
                        format!("enum value {value} removed"),
                        findings,
                    );
                }
                for value in new.difference(&old) {
                    self.report(
                        Effect::Looser,
                        format!("enum value {value} added"),
                        findings,
                    );
                }
            }
        }
    }

    /// A default gives old requests their meaning.
    fn default(&self, findings: &mut Findings) {
        let (old, new) = (&self.old.value["default"], &self.new.value["default"]);
        if old != new {
            let class = match self.direction {
                Direction::Request if old.is_null() => Class::Compatible,
                Direction::Request => Class::Breaking,
                Direction::Response => Class::Trivial,
            };
            findings.add(class, &self.new.pointer, changed("default", old, new));
        }
    }

    fn properties(&self, findings: &mut Findings) {
        let (old, new) = (self.old.get("properties"), self.new.get("properties"));
        let (old_names, new_names) = (old.keys(), new.keys());
        for name in old_names.difference(&new_names) {
            let message = format!("property {name} removed");
            findings.add(Class::Breaking, &self.old.pointer, message);
        }
        for name in new_names.difference(&old_names) {
            let required = requires(self.new, name);
            let closed = self.old.value["additionalProperties"] == false;
            let class = match self.direction {
                Direction::Request if required => Class::Breaking,
                // A generated client refuses what a closed schema does not name.
                Direction::Response if closed => Class::Breaking,
                _ => Class::Compatible,
            };
            let kind = if required { "required" } else { "optional" };
            findings.add(
                class,
                &self.new.pointer,
                format!("{kind} property {name} added"),
            );
        }
        for name in old_names.intersection(&new_names) {
            match (requires(self.old, name), requires(self.new, name)) {
                (false, true) => self.report(
                    Effect::Tighter,
                    format!("property {name} became required"),
                    findings,
                ),
                (true, false) => self.report(
                    Effect::Looser,
                    format!("property {name} became optional"),
                    findings,
                ),
                _ => {}
            }
            compare(&old.get(name), &new.get(name), self.direction, findings);
        }
    }

    fn additional(&self, findings: &mut Findings) {
        let key = "additionalProperties";
        let (old, new) = (self.old.get(key), self.new.get(key));
        let open = |at: &At<'_>| at.value.as_bool().unwrap_or(true) && !at.value.is_object();
        let closed = |at: &At<'_>| *at.value == false;
        match (open(&old), open(&new)) {
            _ if old.value.is_object() && new.value.is_object() => {
                compare(&old, &new, self.direction, findings);
            }
            (true, true) => {}
            _ if closed(&old) && closed(&new) => {}
            (false, true) => self.report(
                Effect::Looser,
                "takes additional properties now".into(),
                findings,
            ),
            (true, false) => self.report(
                Effect::Tighter,
                "takes fewer additional properties".into(),
                findings,
            ),
            _ if closed(&new) => self.report(
                Effect::Tighter,
                "takes no additional properties now".into(),
                findings,
            ),
            _ => self.report(
                Effect::Looser,
                "takes additional properties now".into(),
                findings,
            ),
        }
    }

    /// What has no rule is not passed over in silence.
    fn unknown(&self, findings: &mut Findings) {
        let ruled: BTreeSet<&str> = bounds::keywords().chain(PROSE).chain(RULED).collect();
        for key in self.old.keys().union(&self.new.keys()) {
            if !ruled.contains(key) && self.old.value[*key] != self.new.value[*key] {
                findings.add(
                    Class::Unhandled,
                    &self.new.pointer,
                    format!("{key} changed"),
                );
            }
        }
    }
}

fn requires(at: &At<'_>, name: &str) -> bool {
    at.value["required"]
        .as_array()
        .is_some_and(|required| required.iter().any(|one| one == name))
}

fn changed(keyword: &str, old: &Value, new: &Value) -> String {
    match (old.is_null(), new.is_null()) {
        (true, _) => format!("{keyword} {new} added"),
        (_, true) => format!("{keyword} {old} removed"),
        _ => format!("{keyword} {old} became {new}"),
    }
}
