//! Owns rules that today's contract does not use, and documents that a validator refuses to be built from.
//! Must not know: the real contract.

use lockstep::validation::{Mode, Validator, ValidatorError};
use serde_json::{Value, json};

fn of(schema: &Value) -> Result<Validator, ValidatorError> {
    let document = json!({"paths": {}, "components": {"schemas": {
        "Subject": {"type": "object", "properties": {"x": schema}},
        "Word": {"type": "string", "maxLength": 3},
    }}});
    Validator::new(&document, Mode::Default)
}

/// Schema | a value that keeps to it | one that does not | the sentence.
const RULES: &str = r##"
{"type":"number","minimum":1,"exclusiveMinimum":true} | 1.5 | 1 | x must be greater than 1
{"type":"number","maximum":1,"exclusiveMaximum":true} | 0 | 1 | x must be less than 1
{"type":"number","maximum":1,"exclusiveMaximum":false} | 1 | 2 | x must be at most 1
{"type":"integer","multipleOf":5} | 10 | 11 | x must be a multiple of 5
{"type":"integer","format":"int32"} | -2147483648 | 2147483648 | x must be at most 2147483647
{"type":"integer","format":"uint32"} | 4294967295 | -1 | x must be at least 0
{"type":"integer","format":"uint32"} | 0 | 4294967296 | x must be at most 4294967295
{"type":"integer","format":"int64"} | 9223372036854775807 | 9223372036854775808 | x must be at most 9223372036854775807
{"type":"integer","format":"int32","maximum":9} | 9 | 10 | x must be at most 9
{"type":"number","format":"double"} | 1 | "1" | x must be a number
{"type":"string","enum":["a","b"],"nullable":true} | null | "c" | x must be one of a, b, null
{"type":"string","enum":["only"]} | "only" | "c" | x must be only
{"type":"string","nullable":true} | null | 1 | x must be a string or null
{"type":"string","minLength":2} | "éé" | "é" | x must be at least 2 characters long
{"type":"string","maxLength":1} | "é" | "ab" | x must be at most 1 character long
{"type":"string","pattern":"^[a-z]+$"} | "a" | "A" | x must match the pattern ^[a-z]+$
{"type":"string","format":"date"} | "2024-02-29" | "2023-02-29" | x must be a date such as 2026-01-31
{"type":"string","format":"date-time"} | "2024-02-29T00:00:00Z" | "2024-02-29" | x must be a date and time such as 2026-01-31T09:30:00Z
{"type":"string","format":"uuid"} | "67e55044-10b1-426f-9247-bb680e5fe0c8" | "x" | x must be a UUID
{"type":"string","format":"ipv4"} | "127.0.0.1" | "127.1" | x must be an IPv4 address
{"type":"string","format":"ipv6"} | "::1" | ":1" | x must be an IPv6 address
{"type":"string","format":"uri"} | "https://example.com/a" | "a b" | x must be a URI
{"type":"string","format":"hostname"} | "example.com" | "-a" | x must be a host name
{"type":"array","items":{"$ref":"#/components/schemas/Word"}} | ["abc"] | ["abcd"] | x[0] must be at most 3 characters long
{"type":"array","items":{"type":"array","items":{"type":"boolean"}}} | [[true]] | [[true],[1]] | x[1][0] must be true or false
{"type":"array","items":{"type":"boolean"},"minItems":2} | [true,true] | [true] | x must have at least 2 items
{"type":"array","items":{"type":"boolean"},"maxItems":1} | [true] | [true,true] | x must have at most 1 item
{"type":"array","items":{"type":"boolean"},"uniqueItems":true} | [true,false] | [true,true] | x must not have an item twice
{"type":"object","additionalProperties":true,"minProperties":2} | {"a":1,"b":1} | {} | x must have at least 2 properties
{"type":"object","additionalProperties":true,"maxProperties":1} | {"a":1} | {"a":1,"b":1} | x must have at most 1 property
{"type":"object","additionalProperties":{"type":"boolean"}} | {"a":true} | {"a":1} | a must be true or false
{"type":"object","properties":{},"required":[]} | {} | 1 | x must be an object
"##;

