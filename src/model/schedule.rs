//! Owns what a schedule is: the stored row, what creates and changes it, when it ticks, and what became of its ticks.
//! Must not know: how cron is read, or how schedules are stored or shown.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::NewJob;

/// When a schedule ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timing {
    /// Five cron fields, read in an IANA time zone.
    Cron {
        expression: String,
        timezone: String,
    },
    /// Evenly, counted from the schedule's creation: whole seconds, one or more.
    Every(Duration),
}

/// What becomes of ticks that nobody was there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Misfire {
    /// They are left out.
    Skip,
    /// One job for all of them.
    Once,
    /// A job for each, up to a limit: the newest ones.
    All,
}

impl Misfire {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Skip, Self::Once, Self::All];

    /// The name in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Once => "once",
            Self::All => "all",
        }
    }
}

/// A schedule that is not stored yet. Its payload has passed the job type's schema, its timing can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchedule {
    /// Unique among schedules.
    pub name: String,
    pub job_type: String,
    /// JSON object, as text.
    pub payload: String,
    pub schema_fingerprint: String,
    /// What its jobs are enqueued with: JSON object, as text.
    pub options: String,
    pub timing: Timing,
    pub misfire: Misfire,
    /// Most missed ticks that [`Misfire::All`] makes up for.
    pub misfire_limit: u32,
}

/// A stored schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub id: i64,
    pub name: String,
    pub job_type: String,
    /// JSON object, as text.
    pub payload: String,
    /// Fingerprint of the schema that accepted the payload.
    pub schema_fingerprint: String,
    /// JSON object, as text.
    pub options: String,
    pub timing: Timing,
    pub misfire: Misfire,
    pub misfire_limit: u32,
    pub paused: bool,
    /// Why it is paused, if somebody said.
    pub reason: Option<String>,
    /// The first tick that has not been seen to. None comes while it is paused.
    pub next_at: Option<DateTime<Utc>>,
    /// Grows by one with every change by a caller; the ETag is made from it. Ticks leave it alone.
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// A change to a schedule: `None` leaves a value as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduleChange {
    pub name: Option<String>,
    pub payload: Option<String>,
    pub schema_fingerprint: Option<String>,
    pub options: Option<String>,
    /// Ticks of the old timing that were not seen to are given up.
    pub timing: Option<Timing>,
    pub misfire: Option<Misfire>,
    pub misfire_limit: Option<u32>,
}

/// What a look at a due schedule is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TickPlan {
    /// Oldest first.
    pub ticks: Vec<PlannedTick>,
    /// The tick after these.
    pub next_at: Option<DateTime<Utc>>,
}

/// A tick, and what it is to come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTick {
    pub at: DateTime<Utc>,
    pub action: TickAction,
    /// For the history.
    pub detail: Option<String>,
}

/// What is done for a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TickAction {
    Enqueue(Box<NewJob>),
    /// Nothing, by the misfire policy.
    Skip,
    /// Nothing: there is no such job any more.
    Refuse,
}

/// What became of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScheduleOutcome {
    /// It has a job.
    Enqueued,
    /// Another job has the unique key, and stands for it.
    Existing,
    /// Somebody asked for a run.
    Manual,
    /// Left out by the misfire policy.
    Skipped,
    /// The job could not be enqueued.
    Refused,
}

impl ScheduleOutcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [
        Self::Enqueued,
        Self::Existing,
        Self::Manual,
        Self::Skipped,
        Self::Refused,
    ];

    /// The name in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enqueued => "enqueued",
            Self::Existing => "existing",
            Self::Manual => "manual",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
        }
    }
}

/// A tick in a schedule's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRun {
    /// When it was to happen; for a manual run, when it was asked for.
    pub tick: DateTime<Utc>,
    pub outcome: ScheduleOutcome,
    pub job_id: Option<i64>,
    pub detail: Option<String>,
    /// When it was seen to.
    pub ran_at: DateTime<Utc>,
}
