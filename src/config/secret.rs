//! Owns values that must not appear in logs, errors or answers.
//! Must not know: what they open.

use std::fmt;

/// A text that shows itself as `[redacted]`, whoever formats it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. For its one use, never for a message.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// What stands in place of a hidden value.
pub(super) const REDACTED: &str = "[redacted]";

/// The URL with its password hidden; text that is no URL with a password as it is.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let Some((user, _)) = authority.rsplit_once('@') else {
        return url.to_owned();
    };
    let Some((name, _)) = user.split_once(':') else {
        return url.to_owned();
    };
    format!("{scheme}://{name}:{REDACTED}{}", &rest[user.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_formatting_shows_a_secret() {
        let secret = Secret::new("hunter2");
        assert_eq!(
            format!("{secret} {secret:?} {secret:#?}"),
            "[redacted] [redacted] [redacted]"
        );
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn only_the_password_of_a_url_is_hidden() {
        for (url, shown) in [
            ("users.db", "users.db"),
            ("sqlite://users.db", "sqlite://users.db"),
            ("postgres://ada@db/x", "postgres://ada@db/x"),
            (
                "postgres://ada:p@ss@db:1/x?y=@",
                "postgres://ada:[redacted]@db:1/x?y=@",
            ),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
