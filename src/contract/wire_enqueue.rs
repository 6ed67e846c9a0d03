//! Owns showing what became of an enqueue, or would.
//! Must not know: who asks.

use super::{
    types,
    wire::{self, WireError},
};
use crate::model::{DryRun, EnqueueOutcome, Enqueued, Job};

/// What was enqueued, or found.
pub fn enqueued(enqueued: &Enqueued) -> Result<types::EnqueuedJob, WireError> {
    let outcome = match enqueued.outcome {
        EnqueueOutcome::Created => types::EnqueueOutcome::Created,
        EnqueueOutcome::Existing => types::EnqueueOutcome::Existing,
        EnqueueOutcome::Replaced => types::EnqueueOutcome::Replaced,
    };
    enqueue_answer(outcome, &enqueued.job)
}

/// The answer to an enqueue: a job that was not stored has no number.
fn enqueue_answer(
    outcome: types::EnqueueOutcome,
    job: &Job,
) -> Result<types::EnqueuedJob, WireError> {
    let stored = job.id > 0 && outcome != types::EnqueueOutcome::WouldCreate;
    let number = if stored { job.id } else { 1 };
    let shown = wire::job(&Job {
        id: number,
        ..job.clone()
    })?;
    Ok(types::EnqueuedJob {
        outcome,
        id: stored.then_some(shown.id),
        job_type: shown.job_type,
        queue: shown.queue,
        payload: shown.payload,
        status: shown.status,
        priority: shown.priority,
        max_retries: shown.max_retries,
        retry_count: shown.retry_count,
        lease_losses: shown.lease_losses,
        error_message: wire::text(shown.error_message.as_deref().map(String::as_str))?,
        result: shown.result,
        schema_fingerprint: shown.schema_fingerprint.parse()?,
        scheduled_at: shown.scheduled_at,
        started_at: shown.started_at,
        completed_at: shown.completed_at,
        created_at: shown.created_at,
        timeout_seconds: shown.timeout_seconds,
        expires_at: shown.expires_at,
        tags: shown.tags,
        metadata: shown.metadata,
        unique_key: wire::text(shown.unique_key.as_deref().map(String::as_str))?,
        unique_scope: shown.unique_scope,
        concurrency_key: wire::text(shown.concurrency_key.as_deref().map(String::as_str))?,
        held_by: wire::text(shown.held_by.as_deref().map(String::as_str))?,
        group_id: shown.group_id,
        blocked_by: shown.blocked_by,
        progress: shown.progress,
        checkpoint: shown.checkpoint,
    })
}

/// What an enqueue would do.
pub fn would_enqueue(would: &DryRun) -> Result<types::EnqueuedJob, WireError> {
    let (outcome, job) = match would {
        DryRun::Would(Enqueued { outcome, job }) => {
            let outcome = match outcome {
                EnqueueOutcome::Created => types::EnqueueOutcome::WouldCreate,
                EnqueueOutcome::Existing => types::EnqueueOutcome::WouldReturn,
                EnqueueOutcome::Replaced => types::EnqueueOutcome::WouldReplace,
            };
            (outcome, job.clone())
        }
        DryRun::WouldReject { holder, job } => {
            let job = Job {
                id: *holder,
                ..job.clone()
            };
            (types::EnqueueOutcome::WouldReject, job)
        }
    };
    enqueue_answer(outcome, &job)
}
