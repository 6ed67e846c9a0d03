//! Owns what a new job's row says: its state, its place among the others, and the job that it is from then on.
//! Must not know: why it is stored, or together with what.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{
    statement::{Statement, statement},
    time::{micros, moment, span},
};
use crate::model::{EnqueueOutcome, Enqueued, Job, JobStatus, NewJob};

/// Order of the claims, lowest first: by time, where each step of priority is worth `ageing`.
pub(in crate::store) fn rank(scheduled_at: i64, priority: i32, ageing: Duration) -> i64 {
    scheduled_at.saturating_sub(span(ageing).saturating_mul(i64::from(priority)))
}

/// When the job may run first, in microseconds.
pub(in crate::store) fn start(job: &NewJob, now: DateTime<Utc>) -> i64 {
    let now = micros(now);
    let delayed = job.delay.map(|delay| now.saturating_add(span(delay)));
    job.scheduled_at.map(micros).or(delayed).unwrap_or(now)
}

/// What every new job has. Moments in microseconds.
#[derive(Debug)]
pub(in crate::store) struct NewRow<'a> {
    pub(in crate::store) job: &'a NewJob,
    pub(in crate::store) status: JobStatus,
    pub(in crate::store) rank: i64,
    pub(in crate::store) timeout_ms: i64,
    pub(in crate::store) scheduled_at: i64,
    pub(in crate::store) created_at: i64,
}

impl<'a> NewRow<'a> {
    /// Of a job that waits for no other one.
    pub(in crate::store) fn of(job: &'a NewJob, now: DateTime<Utc>, ageing: Duration) -> Self {
        let (scheduled_at, now) = (start(job, now), micros(now));
        Self {
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

    /// A statement whose first values are these: job type, queue, payload, status, priority, rank, retries, timeout,
    /// fingerprint, start, time of creation.
    pub(in crate::store) fn values(&self, insert: &'static str) -> Statement {
        statement(insert)
            .text(self.job.job_type.as_ref())
            .text(self.job.queue.as_ref())
            .json(Some(self.job.payload.as_str()))
            .text(self.status.as_str())
            .int(i64::from(self.job.priority))
            .int(self.rank)
            .int(i64::from(self.job.max_retries))
            .int(self.timeout_ms)
            .text(self.job.schema_fingerprint.as_ref())
            .at(self.scheduled_at)
            .at(self.created_at)
    }

    /// The job, when its row is stored.
    pub(in crate::store) fn stored(&self, id: i64, now: DateTime<Utc>) -> Job {
        let job = self.job.clone();
        Job {
            id,
            job_type: job.job_type.into_owned(),
            queue: job.queue.into_owned(),
            payload: job.payload,
            status: self.status,
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
            expires_at: job.expires_at,
            tags: job.tags,
            metadata: job.metadata,
            unique_scope: job.unique.as_ref().map(|claim| claim.scope),
            unique_key: job.unique.map(|claim| claim.key),
            concurrency_key: job.concurrency_key,
            held_by: None,
            group_id: job.group_id,
            blocked_by: 0,
            progress: None,
            checkpoint: None,
            scheduled_at: moment(self.scheduled_at),
            started_at: None,
            completed_at: None,
            created_at: now,
        }
    }

    /// What its caller hears.
    pub(in crate::store) fn enqueued(&self, id: i64, now: DateTime<Utc>) -> Enqueued {
        Enqueued {
            outcome: EnqueueOutcome::Created,
            job: self.stored(id, now),
        }
    }
}
