//! Owns the nouns of the domain and their rules: users, jobs, attempts, counts.
//! Must not know: HTTP, SQL, the queue's workers, or any other module of this crate.

mod counts;
mod fault;
mod job;
mod user;

pub use counts::{JobCounts, JobTypeCounts};
pub use fault::Fault;
pub use job::{
    AttemptOutcome, Backoff, BackoffKind, ClaimedJob, Job, JobAttempt, JobFilter, JobPolicy,
    JobStatus, LeaseState, LeaseToken, NewJob, Settled, Settlement,
};
pub use user::{
    AgeStatistics, NewUser, User, UserChange, UserCreatedJob, UserFilter, UserProfile,
    UserStatistics,
};
