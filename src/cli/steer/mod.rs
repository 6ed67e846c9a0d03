//! Owns what an operator orders of queues and job types, and asks of workers, whether a database or a server does it.
//! Must not know: which of the two does it.

mod commands;
mod database;
mod server;
mod tables;

use serde_json::Value;

use super::Failure;
use crate::contract::types;

pub(super) use commands::{QueuesCommand, TypesCommand, workers};
pub(super) use tables::explanation;

/// A database or a server.
pub(super) trait Steer {
    async fn queues(&self) -> Result<types::Queues, Failure>;
    /// `body` is what `POST /queues/{queue}/pause` takes.
    async fn queue_pause(&self, name: &str, body: Value) -> Result<types::Queue, Failure>;
    async fn queue_resume(&self, name: &str) -> Result<types::Queue, Failure>;
    /// `body` is what `PUT /queues/{queue}/limits` takes.
    async fn queue_limit(&self, name: &str, body: Value) -> Result<types::Queue, Failure>;

    async fn job_types(&self) -> Result<types::JobTypes, Failure>;
    /// `body` is what `POST /job-types/{job_type}/pause` takes.
    async fn type_pause(&self, name: &str, body: Value) -> Result<types::JobType, Failure>;
    async fn type_resume(&self, name: &str) -> Result<types::JobType, Failure>;
    /// `body` is what `PUT /job-types/{job_type}/limits` takes.
    async fn type_limit(&self, name: &str, body: Value) -> Result<types::JobType, Failure>;

    async fn workers(&self) -> Result<types::Workers, Failure>;
    async fn job_explain(&self, id: u64) -> Result<types::JobExplanation, Failure>;
}
