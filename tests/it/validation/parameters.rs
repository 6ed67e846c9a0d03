//! Owns parameters: from the text of path, query and headers to typed values, or to a sentence.
//! Must not know: bodies' rules.

use http::{HeaderMap, HeaderValue};
use lockstep::validation::{Mode, RawRequest};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Outcome, faults, json_headers, object, validator};

fn query(mode: Mode, operation: &str, text: &str) -> Outcome {
    let input = RawRequest {
        path: "/",
        query: Some(text),
        headers: &HeaderMap::new(),
        body: None,
    };
    validator(mode).request(operation, &input)
}

fn path(id: &str) -> Outcome {
    let escaped = utf8_percent_encode(id, NON_ALPHANUMERIC);
    get_user(&format!("/users/{escaped}"))
}

fn get_user(path: &str) -> Outcome {
    let input = RawRequest {
        path,
        query: None,
        headers: &HeaderMap::new(),
        body: None,
    };
    validator(Mode::Default).request("get_user", &input)
}

#[test]
fn numbers_of_a_path() {
    for (text, id) in [("1", 1), ("0123", 123), ("9223372036854775807", i64::MAX)] {
        assert_eq!(
            object(path(text).unwrap().path),
            json!({ "id": id }),
            "{text}"
        );
    }
    for text in [
        " 1",
        "1 ",
        "+1",
        "0x10",
        "1.0",
        "1e3",
        "abc",
        "1_000",
        "१",
        "9223372036854775808",
        "--1",
        "-",
        "1/2",
        "NaN",
    ] {
        assert_eq!(
            faults(&path(text)),
            [("/path/id", "id must be an integer")],
            "{text}"
        );
    }
    for text in ["0", "-5", "-0", "000"] {
        assert_eq!(
            faults(&path(text)),
            [("/path/id", "id must be at least 1")],
            "{text}"
        );
    }
    assert_eq!(
        faults(&path("1\0")),
        [("/path/id", "id must not contain U+0000")]
    );
}

#[test]
fn a_variable_that_is_not_there_or_not_text() {
    assert_eq!(faults(&path("")), [("/path/id", "id is required")]);
    let outcome = get_user("/users/%ff");
    assert_eq!(faults(&outcome), [("/path/id", "id must be UTF-8")]);
}

#[test]
fn a_query_is_decoded_typed_and_completed_by_defaults() {
    for (text, expected) in [
        ("", json!({"limit": 100})),
        ("limit=5", json!({"limit": 5})),
        (
            "limit=%35&is_active=true",
            json!({"limit": 5, "is_active": true}),
        ),
        (
            "&&is_active=false&",
            json!({"limit": 100, "is_active": false}),
        ),
        (
            "email=ada%2Bx%40example.com",
            json!({"limit": 100, "email": "ada+x@example.com"}),
        ),
        (
            "page_token=a+b%20c",
            json!({"limit": 100, "page_token": "a b c"}),
        ),
        ("%6cimit=7", json!({"limit": 7})),
    ] {
        for mode in Mode::ALL {
            assert_eq!(
                object(query(mode, "list_users", text).unwrap().query),
                expected,
                "{text}"
            );
        }
    }
}

#[test]
fn each_rule_of_a_query_has_its_sentence() {
    for (text, pointer, sentence) in [
        ("limit=", "/query/limit", "limit must be an integer"),
        ("limit", "/query/limit", "limit must be an integer"),
        ("limit=+5", "/query/limit", "limit must be an integer"),
        ("limit=%2B5", "/query/limit", "limit must be an integer"),
        (
            "limit=99999999999999999999",
            "/query/limit",
            "limit must be an integer",
        ),
        ("limit=0", "/query/limit", "limit must be at least 1"),
        ("limit=1001", "/query/limit", "limit must be at most 1000"),
        ("limit=5&limit=5", "/query/limit", "limit is given twice"),
        (
            "limit=5&%6Cimit=6&limit=7",
            "/query/limit",
            "limit is given twice",
        ),
        (
            "is_active=TRUE",
            "/query/is_active",
            "is_active must be true or false",
        ),
        (
            "is_active=1",
            "/query/is_active",
            "is_active must be true or false",
        ),
        (
            "is_active",
            "/query/is_active",
            "is_active must be true or false",
        ),
        (
            "email=nobody",
            "/query/email",
            "email must be an e-mail address",
        ),
        (
            "email=a%00b@example.com",
            "/query/email",
            "email must not contain U+0000",
        ),
        (
            "limit=%zz",
            "/query",
            "the query has a broken percent escape",
        ),
        ("x=%ff", "/query", "the query has a broken percent escape"),
    ] {
        for mode in [Mode::Default, Mode::Flexible] {
            let outcome = query(mode, "list_users", text);
            assert_eq!(faults(&outcome), [(pointer, sentence)], "{text}");
        }
    }
}

