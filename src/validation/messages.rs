//! Owns the sentence for each rule that a value can break. Must not know: how values arrive.
//!
//! No sentence repeats the value: it may be an address or a secret.

use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind as Kind},
    paths::LocationSegment,
    types::JsonType,
};
use serde_json::Value;

use super::{
    fault::{Faults, Place},
    formats,
};

/// A pattern that says "no control characters" to people who read regular expressions.
const NO_CONTROL_CHARACTERS: [&str; 2] = [r"^[^\x00-\x1f\x7f]+$", r"^[^\x00-\x1f\x7f]*$"];

/// Of a value with more values inside only the first fault is told: the library finds all before it tells one, and a
/// megabyte of faults would cost sixteen times its parsing.
const MOST_VALUES: usize = 10_000;

/// Adds what `validator` finds in `value`, which is at `at`.
pub(super) fn check(
    validator: &jsonschema::Validator,
    value: &Value,
    at: &Place,
    faults: &mut Faults,
) {
    if validator.is_valid(value) {
        return;
    }
    if weighs_more_than(&mut { MOST_VALUES }, value) {
        if let Err(error) = validator.validate(value) {
            add(&error, at, faults);
        }
        return;
    }
    for error in validator.iter_errors(value) {
        if faults.is_full() {
            return;
        }
        add(&error, at, faults);
    }
}

/// Whether there are more values in `value`, itself included, than are `left`.
fn weighs_more_than(left: &mut usize, value: &Value) -> bool {
    let Some(fewer) = left.checked_sub(1) else {
        return true;
    };
    *left = fewer;
    match value {
        Value::Array(list) => list.iter().any(|one| weighs_more_than(left, one)),
        Value::Object(members) => members.values().any(|one| weighs_more_than(left, one)),
        _ => false,
    }
}

fn add(error: &ValidationError<'_>, at: &Place, faults: &mut Faults) {
    let place = error
        .instance_path()
        .segments()
        .fold(at.clone(), |place, segment| match segment {
            LocationSegment::Property(name) => place.property(&name),
            LocationSegment::Index(index) => place.index(index),
        });
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            faults.add(place.property(name).fault("is required"));
        }
        Kind::AdditionalProperties { unexpected } => {
            for name in unexpected {
                if faults.is_full() {
                    return;
                }
                faults.add(
                    place
                        .clone()
                        .property(name)
                        .fault("is not a known property"),
                );
            }
        }
        Kind::MinProperties { limit: 1 } => {
            faults.add(place.says("at least one property is needed"));
        }
        kind => faults.add(place.fault(rule(kind, error.instance()))),
    }
}

/// The rule, as the end of a sentence about the value.
fn rule(kind: &Kind, value: &Value) -> String {
    let is_empty = value.as_str().is_some_and(str::is_empty);
    match kind {
        Kind::Type { kind } => wrong_type(kind),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be greater than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        Kind::MinLength { limit } => format!("must be at least {limit} characters long"),
        Kind::MaxLength { limit } => format!(
            "must be at most {} long",
            counted(*limit, "character", "characters")
        ),
        Kind::Pattern { pattern } if NO_CONTROL_CHARACTERS.contains(&pattern.as_str()) => {
            if is_empty {
                "must not be empty".to_owned()
            } else {
                "must not contain control characters".to_owned()
            }
        }
        Kind::Pattern { pattern } => format!("must match the pattern {pattern}"),
        Kind::Format { format } => format!("must be {}", formats::called(format)),
        Kind::Enum { options } => one_of(options),
        Kind::MinItems { limit } => {
            format!("must have at least {}", counted(*limit, "item", "items"))
        }
        Kind::MaxItems { limit } => {
            format!("must have at most {}", counted(*limit, "item", "items"))
        }
        Kind::UniqueItems => "must not have an item twice".to_owned(),
        Kind::MinProperties { limit } => {
            format!(
                "must have at least {}",
                counted(*limit, "property", "properties")
            )
        }
        Kind::MaxProperties { limit } => {
            format!(
                "must have at most {}",
                counted(*limit, "property", "properties")
            )
        }
        other => format!("breaks the rule {}", other.keyword()),
    }
}

fn wrong_type(kind: &TypeKind) -> String {
    let types: Vec<_> = match kind {
        TypeKind::Single(one) => vec![*one],
        TypeKind::Multiple(several) => several.iter().collect(),
    };
    let names: Vec<_> = types.into_iter().map(type_name).collect();
    format!("must be {}", listed(&names))
}

/// How a sentence calls a type.
fn type_name(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "an integer",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a string",
    }
}

fn one_of(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<_> = options
        .iter()
        .map(|option| {
            option
                .as_str()
                .map_or_else(|| option.to_string(), str::to_owned)
        })
        .collect();
    match names.as_slice() {
        [one] => format!("must be {one}"),
        names => format!("must be one of {}", names.join(", ")),
    }
}

fn listed(names: &[&str]) -> String {
    // "null" reads best as the last.
    let (nulls, mut others): (Vec<&str>, Vec<&str>) =
        names.iter().partition(|name| **name == "null");
    others.extend(nulls);
    others.join(" or ")
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
