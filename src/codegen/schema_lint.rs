//! Owns the restricted style of schemas: bounded, of one type, and such that the generated types say the same.
//! Must not know: operations.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    names, pattern, reference,
    refusal::{Pointer, Refusals},
};

/// Formats of strings whose length the format itself bounds.
const BOUNDED_FORMATS: [&str; 3] = ["date", "date-time", "uuid"];
/// What the generated types would not honour, or would honour by a shape that nobody expects.
const UNSUPPORTED: [&str; 8] = [
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "discriminator",
    "readOnly",
    "writeOnly",
    "xml",
];

/// Keywords that any type may have.
const ANY_TYPE: [&str; 7] = [
    "type",
    "title",
    "description",
    "nullable",
    "default",
    "example",
    "deprecated",
];

/// Keywords of one type.
fn own_keywords(kind: &str) -> &'static [&'static str] {
    match kind {
        "string" => &["format", "enum", "minLength", "maxLength", "pattern"],
        "integer" | "number" => &[
            "format",
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
        ],
        "array" => &["items", "minItems", "maxItems", "uniqueItems"],
        "object" => &[
            "properties",
            "required",
            "additionalProperties",
            "minProperties",
            "maxProperties",
        ],
        _ => &[],
    }
}

/// Formats that are understood; a format that nobody checks would be a promise that nobody keeps.
fn formats(kind: &str) -> &'static [&'static str] {
    match kind {
        "string" => &[
            "date",
            "date-time",
            "uuid",
            "email",
            "uri",
            "hostname",
            "ipv4",
            "ipv6",
        ],
        "integer" => &["int32", "int64", "uint32"],
        "number" => &["float", "double"],
        _ => &[],
    }
}

/// Whether a default is of its type. Its bounds are checked where examples are, by the schema itself.
fn fits(kind: &str, default: &Value) -> bool {
    match kind {
        "string" => default.is_string(),
        "integer" => default.is_i64() || default.is_u64(),
        "number" => default.is_number(),
        "boolean" => default.is_boolean(),
        "array" => default.is_array(),
        _ => default.is_object(),
    }
}

pub(super) struct SchemaLint<'d> {
    pub(super) document: &'d Value,
}

impl SchemaLint<'_> {
    pub(super) fn schema(&self, schema: &Value, at: &Pointer, refusals: &mut Refusals) {
        if let Some(name) = reference::of(schema) {
            if reference::schema_name(name).is_none() {
                refusals.add(at, "a schema refers to #/components/schemas/ only");
            }
            return;
        }
        let Some(members) = schema.as_object() else {
            refusals.add(at, "a schema is an object");
            return;
        };
        for key in UNSUPPORTED {
            if members.contains_key(key) {
                refusals.add(&at.then(key), "not supported");
            }
        }
        if schema["nullable"] == true && members.contains_key("default") {
            refusals.add(
                at,
                "nullable and default together: the default would be lost",
            );
        }
        let Some(kind) = schema["type"].as_str() else {
            if !UNSUPPORTED.iter().any(|key| members.contains_key(*key)) {
                refusals.add(&at.then("type"), "missing");
            }
            return;
        };
        match kind {
            "string" => string(members, at, refusals),
            "integer" => integer(members, at, refusals),
            "number" => ordered(members, "minimum", "maximum", at, refusals),
            "boolean" => {}
            "array" => self.array(members, at, refusals),
            "object" => self.object(members, at, refusals),
            other => refusals.add(&at.then("type"), format!("unknown type {other}")),
        }
        for key in members.keys() {
            let known =
                ANY_TYPE.contains(&key.as_str()) || own_keywords(kind).contains(&key.as_str());
            if !known && !UNSUPPORTED.contains(&key.as_str()) {
                refusals.add(&at.then(key), format!("does not belong to the type {kind}"));
            }
        }
        if members
            .get("default")
            .is_some_and(|default| !fits(kind, default))
        {
            refusals.add(&at.then("default"), format!("is no {kind}"));
        }
        let format = members.get("format").and_then(Value::as_str);
        if let Some(format) = format.filter(|format| !formats(kind).contains(format)) {
            let known = formats(kind).join(", ");
            refusals.add(&at.then("format"), format!("{format} is none of {known}"));
        }
    }

    fn array(&self, members: &Map<String, Value>, at: &Pointer, refusals: &mut Refusals) {
        require(members, "maxItems", at, refusals);
        ordered(members, "minItems", "maxItems", at, refusals);
        match members.get("items") {
            Some(items) => self.schema(items, &at.then("items"), refusals),
            None => refusals.add(&at.then("items"), "missing"),
        }
    }

    fn object(&self, members: &Map<String, Value>, at: &Pointer, refusals: &mut Refusals) {
        ordered(members, "minProperties", "maxProperties", at, refusals);
        match members.get("additionalProperties") {
            None | Some(Value::Bool(false)) => {}
            Some(open) => {
                require(members, "maxProperties", at, refusals);
                if !open.is_boolean() {
                    self.schema(open, &at.then("additionalProperties"), refusals);
                }
            }
        }
        let Some(properties) = members.get("properties").and_then(Value::as_object) else {
            if !members.contains_key("additionalProperties") {
                refusals.add(at, "an object has properties or additionalProperties");
            }
            return;
        };
        let mut fields = BTreeSet::new();
        for (name, property) in properties {
            let at = at.then("properties").then(name);
            if name == "next_page" && properties.contains_key("items") {
                page_token(property, &at, refusals);
            } else {
                self.schema(property, &at, refusals);
            }
            if !fields.insert(names::field_name(name)) {
                refusals.add(&at, "clashes with another property once it is a Rust field");
            }
        }
        self.required(members, properties, at, refusals);
    }

    fn required(
        &self,
        members: &Map<String, Value>,
        properties: &Map<String, Value>,
        at: &Pointer,
        refusals: &mut Refusals,
    ) {
        let required = members.get("required").and_then(Value::as_array);
        let mut seen = BTreeSet::new();
        for (index, name) in required.into_iter().flatten().enumerate() {
            let at = at.then("required").then(index);
            let name = name.as_str().unwrap_or_default();
            if !seen.insert(name) {
                refusals.add(&at, format!("{name} is named twice"));
            }
            match properties.get(name) {
                None => refusals.add(&at, format!("{name} is not a property")),
                Some(property) => {
                    let property = reference::resolve(self.document, property);
                    if property.is_some_and(|property| property["nullable"] == true) {
                        refusals.add(
                            &at,
                            format!(
                                "{name} is required and nullable: null would be left out of answers"
                            ),
                        );
                    }
                }
            }
        }
    }
}

