//! What the program carries is what openapi.yaml says.

use std::collections::BTreeSet;

use lockstep::{
    contract::types::{JobTypeName, UserName},
    contract::{DOCUMENT_JSON, OPERATIONS, VERSION, document, schemas},
    spec,
};
use serde_json::json;

#[test]
fn the_document_is_the_file() {
    let file = spec::read(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml")).unwrap();
    assert_eq!(*document(), file);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(DOCUMENT_JSON).unwrap(),
        file
    );
    assert_eq!(file["info"]["version"], VERSION);
}

#[test]
fn every_operation_is_listed_once() {
    let listed: BTreeSet<_> = OPERATIONS
        .iter()
        .map(|one| (one.path, one.method.to_lowercase(), one.id))
        .collect();
    assert_eq!(listed.len(), OPERATIONS.len());
    let mut written = BTreeSet::new();
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            written.insert((path.as_str(), method.clone(), id));
        }
    }
    assert_eq!(listed, written);
}

#[test]
fn parameters_have_schemas_of_their_own() {
    let query = &schemas()["ListUsersQuery"];
    assert_eq!(query["properties"]["limit"]["maximum"], 1000);
    assert_eq!(query["properties"]["email"]["format"], "email");
    let path = &schemas()["GetUserPath"];
    assert_eq!(path["required"], json!(["id"]));
    assert_eq!(
        schemas()["UpdateUserHeader"]["properties"]["If-Match"]["maxLength"],
        200
    );
    assert!(schemas().contains_key("UserRequest"));
    assert!(!schemas().contains_key("ListUsersPath"));
}

/// Generated types compile their patterns at their first use: a bad one would panic there.
#[test]
fn every_schema_and_pattern_compiles() {
    for schema in schemas().values() {
        super::validator(schema);
    }
    assert!(UserName::try_from("Ada").is_ok());
    assert!(UserName::try_from("A\nda").is_err());
    assert!(JobTypeName::try_from("data_export").is_ok());
    assert!(JobTypeName::try_from("Data").is_err());
}
