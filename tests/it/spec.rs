//! Spec diff: each kind of change has its class, the release verdict follows, and this tree keeps its promises.
#![allow(
    clippy::semicolon_if_nothing_returned,
    reason = "a table of changes, one expression each"
)]

use std::sync::LazyLock;

use lockstep::spec::{Class, SpecDiff, blessed, diff, parse, read, verdict};
use serde_json::{Value, json};

fn contract() -> Value {
    static CONTRACT: LazyLock<Value> =
        LazyLock::new(|| parse(include_str!("../../openapi.yaml")).unwrap());
    CONTRACT.clone()
}

fn changed(change: impl FnOnce(&mut Value)) -> SpecDiff {
    let old = contract();
    let mut new = old.clone();
    change(&mut new);
    assert_ne!(old, new, "the change must change something");
    diff(&old, &new)
}

fn set(document: &mut Value, pointer: &str, value: Value) {
    *document.pointer_mut(pointer).expect(pointer) = value;
}

fn add(document: &mut Value, pointer: &str, key: &str, value: Value) {
    document.pointer_mut(pointer).expect(pointer)[key] = value;
}

fn remove(document: &mut Value, pointer: &str, key: &str) {
    let parent = document.pointer_mut(pointer).expect(pointer);
    let gone = match parent {
        Value::Array(items) => {
            let before = items.len();
            items.retain(|item| *item != key);
            items.len() < before
        }
        other => other.as_object_mut().expect(pointer).remove(key).is_some(),
    };
    assert!(gone, "{key} was at {pointer}");
}

const USERS: &str = "/paths/~1users";
const SCHEMAS: &str = "/components/schemas";