#[test]
fn a_text_without_a_bound_of_its_own_has_one() {
    let token = |length: usize| format!("page_token={}", "x".repeat(length));
    assert!(query(Mode::Strict, "list_users", &token(4096)).is_ok());
    assert_eq!(
        faults(&query(Mode::Default, "list_users", &token(4097))),
        [(
            "/query/page_token",
            "page_token must be at most 4096 characters long"
        )]
    );
}

#[test]
fn a_referenced_schema_types_a_parameter_too() {
    let outcome = query(Mode::Default, "list_jobs", "status=retry_pending").unwrap();
    assert_eq!(object(outcome.query)["status"], "retry_pending");
    let outcome = query(Mode::Default, "list_jobs", "status=done");
    assert_eq!(
        faults(&outcome),
        [(
            "/query/status",
            "status must be one of scheduled, pending, processing, retry_pending, completed, failed, cancelled"
        )]
    );
    let headers = json_headers();
    let input = RawRequest {
        path: "/",
        query: Some("priority=-007&scheduled_at=2026-01-31T09:30:00%2B09:00"),
        headers: &headers,
        body: Some(b"{}"),
    };
    let checked = validator(Mode::Strict)
        .request("enqueue_data_analysis", &input)
        .unwrap();
    let query = object(checked.query);
    assert_eq!(query["priority"], json!(-7));
    assert_eq!(query["scheduled_at"], json!("2026-01-31T09:30:00+09:00"));
}

#[test]
fn unknown_parameters_are_refused_in_strict_mode_only() {
    let text = "limti=5&a~/b=1";
    for mode in [Mode::Default, Mode::Flexible] {
        assert_eq!(
            object(query(mode, "list_users", text).unwrap().query),
            json!({"limit": 100})
        );
    }
    assert_eq!(
        faults(&query(Mode::Strict, "list_users", text)),
        [
            ("/query/limti", "limti is not a known parameter"),
            ("/query/a~0~1b", "a~/b is not a known parameter")
        ]
    );
}

fn if_match(values: &[&[u8]]) -> Outcome {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append("if-match", HeaderValue::from_bytes(value).unwrap());
    }
    let input = RawRequest {
        path: "/users/1",
        query: None,
        headers: &headers,
        body: None,
    };
    validator(Mode::Default).request("delete_user", &input)
}

#[test]
fn headers_are_parameters_too() {
    assert_eq!(object(if_match(&[]).unwrap().header), json!({}));
    assert_eq!(
        object(if_match(&[b"\"3\""]).unwrap().header),
        json!({"If-Match": "\"3\""})
    );
    for (values, sentence) in [
        (&[&b""[..]][..], "If-Match must not be empty"),
        (&[b"\"1\"", b"\"2\""], "If-Match is given twice"),
        (&[b"\xff"], "If-Match must be visible ASCII characters"),
        (
            &[&[b'x'; 201]],
            "If-Match must be at most 200 characters long",
        ),
    ] {
        assert_eq!(faults(&if_match(values)), [("/header/If-Match", sentence)]);
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let headers = {
        let mut headers = json_headers();
        headers.insert("If-Match", HeaderValue::from_static(""));
        headers
    };
    let input = RawRequest {
        path: "/users/x",
        query: Some("nope=1"),
        headers: &headers,
        body: Some(br#"{"age": -1, "nmae": "x", "email": "ada"}"#),
    };
    let outcome = validator(Mode::Strict).request("update_user", &input);
    let found = faults(&outcome);
    for expected in [
        ("/path/id", "id must be an integer"),
        ("/query/nope", "nope is not a known parameter"),
        ("/header/If-Match", "If-Match must not be empty"),
        ("/body/age", "age must be at least 0"),
        ("/body/nmae", "nmae is not a known property"),
        ("/body/email", "email must be an e-mail address"),
    ] {
        assert!(found.contains(&expected), "{expected:?} not in {found:?}");
    }
    assert_eq!(found.len(), 6);
}

#[test]
fn an_operation_or_schema_that_is_not_there_is_refused() {
    assert_eq!(
        faults(&query(Mode::Default, "no_such", "")),
        [("", "the contract has no such operation")]
    );
    let found = validator(Mode::Default).check("NoSuch", &Value::Null, "/body");
    assert_eq!(found[0].message, "the contract has no such schema");
}
