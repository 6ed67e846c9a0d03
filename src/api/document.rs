//! Owns what Dropshot is told of the contract for the document that it emits: schemas exactly as written.
//! Must not know: requests. (`tests/it/contract/identity.rs` compares what comes out with `openapi.yaml`.)

use std::marker::PhantomData;

use dropshot::{
    ApiEndpointBodyContentType, ApiEndpointParameter, ApiEndpointResponse, HttpResponse, TypedBody,
};
use schemars::{
    JsonSchema,
    r#gen::SchemaGenerator,
    schema::{Schema, SchemaObject},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::operation::Operation;
use crate::contract;

/// Unit types that stand for the component schemas, and the way from a name to its type.
macro_rules! schemas {
    ($($name:ident),*) => {
        $(
            #[derive(Debug, serde::Serialize, serde::Deserialize)]
            pub struct $name;

            impl schemars::JsonSchema for $name {
                fn schema_name() -> String {
                    stringify!($name).to_owned()
                }

                fn json_schema(generator: &mut schemars::r#gen::SchemaGenerator) -> schemars::schema::Schema {
                    super::super::document::component(stringify!($name), generator)
                }
            }
        )*

        /// Has the component emitted too.
        pub(in super::super) fn mention(name: &str, generator: &mut schemars::r#gen::SchemaGenerator) {
            match name {
                $(stringify!($name) => { generator.subschema_for::<$name>(); })*
                _ => {}
            }
        }
    };
}
pub(super) use schemas;

/// A component schema as written.
pub(super) fn component(name: &str, generator: &mut SchemaGenerator) -> Schema {
    contract::schemas()
        .get(name)
        .map_or(Schema::Bool(true), |schema| written(schema, generator))
}

/// A schema as written, and what it refers to emitted too.
fn written(schema: &Value, generator: &mut SchemaGenerator) -> Schema {
    mention_all(schema, generator);
    serde_json::from_value(schema.clone()).unwrap_or(Schema::Bool(true))
}

fn mention_all(value: &Value, generator: &mut SchemaGenerator) {
    match value {
        Value::Object(object) => {
            let name = object
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|to| to.rsplit('/').next());
            if let Some(name) = name {
                super::operations::schema::mention(name, generator);
            }
            object
                .values()
                .for_each(|value| mention_all(value, generator));
        }
        Value::Array(items) => items.iter().for_each(|value| mention_all(value, generator)),
        _ => {}
    }
}

/// The operation as written.
fn operation(id: &str) -> &'static Value {
    static NONE: Value = Value::Null;
    let info = contract::OPERATIONS
        .iter()
        .find(|operation| operation.id == id);
    info.and_then(|info| contract::document()["paths"][info.path].get(info.method.to_lowercase()))
        .unwrap_or(&NONE)
}

/// What a `$ref` names, or the value itself.
fn resolve(value: &'static Value) -> &'static Value {
    let pointer = value["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    pointer
        .and_then(|pointer| contract::document().pointer(pointer))
        .unwrap_or(value)
}

/// An object with a property for each parameter or header: Dropshot reads descriptions off `allOf` wrappers.
fn members(
    parts: impl Iterator<Item = (String, &'static Value)>,
    generator: &mut SchemaGenerator,
) -> Schema {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, part) in parts {
        mention_all(&part["schema"], generator);
        if part["required"] == true {
            required.push(name.clone());
        }
        let member = json!({ "description": part["description"], "allOf": [part["schema"]] });
        properties.insert(name, member);
    }
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    serde_json::from_value(schema).unwrap_or(Schema::Object(SchemaObject::default()))
}

/// What the extractors of Dropshot are asked to hold; only their metadata is used.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Holder {}

/// The parameters of an operation in one place.
pub(crate) struct Place<O, E>(PhantomData<(O, E)>);

macro_rules! place {
    ($extractor:ident, $place:literal) => {
        impl<O: Operation> Place<O, dropshot::$extractor<Holder>> {
            pub(crate) fn parameters() -> Vec<ApiEndpointParameter> {
                use dropshot::SharedExtractor;
                dropshot::$extractor::<In<O, { $place }>>::metadata(
                    ApiEndpointBodyContentType::Json,
                )
                .parameters
            }
        }
    };
}
place!(Path, 0);
place!(Query, 1);
place!(Header, 2);

const PLACES: [&str; 3] = ["path", "query", "header"];

/// The schema of [`Place`], by the number of the place.
#[derive(Debug, Serialize, Deserialize)]
struct In<O, const PLACE: usize>(#[serde(skip)] PhantomData<O>);

impl<O: Operation, const PLACE: usize> JsonSchema for In<O, PLACE> {
    fn schema_name() -> String {
        format!("{}_{}", O::ID, PLACES[PLACE])
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let parameters = operation(O::ID)["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(resolve);
        let here = parameters.filter(|parameter| parameter["in"] == PLACES[PLACE]);
        let named = here.map(|parameter| {
            (
                parameter["name"].as_str().unwrap_or_default().to_owned(),
                parameter,
            )
        });
        members(named, generator)
    }
}

/// The headers of an operation's success.
#[derive(Debug, Serialize)]
pub(crate) struct Headers<O>(#[serde(skip)] PhantomData<O>);

impl<O: Operation> JsonSchema for Headers<O> {
    fn schema_name() -> String {
        format!("{}_headers", O::ID)
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let responses = operation(O::ID)["responses"]
            .as_object()
            .into_iter()
            .flatten();
        let success = responses
            .filter(|(status, _)| status.starts_with('2'))
            .map(|(_, response)| resolve(response));
        let headers =
            success.flat_map(|response| response["headers"].as_object().into_iter().flatten());
        members(
            headers.map(|(name, header)| (name.clone(), resolve(header))),
            generator,
        )
    }
}

/// The body parameter.
pub(crate) fn body<S>() -> Vec<ApiEndpointParameter>
where
    S: JsonSchema + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    use dropshot::ExclusiveExtractor;
    TypedBody::<S>::metadata(ApiEndpointBodyContentType::Json).parameters
}

/// The success answer.
pub(crate) fn response<R: HttpResponse>(status: u16, description: &str) -> ApiEndpointResponse {
    let mut metadata = R::response_metadata();
    metadata.success = http::StatusCode::from_u16(status).ok();
    metadata.description = Some(description.to_owned());
    metadata
}

/// The document that Dropshot emits for the registered operations.
pub fn emitted() -> Result<Value, String> {
    let description = super::server::description(false).map_err(|error| error.to_string())?;
    let info = &contract::document()["info"];
    let version = contract::VERSION
        .parse()
        .map_err(|_| "info.version is not semantic".to_owned())?;
    let mut definition = description.openapi(info["title"].as_str().unwrap_or_default(), version);
    if let Some(text) = info["description"].as_str() {
        definition.description(text);
    }
    if let Some(name) = info["license"]["name"].as_str() {
        definition.license_name(name);
    }
    definition.json().map_err(|error| error.to_string())
}