type Case = (&'static str, Class, fn(&mut Value));

const BREAKING: &[Case] = &[
    ("operation removed", Class::Breaking, |d| {
        remove(d, USERS, "post")
    }),
    ("operationId", Class::Breaking, |d| {
        set(d, "/paths/~1users/post/operationId", json!("add_user"))
    }),
    ("path renamed", Class::Breaking, |d| {
        let item = d["paths"]["/users"].take();
        remove(d, "/paths", "/users");
        add(d, "/paths", "/people", item);
    }),
    ("request bound tightened", Class::Breaking, |d| {
        set(
            d,
            "/components/schemas/UserRequest/properties/age",
            json!({"type": "integer", "format": "int32", "minimum": 18, "maximum": 150}),
        )
    }),
    ("request property became required", Class::Breaking, |d| {
        set(
            d,
            "/components/schemas/UserRequest/required",
            json!(["email", "age", "name"]),
        )
    }),
    ("new required property", Class::Breaking, |d| {
        add(
            d,
            "/components/schemas/UserRequest/properties",
            "city",
            json!({"type": "string", "maxLength": 9}),
        );
        set(
            d,
            "/components/schemas/UserRequest/required",
            json!(["email", "age", "city"]),
        );
    }),
    ("property removed", Class::Breaking, |d| {
        remove(d, "/components/schemas/UserRequest/properties", "bio")
    }),
    ("response property became optional", Class::Breaking, |d| {
        remove(d, "/components/schemas/User/required", "age")
    }),
    ("type", Class::Breaking, |d| {
        set(
            d,
            "/components/schemas/User/properties/is_active/type",
            json!("string"),
        )
    }),
    ("success status removed", Class::Breaking, |d| {
        remove(d, "/paths/~1users~1{id}/delete/responses", "204")
    }),
    ("status changed", Class::Breaking, |d| {
        let response = d["paths"]["/users"]["post"]["responses"]["201"].take();
        remove(d, "/paths/~1users/post/responses", "201");
        add(d, "/paths/~1users/post/responses", "200", response);
    }),
    ("enum value removed from a request", Class::Breaking, |d| {
        remove(d, "/components/schemas/ExportFormat/enum", "csv")
    }),
    ("enum value added to a response", Class::Breaking, |d| {
        set(d, "/components/schemas/ErrorCode/enum/0", json!("clash"))
    }),
    ("parameter removed", Class::Breaking, |d| {
        d.pointer_mut("/paths/~1users/get/parameters")
            .unwrap()
            .as_array_mut()
            .unwrap()
            .remove(0);
    }),
    ("parameter required", Class::Breaking, |d| {
        add(d, "/components/parameters/IfMatch", "required", json!(true))
    }),
    ("security asked for", Class::Breaking, |d| {
        remove(d, "/paths/~1version/get", "security")
    }),
    ("response header removed", Class::Breaking, |d| {
        remove(d, "/paths/~1users/post/responses/201/headers", "ETag")
    }),
    ("default", Class::Breaking, |d| {
        set(d, "/components/parameters/Limit/schema/default", json!(10))
    }),
    ("job's payload", Class::Breaking, |d| {
        set(
            d,
            "/components/schemas/EmailNotificationPayload/properties/recipients/maxItems",
            json!(10),
        )
    }),
    ("job's result", Class::Breaking, |d| {
        remove(
            d,
            "/components/schemas/UserCreatedResult/properties",
            "welcomed",
        )
    }),
    ("job's result gone", Class::Breaking, |d| {
        remove(d, "/paths/~1enqueue~1data_export/post/x-job", "result")
    }),
    ("media type added to an answer", Class::Breaking, |d| {
        add(
            d,
            "/paths/~1users/post/responses/201/content",
            "text/plain",
            json!({"schema": {"type": "string"}}),
        )
    }),
    ("pattern", Class::Breaking, |d| {
        set(d, "/components/schemas/UserName/pattern", json!("^a"))
    }),
    ("nullable no longer", Class::Breaking, |d| {
        remove(
            d,
            "/components/schemas/UserPatch/properties/bio",
            "nullable",
        )
    }),
    ("additional properties closed", Class::Breaking, |d| {
        set(
            d,
            "/components/schemas/JobRequest/properties/payload/additionalProperties",
            json!(false),
        )
    }),
    ("pagination", Class::Breaking, |d| {
        remove(d, "/paths/~1users/get", "x-dropshot-pagination")
    }),
    ("schema renamed", Class::Breaking, |d| {
        let text = d.to_string().replace(
            "#/components/schemas/UserPage",
            "#/components/schemas/Users",
        );
        *d = serde_json::from_str(&text).unwrap();
        let page = d["components"]["schemas"]["UserPage"].take();
        remove(d, SCHEMAS, "UserPage");
        add(d, SCHEMAS, "Users", page);
    }),
];

const HARMLESS: &[Case] = &[
    ("operation added", Class::Compatible, |d| {
        let mut item = d["paths"]["/version"].clone();
        item["get"]["operationId"] = json!("get_other");
        add(d, "/paths", "/other", item);
    }),
    ("optional parameter added", Class::Compatible, |d| {
        let added = json!({"name": "q", "in": "query", "description": "d", "schema": {"type": "string", "maxLength": 1}});
        d.pointer_mut("/paths/~1users/get/parameters")
            .unwrap()
            .as_array_mut()
            .unwrap()
            .push(added);
    }),
    ("request bound loosened", Class::Compatible, |d| {
        set(
            d,
            "/components/schemas/DataExportPayload/properties/message/maxLength",
            json!(2000),
        )
    }),
    ("optional request property added", Class::Compatible, |d| {
        add(
            d,
            "/components/schemas/UserRequest/properties",
            "city",
            json!({"type": "string", "maxLength": 9}),
        )
    }),
    ("response property added", Class::Compatible, |d| {
        add(
            d,
            "/components/schemas/User/properties",
            "city",
            json!({"type": "string", "maxLength": 9}),
        )
    }),
    (
        "error status of the known shape added",
        Class::Compatible,
        |d| {
            add(
                d,
                "/paths/~1users/post/responses",
                "404",
                json!({"$ref": "#/components/responses/NotFound"}),
            )
        },
    ),
    ("policy", Class::Compatible, |d| {
        set(
            d,
            "/paths/~1enqueue~1data_export/post/x-job/max_retries",
            json!(5),
        )
    }),
    ("security lifted", Class::Compatible, |d| {
        add(d, "/paths/~1users/get", "security", json!([]))
    }),
    ("description", Class::Trivial, |d| {
        set(
            d,
            "/components/schemas/User/description",
            json!("Somebody."),
        )
    }),
    ("example", Class::Trivial, |d| {
        set(
            d,
            "/paths/~1users/post/requestBody/content/application~1json/example/age",
            json!(37),
        )
    }),
    ("server", Class::Trivial, |d| {
        set(d, "/servers/0/url", json!("http://localhost:1"))
    }),
];

#[test]
fn each_change_has_its_class() {
    for (name, class, change) in BREAKING.iter().chain(HARMLESS) {
        let diff = changed(change);
        let worst = diff.changes.first().map(|change| change.class);
        assert_eq!(worst, Some(*class), "{name}:\n{diff}");
        assert_eq!(diff.breaking(), *class == Class::Breaking, "{name}");
    }
}

#[test]
fn a_document_does_not_differ_from_itself_in_another_order() {
    let old = contract();
    let mut new = old.clone();
    for pointer in [
        "/components/schemas/User/required",
        "/components/schemas/JobStatus/enum",
    ] {
        new.pointer_mut(pointer)
            .unwrap()
            .as_array_mut()
            .unwrap()
            .reverse();
    }
    assert_eq!(diff(&old, &new).changes, []);
    assert!(verdict(&old, &new).passed);
}

#[test]
fn a_change_names_its_place_and_whom_it_reaches() {
    let diff = changed(|d| set(d, "/components/schemas/UserBio/maxLength", json!(100)));
    let [change] = diff.changes.as_slice() else {
        panic!("{diff}")
    };
    assert_eq!(change.pointer, "/components/schemas/UserBio");
    assert_eq!(change.message, "maxLength 500 became 100");
    assert!(change.operations.contains("create_user"), "{diff}");
    assert!(!change.operations.contains("create_job"), "{diff}");
    let json = serde_json::to_value(&diff).unwrap();
    assert_eq!(json["changes"][0]["class"], "breaking");
    assert!(
        diff.to_string()
            .contains("1 breaking, 0 unhandled, 0 compatible, 0 trivial"),
        "{diff}"
    );
}

#[test]
fn only_a_major_version_excuses_a_breaking_change() {
    let old = contract();
    let mut new = old.clone();
    remove(&mut new, USERS, "post");
    for (version, passed) in [
        ("1.0.0", false),
        ("1.1.0", false),
        ("0.9.0", false),
        ("x", false),
        ("2.0.0", true),
    ] {
        set(&mut new, "/info/version", json!(version));
        let verdict = verdict(&old, &new);
        assert_eq!(verdict.passed, passed, "{version}: {}", verdict.reason);
    }
}

/// The CI step: `docs/openapi.blessed.yaml` is what callers were promised. When this fails, either the change was not
/// meant, or `info.version` needs a new major version; a release copies `openapi.yaml` over the blessed one.
#[test]
fn this_tree_keeps_what_was_promised() {
    let verdict = verdict(&blessed().unwrap(), &contract());
    assert!(verdict.passed, "{}\n{}", verdict.reason, verdict.diff);
}

#[test]
fn what_is_no_openapi_3_0_document_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(folder.path().join("none.yaml")).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read the file");
    for (text, reason) in [
        ("a: [", "not YAML or JSON"),
        (
            "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}",
            "3.1.0 is not supported",
        ),
        ("openapi: 3.0.3\npaths: 5", "not an OpenAPI document"),
        ("", "without a version"),
        ("openapi: 3.0.3\nopenapi: 3.0.3", "duplicate"),
    ] {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.contains(reason), "{text:?}: {message}");
    }
}

#[test]
fn odd_documents_are_compared_without_harm() {
    let schemas = |schemas: Value| {
        json!({"openapi": "3.0.3", "info": {"title": "t", "version": "1.0.0"},
            "paths": {"/a": {"get": {"operationId": "a", "responses": {"200": {"description": "d",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}}}}},
            "components": {"schemas": schemas}})
    };
    let odd = [
        schemas(json!({"A": {"$ref": "#/components/schemas/A"}})),
        schemas(
            json!({"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}}),
        ),
        schemas(json!({"A": {"type": "array", "items": {"$ref": "#/components/schemas/A"}}})),
        schemas(json!({"A": {"oneOf": [{"$ref": "#/components/schemas/A"}, {"type": "string"}]}})),
        schemas(json!({})),
        json!({"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {}}),
        json!({}),
        json!(5),
        Value::Null,
    ];
    for old in &odd {
        assert_eq!(diff(old, old).count(Class::Breaking), 0, "{old}");
        for new in odd.iter().filter(|new| *new != old) {
            assert!(!diff(old, new).changes.is_empty(), "{old} and {new}");
        }
    }
}
