//! Owns the store's interface to who runs jobs, and why a job does not run.
//! Must not know: how an engine does it.

use super::{Store, StoreError, ask};
use crate::model::{Explanation, JobCounts, Worker, WorkerCard};

impl Store {
    /// A worker says that it lives. It counts as gone 30 seconds after it last did.
    pub async fn worker_seen(&self, card: WorkerCard) -> Result<(), StoreError> {
        ask!(self, worker_seen(card).await)
    }

    /// A worker stops. Nothing happens when it is not known.
    pub async fn worker_gone(&self, worker: String) -> Result<(), StoreError> {
        ask!(self, worker_gone(worker).await)
    }

    /// The live ones, by name, at most `limit`.
    pub async fn workers(&self, limit: usize) -> Result<Vec<Worker>, StoreError> {
        ask!(self, workers(limit).await)
    }

    /// Jobs of each queue by state, by name, from the counters.
    pub async fn queue_counts(&self) -> Result<Vec<(String, JobCounts)>, StoreError> {
        ask!(self, queue_counts().await)
    }

    /// All causes why a job is not running now. Reads a bounded part of what there is. `NotFound`.
    pub async fn job_explain(&self, id: i64) -> Result<Explanation, StoreError> {
        ask!(self, job_explain(id).await)
    }
}
