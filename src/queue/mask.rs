//! Owns hiding what a job type declares as sensitive, before a payload is shown.
//! Must not know: who looks.

use serde_json::Value;

/// What stands in place of a hidden value.
pub const MASKED: &str = "[masked]";

/// Replaces what stands at each JSON pointer, whole objects and arrays included, with [`MASKED`].
/// A pointer to nothing changes nothing.
pub fn mask(payload: &mut Value, sensitive: &[&str]) {
    for pointer in sensitive {
        if let Some(value) = payload.pointer_mut(pointer) {
            *value = Value::from(MASKED);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_and_whole_arrays_are_hidden() {
        let mut payload = json!({
            "recipients": ["a@example.com", "b@example.com"],
            "card": {"number": "4111", "name": "Ada"},
            "a/b": 1,
            "kept": true,
        });
        mask(&mut payload, &["/recipients", "/card/number", "/a~1b"]);
        assert_eq!(
            payload,
            json!({
                "recipients": "[masked]",
                "card": {"number": "[masked]", "name": "Ada"},
                "a/b": "[masked]",
                "kept": true,
            })
        );
    }

    #[test]
    fn a_pointer_to_nothing_adds_nothing() {
        let mut payload = json!({"kept": [1]});
        mask(&mut payload, &["/missing", "/kept/7", "no-pointer"]);
        assert_eq!(payload, json!({"kept": [1]}));
    }

    #[test]
    fn the_root_can_be_sensitive() {
        let mut payload = json!({"all": 1});
        mask(&mut payload, &[""]);
        assert_eq!(payload, json!("[masked]"));
    }
}
