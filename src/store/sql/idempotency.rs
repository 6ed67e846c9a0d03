//! Owns idempotency keys: the answer to a request is stored with what the request did, in one commit.
//! Must not know: what is done, or how an answer is written.

use std::time::Duration;

use diesel::{OptionalExtension, QueryDsl, RunQueryDsl};

use super::{
    Engine,
    claim::json,
    statement::statement,
    time::{micros, span},
    tx::{Lane, Tx},
    workers,
};
use crate::store::{Done, Once, StoreError, StoredAnswer, schema::idempotency_keys};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_hours(24);

/// Does `work`, unless an earlier request with the same key did.
pub(in crate::store) fn once<T>(
    tx: &mut Tx<'_>,
    once: Option<&Once<T>>,
    work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
) -> Result<Done<T>, StoreError> {
    let Some(Once {
        key,
        digest,
        render,
    }) = once
    else {
        return work(tx).map(Done::Now);
    };
    tx.alone()?;
    if let Some(answer) = stored(tx, key, digest)? {
        return Ok(Done::Before(answer));
    }
    let done = work(tx)?;
    let answer = render(&done).map_err(StoreError::Internal)?;
    statement(
        "INSERT INTO idempotency_keys (idempotency_key, request_digest, status, headers, body, created_at) \
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (idempotency_key) DO UPDATE SET \
         request_digest = excluded.request_digest, status = excluded.status, headers = excluded.headers, \
         body = excluded.body, created_at = excluded.created_at",
    )
    .text(key.as_str())
    .text(digest.as_str())
    .int(i64::from(answer.status))
    .json(Some(json(&answer.headers)?))
    .text(answer.body)
    .at(micros(tx.now))
    .execute(tx.conn)?;
    Ok(Done::Now(done))
}

/// One that is too old counts as none, purged or not.
fn stored(tx: &mut Tx<'_>, key: &str, digest: &str) -> Result<Option<StoredAnswer>, StoreError> {
    use idempotency_keys as k;
    let row: Option<(String, i32, String, String, i64)> = k::table
        .find(key)
        .select((
            k::request_digest,
            k::status,
            k::headers,
            k::body,
            k::created_at,
        ))
        .get_result(tx.conn)
        .optional()?;
    let Some((known, status, headers, body, created_at)) = row else {
        return Ok(None);
    };
    if created_at <= oldest(tx) {
        return Ok(None);
    }
    if known != digest {
        return Err(StoreError::IdempotencyKeyReused);
    }
    Ok(Some(StoredAnswer {
        status: u16::try_from(status).unwrap_or(500),
        headers: serde_json::from_str(&headers)
            .map_err(|error| StoreError::Internal(Box::new(error)))?,
        body,
    }))
}

fn oldest(tx: &Tx<'_>) -> i64 {
    micros(tx.now).saturating_sub(span(KEPT))
}

impl Engine {
    /// Deletes answers, locks, buckets and workers that count for nothing any more. Answers how many rows.
    pub(in crate::store) async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.write(Lane::Rest, move |tx| {
            let (now, old, gone) = (micros(tx.now), oldest(tx), workers::gone(tx.now));
            let mut purged = 0;
            for (query, before) in PURGES.into_iter().zip([old, now, old, gone]) {
                purged += statement(query).at(before).int(limit).execute(tx.conn)?;
            }
            Ok(purged)
        })
        .await
    }
}

/// A bucket is full again after a day at most: the longest period is a day.
const PURGES: [&str; 4] = [
    "DELETE FROM idempotency_keys WHERE idempotency_key IN \
     (SELECT idempotency_key FROM idempotency_keys WHERE created_at <= ? ORDER BY created_at LIMIT ?)",
    "DELETE FROM unique_locks WHERE unique_key IN \
     (SELECT unique_key FROM unique_locks WHERE until <= ? ORDER BY until LIMIT ?)",
    "DELETE FROM rate_buckets WHERE gate IN \
     (SELECT gate FROM rate_buckets WHERE updated_at <= ? LIMIT ?)",
    workers::PURGE,
];
