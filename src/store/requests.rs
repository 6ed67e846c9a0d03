//! Owns what callers ask of the store and hear from it, beyond the model's own nouns.
//! Must not know: engines.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{ClaimedJob, Enqueued, JobPolicy, JobStatus, User};

/// Where and how to keep things.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `users.db`, `sqlite:users.db`, `sqlite://users.db`.
    pub database_url: String,
    /// How much waiting outweighs one step of priority, so that low priority does not starve for ever.
    pub ageing: Duration,
    /// Whether a database that does not exist is made. If not, it is refused ([`crate::store::StoreError::Unusable`]).
    pub create: bool,
    /// Limits of the job types. A type that is not among them has none.
    pub policies: &'static [JobPolicy],
}

impl StoreConfig {
    /// A day of waiting outweighs one step of priority.
    pub const AGEING: Duration = Duration::from_hours(24);

    /// The database at `database_url`, everything else as by default.
    pub fn new(database_url: impl Into<String>) -> Self {
        Self {
            database_url: database_url.into(),
            ageing: Self::AGEING,
            create: true,
            policies: &[],
        }
    }
}

/// A stored user, and its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserCreated {
    pub user: User,
    /// `None` when the job could not be enqueued: it is owed, and the reconciler pays.
    pub job_id: Option<i64>,
}

/// A claim of due jobs.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    /// Queues to take from, the first ones first.
    pub queues: &'a [&'a str],
    /// Who takes them; goes into the attempts' history.
    pub worker: &'a str,
    /// At most this many.
    pub limit: usize,
    /// How long the lease lasts without a heartbeat.
    pub lease: Duration,
    /// Job types, each with a fingerprint of a payload schema that the worker can read, or `None` for any: others are
    /// left to others. `None`: it takes everything.
    pub reads: Option<&'a [(&'a str, Option<&'a str>)]>,
}

/// What a claim came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// In the order in which they are to be started.
    pub jobs: Vec<ClaimedJob>,
    /// Many jobs that may not start now were in the way: another claim may find more.
    pub more: bool,
    /// When a rate limit lets a job through again.
    pub ready_at: Option<DateTime<Utc>>,
    /// When the leases began, or a little before.
    pub began: Option<Instant>,
}

/// What became of one of many.
pub type ItemOutcome = Result<Enqueued, StoreError>;

/// What one pass over the waiting jobs did, and when the next one is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promoted {
    pub jobs: usize,
    /// When the next waiting job is due, if any waits. Not after now when the limit left some.
    pub next_due: Option<DateTime<Utc>>,
}

/// What became of jobs whose lease ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rescued {
    /// Pending again, or cancelled when that was asked for.
    pub retaken: usize,
    /// Lost for the third time: failed, with an error that starts with `worker_lost`.
    pub quarantined: usize,
}

/// What one pass over the jobs did about those that are not kept any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    /// Deleted.
    pub jobs: usize,
    /// Where the next pass goes on; `None`: it starts over.
    pub next: Option<i64>,
    /// From the oldest job's number to the newest one's: how far it is all around.
    pub breadth: u64,
}

/// What one pass over the groups did about those that nothing is left of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ForgottenGroups {
    /// Deleted.
    pub groups: usize,
    /// Where the next pass goes on; `None`: it starts over.
    pub next: Option<i64>,
}

/// A migration that this program knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    pub version: String,
    pub name: String,
    pub applied: bool,
}

/// A payload, and the schema that accepted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPayload {
    pub id: i64,
    pub job_type: String,
    pub status: JobStatus,
    pub schema_fingerprint: String,
    /// JSON object, as text.
    pub payload: String,
}

/// A page of payloads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payloads {
    /// Those whose schema the caller did not name.
    pub jobs: Vec<StoredPayload>,
    /// Jobs that may run yet, these and the others.
    pub examined: usize,
    /// Where the next page goes on; `None`: there is none.
    pub next: Option<i64>,
}
