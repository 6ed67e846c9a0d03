//! Owns the rules of bodies: one row per rule, with its place and its sentence.

use lockstep::validation::Mode;
use serde_json::{Value, json};

use super::{body, faults, object, validator};

/// In every mode, exactly these faults.
#[track_caller]
fn refused(operation: &str, value: &Value, expected: &[(&str, &str)]) {
    for mode in Mode::ALL {
        let outcome = body(mode, operation, value.to_string());
        assert_eq!(faults(&outcome), expected, "{mode}: {value}");
    }
}

#[test]
fn a_good_user_passes_unchanged() {
    let value = json!({"email": "ada@example.com", "age": 36, "name": "Ada", "bio": "", "is_active": false});
    for mode in Mode::ALL {
        let checked = body(mode, "create_user", value.to_string()).unwrap();
        assert_eq!(checked.body, value);
        assert_eq!(checked.additional, None);
        assert_eq!(object(checked.query), json!({}));
    }
}

#[test]
fn each_rule_of_a_user_has_its_sentence() {
    for (name, value, sentence) in [
        ("age", json!("36"), "age must be an integer"),
        ("age", json!(30.0), "age must be an integer"),
        ("age", json!(30.5), "age must be an integer"),
        ("age", json!(null), "age must be an integer"),
        ("age", json!(true), "age must be an integer"),
        ("age", json!([1]), "age must be an integer"),
        ("age", json!(1e30), "age must be at most 150"),
        ("age", json!(-1), "age must be at least 0"),
        ("age", json!(151), "age must be at most 150"),
        ("age", json!(u64::MAX), "age must be at most 150"),
        ("email", json!(1), "email must be a string"),
        ("email", json!("nobody"), "email must be an e-mail address"),
        (
            "email",
            json!("a@"),
            "email must be at least 3 characters long",
        ),
        (
            "email",
            json!("a@b\r\nBcc: c@d.org"),
            "email must be an e-mail address",
        ),
        ("name", json!(""), "name must not be empty"),
        (
            "name",
            json!("é".repeat(101)),
            "name must be at most 100 characters long",
        ),
        (
            "name",
            json!("a\nb"),
            "name must not contain control characters",
        ),
        (
            "bio",
            json!("x".repeat(501)),
            "bio must be at most 500 characters long",
        ),
        (
            "is_active",
            json!("true"),
            "is_active must be true or false",
        ),
        ("is_active", json!(1), "is_active must be true or false"),
    ] {
        let mut user = json!({"email": "ada@example.com", "age": 36});
        user[name] = value.clone();
        let pointer = format!("/body/{name}");
        for mode in Mode::ALL {
            let outcome = body(mode, "create_user", user.to_string());
            let found = faults(&outcome);
            assert!(found.contains(&(&pointer, sentence)), "{value}: {found:?}");
            assert!(
                found.iter().all(|(at, _)| *at == pointer),
                "{value}: {found:?}"
            );
        }
    }
}

#[test]
fn what_is_missing_is_named_at_its_own_place() {
    refused(
        "create_user",
        &json!({}),
        &[
            ("/body/email", "email is required"),
            ("/body/age", "age is required"),
        ],
    );
    refused(
        "create_user",
        &json!([]),
        &[("/body", "the body must be an object")],
    );
    refused(
        "create_user",
        &json!(null),
        &[("/body", "the body must be an object")],
    );
}

#[test]
fn a_patch_takes_null_where_the_contract_says_so() {
    let value = json!({"name": null, "bio": null});
    assert_eq!(
        validator(Mode::Default).check("UserPatch", &value, "/body"),
        []
    );
    let found =
        validator(Mode::Default).check("UserPatch", &json!({"name": 1, "age": null}), "/body");
    let found: Vec<_> = found.iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(
        found,
        ["age must be an integer", "name must be a string or null"]
    );
    let found = validator(Mode::Default).check("UserPatch", &json!({}), "/body");
    assert_eq!(found[0].message, "at least one property is needed");
    assert_eq!(found[0].pointer, "/body");
}

/// Whatever the validator takes, the types that follow take.
#[test]
fn a_number_that_passes_as_an_integer_is_one() {
    for text in [
        "1",
        "0",
        "-0",
        "-1",
        "1.0",
        "1e2",
        "1E2",
        "1e0",
        "1.0e2",
        "1e16",
        "1e18",
        "9.3e18",
        "1e19",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "1e30",
        "-1e30",
        "0.0",
        "-0.0",
        "100000000000000000000000000000000000000",
    ] {
        let payload = format!(
            r#"{{"user_id":{text},"user_data":{{"id":1,"email":"a@example.com","age":1,"is_active":true}}}}"#
        );
        let value: Value = serde_json::from_str(&payload).unwrap();
        let found = validator(Mode::Default).check("UserCreatedPayload", &value, "");
        let typed = serde_json::from_value::<lockstep::contract::types::UserCreatedPayload>(value);
        assert!(!found.is_empty() || typed.is_ok(), "{text}: {typed:?}");
        let whole = ["1", "9223372036854775807"].contains(&text);
        assert_eq!(found.is_empty(), whole, "{text}: {found:?}");
    }
}

/// Whatever address is taken, mail can be sent to.
#[test]
fn an_address_is_an_address_alone() {
    let check = |text: &str| validator(Mode::Default).check("Email", &json!(text), "/query/email");
    for good in [
        "ada@example.com",
        "ADA@EXAMPLE.COM",
        "a+b.c@sub.example.com",
        "o'brien@example.com",
        "ada@localhost",
        "\"a b\"@example.com",
    ] {
        assert_eq!(check(good), [], "{good}");
        assert!(good.parse::<lettre::Address>().is_ok(), "{good}");
    }
    for bad in [
        "nobody",
        "@example.com",
        "ada@",
        "a@@example.com",
        "Ada <ada@example.com>",
        "<ada@example.com>",
        "ada@example.com,bob@example.com",
        "ada@example.com;bob@example.com",
        " ada@example.com",
        "ada@example.com ",
        "ada@example.com\n",
        "ada\r\nBcc: bob@example.com",
        "ada@[127.0.0.1]",
        "ada@[IPv6:::1]",
        "a..b@example.com",
        ".a@example.com",
        "ada@-example.com",
        "ada@example..com",
        "mailto:ada@example.com?cc=b@c.org",
    ] {
        let found = check(bad);
        assert!(!found.is_empty(), "{bad}");
        assert!(found.iter().all(|fault| fault.pointer == "/query/email"));
        let sentence = "email must be an e-mail address";
        assert!(
            found.iter().any(|fault| fault.message == sentence),
            "{bad}: {found:?}"
        );
    }
}
