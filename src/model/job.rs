//! Owns what a stored job is: the row, its states and their legal transitions.
//! Must not know: how jobs are stored, claimed or run.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};

use super::UniqueScope;

/// State of a job. The names are the seed's and the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobStatus {
    /// Waits for its time. Kept apart from `Pending`, so that a claim never walks over it.
    Scheduled,
    /// Due: waits for a worker.
    Pending,
    /// A worker has a lease on it.
    Processing,
    /// Waits for its next try.
    RetryPending,
    Completed,
    Failed,
    Cancelled,
}

impl JobStatus {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Scheduled,
        Self::Pending,
        Self::Processing,
        Self::RetryPending,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name in the database, on the wire and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::RetryPending => "retry_pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the job has ended. A manual retry may still bring a failed or cancelled one back.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Whether a job may go from this state to `next` (DESIGN §4).
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            // Due, or ended by order.
            Self::Scheduled | Self::RetryPending => matches!(next, Self::Pending | Self::Cancelled),
            Self::Pending => matches!(next, Self::Processing | Self::Cancelled),
            // Settled, released (pending), snoozed (scheduled), or lost (pending or failed).
            Self::Processing => !matches!(next, Self::Processing),
            // By hand.
            Self::Failed | Self::Cancelled => matches!(next, Self::Pending),
            Self::Completed => false,
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no [`JobStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a job status (scheduled, pending, processing, retry_pending, completed, failed, cancelled)"
)]
pub struct UnknownJobStatus;

impl FromStr for JobStatus {
    type Err = UnknownJobStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownJobStatus)
    }
}

/// A stored job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: i64,
    pub job_type: String,
    pub queue: String,
    /// JSON object, as text.
    pub payload: String,
    pub status: JobStatus,
    pub priority: i32,
    pub max_retries: i32,
    /// Runs after the first that errors have caused so far.
    pub retry_count: i32,
    /// Leases so far: runs of any outcome, the running one included.
    pub attempt: i32,
    /// Workers that died holding it. Three fail the job.
    pub lease_losses: i32,
    pub timeout: Duration,
    /// Somebody asked for a running job to stop.
    pub cancel_requested: bool,
    pub error_message: Option<String>,
    /// JSON object, as text.
    pub result: Option<String>,
    pub schema_fingerprint: String,
    /// Who has it now, or had it last.
    pub worker: Option<String>,
    pub expires_at: Option<DateTime<Utc>>,
    pub tags: Vec<String>,
    /// JSON object, as text.
    pub metadata: Option<String>,
    pub unique_key: Option<String>,
    pub unique_scope: Option<UniqueScope>,
    pub concurrency_key: Option<String>,
    /// The closed gate that a due job waits at: `type:…`, `key:…` or `schema:…`.
    pub held_by: Option<String>,
    pub group_id: Option<i64>,
    /// Jobs that must complete before.
    pub blocked_by: i32,
    /// JSON object, as text: what the processor last said of its progress.
    pub progress: Option<String>,
    /// JSON object, as text: where a retry goes on.
    pub checkpoint: Option<String>,
    pub scheduled_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}
