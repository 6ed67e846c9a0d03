//! Owns showing claimed jobs as the contract's wire types. Their payloads are whole: who claims is to work on them.
//! Must not know: who claims.

use std::num::NonZeroU32;

use super::{
    types,
    wire::{self, WireError},
};
use crate::model::ClaimedJob;

/// Jobs that were just claimed, with leases of `seconds`.
pub fn claim(jobs: &[ClaimedJob], seconds: i32) -> Result<types::WorkClaim, WireError> {
    let jobs = jobs.iter().map(|claimed| job(claimed, seconds));
    Ok(types::WorkClaim {
        jobs: jobs.collect::<Result<_, _>>()?,
    })
}

fn job(job: &ClaimedJob, seconds: i32) -> Result<types::WorkJob, WireError> {
    let attempt = u32::try_from(job.attempt)?;
    let checkpoint = job.checkpoint.as_deref().map(serde_json::from_str);
    Ok(types::WorkJob {
        id: types::JobId(wire::id(job.id)?),
        job_type: job.job_type.parse()?,
        queue: job.queue.parse()?,
        payload: serde_json::from_str(&job.payload)?,
        priority: types::JobPriority(job.priority),
        max_retries: types::JobMaxRetries(job.max_retries),
        retry_count: job.retry_count,
        attempt: NonZeroU32::try_from(attempt)?,
        timeout_seconds: wire::timeout(job.timeout)?,
        schema_fingerprint: job.schema_fingerprint.parse()?,
        checkpoint: checkpoint.transpose()?.unwrap_or_default(),
        scheduled_at: job.scheduled_at,
        started_at: job.started_at,
        lease: job.lease.0.to_string().parse()?,
        lease_expires_in_seconds: types::LeaseSeconds(seconds),
    })
}
