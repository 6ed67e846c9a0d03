//! Owns the store's interface to schedules. When they tick is told by closures, which run inside the transaction.
//! Must not know: how an engine does it, or how ticks are reckoned.

use chrono::{DateTime, Utc};

use super::{Done, Once, Store, StoreError, ask};
use crate::model::{
    Enqueued, NewJob, NewSchedule, Schedule, ScheduleChange, ScheduleRun, TickPlan,
};

/// The first tick of a schedule after a moment. Must be cheap: it runs inside the write transaction, perhaps
/// more than once.
pub type NextTick = Box<dyn Fn(&Schedule, DateTime<Utc>) -> Option<DateTime<Utc>> + Send>;

/// What one look at the due schedules did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ticked {
    /// Ticks that have a job: one of their own, or another with the same unique key.
    pub enqueued: usize,
    /// Ticks whose job was refused. The history says why.
    pub refused: usize,
    /// When the next schedule is due, if any is. Not after now when the limit left some.
    pub next_due: Option<DateTime<Utc>>,
}

impl Store {
    /// Stores a schedule. `NameTaken`.
    pub async fn schedule_create(
        &self,
        schedule: NewSchedule,
        next: NextTick,
    ) -> Result<Schedule, StoreError> {
        match ask!(self, schedule_create(schedule, next, None).await)? {
            Done::Now(stored) => Ok(stored),
            Done::Before(_) => Err(StoreError::internal("nobody asked for an earlier answer")),
        }
    }

    /// The same, done once for all requests with the same key.
    pub async fn schedule_create_once(
        &self,
        schedule: NewSchedule,
        next: NextTick,
        once: Option<Once<Schedule>>,
    ) -> Result<Done<Schedule>, StoreError> {
        ask!(self, schedule_create(schedule, next, once).await)
    }

    pub async fn schedule_get(&self, id: i64) -> Result<Option<Schedule>, StoreError> {
        ask!(self, schedule_get(id).await)
    }

    /// Newest first, with ids below `before_id`.
    pub async fn schedule_list(
        &self,
        before_id: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Schedule>, StoreError> {
        ask!(self, schedule_list(before_id, limit).await)
    }

    /// `NotFound`, `NameTaken`, `VersionMismatch`.
    pub async fn schedule_update(
        &self,
        id: i64,
        change: ScheduleChange,
        expected_version: Option<i64>,
        next: NextTick,
    ) -> Result<Schedule, StoreError> {
        ask!(
            self,
            schedule_update(id, change, expected_version, next).await
        )
    }

    /// No more ticks until [`Store::schedule_resume`]. Pausing again changes the reason. `NotFound`.
    pub async fn schedule_pause(
        &self,
        id: i64,
        reason: Option<String>,
    ) -> Result<Schedule, StoreError> {
        ask!(self, schedule_pause(id, reason).await)
    }

    /// Ticks again, from now on: what the pause left out stays out. `NotFound`.
    pub async fn schedule_resume(&self, id: i64, next: NextTick) -> Result<Schedule, StoreError> {
        ask!(self, schedule_resume(id, next).await)
    }

    /// Deletes a schedule and its history. Its jobs stay. `NotFound`, `VersionMismatch`.
    pub async fn schedule_delete(
        &self,
        id: i64,
        expected_version: Option<i64>,
    ) -> Result<(), StoreError> {
        ask!(self, schedule_delete(id, expected_version).await)
    }

    /// Enqueues a job of the schedule beside its ticks, and notes it in the history. `NotFound`, and what
    /// [`Store::job_enqueue`] refuses.
    pub async fn schedule_run_now(&self, id: i64, job: NewJob) -> Result<Enqueued, StoreError> {
        ask!(self, schedule_run_now(id, job).await)
    }

    /// The history, newest first, with ticks before `before`. Of each schedule the newest 1,000 rows are kept. `NotFound`.
    pub async fn schedule_runs(
        &self,
        id: i64,
        before: Option<DateTime<Utc>>,
        limit: usize,
    ) -> Result<Vec<ScheduleRun>, StoreError> {
        ask!(self, schedule_runs(id, before, limit).await)
    }

    /// When the next schedule is due, if any is. Writes nothing.
    pub async fn schedule_next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        ask!(self, schedule_next_due().await)
    }

    /// Sees to the due schedules: asks `plan` of each, and enqueues what it says. Ticks, jobs and the next time are one
    /// commit, so a tick is enqueued once however many processes look. Stops after about `limit` jobs.
    pub async fn schedule_tick<P>(&self, plan: P, limit: usize) -> Result<Ticked, StoreError>
    where
        P: Fn(&Schedule, DateTime<Utc>) -> TickPlan + Send + 'static,
    {
        ask!(self, schedule_tick(plan, limit).await)
    }
}
