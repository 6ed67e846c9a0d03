//! Owns which Content-Type a JSON body may have.
//! Must not know: the body.

use http::{HeaderMap, header::CONTENT_TYPE};

/// What is wrong with the Content-Type of a JSON body, as the end of a sentence about it.
pub(super) fn wrong(headers: &HeaderMap) -> Option<&'static str> {
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let Some(first) = given.next() else {
        return Some("is required: application/json");
    };
    if given.next().is_some() {
        return Some("is given twice");
    }
    // What almost everybody sends.
    if first.as_bytes() == b"application/json" {
        return None;
    }
    let text = first.to_str().unwrap_or_default();
    let mut parts = text.split(';').map(str::trim);
    if !parts
        .next()
        .is_some_and(|media| media.eq_ignore_ascii_case("application/json"))
    {
        return Some("must be application/json");
    }
    for part in parts {
        if let Some((name, value)) = part.split_once('=')
            && name.trim().eq_ignore_ascii_case("charset")
            && !value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        {
            return Some("must not name another charset than utf-8");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(values: &[&'static str]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
        }
        wrong(&headers)
    }

    #[test]
    fn json_with_or_without_a_charset() {
        for good in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON;charset=\"UTF-8\"",
            "application/json ; profile=x",
            "application/json;",
        ] {
            assert_eq!(of(&[good]), None, "{good}");
        }
        for bad in [
            "text/plain",
            "",
            "application/jsonp",
            "application/problem+json",
            "json",
            "text/plain, application/json",
        ] {
            assert_eq!(of(&[bad]), Some("must be application/json"), "{bad}");
        }
        for bad in [
            "application/json; charset=utf-16",
            "application/json; x=y; CHARSET = latin1",
        ] {
            assert_eq!(
                of(&[bad]),
                Some("must not name another charset than utf-8"),
                "{bad}"
            );
        }
        assert_eq!(of(&[]), Some("is required: application/json"));
        assert_eq!(of(&["application/json"; 2]), Some("is given twice"));
    }
}