/// The client hands a page's token on as it came, so its type must take any string.
fn page_token(schema: &Value, at: &Pointer, refusals: &mut Refusals) {
    let nullable_string = schema["type"] == "string" && schema["nullable"] == true;
    let allowed = ["type", "nullable", "description"];
    let plain = schema.as_object().into_iter().flatten();
    if !nullable_string
        || !plain
            .into_iter()
            .all(|(key, _)| allowed.contains(&key.as_str()))
    {
        refusals.add(
            at,
            "the next_page of a page is a nullable string without constraints",
        );
    }
}

fn string(members: &Map<String, Value>, at: &Pointer, refusals: &mut Refusals) {
    if let Some(values) = members.get("enum").and_then(Value::as_array) {
        enumeration(values, &at.then("enum"), refusals);
        return;
    }
    let format = members.get("format").and_then(Value::as_str);
    if !format.is_some_and(|format| BOUNDED_FORMATS.contains(&format)) {
        require(members, "maxLength", at, refusals);
    }
    ordered(members, "minLength", "maxLength", at, refusals);
    // The generated types compile it at their first use, the server at its start: a bad one would end them.
    let written = members.get("pattern").and_then(Value::as_str);
    if let Some(Err(error)) = written.map(pattern::rust) {
        refusals.add(
            &at.then("pattern"),
            format!("is no regular expression that can be checked: {error}"),
        );
    }
}

fn enumeration(values: &[Value], at: &Pointer, refusals: &mut Refusals) {
    if values.is_empty() {
        refusals.add(at, "an enum has values");
    }
    let mut variants = BTreeSet::new();
    for (index, value) in values.iter().enumerate() {
        let at = at.then(index);
        let variant = names::variant_name(value.as_str().unwrap_or_default());
        if !variant.starts_with(|first: char| first.is_alphabetic()) {
            refusals.add(
                &at,
                format!("{value} makes no name in Rust; values are words"),
            );
        } else if !variants.insert(variant) {
            refusals.add(
                &at,
                format!("{value} clashes with another value once it is a Rust name"),
            );
        }
    }
}

fn integer(members: &Map<String, Value>, at: &Pointer, refusals: &mut Refusals) {
    require(members, "minimum", at, refusals);
    require(members, "maximum", at, refusals);
    ordered(members, "minimum", "maximum", at, refusals);
    let (lowest, highest) = match members.get("format").and_then(Value::as_str) {
        Some("int32") => (i128::from(i32::MIN), i128::from(i32::MAX)),
        Some("int64") => (i128::from(i64::MIN), i128::from(i64::MAX)),
        Some("uint32") => (0, i128::from(u32::MAX)),
        Some(_) => return,
        None => {
            refusals.add(&at.then("format"), "missing: int32, int64 or uint32");
            return;
        }
    };
    for bound in ["minimum", "maximum"] {
        let value = members.get(bound).and_then(Value::as_i64).map(i128::from);
        if value.is_some_and(|value| value < lowest || value > highest) {
            refusals.add(&at.then(bound), "outside the format");
        }
    }
}

fn require(members: &Map<String, Value>, key: &str, at: &Pointer, refusals: &mut Refusals) {
    if !members.contains_key(key) {
        refusals.add(&at.then(key), "missing: everything is bounded");
    }
}

fn ordered(
    members: &Map<String, Value>,
    low: &str,
    high: &str,
    at: &Pointer,
    refusals: &mut Refusals,
) {
    let bound = |key: &str| members.get(key).and_then(Value::as_f64);
    if let (Some(lowest), Some(highest)) = (bound(low), bound(high))
        && lowest > highest
    {
        refusals.add(&at.then(high), format!("below {low}: nothing would fit"));
    }
}
