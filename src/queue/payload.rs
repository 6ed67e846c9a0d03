//! Owns reading a stored payload, and saying why it cannot be read without repeating what it holds.
//! Must not know: any concrete job type.

use serde::de::DeserializeOwned;

use super::JobError;

/// The typed payload. One that does not parse never will: the job fails for good.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, JobError> {
    serde_json::from_str(text).map_err(|error| JobError::Fail {
        message: format!(
            "failed to parse payload: {}",
            without_values(&error.to_string())
        ),
        source: None,
    })
}

/// serde's message without the value that it found: fields and kinds stay, addresses and secrets do not.
fn without_values(message: &str) -> String {
    if message.starts_with("missing field ") || message.starts_with("unknown field ") {
        return message.to_owned();
    }
    let Some(start) = message.find(['"', '`']) else {
        return message.to_owned();
    };
    // What was expected comes last, in the code's words. Without it, keep the place in the text at most.
    let end = message
        .rfind(", expected ")
        .or_else(|| message.rfind(" at line "))
        .filter(|end| *end >= start)
        .unwrap_or(message.len());
    format!("{}{}", message[..start].trim_end(), &message[end..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Report {
        #[expect(dead_code, reason = "only parsed")]
        pages: u32,
        #[expect(dead_code, reason = "only parsed")]
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Short,
    }

    fn message(text: &str) -> String {
        let error = parse::<Report>(text).unwrap_err();
        assert!(matches!(error, JobError::Fail { .. }));
        error.to_string()
    }

    #[test]
    fn the_message_names_field_and_kind() {
        assert_eq!(
            message("{}"),
            "failed to parse payload: missing field `pages` at line 1 column 2"
        );
        assert_eq!(
            message(r#"{"pages":"seven"}"#),
            "failed to parse payload: invalid type: string, expected u32 at line 1 column 16"
        );
        assert_eq!(
            message(r#"{"pages":-4}"#),
            "failed to parse payload: invalid value: integer, expected u32 at line 1 column 11"
        );
        assert!(message("").contains("EOF"));
        assert!(message("[1").contains("failed to parse payload"));
        assert!(message(r#"{"pages":1,"kind":"Short"}"#).contains("expected `short`"));
    }

    proptest! {
        #[test]
        fn no_value_is_repeated(secret in "[a-z]{3,8}#[\\PC\"`]{0,20}, expected me") {
            for json in [
                serde_json::json!({"pages": secret}),
                serde_json::json!({"pages": 1, "kind": secret}),
                serde_json::json!(secret),
            ] {
                let message = message(&json.to_string());
                // With the mark, which no message of ours has: three letters may be in one by chance.
                let marked = &secret[..=secret.find('#').unwrap_or(0)];
                prop_assert!(!message.contains(marked), "{message}");
            }
        }
    }
}