#[test]
fn each_rule_has_its_sentence() {
    for row in RULES.trim().lines() {
        let [schema, good, bad, sentence] = row.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("four columns: {row}");
        };
        let value = |json: &str| serde_json::from_str::<Value>(json).unwrap();
        let validator = of(&value(schema)).unwrap();
        let good = validator.check("Subject", &json!({ "x": value(good) }), "");
        assert_eq!(good, [], "{row}");
        let bad = validator.check("Subject", &json!({ "x": value(bad) }), "");
        assert_eq!(bad.len(), 1, "{row}: {bad:?}");
        assert_eq!(bad[0].message, sentence);
    }
}

#[test]
fn what_only_describes_is_left_out() {
    let schema = json!({"type": "string", "title": "T", "description": "D", "default": "d", "example": 1,
        "deprecated": true, "x-anything": {"type": "integer"}});
    assert_eq!(
        of(&schema)
            .unwrap()
            .check("Subject", &json!({"x": "s"}), ""),
        []
    );
    // Properties may have the names of keywords.
    let schema = json!({"type": "object", "properties": {"example": {"type": "boolean"}, "x-y": {"type": "boolean"}, "id": {"type": "boolean"}, "$ref": {"type": "boolean"}}});
    let validator = of(&schema).unwrap();
    for name in ["example", "x-y", "id", "$ref"] {
        let found = validator.check("Subject", &json!({"x": {name: 1}}), "");
        assert_eq!(found[0].message, format!("{name} must be true or false"));
    }
}

#[test]
fn a_schema_that_would_be_weaker_than_it_reads_is_refused() {
    for (schema, reason) in [
        (json!({"allOf": []}), "Subject: allOf is not supported"),
        (
            json!({"type": "string", "minLenght": 1}),
            "Subject: minLenght is not supported",
        ),
        (
            json!({"$ref": "other.yaml#/X"}),
            "Subject: $ref to another place than a component schema is not supported",
        ),
        (
            json!({"type": "string", "format": "phone"}),
            "Subject: the schema cannot be compiled",
        ),
        (
            json!({"type": "string", "pattern": "("}),
            "Subject: the schema cannot be compiled",
        ),
        (
            json!({"type": "string", "pattern": "(?=a)b"}),
            "Subject: the schema cannot be compiled",
        ),
        (
            json!({"type": "text"}),
            "Subject: the schema cannot be compiled",
        ),
        (
            json!({"$ref": "#/components/schemas/Nothing"}),
            "Subject: the schema cannot be compiled",
        ),
    ] {
        let refusal = of(&schema).unwrap_err();
        assert_eq!(refusal.to_string(), reason, "{schema}");
    }
    for document in [
        json!(null),
        json!({"components": {"schemas": {}}}),
        json!({"paths": {}}),
    ] {
        let refusal = Validator::new(&document, Mode::Default).unwrap_err();
        assert!(matches!(refusal, ValidatorError::Missing(_)), "{document}");
    }
}

#[test]
fn a_parameter_of_another_kind_is_refused() {
    for parameter in [
        json!({"name": "p", "in": "cookie", "schema": {"type": "string"}}),
        json!({"name": "p", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}}),
        json!({"name": "p", "in": "query"}),
    ] {
        let document = json!({"components": {"schemas": {}},
            "paths": {"/": {"get": {"operationId": "o", "parameters": [parameter]}}}});
        let refusal = Validator::new(&document, Mode::Default).unwrap_err();
        assert!(
            matches!(&refusal, ValidatorError::Parameter(name) if name == "p"),
            "{refusal}"
        );
    }
}

#[test]
fn a_variable_is_a_whole_segment_of_its_path() {
    for template in ["/", "/p", "/x{p}", "/{q}"] {
        let parameter = json!({"name": "p", "in": "path", "schema": {"type": "string"}});
        let document = json!({"components": {"schemas": {}},
            "paths": {template: {"get": {"operationId": "o", "parameters": [parameter]}}}});
        let refusal = Validator::new(&document, Mode::Default).unwrap_err();
        assert!(
            matches!(&refusal, ValidatorError::Variable(name) if name == "p"),
            "{template}: {refusal}"
        );
    }
}

#[test]
fn a_schema_may_contain_itself() {
    let document = json!({"paths": {}, "components": {"schemas": {"Tree": {"type": "object",
        "additionalProperties": false, "properties": {"left": {"$ref": "#/components/schemas/Tree"}}}}}});
    let validator = Validator::new(&document, Mode::Strict).unwrap();
    let found = validator.check("Tree", &json!({"left": {"left": {"leaf": 1}}}), "");
    assert_eq!(found[0].pointer, "/left/left/leaf");
}
