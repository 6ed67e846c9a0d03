//! Owns storing a new job.
//! Must not know: why it is enqueued.

use std::time::Duration;

use diesel::{RunQueryDsl, dsl::sql, select, sql_types::BigInt};

use super::{
    Sqlite,
    statement::statement,
    time::{micros, moment, span},
    writer::Tx,
};
use crate::{
    model::{Job, JobStatus, NewJob},
    store::StoreError,
};

/// Order of the claims, lowest first: by time, where each step of priority is worth `ageing`.
pub(super) fn rank(scheduled_at: i64, priority: i32, ageing: Duration) -> i64 {
    scheduled_at.saturating_sub(span(ageing).saturating_mul(i64::from(priority)))
}

/// Stores a job. Due ones are pending, others scheduled: a claim never walks over what waits.
pub(super) fn insert(tx: &mut Tx<'_>, job: NewJob, ageing: Duration) -> Result<Job, StoreError> {
    let now = micros(tx.now);
    let scheduled_at = job.scheduled_at.map_or(now, micros);
    let status = if scheduled_at > now {
        JobStatus::Scheduled
    } else {
        JobStatus::Pending
    };
    statement(
        "INSERT INTO job_queue (job_type, queue, payload, status, priority, rank, max_retries, timeout_ms, \
         schema_fingerprint, scheduled_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .text(job.job_type.as_ref())
    .text(job.queue.as_ref())
    .text(job.payload.as_str())
    .text(status.as_str())
    .int(i64::from(job.priority))
    .int(rank(scheduled_at, job.priority, ageing))
    .int(i64::from(job.max_retries))
    .int(i64::try_from(job.timeout.as_millis()).unwrap_or(i64::MAX))
    .text(job.schema_fingerprint.as_ref())
    .int(scheduled_at)
    .int(now)
    .execute(tx.conn)?;
    let id = last_id(tx)?;
    tx.ledger.note(&job.queue, &job.job_type, status, 1);
    *tx.wake = true;
    Ok(Job {
        id,
        job_type: job.job_type.into_owned(),
        queue: job.queue.into_owned(),
        payload: job.payload,
        status,
        priority: job.priority,
        max_retries: job.max_retries,
        retry_count: 0,
        attempt: 0,
        lease_losses: 0,
        timeout: job.timeout,
        cancel_requested: false,
        error_message: None,
        result: None,
        schema_fingerprint: job.schema_fingerprint.into_owned(),
        worker: None,
        scheduled_at: moment(scheduled_at),
        started_at: None,
        completed_at: None,
        created_at: tx.now,
    })
}

/// The id of the row that this connection inserted last.
pub(super) fn last_id(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    Ok(select(sql::<BigInt>("last_insert_rowid()")).get_result(tx.conn)?)
}

impl Sqlite {
    pub(in crate::store) async fn job_enqueue(&self, job: NewJob) -> Result<Job, StoreError> {
        let ageing = self.ageing;
        self.write(move |tx| insert(tx, job, ageing)).await
    }
}
