//! Owns versions as `ETag`s, and what `If-Match` asks for (RFC 9110 §13.1.1).
//! Must not know: what has the version.

use super::{error::invalid, reply::Failure};
use crate::model::Fault;

/// A strong `ETag`.
pub(super) fn etag(version: i64) -> String {
    let mut digits = itoa::Buffer::new();
    ["\"", digits.format(version), "\""].concat()
}

/// What the stored version must be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Any,
    /// One of these. Empty when no tag was one of ours: then nothing matches.
    OneOf(Vec<i64>),
}

/// Reads `If-Match`: `*`, or a list of tags. Weak tags and those that we never gave out match nothing.
pub(super) fn expected(if_match: Option<&str>) -> Result<Expected, Failure> {
    let Some(given) = if_match.map(str::trim).filter(|given| *given != "*") else {
        return Ok(Expected::Any);
    };
    // Commas within a tag are legal, and in no tag of ours: such a tag falls to pieces that are refused.
    let tags: Vec<_> = given.split(',').map(str::trim).collect();
    if !tags.iter().all(|tag| is_tag(tag)) {
        let rule =
            "If-Match must be * or ETags as the server gave them, with their quotation marks";
        return Err(invalid(vec![Fault::new("/header/If-Match", rule)]));
    }
    let versions = tags.into_iter().filter_map(version).collect();
    Ok(Expected::OneOf(versions))
}

fn is_tag(tag: &str) -> bool {
    let strong = tag.strip_prefix("W/").unwrap_or(tag);
    let text = strong
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    text.is_some_and(|text| !text.contains('"'))
}

/// The version that a tag of ours names.
fn version(tag: &str) -> Option<i64> {
    let version = tag.trim_matches('"').parse().ok()?;
    (etag(version) == tag).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of(versions: &[i64]) -> Expected {
        Expected::OneOf(versions.to_vec())
    }

    #[test]
    fn tags_come_back_as_versions() {
        assert_eq!(expected(None).unwrap(), Expected::Any);
        assert_eq!(expected(Some(" * ")).unwrap(), Expected::Any);
        assert_eq!(expected(Some(&etag(7))).unwrap(), one_of(&[7]));
        assert_eq!(expected(Some(" \"7\" ,\"9\"")).unwrap(), one_of(&[7, 9]));
    }

    #[test]
    fn tags_that_are_not_ours_match_nothing() {
        for foreign in ["W/\"7\"", "\"abc\"", "\"\"", "\"+7\"", "\"07\"", "\" 7\""] {
            assert_eq!(expected(Some(foreign)).unwrap(), one_of(&[]), "{foreign}");
        }
        assert_eq!(expected(Some("W/\"7\", \"8\"")).unwrap(), one_of(&[8]));
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for wrong in [
            "",
            "7",
            "\"",
            "\"7",
            "7\"",
            ",",
            "\"7\",",
            "\"7\" \"8\"",
            "\"7\", *",
            "w/\"7\"",
        ] {
            assert!(expected(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
