//! Owns showing groups as the contract's wire types.
//! Must not know: who asks.

use super::{
    types,
    wire::{self, WireError},
};
use crate::model::{Enqueued, JobGroup};

/// A group and how its jobs stand.
pub fn group(group: &JobGroup) -> Result<types::JobGroup, WireError> {
    let ended = group.completed + group.failed + group.cancelled;
    Ok(types::JobGroup {
        id: types::JobGroupId(wire::id(group.id)?),
        name: group.name.as_deref().map(str::parse).transpose()?,
        total: group.total,
        pending: group.total - ended,
        completed: group.completed,
        failed: group.failed,
        cancelled: group.cancelled,
        percent: percent(ended, group.total),
        has_callback: group.has_callback,
        callback_job_id: group.callback_job_id.map(job_id).transpose()?,
        created_at: group.created_at,
        completed_at: group.completed_at,
    })
}

/// A new group, and the numbers of its jobs in the order of the request.
pub fn created(group: &JobGroup, jobs: &[Enqueued]) -> Result<types::JobGroupCreated, WireError> {
    let jobs = jobs.iter();
    Ok(types::JobGroupCreated {
        group: self::group(group)?,
        job_ids: jobs
            .map(|enqueued| job_id(enqueued.job.id))
            .collect::<Result<_, _>>()?,
    })
}

fn job_id(id: i64) -> Result<types::JobId, WireError> {
    Ok(types::JobId(wire::id(id)?))
}

/// A group of nothing has all of it behind it.
#[expect(clippy::cast_precision_loss, reason = "a percentage need not be exact")]
fn percent(ended: i64, total: i64) -> f64 {
    if total == 0 {
        return 100.0;
    }
    100.0 * ended as f64 / total as f64
}
