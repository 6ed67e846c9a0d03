//! Owns the contract as a value at run time: the document, its schemas, its operations.
//! Must not know: who asks.

use std::sync::LazyLock;

use serde_json::{Map, Value};

include!(concat!(env!("OUT_DIR"), "/document.rs"));

/// One operation, by the names that a router and a test need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationInfo {
    /// The operationId: `create_user`.
    pub id: &'static str,
    /// Upper case.
    pub method: &'static str,
    /// With its variables: `/users/{id}`.
    pub path: &'static str,
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| parse(DOCUMENT_JSON));
static SCHEMAS: LazyLock<Map<String, Value>> = LazyLock::new(|| match parse(SCHEMAS_JSON) {
    Value::Object(schemas) => schemas,
    _ => Map::new(),
});

fn parse(json: &str) -> Value {
    serde_json::from_str(json).expect("written by the build script from a parsed document")
}

/// The whole contract.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// Schemas by name: the components', and the parameters of each operation and place as one object
/// (`ListUsersQuery`). `$ref`s say `#/components/schemas/…`.
pub fn schemas() -> &'static Map<String, Value> {
    &SCHEMAS
}
