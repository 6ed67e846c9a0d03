//! Owns a job that is not stored yet, and what enqueueing it may come to.
//! Must not know: how jobs are stored or run.

use std::{borrow::Cow, time::Duration};

use chrono::{DateTime, Utc};

use super::Job;

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
    /// Not to run before; `None` is at once, or after `delay`.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// From the moment of its enqueue.
    pub delay: Option<Duration>,
    /// Cancelled when it still waits then.
    pub expires_at: Option<DateTime<Utc>>,
    /// For people and filters.
    pub tags: Vec<String>,
    /// JSON object, as text: for people and programs, not for the processor.
    pub metadata: Option<String>,
    pub unique: Option<UniqueClaim>,
    /// Jobs of the type with the same key share its limits by key.
    pub concurrency_key: Option<String>,
    /// Jobs that must complete before.
    pub after: Vec<i64>,
    pub group_id: Option<i64>,
    /// Fingerprint of the schema that accepted the payload.
    pub schema_fingerprint: Cow<'static, str>,
}

/// While which part of a job's life no other job may have its unique key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UniqueScope {
    /// While it waits, for its retries too. A retry that finds a newer job in its place is cancelled.
    WhileQueued,
    /// Until its first run starts.
    UntilStarted,
    /// Until it has ended.
    UntilFinished,
    /// For a time from its enqueue on, whatever becomes of it.
    ForPeriod,
}

impl UniqueScope {
    /// Every scope.
    pub const ALL: [Self; 4] = [
        Self::WhileQueued,
        Self::UntilStarted,
        Self::UntilFinished,
        Self::ForPeriod,
    ];

    /// The name in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WhileQueued => "while_queued",
            Self::UntilStarted => "until_started",
            Self::UntilFinished => "until_finished",
            Self::ForPeriod => "for_period",
        }
    }
}

/// What becomes of a job whose unique key another one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnConflict {
    /// The other one is answered; nothing is stored.
    Return,
    /// The other one gets this one's payload and time, if it still waits (debounce).
    Replace,
    /// Refused.
    Reject,
}

/// A job's claim to be the only one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueClaim {
    pub key: String,
    pub scope: UniqueScope,
    /// For [`UniqueScope::ForPeriod`].
    pub period: Option<Duration>,
    pub on_conflict: OnConflict,
}

/// What an enqueue did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EnqueueOutcome {
    Created,
    /// Another job has the unique key, and was left as it is.
    Existing,
    /// Another job has the unique key, and got the payload and the time.
    Replaced,
}

/// A job that an enqueue stored, found, or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueued {
    pub outcome: EnqueueOutcome,
    pub job: Job,
}

/// What an enqueue would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DryRun {
    /// What would be answered. A job that would be created has no number yet.
    Would(Enqueued),
    /// Refused: another job has the unique key, and this is what would have been stored.
    WouldReject { holder: i64, job: Job },
}
