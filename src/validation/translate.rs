//! Owns writing a schema of the contract (OpenAPI 3.0) as JSON Schema draft 4, its nearest relative: exclusive bounds
//! are booleans in both, and 30.0 is no integer. Must not know: how schemas are compiled.

use serde_json::{Map, Value, json};

use super::Mode;

/// Name of the resource that holds all component schemas.
pub(super) const RESOURCE: &str = "lockstep:///contract";

/// Keywords that mean the same in both.
const SAME: [&str; 16] = [
    "type",
    "format",
    "enum",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];
/// Keywords that constrain nothing, or are read elsewhere.
const SILENT: [&str; 6] = [
    "title",
    "description",
    "default",
    "example",
    "deprecated",
    "nullable",
];

/// A keyword that is not translated. The contract's style has none; a schema must not be weaker than it reads.
#[derive(Debug)]
pub(super) struct UnknownKeyword(pub(super) String);

/// The reference to a component schema, by its name.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("{RESOURCE}#/definitions/{name}") })
}

/// All component schemas as one resource.
pub(super) fn resource(
    schemas: &Map<String, Value>,
    mode: Mode,
) -> Result<Value, (String, UnknownKeyword)> {
    let mut definitions = Map::new();
    for (name, written) in schemas {
        let translated = schema(written, mode).map_err(|unknown| (name.clone(), unknown))?;
        definitions.insert(name.clone(), translated);
    }
    Ok(json!({ "definitions": definitions }))
}

/// One schema with all that is inside it.
pub(super) fn schema(written: &Value, mode: Mode) -> Result<Value, UnknownKeyword> {
    if let Some(target) = written["$ref"].as_str() {
        let name = target.strip_prefix("#/components/schemas/");
        return Ok(reference(name.ok_or_else(|| {
            UnknownKeyword("$ref to another place than a component schema".to_owned())
        })?));
    }
    let mut translated = Map::new();
    for (key, value) in written.as_object().into_iter().flatten() {
        let new = match key.as_str() {
            "properties" => each(value, mode)?,
            "items" => schema(value, mode)?,
            "additionalProperties" if !value.is_boolean() => schema(value, mode)?,
            // Draft 4 wants at least one name.
            "required" if value.as_array().is_some_and(Vec::is_empty) => continue,
            "additionalProperties" | "required" => value.clone(),
            other if SAME.contains(&other) => value.clone(),
            other if SILENT.contains(&other) || other.starts_with("x-") => continue,
            other => return Err(UnknownKeyword(other.to_owned())),
        };
        translated.insert(key.clone(), new);
    }
    bound_numbers(&mut translated);
    if written["nullable"] == true {
        allow_null(&mut translated);
    }
    if mode == Mode::Strict && translated.contains_key("properties") {
        translated
            .entry("additionalProperties")
            .or_insert(Value::Bool(false));
    }
    Ok(Value::Object(translated))
}

fn each(properties: &Value, mode: Mode) -> Result<Value, UnknownKeyword> {
    let mut translated = Map::new();
    for (name, property) in properties.as_object().into_iter().flatten() {
        translated.insert(name.clone(), schema(property, mode)?);
    }
    Ok(Value::Object(translated))
}

/// The formats of numbers are bounds, where the schema has none of its own.
fn bound_numbers(schema: &mut Map<String, Value>) {
    let bounds = match schema.get("format").and_then(Value::as_str) {
        Some("int32") => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
        Some("int64") => Some((i64::MIN, i64::MAX)),
        Some("uint32") => Some((0, i64::from(u32::MAX))),
        Some("float" | "double") => None,
        _ => return,
    };
    schema.remove("format");
    if let Some((lowest, highest)) = bounds {
        schema.entry("minimum").or_insert(lowest.into());
        schema.entry("maximum").or_insert(highest.into());
    }
}

fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(kind) = schema.get_mut("type") {
        *kind = json!([kind, "null"]);
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.push(Value::Null);
    }
}
