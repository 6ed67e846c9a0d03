//! Owns what `lockstep bench` needs of the store beyond its interface: tables filled fast, runs taken back, the limit of
//! the engine. Nothing here is used by a server or a worker.
//! Must not know: what is measured, how often, or how it is shown.

mod limit;

use std::{path::Path, time::Duration};

use serde::Serialize;

use super::{Store, StoreError, ask, postgres, sqlite};
use crate::model::{JobStatus, NewJob};

pub use limit::Limit;
pub use postgres::{limit::Connection, place::Server};
pub(super) use sqlite::fill::MIX;
pub use sqlite::{
    fill::{Filling, copy, fill},
    group::{Caller, GroupCommit, Item},
    limit::Plain,
};

/// What keeps a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Of the bench's claims: longer than any run.
pub const LEASE: Duration = Duration::from_hours(1);

/// Jobs like `job` that went from `pending` to `status` are pending again, without history, `later` microseconds further
/// back in the order of claims.
pub async fn undo_runs(
    store: &Store,
    job: &NewJob,
    ids: Vec<i64>,
    status: JobStatus,
    later: i64,
) -> Result<(), StoreError> {
    ask!(store, undo_runs(kind(job), ids, status, later).await)
}

/// Jobs like `job` with ids after `last` are gone. Answers how many.
pub async fn undo_enqueues(store: &Store, job: &NewJob, last: i64) -> Result<usize, StoreError> {
    ask!(store, undo_enqueues(kind(job), last).await)
}

fn kind(job: &NewJob) -> (String, String) {
    (
        job.queue.clone().into_owned(),
        job.job_type.clone().into_owned(),
    )
}

/// The kind of the file system that holds `path`, such as `ext4`. `None` where this cannot be told.
pub fn file_system(path: &Path) -> Option<String> {
    sqlite::mount::kind(path)
}
