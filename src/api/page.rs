//! Owns page tokens: where a list goes on, with the filters that it began with. A token gives no right to anything, so
//! it is not secret; a checksum tells a damaged one from a good one.
//! Must not know: what is listed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::{error::invalid, reply::Failure};
use crate::model::Fault;

const CHECKSUM: usize = 6;

/// The filters of one list.
pub(super) trait Filter: Serialize + DeserializeOwned + PartialEq + Default {
    /// The operation: a token of one list means nothing to another.
    const LIST: &'static str;
}

/// Where a list is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Page<F> {
    pub(super) filter: F,
    /// Only what has a lower id.
    pub(super) before: Option<i64>,
}

impl<F: Filter> Page<F> {
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

    /// Cuts what was read, one row more than `limit` if there are as many, down to the page. Answers the token of the
    /// next page, if there is one.
    pub(super) fn cut<T>(
        self,
        rows: &mut Vec<T>,
        limit: usize,
        id: impl Fn(&T) -> i64,
    ) -> Option<String> {
        if rows.len() <= limit {
            return None;
        }
        rows.truncate(limit);
        rows.last().map(|last| self.after(id(last)))
    }

    fn after(self, last: i64) -> String {
        let next = Self {
            before: Some(last),
            ..self
        };
        let mut bytes = serde_json::to_vec(&next).unwrap_or_default();
        bytes.splice(0..0, checksum(F::LIST, &bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn decode(token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (sum, json) = bytes.split_at_checked(CHECKSUM)?;
        (sum == checksum(F::LIST, json)).then(|| serde_json::from_slice(json).ok())?
    }
}

fn checksum(list: &str, json: &[u8]) -> [u8; CHECKSUM] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(list)
        .chain_update([0])
        .chain_update(json)
        .finalize()
        .into();
    std::array::from_fn(|index| digest[index])
}

fn fault(message: &str) -> Failure {
    invalid(vec![Fault::new("/query/page_token", message)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Things = (Option<String>, Option<bool>);

    impl Filter for Things {
        const LIST: &'static str = "list_things";
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Others(Option<String>, Option<bool>);

    impl Filter for Others {
        const LIST: &'static str = "list_others";
    }

    fn page(filter: Things) -> Page<Things> {
        Page {
            filter,
            before: None,
        }
    }

    fn asked(token: &str) -> Result<Page<Things>, Failure> {
        Page::asked(Things::default(), Some(token))
    }

    proptest! {
        #[test]
        fn a_token_brings_back_filters_and_place(filter: Things, last: i64) {
            let token = page(filter.clone()).after(last);
            let expected = Page { before: Some(last), ..page(filter.clone()) };
            prop_assert_eq!(asked(&token).unwrap(), expected);
            prop_assert!(Page::asked(filter, Some(&token)).is_ok());
        }

        #[test]
        fn a_damaged_token_is_refused(filter: Things, last: i64, at: prop::sample::Index) {
            let mut token = page(filter).after(last).into_bytes();
            let at = at.index(token.len());
            token[at] = if token[at] == b'A' { b'B' } else { b'A' };
            prop_assert!(asked(std::str::from_utf8(&token).unwrap()).is_err());
        }

        #[test]
        fn a_token_of_another_list_is_refused(filter: Things, last: i64) {
            let token = page(filter).after(last);
            prop_assert!(Page::<Others>::asked(Others::default(), Some(&token)).is_err());
        }

        #[test]
        fn nonsense_is_refused(token: String) {
            prop_assert!(asked(&token).is_err());
        }

        #[test]
        fn there_is_a_next_page_only_when_a_row_is_left(count in 0_usize..20, limit in 1_usize..20) {
            let mut rows: Vec<_> = (0..count).map(|row| 100 - i64::try_from(row).unwrap()).collect();
            let next = page(Things::default()).cut(&mut rows, limit, |row| *row);
            prop_assert_eq!(rows.len(), count.min(limit));
            prop_assert_eq!(next.is_some(), count > limit);
            if let Some(token) = next {
                prop_assert_eq!(asked(&token).unwrap().before, rows.last().copied());
            }
        }
    }

    #[test]
    fn other_filters_beside_a_token_are_refused() {
        let token = page((None, Some(true))).after(9);
        assert!(Page::asked((None, Some(false)), Some(&token)).is_err());
    }
}
