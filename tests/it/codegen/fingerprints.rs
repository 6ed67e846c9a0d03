//! A fingerprint changes with what passes the schema, and with nothing else.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::generator::fingerprint;

fn of(schema: &Value) -> String {
    fingerprint(&json!({}), schema)
}

/// Schemas of the style, some levels deep.
fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (0..9_u32, 9..99_u32).prop_map(|(low, high)| json!({"type": "string", "minLength": low, "maxLength": high})),
        (0..9_i64, 9..99_i64).prop_map(|(low, high)| json!({"type": "integer", "format": "int32", "minimum": low, "maximum": high})),
        proptest::sample::subsequence(vec!["a", "b", "c", "d"], 1..4).prop_map(|values| json!({"type": "string", "enum": values})),
        any::<bool>().prop_map(|default| json!({"type": "boolean", "default": default})),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            (inner.clone(), 1..9_u32).prop_map(|(items, most)| json!({"type": "array", "maxItems": most, "items": items})),
            // Names that are keywords elsewhere must not be taken for them.
            proptest::collection::btree_map("title|description|x-y|name|example", inner, 1..4).prop_map(|properties| {
                let required: Vec<_> = properties.keys().cloned().collect();
                json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required})
            }),
        ]
    })
}

/// Every schema in this one, itself included, changed by `change`.
fn everywhere(schema: &Value, change: &impl Fn(&mut Map<String, Value>)) -> Value {
    let mut members = schema.as_object().unwrap().clone();
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        for property in properties.values_mut() {
            *property = everywhere(property, change);
        }
    }
    if let Some(items) = members.get_mut("items") {
        *items = everywhere(items, change);
    }
    change(&mut members);
    Value::Object(members)
}

/// One copy of the schema per constraint anywhere in it, with that constraint changed.
fn tampered(schema: &Value) -> Vec<Value> {
    let members = schema.as_object().unwrap();
    let mut copies = Vec::new();
    for (key, value) in members {
        let changes: Vec<Value> = match value {
            Value::Number(number) => vec![json!(number.as_i64().unwrap() + 1)],
            Value::Bool(flag) => vec![json!(!flag)],
            Value::String(_) => vec![json!("other")],
            Value::Array(items) => vec![
                json!(items[1..]),
                json!([items.as_slice(), &[json!("z")]].concat()),
            ],
            Value::Object(_) if key == "items" => tampered(value),
            Value::Object(properties) => {
                let mut fewer = properties.clone();
                let first = properties.keys().next().unwrap().clone();
                let inner = tampered(&fewer.remove(&first).unwrap())
                    .into_iter()
                    .map(|changed| {
                        let mut properties = properties.clone();
                        properties.insert(first.clone(), changed);
                        Value::Object(properties)
                    });
                inner.chain([Value::Object(fewer.clone())]).collect()
            }
            Value::Null => vec![],
        };
        for change in changes {
            let mut copy = members.clone();
            copy.insert(key.clone(), change);
            copies.push(Value::Object(copy));
        }
    }
    copies
}

proptest! {
    #[test]
    fn prose_and_order_do_not_change_it(schema in schemas(), words in ".{0,20}") {
        let told = everywhere(&schema, &|members| {
            for key in ["description", "title", "example", "x-note"] {
                members.insert(key.into(), json!(words));
            }
            members.insert("deprecated".into(), json!(true));
            members.insert("nullable".into(), json!(false));
            for key in ["required", "enum"] {
                if let Some(Value::Array(values)) = members.get_mut(key) {
                    values.reverse();
                }
            }
        });
        prop_assert_eq!(of(&schema), of(&told));
    }

    #[test]
    fn each_constraint_changes_it(schema in schemas()) {
        for changed in tampered(&schema) {
            prop_assert_ne!(of(&schema), of(&changed), "{} and {}", schema, changed);
        }
    }

    #[test]
    fn it_is_the_same_inline_and_by_reference(schema in schemas()) {
        let document = json!({"components": {"schemas": {"Named": schema}}});
        let reference = json!({"$ref": "#/components/schemas/Named"});
        prop_assert_eq!(fingerprint(&document, &reference), of(&schema));
        let inside = json!({"type": "array", "items": reference});
        prop_assert_eq!(fingerprint(&document, &inside), of(&json!({"type": "array", "items": schema})));
    }
}

#[test]
fn a_schema_that_contains_itself_has_one_too() {
    let tree = |name: &str, most: u32| {
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        let schema = json!({"type": "array", "maxItems": most, "items": reference});
        fingerprint(
            &json!({"components": {"schemas": {name: schema}}}),
            &reference,
        )
    };
    assert_eq!(tree("Tree", 2), tree("Bush", 2), "names do not matter");
    assert_ne!(tree("Tree", 2), tree("Tree", 3));
    assert_eq!(tree("Tree", 2).len(), 32);
}
