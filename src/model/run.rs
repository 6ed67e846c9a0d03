//! Owns one run of a job: its lease, how it ends, and the history row that it leaves.
//! Must not know: how leases are stored, or what a run does.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::JobStatus;

/// Proof of one acquisition of one job. Random; a later acquisition of the same job has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub i64);

/// A job with the lease that was just given on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedJob {
    pub id: i64,
    pub job_type: String,
    pub queue: String,
    /// JSON object, as text.
    pub payload: String,
    pub priority: i32,
    pub max_retries: i32,
    pub retry_count: i32,
    /// Number of this run, from 1.
    pub attempt: i32,
    pub timeout: Duration,
    pub schema_fingerprint: String,
    /// JSON object, as text: where the run before got to.
    pub checkpoint: Option<String>,
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
    /// What it wrote down. Of the newest runs only.
    pub log: Vec<LogLine>,
}

/// A line that a run wrote down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub at: DateTime<Utc>,
    pub message: String,
}

/// What a run says of itself while it runs. What is `None` stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobReport {
    /// JSON object, as text.
    pub progress: Option<String>,
    /// JSON object, as text.
    pub checkpoint: Option<String>,
    /// Added to what the run has written down.
    pub log: Vec<LogLine>,
}
