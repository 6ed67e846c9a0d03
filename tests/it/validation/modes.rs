//! Owns what differs between the three modes.
//! Must not know: the sentences of single rules.

use lockstep::validation::Mode;
use serde_json::{Value, json};

use super::{body, faults, validator};

fn user_with(extra: &Value) -> Value {
    let mut user = json!({"email": "ada@example.com", "age": 36});
    for (name, value) in extra.as_object().unwrap() {
        user[name] = value.clone();
    }
    user
}

#[test]
fn unknown_properties_are_refused_or_kept() {
    let user = user_with(&json!({"nmae": "Ada", "a/b~c": {"deep": [1]}}));
    for mode in [Mode::Default, Mode::Strict] {
        assert_eq!(
            faults(&body(mode, "create_user", user.to_string())),
            [
                ("/body/a~1b~0c", "a/b~c is not a known property"),
                ("/body/nmae", "nmae is not a known property")
            ]
        );
    }
    let checked = body(Mode::Flexible, "create_user", user.to_string()).unwrap();
    assert_eq!(checked.body, user_with(&json!({})));
    assert_eq!(
        Value::Object(checked.additional.unwrap()),
        json!({"nmae": "Ada", "a/b~c": {"deep": [1]}})
    );
}

#[test]
fn flexible_mode_still_checks_what_it_knows() {
    let user = json!({"nmae": "Ada", "email": "ada@example.com", "age": "36"});
    assert_eq!(
        faults(&body(Mode::Flexible, "create_user", user.to_string())),
        [("/body/age", "age must be an integer")]
    );
    let patch = json!({"hobby": "chess"});
    let found = validator(Mode::Flexible).check("UserPatch", &patch, "/body");
    assert_eq!(found.len(), 1, "check takes nothing out: {found:?}");
}

#[test]
fn flexible_mode_bounds_what_it_keeps() {
    let extra = |count: usize| {
        let members = (0..count).map(|index| (format!("p{index}"), json!(1)));
        body(
            Mode::Flexible,
            "create_user",
            user_with(&members.collect()).to_string(),
        )
    };
    assert_eq!(extra(1000).unwrap().additional.unwrap().len(), 1000);
    assert_eq!(
        faults(&extra(1001)),
        [(
            "/body",
            "the body must have at most 1000 additional properties"
        )]
    );
}

#[test]
fn flexible_mode_leaves_nested_levels_to_the_schema() {
    let payload = json!({"user_id": 1, "new": true, "user_data":
        {"id": 1, "email": "ada@example.com", "age": 36, "is_active": true, "shoe_size": 38}});
    assert_eq!(
        faults(&body(
            Mode::Flexible,
            "enqueue_user_created",
            payload.to_string()
        )),
        [(
            "/body/user_data/shoe_size",
            "shoe_size is not a known property"
        )]
    );
}

#[test]
fn strict_mode_closes_what_the_schema_leaves_open_unless_it_says_so() {
    let result = json!({"sent": 1, "note": "x"});
    for (mode, count) in [(Mode::Default, 0), (Mode::Flexible, 0), (Mode::Strict, 1)] {
        let found = validator(mode).check("EmailNotificationResult", &result, "/result");
        assert_eq!(found.len(), count, "{mode}: {found:?}");
    }
    let job = json!({"job_type": "data_analysis", "payload": {"anything": {"goes": 1}}});
    for mode in Mode::ALL {
        assert!(body(mode, "create_job", job.to_string()).is_ok(), "{mode}");
    }
}

#[test]
fn a_check_starts_where_it_is_told() {
    let payload = json!({"message": "", "recipients": ["ada@example.com", "nobody", 3], "x": 1});
    let found =
        validator(Mode::Default).check("EmailNotificationPayload", &payload, "/body/payload");
    let found: Vec<_> = found
        .iter()
        .map(|fault| (fault.pointer.as_str(), fault.message.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("/body/payload/message", "message must not be empty"),
            (
                "/body/payload/recipients/1",
                "recipients[1] must be an e-mail address"
            ),
            (
                "/body/payload/recipients/2",
                "recipients[2] must be a string"
            ),
            ("/body/payload/x", "x is not a known property"),
        ]
    );
    let found = validator(Mode::Default).check(
        "DataExportPayload",
        &json!({"formats": []}),
        "/body/payload",
    );
    assert_eq!(found[0].message, "formats must have at least 1 item");
    let found =
        validator(Mode::Default).check("DataExportPayload", &json!({"formats": ["xml"]}), "");
    assert_eq!(found[0].message, "formats[0] must be one of csv, json");
    assert_eq!(found[0].pointer, "/formats/0");
    let found = validator(Mode::Default).check("DataExportPayload", &json!(1), "/body/payload");
    assert_eq!(found[0].message, "payload must be an object");
}
