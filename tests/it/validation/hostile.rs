//! Owns bodies that a hostile or clumsy client sends: none may panic, overflow the stack, or be echoed.
//! Must not know: the rules of schemas.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use lockstep::validation::{Mode, RawRequest};

use super::{Outcome, body, faults, json_headers, validator};

/// In every mode, exactly this fault.
#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, pointer: &str, sentence: &str) {
    for mode in Mode::ALL {
        let outcome = body(mode, "create_user", bytes.as_ref());
        assert_eq!(faults(&outcome), [(pointer, sentence)], "{mode}");
    }
}

#[test]
fn what_is_not_one_json_value() {
    let good = r#"{"email":"ada@example.com","age":36}"#;
    refused("", "/body", "the body is empty");
    refused(" \r\n\t", "/body", "the body is empty");
    refused(
        format!("\u{feff}{good}"),
        "/body",
        "the body starts with a byte order mark",
    );
    refused(
        b"{\"email\":\"\xff\"}",
        "/body",
        "the body is not UTF-8 (byte 11)",
    );
    refused(b"\xff\xfe{\0}\0", "/body", "the body is not UTF-8 (byte 1)");
    for tail in ["x", "{}", ",", "\0", "null"] {
        refused(
            format!("{good}{tail}"),
            "/body",
            "the body goes on after its JSON value (line 1, column 37)",
        );
    }
    refused(
        r#"{"email":"ada"#,
        "/body",
        "the body ends within its JSON value (line 1, column 13)",
    );
    refused(
        "[",
        "/body",
        "the body ends within its JSON value (line 1, column 1)",
    );
    refused(
        "{\n  email: 1}",
        "/body",
        "the body is not valid JSON (line 2, column 3)",
    );
}

