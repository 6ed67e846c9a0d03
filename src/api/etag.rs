//! Owns versions as `ETag`s, and what `If-Match` asks for (RFC 9110 §13.1.1).
//! Must not know: what has the version.

use super::reply::{Failure, invalid};
use crate::model::Fault;

/// A strong `ETag`.
pub(super) fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// The one version that `If-Match` allows; `None` when any will do. Weak tags never match, so they are refused, as is
/// a list: a version is one number.
pub(super) fn expected(if_match: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(given) = if_match.map(str::trim).filter(|given| *given != "*") else {
        return Ok(None);
    };
    let version = given
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let version = version
        .and_then(|digits| digits.parse().ok())
        .filter(|version| *version >= 1_i64);
    version.map(Some).ok_or_else(|| {
        invalid(vec![Fault::new(
            "/header/If-Match",
            "If-Match must be * or one ETag as the server gave it, with its quotation marks",
        )])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_comes_back_as_its_version() {
        assert_eq!(expected(Some(&etag(7))).unwrap(), Some(7));
        assert_eq!(expected(Some(" * ")).unwrap(), None);
        assert_eq!(expected(None).unwrap(), None);
        for wrong in [
            "7",
            "W/\"7\"",
            "\"7\", \"8\"",
            "\"\"",
            "\"-1\"",
            "\"0\"",
            "\"",
        ] {
            assert!(expected(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
