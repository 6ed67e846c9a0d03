//! Owns the collection of changes while two documents are walked: one entry per place and message, the worst class
//! of all the ways that lead there.
//! Must not know: what the rules are.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::change::{Change, Class};

/// Which way the JSON travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    /// Callers write it: the new document must take all that the old one took.
    Request,
    /// Callers read it: the new document must answer nothing that the old one did not.
    Response,
}

impl Direction {
    /// The class of a change by what it does to the set of allowed values.
    pub(super) const fn class(self, effect: Effect) -> Class {
        match (self, effect) {
            (Self::Request, Effect::Tighter)
            | (Self::Response, Effect::Looser)
            | (_, Effect::Other) => Class::Breaking,
            (Self::Request, Effect::Looser) | (Self::Response, Effect::Tighter) => {
                Class::Compatible
            }
        }
    }
}

/// What a change does to the set of values that are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Tighter,
    Looser,
    /// Neither contains the other, or nobody can tell.
    Other,
}

#[derive(Debug, Default)]
pub(super) struct Findings {
    changes: BTreeMap<(String, String), (Class, BTreeSet<String>)>,
    /// Pairs of places that were compared already, and for which operation.
    visited: HashSet<(String, String, Direction, String)>,
    operation: String,
}

impl Findings {
    /// What is found from here on belongs to this operation; the empty name is none.
    pub(super) fn enter(&mut self, operation: &str) {
        operation.clone_into(&mut self.operation);
    }

    /// False when this pair was compared before: recursion ends, and nothing is walked twice.
    pub(super) fn visit(&mut self, old: &str, new: &str, direction: Direction) -> bool {
        let operation = self.operation.clone();
        self.visited
            .insert((old.to_owned(), new.to_owned(), direction, operation))
    }

    pub(super) fn add(&mut self, class: Class, pointer: &str, message: impl Into<String>) {
        let entry = self
            .changes
            .entry((pointer.to_owned(), message.into()))
            .or_insert((class, BTreeSet::new()));
        // Classes are ordered worst first.
        entry.0 = entry.0.min(class);
        if !self.operation.is_empty() {
            entry.1.insert(self.operation.clone());
        }
    }

    /// Whether anything was found at this place or below.
    pub(super) fn any_below(&self, pointer: &str) -> bool {
        self.changes.keys().any(|(place, _)| {
            place
                .strip_prefix(pointer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Worst first.
    pub(super) fn into_changes(self) -> Vec<Change> {
        let mut changes: Vec<_> = self
            .changes
            .into_iter()
            .map(|((pointer, message), (class, operations))| Change {
                class,
                pointer,
                message,
                operations,
            })
            .collect();
        changes.sort();
        changes
    }
}

/// A value and its place in its document.
#[derive(Debug, Clone)]
pub(super) struct At<'d> {
    pub(super) document: &'d serde_json::Value,
    pub(super) value: &'d serde_json::Value,
    pub(super) pointer: String,
}

impl<'d> At<'d> {
    pub(super) fn root(document: &'d serde_json::Value) -> Self {
        Self {
            document,
            value: document,
            pointer: String::new(),
        }
    }

    /// The member of this name; null where there is none. A `$ref` is followed, and the place becomes its target's.
    pub(super) fn get(&self, key: &str) -> Self {
        let segment = key.replace('~', "~0").replace('/', "~1");
        let value = match self.value {
            serde_json::Value::Array(items) => {
                key.parse::<usize>().ok().and_then(|at| items.get(at))
            }
            other => other.get(key),
        };
        let member = Self {
            document: self.document,
            value: value.unwrap_or(&serde_json::Value::Null),
            pointer: format!("{}/{segment}", self.pointer),
        };
        member.resolved()
    }

    fn resolved(self) -> Self {
        let Some(place) = self.value.get("$ref").and_then(serde_json::Value::as_str) else {
            return self;
        };
        match place
            .strip_prefix('#')
            .and_then(|pointer| Some((pointer, self.document.pointer(pointer)?)))
        {
            Some((pointer, value)) => Self {
                document: self.document,
                value,
                pointer: pointer.to_owned(),
            },
            None => self,
        }
    }

    /// What `#/…` names; null where there is nothing.
    pub(super) fn follow(&self, reference: &str) -> Self {
        let pointer = reference.trim_start_matches('#');
        Self {
            document: self.document,
            value: self
                .document
                .pointer(pointer)
                .unwrap_or(&serde_json::Value::Null),
            pointer: pointer.to_owned(),
        }
    }

    pub(super) fn is_there(&self) -> bool {
        !self.value.is_null()
    }

    /// Names of the members.
    pub(super) fn keys(&self) -> BTreeSet<&'d str> {
        self.value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.as_str())
            .collect()
    }
}
