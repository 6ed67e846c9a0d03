//! Owns what becomes of a job whose run somebody else reports, by the same rules as for a run of our own.
//! Must not know: how the report came.

use std::time::Duration;

use super::{
    JobError,
    outcome::{self, RunEnd, StopReason},
};
use crate::model::{ClaimedJob, Job, JobPolicy, LeaseToken, Settlement};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunReport {
    /// The result as JSON text, where there is one.
    Completed(Option<String>),
    /// An error that every run would meet.
    Failed(String),
    /// An error that a later run may not meet.
    Retry {
        error: String,
        /// In place of the type's backoff.
        after: Option<Duration>,
    },
    Snoozed(Duration),
    /// Given back.
    Released,
    /// Stopped, with what went wrong then.
    Cancelled(Option<String>),
}

/// What to tell the store of a run of `job`, as far as it is still that of the lease: the store looks.
pub fn settlement_of(
    job: &Job,
    lease: LeaseToken,
    policy: Option<&JobPolicy>,
    report: RunReport,
) -> Settlement {
    let asked = job.cancel_requested.then_some(StopReason::CancelRequested);
    let fail = |message| {
        RunEnd::Error(JobError::Fail {
            message,
            source: None,
        })
    };
    let (end, stop) = match report {
        RunReport::Completed(result) => (RunEnd::Completed(result), asked),
        RunReport::Failed(error) => (fail(error), asked),
        RunReport::Retry { error, after } => {
            let error = JobError::Retry {
                message: error,
                after,
                source: None,
            };
            (RunEnd::Error(error), asked)
        }
        RunReport::Snoozed(delay) => (RunEnd::Error(JobError::Snooze(delay)), asked),
        RunReport::Released => (RunEnd::Dropped, asked.or(Some(StopReason::WorkerStops))),
        RunReport::Cancelled(error) => (
            error.map_or(RunEnd::Dropped, fail),
            Some(StopReason::CancelRequested),
        ),
    };
    // Only a lost lease has no settlement, and whether it is lost is for the store to say.
    outcome::settlement(&claimed(job, lease), policy, end, stop, rand::random())
        .unwrap_or(Settlement::Release)
}

fn claimed(job: &Job, lease: LeaseToken) -> ClaimedJob {
    ClaimedJob {
        id: job.id,
        job_type: job.job_type.clone(),
        queue: job.queue.clone(),
        payload: String::new(),
        priority: job.priority,
        max_retries: job.max_retries,
        retry_count: job.retry_count,
        attempt: job.attempt,
        timeout: job.timeout,
        schema_fingerprint: job.schema_fingerprint.clone(),
        checkpoint: None,
        scheduled_at: job.scheduled_at,
        started_at: job.started_at.unwrap_or(job.scheduled_at),
        lease,
    }
}
