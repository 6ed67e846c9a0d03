//! Owns the analysis of the properties that a sign-up brought along beyond the contract. Pure.
//! Must not know: how profiles are kept.

use serde_json::{Map, Value};

use crate::model::UserProfile;

/// The profile of a user: hobby, location and score where they have the kind that they should have, all else as it is.
pub(super) fn profile(user_id: i64, properties: &Map<String, Value>) -> UserProfile {
    let mut profile = UserProfile {
        user_id,
        ..UserProfile::default()
    };
    let mut other = Map::new();
    for (name, value) in properties {
        match (name.as_str(), value) {
            ("hobby", Value::String(hobby)) => profile.hobby = Some(hobby.clone()),
            ("location", Value::String(location)) => profile.location = Some(location.clone()),
            ("score", Value::Number(score)) => profile.score = score.as_f64(),
            _ => {
                other.insert(name.clone(), value.clone());
            }
        }
    }
    profile.other = (!other.is_empty()).then(|| Value::Object(other).to_string());
    profile
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(properties: &Value) -> UserProfile {
        profile(7, properties.as_object().unwrap())
    }

    #[test]
    fn known_properties_and_all_others_are_kept_apart() {
        let profile = of(&json!({
            "hobby": "chess", "location": "London", "score": 4.5, "plan": {"name": "gold"},
        }));
        assert_eq!(profile.user_id, 7);
        assert_eq!(profile.hobby.as_deref(), Some("chess"));
        assert_eq!(profile.location.as_deref(), Some("London"));
        assert_eq!(profile.score, Some(4.5));
        assert_eq!(
            profile.other.as_deref(),
            Some(r#"{"plan":{"name":"gold"}}"#)
        );
    }

    #[test]
    fn a_known_name_of_another_kind_is_not_lost() {
        let profile = of(&json!({"hobby": ["chess"], "score": "high", "location": null}));
        assert_eq!(
            (profile.hobby, profile.location, profile.score),
            (None, None, None)
        );
        let other: Value = serde_json::from_str(&profile.other.unwrap()).unwrap();
        assert_eq!(
            other,
            json!({"hobby": ["chess"], "score": "high", "location": null})
        );
    }

    #[test]
    fn nothing_gives_an_empty_profile() {
        assert_eq!(
            of(&json!({})),
            UserProfile {
                user_id: 7,
                ..UserProfile::default()
            }
        );
    }
}
