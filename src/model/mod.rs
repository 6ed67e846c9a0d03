//! Owns the nouns of the domain and their rules: users, jobs, attempts, counts.
//! Must not know: HTTP, SQL, the queue's workers, or any other module of this crate.

mod control;
mod counts;
mod enqueue;
mod event;
mod explain;
mod fault;
mod filter;
mod group;
mod job;
mod policy;
mod run;
mod schedule;
mod user;
mod worker;

pub use control::{Control, ControlKind, ControlLimits, Pause};
pub use counts::{JobCounts, JobTypeCounts};
pub use enqueue::{DryRun, EnqueueOutcome, Enqueued, NewJob, OnConflict, UniqueClaim, UniqueScope};
pub use event::{EventCursor, EventFilter, EventPage, EventsFrom, JobEvent, NoCursor};
pub use explain::{Explanation, Hold, HoldCode};
pub use fault::Fault;
pub use filter::{BulkAction, BulkChange, BulkChanged, JobFilter};
pub use group::{JobGroup, NewGroup, NewItem, order};
pub use job::{Job, JobStatus, UnknownJobStatus};
pub use policy::{Backoff, BackoffKind, JobLimits, JobPolicy, Rate, UniquePolicy};
pub use run::{
    AttemptOutcome, ClaimedJob, JobAttempt, JobReport, LeaseState, LeaseToken, LogLine, Settled,
    Settlement,
};
pub use schedule::{
    Misfire, NewSchedule, PlannedTick, Schedule, ScheduleChange, ScheduleOutcome, ScheduleRun,
    TickAction, TickPlan, Timing,
};
pub use user::{
    AgeStatistics, NewUser, User, UserChange, UserCreatedJob, UserFilter, UserProfile, UserRecord,
    UserStatistics,
};
pub use worker::{Worker, WorkerCard, WorkerReads};
