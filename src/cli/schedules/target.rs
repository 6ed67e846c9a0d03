//! Owns what an operator can do with schedules, whether a database or a server does it.
//! Must not know: which of the two does it, or how the outcome is shown.

use serde_json::Value;

use crate::{cli::Failure, contract::types};

/// A database or a server. Lists are newest first.
pub(in crate::cli) trait ScheduleTarget {
    /// `body` is what `POST /schedules` takes.
    async fn schedule_create(&self, body: Value) -> Result<types::Schedule, Failure>;
    /// Without the times of their next ticks.
    async fn schedules(&self, limit: u32) -> Result<Vec<types::Schedule>, Failure>;
    async fn schedule(&self, id: u64) -> Result<types::Schedule, Failure>;
    /// `body` is what `PATCH /schedules/{id}` takes.
    async fn schedule_update(&self, id: u64, body: Value) -> Result<types::Schedule, Failure>;
    /// `body` is what `POST /schedules/{id}/pause` takes.
    async fn schedule_pause(&self, id: u64, body: Value) -> Result<types::Schedule, Failure>;
    async fn schedule_resume(&self, id: u64) -> Result<types::Schedule, Failure>;
    async fn schedule_run(&self, id: u64) -> Result<types::EnqueuedJob, Failure>;
    async fn schedule_delete(&self, id: u64) -> Result<(), Failure>;
    async fn schedule_runs(&self, id: u64, limit: u32) -> Result<Vec<types::ScheduleRun>, Failure>;
}

/// What a failure is about.
pub(super) fn named(id: u64) -> String {
    format!("schedule {id}")
}
