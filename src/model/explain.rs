//! Owns the causes why a job is not running.
//! Must not know: how they are found or shown.

use chrono::{DateTime, Utc};

use super::JobStatus;

/// Why a job is not running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub id: i64,
    pub status: JobStatus,
    /// Only its turn is missing.
    pub runnable: bool,
    /// All causes that hold.
    pub reasons: Vec<Hold>,
}

/// One cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub code: HoldCode,
    pub message: String,
    /// When it ends by itself.
    pub until: Option<DateTime<Utc>>,
    pub related_job_id: Option<i64>,
}

/// What kind of cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldCode {
    Ended,
    Running,
    Scheduled,
    RetryWait,
    Expired,
    BlockedByJobs,
    QueuePaused,
    TypePaused,
    QueueLimit,
    TypeLimit,
    KeyLimit,
    RateLimited,
    NoWorker,
    Schema,
    AllWorkersBusy,
    WaitingInLine,
}

impl HoldCode {
    /// Whether the job starts as soon as its turn comes.
    pub const fn is_a_matter_of_turns(self) -> bool {
        matches!(self, Self::AllWorkersBusy | Self::WaitingInLine)
    }
}
