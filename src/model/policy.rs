//! Owns what a job type declares of its jobs, and the bounds of what an enqueuer may choose.
//! Must not know: how jobs are stored or run.

use std::time::Duration;

use super::{OnConflict, UniqueScope};

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

/// Which jobs of a type are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UniquePolicy {
    /// JSON pointers into the payload.
    pub key: &'static [&'static str],
    pub scope: UniqueScope,
    /// For [`UniqueScope::ForPeriod`].
    pub period: Option<Duration>,
    pub on_conflict: OnConflict,
}

/// A token bucket: holds `limit` tokens, fills up evenly once a `period`; each start of a run takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub limit: u32,
    pub period: Duration,
}

/// Bounds of what an enqueuer may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobLimits {
    /// Lowest and highest.
    pub priority: (i32, i32),
    pub max_retries: i32,
    pub timeout: Duration,
}

impl JobLimits {
    /// The bounds that the contract has for all types.
    pub const WIDEST: Self = Self {
        priority: (-1000, 1000),
        max_retries: 100,
        timeout: Duration::from_hours(24),
    };
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
    pub keep_cancelled: Option<Duration>,
    pub unique: Option<UniquePolicy>,
    /// Jobs of the type that run at the same time, in all processes.
    pub concurrency: Option<u32>,
    /// Runs of the type that start in a time.
    pub rate: Option<Rate>,
    /// JSON pointer into the payload: what jobs with the same value share is limited by the next two.
    pub concurrency_key: Option<&'static str>,
    pub key_concurrency: Option<u32>,
    pub key_rate: Option<Rate>,
    /// How far an enqueuer may go from this policy.
    pub limits: JobLimits,
    /// JSON pointers into the payload that are masked in answers, logs and errors.
    pub sensitive: &'static [&'static str],
    /// Fingerprint of the payload schema: canonical, dereferenced, without prose.
    pub schema_fingerprint: &'static str,
    /// Name of the payload schema among the contract's run-time schemas.
    pub payload_schema: &'static str,
    /// Name of the result schema, where the type declares one.
    pub result_schema: Option<&'static str>,
}

impl JobPolicy {
    /// For a job type that is written by hand, not declared in a contract: once at once, three retries after 5, 10 and 15
    /// minutes, a minute for each run, kept for ever, without limits. Change what differs:
    /// `JobPolicy { max_retries: 0, ..JobPolicy::new("thumbnail") }`.
    pub const fn new(job_type: &'static str) -> Self {
        Self {
            job_type,
            queue: "default",
            priority: 0,
            max_retries: 3,
            timeout: Duration::from_mins(1),
            backoff: Backoff {
                kind: BackoffKind::Linear,
                base: Duration::from_mins(5),
                cap: Duration::from_hours(1),
                jitter: 0.0,
            },
            keep_completed: None,
            keep_failed: None,
            keep_cancelled: None,
            unique: None,
            concurrency: None,
            rate: None,
            concurrency_key: None,
            key_concurrency: None,
            key_rate: None,
            limits: JobLimits::WIDEST,
            sensitive: &[],
            schema_fingerprint: "",
            payload_schema: "",
            result_schema: None,
        }
    }
}
