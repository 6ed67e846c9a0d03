//! Owns what becomes of a new job whose unique key another job has: that one is answered, changed in its place, or the new
//! one is refused.
//! Must not know: who has the key, and until when (unique.rs).

use std::time::Duration;

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};

use super::{
    At, Doc,
    claim::json,
    dialect, held,
    new_row::{rank, start},
    time::{at, micros},
    tx::Tx,
};
use crate::{
    model::{EnqueueOutcome, Enqueued, Job, JobStatus, NewJob, OnConflict},
    store::{StoreError, schema::job_queue},
};

/// The unique key is another job's.
pub(in crate::store) fn meet(
    tx: &mut Tx<'_>,
    holder: i64,
    on_conflict: OnConflict,
    new: &NewJob,
    ageing: Duration,
) -> Result<Enqueued, StoreError> {
    let duplicate = StoreError::DuplicateJob { id: holder };
    dialect::lock_job(tx.conn, holder)?;
    let Some(job) = super::jobs::find(tx.conn, holder)? else {
        return Err(duplicate);
    };
    match on_conflict {
        OnConflict::Reject => Err(duplicate),
        OnConflict::Return => Ok(Enqueued {
            outcome: EnqueueOutcome::Existing,
            job,
        }),
        OnConflict::Replace if job.status == JobStatus::Processing || job.status.has_ended() => {
            Err(duplicate)
        }
        OnConflict::Replace => replace(tx, &job, new, ageing),
    }
}

/// A waiting job gets another's payload, time and all that it was to be (debounce). Its number, its place in a group and
/// what it waits for stay.
fn replace(
    tx: &mut Tx<'_>,
    old: &Job,
    new: &NewJob,
    ageing: Duration,
) -> Result<Enqueued, StoreError> {
    let scheduled_at = start(new, tx.now);
    let due = scheduled_at <= micros(tx.now) && old.blocked_by == 0;
    let status = match old.status {
        _ if due => JobStatus::Pending,
        JobStatus::RetryPending => JobStatus::RetryPending,
        _ => JobStatus::Scheduled,
    };
    let tags = (!new.tags.is_empty())
        .then(|| json(&new.tags))
        .transpose()?;
    diesel::update(job_queue::table.find(old.id))
        .set((
            job_queue::payload.eq(Doc(new.payload.clone())),
            job_queue::schema_fingerprint.eq(new.schema_fingerprint.as_ref()),
            job_queue::status.eq(status.as_str()),
            job_queue::priority.eq(new.priority),
            job_queue::max_retries.eq(new.max_retries),
            job_queue::scheduled_at.eq(At(scheduled_at)),
            job_queue::rank.eq(rank(scheduled_at, new.priority, ageing)),
            job_queue::expires_at.eq(new.expires_at.map(at)),
            job_queue::tags.eq(tags.map(Doc)),
            job_queue::metadata.eq(new.metadata.clone().map(Doc)),
            job_queue::concurrency_key.eq(&new.concurrency_key),
            job_queue::held_by.eq(None::<&str>),
        ))
        .execute(tx.conn)?;
    if status != old.status {
        let kind = (old.queue.as_str(), old.job_type.as_str());
        tx.ledger
            .moved(old.id, kind, Some(old.status), Some(status));
    }
    if let Some(key) = &old.concurrency_key {
        held::let_through(tx, &held::key_gate(&old.job_type, key), 1)?;
    }
    *tx.wake = true;
    let job = super::jobs::find(tx.conn, old.id)?.ok_or(StoreError::NotFound)?;
    Ok(Enqueued {
        outcome: EnqueueOutcome::Replaced,
        job,
    })
}