#[test]
fn what_is_not_json_at_all() {
    for (text, column) in [
        (r#"{"age":NaN}"#, 8),
        (r#"{"age":-Infinity}"#, 9),
        (r#"{"age":1e400}"#, 12),
        (r#"{"age":01}"#, 9),
        (r#"{"age":+1}"#, 8),
        (r#"{"age":0x10}"#, 9),
        (r#"{"age":1,}"#, 10),
        (r"{'age':1}", 2),
        (r#"{"email":"\ud800"}"#, 17),
        (r#"{"email":"\x41"}"#, 12),
        ("{\"email\":\"a\nb\"}", 0),
        ("/* */{}", 1),
    ] {
        for mode in Mode::ALL {
            let outcome = body(mode, "create_user", text);
            let found = faults(&outcome);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(
                found[0].1.starts_with("the body is not valid JSON (line "),
                "{text}: {found:?}"
            );
            let told = format!("column {column})");
            assert!(
                column == 0 || found[0].1.ends_with(&told),
                "{text}: {found:?}"
            );
        }
    }
}

#[test]
fn u0000_is_refused_wherever_it_is() {
    refused(
        r#"{"email":"ada@example.com","age":36,"bio":"a\u0000b"}"#,
        "/body/bio",
        "bio must not contain U+0000",
    );
    for mode in Mode::ALL {
        let text = r#"{"job_type":"x","payload":{"a":[{"b":["\u0000"]}],"c\u0000":1}}"#;
        assert_eq!(
            faults(&body(mode, "create_job", text)),
            [
                ("/body/payload/a/0/b/0", "b[0] must not contain U+0000"),
                ("/body/payload", "a property's name must not contain U+0000"),
            ]
        );
    }
    let text = r#"{"email":"ada@example.com","age":36,"new\u0000":1}"#;
    let outcome = body(Mode::Flexible, "create_user", text);
    assert_eq!(
        faults(&outcome),
        [("/body", "a property's name must not contain U+0000")]
    );
}

#[test]
fn duplicate_keys_are_refused_in_every_mode() {
    refused(
        r#"{"email":"ada@example.com","age":36,"age":36}"#,
        "/body/age",
        "age is given twice",
    );
    // The same key, once it is read.
    refused(
        r#"{"email":"ada@example.com","age":36,"\u0061ge":37}"#,
        "/body/age",
        "age is given twice",
    );
    for mode in Mode::ALL {
        let text = r#"{"job_type":"x","payload":{"a":[0,{"b/":1,"b/":2}]}}"#;
        assert_eq!(
            faults(&body(mode, "create_job", text)),
            [("/body/payload/a/1/b~1", "b/ is given twice")]
        );
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"job_type":"x","payload":{{"a":{open}{close}}}}}"#)
    };
    for mode in Mode::ALL {
        assert!(body(mode, "create_job", nested(62)).is_ok());
        for levels in [63, 64, 126, 127, 128, 1_000_000] {
            assert_eq!(
                faults(&body(mode, "create_job", nested(levels))),
                [("/body", "the body is nested deeper than 64 levels")],
                "{levels}"
            );
        }
    }
    refused(
        "[".repeat(1_000_000),
        "/body",
        "the body is nested deeper than 64 levels",
    );
    refused(
        r#"{"a":"#.repeat(1_000_000),
        "/body",
        "the body is nested deeper than 64 levels",
    );
}

#[test]
fn many_and_long_names_are_told_briefly() {
    let mut text = r#"{"email":"ada@example.com","age":36"#.to_owned();
    for index in 0..9_000 {
        write!(text, r#","p{index}":1"#).unwrap();
    }
    text.push('}');
    for mode in [Mode::Default, Mode::Strict] {
        let outcome = body(mode, "create_user", &text);
        let found = faults(&outcome);
        assert_eq!(found.len(), 100);
        assert!(
            found
                .iter()
                .all(|(_, sentence)| sentence.ends_with("is not a known property"))
        );
    }
    refused_briefly(&"é".repeat(500_000));
    refused_briefly(&"/".repeat(500_000));
}

#[track_caller]
fn refused_briefly(name: &str) {
    let text = format!(r#"{{"email":"ada@example.com","age":36,"{name}":1}}"#);
    let outcome = body(Mode::Default, "create_user", text);
    let [(pointer, sentence)] = faults(&outcome)[..] else {
        panic!("one fault");
    };
    assert!(pointer.len() < 300 && sentence.len() < 300);
    assert!(pointer.ends_with('…') && sentence.ends_with("… is not a known property"));
}

#[test]
fn a_name_cannot_steer_a_terminal() {
    let outcome = body(
        Mode::Default,
        "create_user",
        r#"{"email":"a@example.com","age":1,"\u001b[2J":1}"#,
    );
    assert_eq!(faults(&outcome)[0].1, "\u{fffd}[2J is not a known property");
}

#[test]
fn no_sentence_repeats_a_value() {
    let secret = "s3cr3t-v4lue";
    for text in [
        format!(
            r#"{{"email":"{secret}","age":"{secret}","name":"{secret}\n","bio":["{secret}"],"is_active":"{secret}"}}"#
        ),
        format!(r#"{{"email":{{"{secret}":1}},"age":1}}"#),
        format!(r#"{{"email":"a@example.com","age":1}} {secret}"#),
        format!(r#"{{"email": {secret}}}"#),
        format!("\"{secret}\""),
        format!(r#"{{"email":"{secret}","email":"{secret}"}}"#),
        format!(r#"{{"email":"{secret}\u0000","age":1}}"#),
    ] {
        for mode in Mode::ALL {
            let outcome = body(mode, "create_user", &text);
            assert!(outcome.is_err(), "{text}");
            assert!(
                !format!("{:?}", faults(&outcome)).contains(secret),
                "{text}"
            );
        }
    }
    let formats = format!(r#"{{"formats":["{secret}"]}}"#);
    let outcome = body(Mode::Default, "enqueue_data_export", formats);
    assert!(!format!("{outcome:?}").contains(secret));
}

fn typed(content_type: Option<&'static str>, bytes: Option<&[u8]>) -> Outcome {
    let mut headers = HeaderMap::new();
    if let Some(value) = content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
    }
    let input = RawRequest {
        path: "/",
        query: None,
        headers: &headers,
        body: bytes,
    };
    validator(Mode::Default).request("create_user", &input)
}

#[test]
fn a_body_must_be_said_to_be_json() {
    let good = Some(&br#"{"email":"ada@example.com","age":36}"#[..]);
    assert!(typed(Some("application/json; charset=utf-8"), good).is_ok());
    let missing = (
        "/header/Content-Type",
        "Content-Type is required: application/json",
    );
    let wrong = (
        "/header/Content-Type",
        "Content-Type must be application/json",
    );
    assert_eq!(faults(&typed(None, good)), [missing]);
    assert_eq!(faults(&typed(Some("text/plain"), good)), [wrong]);
    assert_eq!(faults(&typed(Some("text/plain"), Some(b"{"))), [wrong]);
    let empty = ("/body", "the body is empty");
    assert_eq!(faults(&typed(None, Some(b""))), [missing, empty]);
    assert_eq!(faults(&typed(None, None)), [missing, empty]);
}

#[test]
fn an_operation_without_a_body_asks_for_no_content_type() {
    for headers in [HeaderMap::new(), json_headers()] {
        let input = RawRequest {
            path: "/",
            query: None,
            headers: &headers,
            body: None,
        };
        let checked = validator(Mode::Strict)
            .request("list_job_types", &input)
            .unwrap();
        assert!(checked.body.is_null());
    }
}

/// All faults of a list of half a million would cost more than is good: the first is enough.
#[test]
fn of_a_huge_value_only_the_first_fault_is_told() {
    let names = (0..100_000).map(|index| format!(r#""p{index}":1"#));
    let text = format!("{{{}}}", names.collect::<Vec<_>>().join(","));
    let outcome = body(Mode::Default, "create_user", text);
    assert_eq!(faults(&outcome).len(), 1);
    let payload = |count: usize| {
        format!(
            r#"{{"message":"x","recipients":[{}1]}}"#,
            "1,".repeat(count)
        )
    };
    let outcome = body(
        Mode::Default,
        "enqueue_email_notification",
        payload(500_000),
    );
    assert_eq!(faults(&outcome).len(), 1);
    let outcome = body(Mode::Default, "enqueue_email_notification", payload(500));
    assert_eq!(faults(&outcome).len(), 100);
}
