//! Owns what holds for any input at all.
//! Must not know: single rules.

use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use lockstep::{
    contract::{OPERATIONS, types},
    validation::{Mode, RawRequest},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::{body, faults, json_headers, object, validator};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 8, |inner| {
        let key = prop_oneof![
            select(vec![
                "email",
                "age",
                "name",
                "bio",
                "payload",
                "user_id",
                "recipients"
            ])
            .prop_map(str::to_owned),
            any::<String>(),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn good_user() -> impl Strategy<Value = Map<String, Value>> {
    let text = |longest| prop::collection::vec(prop::char::range(' ', '~'), 1..=longest);
    (
        "[a-z]{1,20}@[a-z]{1,20}\\.(org|example|com)",
        0..=150i32,
        prop::option::of(text(100)),
        prop::option::of(prop::collection::vec(
            any::<char>().prop_filter("NUL", |c| *c != '\0'),
            0..=500,
        )),
        prop::option::of(any::<bool>()),
    )
        .prop_map(|(email, age, name, bio, is_active)| {
            let mut user = Map::new();
            user.insert("email".to_owned(), email.into());
            user.insert("age".to_owned(), age.into());
            let mut optional = |key: &str, value: Option<Value>| {
                value.map(|value| user.insert(key.to_owned(), value))
            };
            optional(
                "name",
                name.map(|name| name.into_iter().collect::<String>().into()),
            );
            optional(
                "bio",
                bio.map(|bio| bio.into_iter().collect::<String>().into()),
            );
            optional("is_active", is_active.map(Value::from));
            user
        })
}

fn any_mode() -> impl Strategy<Value = Mode> {
    select(Mode::ALL.to_vec())
}

proptest! {
    #[test]
    fn any_bytes_are_answered(mode in any_mode(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for operation in OPERATIONS {
            let _ = body(mode, operation.id, &bytes);
        }
    }

    /// What passes is what was sent, and the types that follow take it.
    #[test]
    fn any_json_is_answered(mode in any_mode(), value in any_json()) {
        let sent = value.to_string();
        for operation in ["create_user", "update_user", "create_job"] {
            let input = RawRequest {
                path: "/users/1",
                query: None,
                headers: &json_headers(),
                body: Some(sent.as_bytes()),
            };
            if let Ok(checked) = validator(mode).request(operation, &input) {
                match operation {
                    "create_user" => prop_assert!(serde_json::from_value::<types::UserRequest>(checked.body).is_ok()),
                    "update_user" => prop_assert!(serde_json::from_value::<types::UserPatch>(checked.body).is_ok()),
                    _ => prop_assert!(serde_json::from_value::<types::JobRequest>(checked.body).is_ok()),
                }
            }
        }
    }

    #[test]
    fn any_texts_are_answered(
        mode in any_mode(),
        id in any::<String>(),
        raw in "\\PC{0,40}|/[a-z-]{1,9}/[0-9a-f%é]{0,9}",
        query in "[ -~]{0,40}|(limit|status|email)=[0-9a-z%+&=]{0,20}",
        header in prop::collection::vec(32..=255u8, 0..20),
    ) {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(&header) {
            headers.insert(CONTENT_TYPE, value.clone());
            headers.insert("if-match", value);
        }
        let escaped = format!("/any/{}", utf8_percent_encode(&id, NON_ALPHANUMERIC));
        for (operation, path) in OPERATIONS.iter().flat_map(|operation| [(operation, &escaped), (operation, &raw)]) {
            let input = RawRequest { path, query: Some(&query), headers: &headers, body: Some(b"{}") };
            if let Ok(checked) = validator(mode).request(operation.id, &input) {
                let mut variables: Vec<_> = operation.path.split(['{', '}']).skip(1).step_by(2).collect();
                variables.sort_unstable();
                let path = object(checked.path);
                prop_assert_eq!(path.as_object().unwrap().keys().collect::<Vec<_>>(), variables);
            }
        }
    }

    /// A value that passes can be shown, and one that is refused can be no type's.
    #[test]
    fn types_take_the_texts_that_the_validator_takes(text in "[a-z0-9_]{0,4}|[a-z0-9_,\\PC\\x00-\\x1f\\x7f]{0,40}|.{50,300}") {
        let taken = [
            ("UserName", types::UserName::try_from(text.as_str()).is_ok()),
            ("JobTypeName", types::JobTypeName::try_from(text.as_str()).is_ok()),
            ("QueueName", types::QueueName::try_from(text.as_str()).is_ok()),
            ("IdempotencyKey", types::IdempotencyKey::try_from(text.as_str()).is_ok()),
        ];
        let value = Value::String(text);
        for (schema, taken) in taken {
            let faults = validator(Mode::Default).check(schema, &value, "");
            prop_assert_eq!(faults.is_empty(), taken, "{}: {:?}", schema, faults);
        }
    }

    #[test]
    fn a_good_user_passes_every_mode_and_its_type(user in good_user()) {
        let value = Value::Object(user);
        for mode in Mode::ALL {
            let outcome = body(mode, "create_user", value.to_string());
            prop_assert_eq!(faults(&outcome), []);
            let checked = outcome.unwrap();
            prop_assert_eq!(&checked.body, &value);
            prop_assert!(serde_json::from_value::<types::UserRequest>(checked.body).is_ok());
        }
    }

    #[test]
    fn a_required_key_taken_away_is_the_one_fault(user in good_user(), key in select(vec!["email", "age"])) {
        let mut user = user;
        user.remove(key);
        for mode in Mode::ALL {
            let outcome = body(mode, "create_user", Value::Object(user.clone()).to_string());
            let (pointer, sentence) = (format!("/body/{key}"), format!("{key} is required"));
            prop_assert_eq!(faults(&outcome), [(pointer.as_str(), sentence.as_str())]);
        }
    }

    /// Reading is exact: what is read is what `serde_json` reads.
    #[test]
    fn a_payload_is_kept_as_it_is(payload in any_json()) {
        let job = json!({"job_type": "x", "payload": {"inner": payload}});
        let sent = job.to_string();
        match body(Mode::Default, "create_job", &sent) {
            Ok(checked) => prop_assert_eq!(checked.body, serde_json::from_str::<Value>(&sent).unwrap()),
            Err(_) => prop_assert!(sent.contains("\\u0000")),
        }
    }
}
