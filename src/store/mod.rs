//! Owns everything that is kept: users, jobs, attempts, counts; transactions, durability, wake-ups.
//! The only module that names diesel. Must not know: HTTP, the contract, or what a job does.
//!
//! [`Store`] is the one interface. Behind it stands one engine: SQLite now, PostgreSQL beside it later
//! (docs/decisions). Every method is one durable unit: when it returns `Ok`, what it did survives SIGKILL and power
//! loss; when it returns an error, it did nothing, except [`StoreError::Unknown`].

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use slog::Logger;

use crate::{
    clock::Clock,
    model::{
        ClaimedJob, Job, JobAttempt, JobFilter, JobTypeCounts, LeaseState, LeaseToken, NewJob,
        NewUser, Settled, Settlement, User, UserChange, UserCreatedJob, UserFilter, UserProfile,
        UserStatistics,
    },
};

/// Where and how to keep things.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `users.db`, `sqlite:users.db`, `sqlite://users.db`.
    pub database_url: String,
}

/// A claim of due jobs.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    /// Queues to take from.
    pub queues: &'a [&'a str],
    /// Who takes them; goes into the attempts' history.
    pub worker: &'a str,
    /// At most this many.
    pub limit: usize,
    /// How long the lease lasts without a heartbeat.
    pub lease: Duration,
}

/// What one maintenance pass did, and when the next due row comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promoted {
    pub jobs: usize,
    /// When the next waiting job is due, if any waits.
    pub next_due: Option<DateTime<Utc>>,
}

/// What became of jobs whose lease ran out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescued {
    /// Pending again.
    pub retaken: usize,
    /// Lost for the third time: failed with reason `worker_lost`.
    pub quarantined: usize,
}

// Interface agreed for the first wave (each is `async fn …(&self, …) -> Result<…, StoreError>` on `Store`):
//
// open(&StoreConfig, Arc<dyn Clock>, &Logger) -> Store      runs pending migrations, asserts FULL and the SQLite version
// close(self)                                               waits for what was accepted, checkpoints
// ping()                                                    a read that proves the database answers
// subscribe() -> Wakeups                                    Wakeups::changed().await: jobs may have become due or claimable
//
// user_create(NewUser, UserCreatedJob) -> UserCreated { user: User, job_id: Option<i64> }   (None: enqueue failed, logged;
//                                                           the reconciler owes the job); EmailTaken
// user_get(id) -> Option<User>
// user_update(id, UserChange, expected_version: Option<i64>) -> User;  NotFound, EmailTaken, VersionMismatch
// user_delete(id, expected_version: Option<i64>);           NotFound, VersionMismatch
// user_list(UserFilter, before_id: Option<i64>, limit) -> Vec<User>        newest (highest id) first
// user_scan(after_id: i64, limit) -> Vec<User>              ascending id, for exports
// user_statistics() -> UserStatistics
// user_profile_initialise(UserProfile, signed_up: DateTime<Utc>) -> bool   true when it was not there yet (sign-up counted once)
// user_profile_get(user_id) -> Option<UserProfile>
// signup_counts() -> Vec<(NaiveDate, i64)>
// users_without_job(limit) -> Vec<User>                     for the reconciler
// user_enqueue_missing(user_id, UserCreatedJob) -> Option<i64>   None when another reconciler was faster
//
// job_enqueue(NewJob) -> Job
// job_get(id) -> Option<Job>
// job_list(JobFilter, before_id: Option<i64>, limit) -> Vec<Job>           newest first
// job_attempts(id, limit) -> Vec<JobAttempt>                oldest first, the running one last; newest `limit`
// job_cancel(id) -> Job;                                    NotFound, JobEnded. Waiting → cancelled; processing → cancel_requested
// job_retry(id) -> Job;                                     NotFound, JobNotRetryable
// job_delete(id);                                           NotFound, JobProcessing
// job_clear(status (ended or waiting, never processing), limit) -> usize   deletes a batch
// job_counts() -> Vec<JobTypeCounts>                        from counters kept with each transition; never a COUNT over jobs
//
// job_claim(Claim) -> Vec<ClaimedJob>
// job_heartbeat(Vec<(i64, LeaseToken)>, lease: Duration) -> Vec<LeaseState>     same order
// job_settle(Vec<(i64, LeaseToken, Settlement)>) -> Vec<Settled>                same order
// job_promote(limit) -> Promoted
// job_rescue(limit) -> Rescued
//
// For operators (`lockstep migrate|doctor|backup`):
// Store::schema(&StoreConfig) -> SchemaState { applied: Vec<String>, pending: Vec<String> }    changes nothing; names oldest first
// Store::migrate_up(&StoreConfig, &Logger) -> Vec<String>      names of what it applied
// Store::migrate_down(&StoreConfig, &Logger) -> Option<String> reverts the newest migration; None when none is applied
// backup(&Path) -> u64      bytes; VACUUM INTO a temporary file beside it, quick_check, fsync, rename; an existing file is refused
// checkup() -> Checkup { engine: String ("SQLite 3.53.0"), synchronous: String, journal: String, faults: Vec<String> (quick_check,
//                        foreign_key_check), kept: Vec<JobTypeCounts>, counted: Vec<JobTypeCounts> (a real COUNT) }

/// Stub of the first wave.
#[derive(Debug, Clone)]
pub struct Store {}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such row.
    #[error("no such row")]
    NotFound,
    /// Another user has the address, without regard to case.
    #[error("another user has the e-mail address")]
    EmailTaken,
    /// The row has another version than the caller expected.
    #[error("the row has changed since")]
    VersionMismatch,
    /// The job has ended.
    #[error("the job has ended")]
    JobEnded,
    /// Only failed and cancelled jobs can be retried.
    #[error("only a failed or cancelled job can be retried")]
    JobNotRetryable,
    /// A worker has the job.
    #[error("a worker has the job")]
    JobProcessing,
    /// The database cannot do it now: locked, full, read-only, unreachable, stopping. Worth another try.
    #[error("the database is unavailable")]
    Unavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// The database cannot be used as it is: not a database, corrupt, newer than this program, foreign.
    #[error("{0}")]
    Unusable(
        String,
        #[source] Option<Box<dyn std::error::Error + Send + Sync>>,
    ),
    /// A fault of this program, such as a statement that the database does not understand.
    #[error("a database statement failed")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}
