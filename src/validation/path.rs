//! Owns where a variable stands: its segment in a template, and the same segment of a path that arrived.
//! Must not know: what the text stands for, or which operation a path belongs to.

use std::{borrow::Cow, str::Utf8Error};

use percent_encoding::percent_decode;

/// Which segment of a template is the variable, counted from 0.
pub(super) fn position(template: &str, name: &str) -> Option<usize> {
    segments(template).position(|segment| {
        let inner = segment.strip_prefix(b"{");
        inner.and_then(|inner| inner.strip_suffix(b"}")) == Some(name.as_bytes())
    })
}

/// A segment of a path, percent-decoded. `None` when the path is shorter.
pub(super) fn segment(path: &str, position: usize) -> Option<Result<Cow<'_, str>, Utf8Error>> {
    let segment = segments(path).nth(position)?;
    Some(percent_decode(segment).decode_utf8())
}

/// As Dropshot's router takes a path apart: what is empty is no segment, and an escaped slash does not part two. By bytes:
/// a path is too short for the search for a `char` to be worth its beginning.
fn segments(path: &str) -> impl Iterator<Item = &[u8]> {
    let segments = path.as_bytes().split(|byte| *byte == b'/');
    segments.filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_found_where_its_template_has_it() {
        let template = "/job-groups/{id}/jobs/{number}";
        assert_eq!(position(template, "id"), Some(1));
        assert_eq!(position(template, "number"), Some(3));
        assert_eq!(position(template, "jobs"), None);
        assert_eq!(position(template, ""), None);
    }

    #[test]
    fn segments_are_those_of_the_router() {
        for (path, position, found) in [
            ("/users/7", 1, Some("7")),
            ("//users///7/", 1, Some("7")),
            ("/users", 1, None),
            ("", 0, None),
            ("/a%2Fb/c", 0, Some("a/b")),
            ("/a%2Fb/c", 1, Some("c")),
            ("/%C3%A9+%", 0, Some("é+%")),
        ] {
            let segment = segment(path, position).map(Result::unwrap);
            assert_eq!(segment.as_deref(), found, "{path}");
        }
        assert!(segment("/%FF", 0).unwrap().is_err());
    }
}
