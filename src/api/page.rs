//! Owns page tokens: where a list goes on, with the filters that it began with. A token gives no right to anything, so
//! it is not secret; a checksum tells a damaged one from a good one.
//! Must not know: what is listed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::reply::{Failure, invalid};
use crate::model::Fault;

const CHECKSUM: usize = 6;

/// Where a list is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Page<F> {
    pub(super) filter: F,
    /// Only what has a lower id.
    pub(super) before: Option<i64>,
}

impl<F: Serialize + DeserializeOwned + PartialEq + Default> Page<F> {
    /// The page that a request asks for. A token goes on with its own filters; filters beside it must be the same.
    pub(super) fn asked(filter: F, token: Option<&str>) -> Result<Self, Failure> {
        let Some(token) = token else {
            return Ok(Self {
                filter,
                before: None,
            });
        };
        let page = Self::decode(token).ok_or_else(|| {
            fault("page_token must be the next_page of an earlier answer to this operation")
        })?;
        if filter != F::default() && filter != page.filter {
            return Err(fault(
                "page_token belongs to other filters: leave them out, or start over",
            ));
        }
        Ok(page)
    }

    /// The token of the page after one that ended with `last`.
    pub(super) fn after(self, last: i64) -> String {
        let next = Self {
            before: Some(last),
            ..self
        };
        let mut bytes = serde_json::to_vec(&next).unwrap_or_default();
        bytes.splice(0..0, checksum(&bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn decode(token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (sum, json) = bytes.split_at_checked(CHECKSUM)?;
        (sum == checksum(json)).then(|| serde_json::from_slice(json).ok())?
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    std::array::from_fn(|index| digest[index])
}

fn fault(message: &str) -> Failure {
    invalid(vec![Fault::new("/query/page_token", message)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Filter = (Option<String>, Option<bool>);

    proptest! {
        #[test]
        fn a_token_brings_back_filters_and_place(filter: Filter, last: i64) {
            let token = Page { filter: filter.clone(), before: None }.after(last);
            let page = Page::asked(Filter::default(), Some(&token)).unwrap();
            prop_assert_eq!(&page, &Page { filter: filter.clone(), before: Some(last) });
            prop_assert!(Page::asked(filter, Some(&token)).is_ok());
        }

        #[test]
        fn a_damaged_token_is_refused(filter: Filter, last: i64, at: prop::sample::Index) {
            let mut token = Page { filter, before: None }.after(last).into_bytes();
            let at = at.index(token.len());
            token[at] = if token[at] == b'A' { b'B' } else { b'A' };
            let token = String::from_utf8(token).unwrap();
            prop_assert!(Page::<Filter>::asked(Filter::default(), Some(&token)).is_err());
        }

        #[test]
        fn nonsense_is_refused(token: String) {
            prop_assert!(Page::<Filter>::asked(Filter::default(), Some(&token)).is_err());
        }
    }

    #[test]
    fn other_filters_beside_a_token_are_refused() {
        let token = Page {
            filter: (None::<String>, Some(true)),
            before: None,
        }
        .after(9);
        assert!(Page::<Filter>::asked((None, Some(false)), Some(&token)).is_err());
    }
}
