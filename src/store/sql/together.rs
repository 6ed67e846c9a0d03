//! Owns storing many new jobs that nobody else has a say in, without a question for each.
//! Must not know: who collected them.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{
    dialect,
    enqueue::{rank, start, stored},
    time::{micros, moment},
    tx::Tx,
};
use crate::{
    model::{EnqueueOutcome, Enqueued, Job, JobStatus, NewJob},
    store::StoreError,
};

/// Stores plain jobs together, unless the depth of any queue is limited. Answers them with their numbers, in their order;
/// `None`: nothing is stored, and each is to be stored for itself.
pub(in crate::store) fn insert_many<'j>(
    tx: &mut Tx<'_>,
    jobs: &[&'j NewJob],
    ageing: Duration,
) -> Result<Option<Vec<(NewRow<'j>, i64)>>, StoreError> {
    if jobs.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let rows: Vec<_> = jobs.iter().map(|job| row(job, tx.now, ageing)).collect();
    let Some(ids) = dialect::insert_jobs(tx, &rows)? else {
        return Ok(None);
    };
    if ids.len() != rows.len() {
        return Err(StoreError::internal("not all jobs were inserted"));
    }
    *tx.wake = true;
    for (row, id) in rows.iter().zip(&ids) {
        let kind = (row.job.queue.as_ref(), row.job.job_type.as_ref());
        tx.ledger.moved(*id, kind, None, Some(row.status));
    }
    Ok(Some(rows.into_iter().zip(ids).collect()))
}

/// As it is to be stored.
pub(super) fn row(job: &NewJob, now: DateTime<Utc>, ageing: Duration) -> NewRow<'_> {
    let (scheduled_at, now) = (start(job, now), micros(now));
    NewRow {
        job,
        status: if scheduled_at > now {
            JobStatus::Scheduled
        } else {
            JobStatus::Pending
        },
        rank: rank(scheduled_at, job.priority, ageing),
        timeout_ms: i64::try_from(job.timeout.as_millis()).unwrap_or(i64::MAX),
        scheduled_at,
        created_at: now,
    }
}

/// As it was stored.
pub(super) fn enqueued(row: &NewRow<'_>, id: i64, now: DateTime<Utc>) -> Enqueued {
    Enqueued {
        outcome: EnqueueOutcome::Created,
        job: Job {
            status: row.status,
            scheduled_at: moment(row.scheduled_at),
            ..stored(row.job.clone(), id, now)
        },
    }
}

/// A plain job. Moments in microseconds.
#[derive(Debug)]
pub(in crate::store) struct NewRow<'a> {
    pub(in crate::store) job: &'a NewJob,
    pub(in crate::store) status: JobStatus,
    pub(in crate::store) rank: i64,
    pub(in crate::store) timeout_ms: i64,
    pub(in crate::store) scheduled_at: i64,
    pub(in crate::store) created_at: i64,
}
