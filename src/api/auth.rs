//! Owns who may call: bearer tokens, compared in constant time.
//! Must not know: what a caller may do.

use http::{HeaderMap, header::AUTHORIZATION};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{error::unauthorized, reply::Failure};

type Hash = [u8; 32];

/// The known tokens, as digests: equal lengths, and no token in memory dumps. None: everyone may call.
#[derive(Debug)]
pub(super) struct Tokens(Vec<Hash>);

/// Which caller it is: the digest of its token.
pub(super) type Caller = Option<Hash>;

impl Tokens {
    pub(super) fn new(tokens: &[String]) -> Self {
        Self(tokens.iter().map(|token| hash(token.as_bytes())).collect())
    }

    pub(super) fn check(&self, headers: &HeaderMap) -> Result<Caller, Failure> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let given = headers
            .get(AUTHORIZATION)
            .map(http::HeaderValue::as_bytes)
            .and_then(bearer);
        let digest = given
            .map(hash)
            .ok_or_else(|| unauthorized("a bearer token is needed"))?;
        // Every token is looked at, whichever matches.
        let known = self
            .0
            .iter()
            .fold(0, |known, token| known | token.ct_eq(&digest).unwrap_u8());
        if known == 1 {
            Ok(Some(digest))
        } else {
            Err(unauthorized("the bearer token is not known"))
        }
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

fn hash(token: &[u8]) -> Hash {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tokens: &[&str], header: Option<&str>) -> bool {
        let tokens = Tokens::new(
            &tokens
                .iter()
                .map(|token| (*token).to_owned())
                .collect::<Vec<_>>(),
        );
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header.parse().unwrap());
        }
        tokens.check(&headers).is_ok()
    }

    #[test]
    fn only_known_tokens_pass() {
        assert!(check(&[], None));
        assert!(check(&["one", "two"], Some("Bearer two")));
        assert!(check(&["one"], Some("bEARER one")));
        for wrong in [
            "Bearer tw",
            "Bearer twoo",
            "Bearer ",
            "Basic two",
            "two",
            "Bearer TWO",
            "",
        ] {
            assert!(!check(&["one", "two"], Some(wrong)), "{wrong}");
        }
        assert!(!check(&["one"], None));
    }
}
