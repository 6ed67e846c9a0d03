//! Owns what an operator can do with users and jobs, whether a database or a server does it.
//! Must not know: which of the two does it, or how the outcome is shown.

use std::time::Duration;

use serde_json::Value;

use super::Failure;
use crate::{
    contract::types,
    model::{BulkChange, EventFilter, EventsFrom, JobFilter, UserFilter},
};

/// A database or a server. Lists are newest first.
pub(super) trait Target {
    async fn job_stats(&self) -> Result<types::JobStats, Failure>;
    async fn jobs(&self, filter: JobFilter, limit: u32) -> Result<Vec<types::Job>, Failure>;
    async fn job(&self, id: u64) -> Result<types::Job, Failure>;
    async fn job_attempts(&self, id: u64) -> Result<Vec<types::JobAttempt>, Failure>;
    /// The job when it has ended, or as it is after `limit`.
    async fn job_wait(&self, id: u64, limit: Option<Duration>) -> Result<types::Job, Failure>;
    /// A part of the log. When it is empty, the answer comes with the first event, or after `wait`.
    async fn events(
        &self,
        from: EventsFrom,
        filter: &EventFilter,
        limit: u32,
        wait: Duration,
    ) -> Result<types::JobEvents, Failure>;
    /// `body` is what `POST /jobs` takes. A dry run stores nothing.
    async fn job_create(&self, body: Value, dry_run: bool) -> Result<types::EnqueuedJob, Failure>;
    /// What could not be read, over all pages: under `document`, or under the target's own contract.
    async fn drift(&self, document: Option<&Value>) -> Result<types::Drift, Failure>;
    async fn job_cancel(&self, id: u64) -> Result<types::Job, Failure>;
    async fn job_retry(&self, id: u64) -> Result<types::Job, Failure>;
    async fn job_delete(&self, id: u64) -> Result<(), Failure>;
    /// `body` is what `POST /bulk/jobs` takes.
    async fn jobs_create(&self, body: Value) -> Result<types::BulkJobs, Failure>;
    /// Does as many as one call may; `next_after_id` says where the next one goes on.
    async fn jobs_change(&self, change: &BulkChange) -> Result<types::BulkChange, Failure>;

    /// `body` is what `POST /groups` takes.
    async fn group_create(&self, body: Value) -> Result<types::JobGroupCreated, Failure>;
    async fn groups(&self, limit: u32) -> Result<Vec<types::JobGroup>, Failure>;
    async fn group(&self, id: u64) -> Result<types::JobGroup, Failure>;
    async fn group_cancel(&self, id: u64) -> Result<types::JobGroup, Failure>;

    /// `body` is what `POST /users` takes.
    async fn user_create(&self, body: Value) -> Result<types::User, Failure>;
    async fn users(&self, filter: UserFilter, limit: u32) -> Result<Vec<types::User>, Failure>;
    async fn user(&self, id: u64) -> Result<types::User, Failure>;
    /// `body` is what `PATCH /users/{id}` takes.
    async fn user_update(&self, id: u64, body: Value) -> Result<types::User, Failure>;
    async fn user_delete(&self, id: u64) -> Result<(), Failure>;
}
