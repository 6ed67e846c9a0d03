//! Owns the values of one place of a request (path, query or headers), and how they become a type.
//! Must not know: how a text became a value.

use serde::de::{DeserializeOwned, value::MapDeserializer};
use serde_json::Value;

/// Typed values by the contract's names, defaults filled in. A list and no map: an operation has few, and each is taken
/// once. No name twice: the build refuses a contract that declares one twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Values<'c>(Vec<(&'c str, Value)>);

impl<'c> Values<'c> {
    pub(super) fn with_capacity(most: usize) -> Self {
        Self(Vec::with_capacity(most))
    }

    pub(super) fn push(&mut self, name: &'c str, value: Value) {
        debug_assert!(
            self.0.iter().all(|(known, _)| *known != name),
            "{name} twice"
        );
        self.0.push((name, value));
    }

    /// All of them as one type: its fields are the parameters.
    ///
    /// # Errors
    /// When the type asks for what the schemas do not.
    pub fn typed<T: DeserializeOwned>(self) -> Result<T, serde_json::Error> {
        T::deserialize(MapDeserializer::new(self.0.into_iter()))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use serde::{Deserialize, de::IgnoredAny};
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Asked {
        id: NonZeroU64,
        #[serde(rename = "If-Match")]
        if_match: Option<String>,
        #[serde(default)]
        dry_run: bool,
    }

    fn values(given: &[(&'static str, Value)]) -> Values<'static> {
        Values(given.to_vec())
    }

    #[test]
    fn values_are_the_fields_of_a_type() {
        let seven = NonZeroU64::new(7).unwrap();
        let all = [
            ("dry_run", json!(true)),
            ("id", json!(7)),
            ("If-Match", json!("\"3\"")),
        ];
        let asked = Asked {
            id: seven,
            if_match: Some("\"3\"".to_owned()),
            dry_run: true,
        };
        assert_eq!(values(&all).typed::<Asked>().unwrap(), asked);
        let least = Asked {
            id: seven,
            if_match: None,
            dry_run: false,
        };
        assert_eq!(values(&all[1..2]).typed::<Asked>().unwrap(), least);
        for ignored in [&all[..0], &all] {
            assert!(values(ignored).typed::<IgnoredAny>().is_ok());
        }
    }

    #[test]
    fn what_a_type_does_not_take_is_an_error() {
        for (given, reason) in [
            (&[][..], "missing field `id`"),
            (&[("id", json!(0))], "expected a nonzero u64"),
            (&[("id", json!("7"))], "invalid type: string"),
            (
                &[("id", json!(7)), ("dry_run", json!(null))],
                "expected a boolean",
            ),
        ] {
            let error = values(given).typed::<Asked>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
