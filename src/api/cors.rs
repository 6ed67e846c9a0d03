//! Owns which web pages' scripts may call: the configured origins, none by default.
//! Must not know: operations.

use http::{
    HeaderMap, HeaderValue,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ORIGIN, VARY},
};

/// Exact origins (`https://app.example.com`), or `*`.
#[derive(Debug)]
pub(super) struct Cors(Vec<String>);

impl Cors {
    pub(super) fn new(origins: &[String]) -> Self {
        Self(origins.to_vec())
    }

    pub(super) fn is_off(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets the page that asks read the answer, if its origin is one of ours. True when it is.
    pub(super) fn allow(&self, asked: &HeaderMap, answer: &mut HeaderMap) -> bool {
        if self.is_off() {
            return false;
        }
        answer.append(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = asked.get(ORIGIN) else {
            return false;
        };
        let known = self
            .0
            .iter()
            .any(|known| known == "*" || known.as_bytes() == origin.as_bytes());
        if known {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            let exposed = HeaderValue::from_static("ETag, Location, Retry-After, X-Request-Id");
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        known
    }
}
