//! Owns what a changed bound does to the set of allowed values.
//! Must not know: directions, or where the bound stands.

use serde_json::Value;

use super::findings::Effect;

const LOWER: [&str; 4] = ["minimum", "minLength", "minItems", "minProperties"];
const UPPER: [&str; 4] = ["maximum", "maxLength", "maxItems", "maxProperties"];
/// `true` forbids what `false` allows.
const FORBIDDING: [&str; 3] = ["exclusiveMinimum", "exclusiveMaximum", "uniqueItems"];

/// Keywords that [`effect`] judges.
pub(super) fn keywords() -> impl Iterator<Item = &'static str> {
    LOWER.into_iter().chain(UPPER).chain(FORBIDDING).chain([
        "nullable",
        "pattern",
        "format",
        "multipleOf",
    ])
}

/// What the change of one keyword does; `None` when it says the same. Missing keywords are null.
pub(super) fn effect(keyword: &str, old: &Value, new: &Value) -> Option<Effect> {
    let (old, new) = (meaning(keyword, old), meaning(keyword, new));
    if old == new {
        return None;
    }
    Some(match (old.as_f64(), new.as_f64()) {
        (Some(old), Some(new)) if LOWER.contains(&keyword) => tighter_if(new > old),
        (Some(old), Some(new)) if UPPER.contains(&keyword) => tighter_if(new < old),
        _ if FORBIDDING.contains(&keyword) => tighter_if(new == Value::Bool(true)),
        _ if keyword == "nullable" => tighter_if(new != Value::Bool(true)),
        _ if keyword == "format" && widens(&old, &new) => Effect::Looser,
        _ if keyword == "format" && widens(&new, &old) => Effect::Tighter,
        _ if old.is_null() => Effect::Tighter,
        _ if new.is_null() => Effect::Looser,
        _ => Effect::Other,
    })
}

/// Flags that are false and missing say the same; 1 and 1.0 do as well.
fn meaning(keyword: &str, value: &Value) -> Value {
    match value {
        Value::Bool(false) if keyword == "nullable" || FORBIDDING.contains(&keyword) => Value::Null,
        Value::Number(number) => number.as_f64().map_or_else(|| value.clone(), Value::from),
        _ => value.clone(),
    }
}

const fn tighter_if(tighter: bool) -> Effect {
    if tighter {
        Effect::Tighter
    } else {
        Effect::Looser
    }
}

fn widens(from: &Value, to: &Value) -> bool {
    matches!(
        (from.as_str(), to.as_str()),
        (Some("int32" | "uint32"), Some("int64")) | (Some("float"), Some("double"))
    )
}
