//! Owns the contract between the queue and the code that does a job.
//! Must not know: any concrete job type, or how jobs are claimed and settled.

use std::{error::Error as StdError, future::Future, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use slog::Logger;
use tokio_util::sync::CancellationToken;

use super::reports::Reports;
use crate::model::JobPolicy;

/// A job type: what the contract declares, as a generated marker; or a program's own, written by hand
/// (docs/TESTING-YOUR-JOBS.md).
pub trait JobType: Send + Sync + 'static {
    /// What an enqueuer gives.
    type Payload: DeserializeOwned + Serialize + Send + 'static;
    /// What a run answers.
    type Result: Serialize + Send + 'static;
    /// What the type's `x-job` object declares.
    const POLICY: JobPolicy;
}

/// Does the jobs of one type.
///
/// A run may be repeated: its worker can die after the work and before the outcome is stored. So what it does must be
/// safe to do twice. Only one outcome is ever accepted.
pub trait Processor: Send + Sync + 'static {
    /// The type whose jobs it does.
    type Job: JobType;

    /// Does one job. Dropped at the job's deadline; a panic ends the run, not the worker.
    fn process(
        &self,
        context: JobContext,
        payload: <Self::Job as JobType>::Payload,
    ) -> impl Future<Output = Result<<Self::Job as JobType>::Result, JobError>> + Send;
}

/// What a run knows of its job.
#[derive(Debug, Clone)]
pub struct JobContext {
    pub job_id: i64,
    /// Number of this run, from 1.
    pub attempt: i32,
    pub retry_count: i32,
    /// When the run began.
    pub started_at: DateTime<Utc>,
    /// Carries `worker_id`, `job_id`, `job_type`.
    pub log: Logger,
    /// Cancelled when the run should end early: somebody cancelled the job, its lease was lost, or the worker stops.
    pub stop: CancellationToken,
    pub(super) reports: Reports,
}

impl JobContext {
    /// Says how far the run is, in percent and in a few words. Never waits: it is written at most once a second, and the
    /// last one before the outcome. The job keeps it, over retries too.
    pub fn progress(&self, percent: f64, message: &str) {
        self.reports.progress(percent, message);
    }

    /// Writes a line into the run's log, for people. Never waits. At most 200 lines of 1,000 characters are kept of one
    /// run, and how many were not.
    pub fn log_line(&self, message: &str) {
        self.reports.log_line(message);
    }

    /// Stores where a later run of the job can go on, in place of what was stored before. A JSON object of at most 64 KB.
    /// On disk when it returns.
    ///
    /// # Errors
    /// [`JobError::Stopped`] when the lease was lost: nothing was stored, and the run should end, as `?` does.
    pub async fn checkpoint<T: Serialize + Sync>(&self, place: &T) -> Result<(), JobError> {
        let text = serde_json::to_string(place)
            .map_err(|source| JobError::fail("failed to serialise the checkpoint", source))?;
        self.reports.checkpoint(text).await
    }

    /// What the last [`JobContext::checkpoint`] of an earlier run stored.
    ///
    /// # Errors
    /// It is not a `T`: it may be of an older version of the program. To begin anew, take `unwrap_or_default`.
    pub fn last_checkpoint<T: DeserializeOwned>(&self) -> Result<Option<T>, JobError> {
        let stored = self.reports.last_checkpoint().map(serde_json::from_str);
        let stored = stored.transpose();
        stored.map_err(|source| JobError::fail("the checkpoint cannot be read", source))
    }
}

/// Why a run did not complete. What the processor answers decides what happens to the job.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JobError {
    /// Costs a retry; without retries left the job fails. `after` overrides the type's backoff.
    #[error("{message}")]
    Retry {
        message: String,
        after: Option<Duration>,
        #[source]
        source: Option<Arc<dyn StdError + Send + Sync>>,
    },
    /// Will not get better: the job fails at once.
    #[error("{message}")]
    Fail {
        message: String,
        #[source]
        source: Option<Arc<dyn StdError + Send + Sync>>,
    },
    /// Not now: again after the wait, no retry used.
    #[error("snoozed for {0:?}")]
    Snooze(Duration),
    /// Stopped because [`JobContext::stop`] was cancelled.
    #[error("stopped")]
    Stopped,
}

impl JobError {
    /// An error that a later try may not meet.
    pub fn retry(
        message: impl Into<String>,
        source: impl StdError + Send + Sync + 'static,
    ) -> Self {
        Self::Retry {
            message: message.into(),
            after: None,
            source: Some(Arc::new(source)),
        }
    }

    /// An error that every try would meet.
    pub fn fail(message: impl Into<String>, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Fail {
            message: message.into(),
            source: Some(Arc::new(source)),
        }
    }
}
