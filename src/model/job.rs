//! Owns what a job is: the row, its states and their legal transitions, its policy, leases and settlements.
//! Must not know: how jobs are stored, claimed or run.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};

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

/// A job that is not stored yet. Its payload has passed the job type's schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    pub job_type: Cow<'static, str>,
    pub queue: Cow<'static, str>,
    /// JSON object, as text.
    pub payload: String,
    /// Higher runs first.
    pub priority: i32,
    /// Runs after the first that an error may cause.
    pub max_retries: i32,
    /// Longest run.
    pub timeout: Duration,
    /// Not to run before; `None` is at once.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// Fingerprint of the schema that accepted the payload.
    pub schema_fingerprint: Cow<'static, str>,
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
    pub scheduled_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// Which jobs to list. Filters combine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    pub status: Option<JobStatus>,
    pub job_type: Option<String>,
}

/// Proof of one acquisition of one job. Random; a later acquisition of the same job has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub i64);

/// A job with the lease that was just given on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedJob {
    pub id: i64,
    pub job_type: String,
    /// JSON object, as text.
    pub payload: String,
    pub priority: i32,
    pub max_retries: i32,
    pub retry_count: i32,
    /// Number of this run, from 1.
    pub attempt: i32,
    pub timeout: Duration,
    pub schema_fingerprint: String,
    pub scheduled_at: DateTime<Utc>,
    /// When this run began, by the store's clock.
    pub started_at: DateTime<Utc>,
    pub lease: LeaseToken,
}

/// What a heartbeat learns about one lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseState {
    /// Extended.
    Live,
    /// Extended, and somebody asked for the job to stop.
    CancelRequested,
    /// The token is not the job's any more: stop, the outcome will not be accepted.
    Lost,
}

/// How a run ends. Applied only while the lease that it names is the job's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// → `completed`, with the result as JSON text.
    Complete { result: Option<String> },
    /// An error with retries left: → `retry_pending` for `delay`; `retry_count` grows by one.
    Retry {
        delay: Duration,
        error: String,
        outcome: AttemptOutcome,
    },
    /// An error without retries left, or a final one: → `failed`.
    Fail {
        error: String,
        outcome: AttemptOutcome,
    },
    /// Put off by the processor: → `scheduled` for `delay`, no retry used.
    Snooze { delay: Duration },
    /// Given back, as at a stop: → `pending` at once, no retry used.
    Release,
    /// Stopped because it was asked to: → `cancelled`.
    Cancel { error: Option<String> },
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Accepted; the job is in this state now.
    Accepted(JobStatus),
    /// The token is not the job's any more: nothing was changed.
    Stale,
}

/// How a run ended, in the job's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptOutcome {
    Completed,
    Failed,
    TimedOut,
    Panicked,
    Released,
    Snoozed,
    Cancelled,
    Lost,
}

impl AttemptOutcome {
    /// Every outcome.
    pub const ALL: [Self; 8] = [
        Self::Completed,
        Self::Failed,
        Self::TimedOut,
        Self::Panicked,
        Self::Released,
        Self::Snoozed,
        Self::Cancelled,
        Self::Lost,
    ];

    /// The name in the database, on the wire and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Panicked => "panicked",
            Self::Released => "released",
            Self::Snoozed => "snoozed",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }
}

/// One run of a job. A run in progress has neither end nor outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobAttempt {
    pub number: i32,
    pub worker: String,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub outcome: Option<AttemptOutcome>,
    pub error: Option<String>,
}

/// How the wait before a retry grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackoffKind {
    /// base
    Fixed,
    /// base × retry
    Linear,
    /// base × 2^(retry − 1)
    Exponential,
}

/// Wait before a retry: see [`BackoffKind`], never above `cap`, plus a random share of at most `jitter` (0 to 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    pub kind: BackoffKind,
    pub base: Duration,
    pub cap: Duration,
    pub jitter: f64,
}

/// What a job type declares in its `x-job` object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JobPolicy {
    pub job_type: &'static str,
    pub queue: &'static str,
    pub priority: i32,
    pub max_retries: i32,
    pub timeout: Duration,
    pub backoff: Backoff,
    /// How long an ended job is kept; `None` is for ever.
    pub keep_completed: Option<Duration>,
    pub keep_failed: Option<Duration>,
    /// JSON pointers into the payload that are masked in answers, logs and errors.
    pub sensitive: &'static [&'static str],
    /// Fingerprint of the payload schema: canonical, dereferenced, without prose.
    pub schema_fingerprint: &'static str,
    /// Name of the payload schema among the contract's run-time schemas.
    pub payload_schema: &'static str,
    /// Name of the result schema, where the type declares one.
    pub result_schema: Option<&'static str>,
}
