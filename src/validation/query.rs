//! Owns taking a query string apart: `a=b&c=d`, percent escapes, `+` for a space.
//! Must not know: which parameters there are.

use std::borrow::Cow;

/// One parameter as it came, decoded.
pub(super) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// An escape is broken, or the decoded text is not UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BrokenEscape;

/// All parameters, in their order. A name without `=` has an empty value.
pub(super) fn pairs(query: &str) -> Result<Vec<Pair<'_>>, BrokenEscape> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

fn decoded(text: &str) -> Result<Cow<'_, str>, BrokenEscape> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'+' => b' ',
            b'%' => 16 * digit(bytes.next())? + digit(bytes.next())?,
            other => other,
        });
    }
    String::from_utf8(plain)
        .map(Cow::Owned)
        .map_err(|_| BrokenEscape)
}

fn digit(byte: Option<u8>) -> Result<u8, BrokenEscape> {
    match byte.ok_or(BrokenEscape)? {
        byte @ b'0'..=b'9' => Ok(byte - b'0'),
        byte @ b'a'..=b'f' => Ok(byte - b'a' + 10),
        byte @ b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(BrokenEscape),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes() {
        let found = pairs("a=1&&b=x%20y+z&c&d=&%C3%A9=%2B%3d=&a=2").unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|(n, v)| (n.as_ref(), v.as_ref()))
            .collect();
        assert_eq!(
            found,
            [
                ("a", "1"),
                ("b", "x y z"),
                ("c", ""),
                ("d", ""),
                ("é", "+=="),
                ("a", "2")
            ]
        );
        assert_eq!(pairs("").unwrap(), []);
    }

    #[test]
    fn refuses_broken_escapes() {
        for bad in [
            "a=%",
            "a=%4",
            "a=%zz",
            "%G0=1",
            "a=%+1",
            "a=%ff",
            "a=%ED%A0%80",
        ] {
            assert_eq!(pairs(bad), Err(BrokenEscape), "{bad}");
        }
    }
}
