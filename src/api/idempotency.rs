//! Owns `Idempotency-Key`: a request that is sent twice is done once, and the second gets the first one's answer.
//! Must not know: what the request does, or where answers are kept.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use super::{
    auth::Caller,
    context::ApiContext,
    enqueue::refused,
    error::{in_progress, unreadable},
    reply::{Failure, Reply},
};
use crate::{
    contract::wire::WireError,
    store::{Done, Once, StoreError, StoredAnswer},
};

/// Marks an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The name of the header.
const HEADER: &str = "idempotency-key";

/// A request that names a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// Operation, caller and the caller's key: keys of others do not meet it.
    key: String,
    /// Of all that makes the request another one.
    digest: String,
}

impl Key {
    pub(super) fn of(
        operation: &str,
        caller: Caller,
        headers: &HeaderMap,
        uri: &http::Uri,
        body: &[u8],
    ) -> Option<Self> {
        let named = headers.get(HEADER)?.to_str().ok()?;
        let caller = caller.map(|caller| URL_SAFE_NO_PAD.encode(&caller[..12]));
        let caller = caller.unwrap_or_default();
        let digest = Sha256::new()
            .chain_update(uri.path_and_query().map_or("", |path| path.as_str()))
            .chain_update([0])
            .chain_update(body)
            .finalize();
        Some(Self {
            key: format!("{operation}:{caller}:{named}"),
            digest: URL_SAFE_NO_PAD.encode(digest),
        })
    }
}

/// Keys whose requests are being done by this process. Between processes the database decides: the second one finds the
/// answer of the first.
#[derive(Debug, Default)]
pub(super) struct InProgress(Mutex<HashSet<String>>);

impl InProgress {
    fn enter(&self, key: &str) -> Option<Entered<'_>> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key.to_owned()).then(|| Entered {
            all: self,
            key: key.to_owned(),
        })
    }
}

/// Leaves when it is dropped, however the request ends.
struct Entered<'a> {
    all: &'a InProgress,
    key: String,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut keys = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.remove(&self.key);
    }
}

/// Does `act` and answers what `write` makes of it, or what an earlier request with the same key was answered. `place` is
/// where the request's own fields stand, for what the store refuses.
pub(super) async fn once<T, F>(
    context: &ApiContext,
    key: Option<Key>,
    place: &str,
    write: impl Fn(&T) -> Result<Reply, WireError> + Clone + Send + 'static,
    act: impl FnOnce(Option<Once<T>>) -> F,
) -> Result<Reply, Failure>
where
    F: Future<Output = Result<Done<T>, StoreError>>,
{
    let _entered = match &key {
        Some(key) => Some(
            context
                .in_progress
                .enter(&key.key)
                .ok_or_else(in_progress)?,
        ),
        None => None,
    };
    let once = key.map(|Key { key, digest }| {
        let write = write.clone();
        Once {
            key,
            digest,
            render: Box::new(move |done| Ok(write(done)?.stored())),
        }
    });
    match act(once).await.map_err(|error| refused(error, place))? {
        Done::Now(done) => Ok(write(&done)?),
        Done::Before(answer) => replay(answer),
    }
}

fn replay(answer: StoredAnswer) -> Result<Reply, Failure> {
    let own = answer.headers.len() + 1;
    let reply = Reply::text(answer.status, own, answer.body).ok_or_else(unreadable)?;
    let reply = answer
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.parse().ok()?, value)))
        .fold(reply, |reply, (name, value)| reply.header(name, value));
    Ok(reply.header(REPLAYED, "true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(header: &str, uri: &'static str, body: &[u8]) -> Option<Key> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, header.parse().unwrap());
        Key::of("create", None, &headers, &uri.parse().unwrap(), body)
    }

    #[test]
    fn query_and_body_make_the_request_the_caller_and_the_operation_the_key() {
        let first = key("k", "/jobs?a=1", b"{}").unwrap();
        assert_eq!(key("k", "/jobs?a=1", b"{}").unwrap(), first);
        let other_query = key("k", "/jobs?a=2", b"{}").unwrap();
        assert!(other_query.key == first.key && other_query.digest != first.digest);
        let other_body = key("k", "/jobs?a=1", b"{ }").unwrap();
        assert!(other_body.key == first.key && other_body.digest != first.digest);
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, "k".parse().unwrap());
        let uri: http::Uri = "/jobs?a=1".parse().unwrap();
        let somebody = Key::of("create", Some([1; 32]), &headers, &uri, b"{}").unwrap();
        assert_ne!(somebody.key, first.key);
        assert_eq!(
            Key::of("create", None, &HeaderMap::new(), &uri, b"{}"),
            None
        );
    }

    #[test]
    fn a_key_is_in_progress_until_its_request_ends() {
        let all = InProgress::default();
        let first = all.enter("k").unwrap();
        assert!(all.enter("k").is_none());
        assert!(all.enter("other").is_some());
        drop(first);
        assert!(all.enter("k").is_some());
    }
}
