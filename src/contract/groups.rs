//! Owns a group of jobs as a request has it: every fault of its jobs and of its callback at once.
//! Must not know: HTTP, or how groups are stored.

use serde_json::Value;

use super::{items, types};
use crate::{
    model::{Fault, NewGroup, NewJob},
    queue::{EnqueueOptions, new_job},
};

/// Reads a group; `json` is the same request as it was sent. `check` answers what of a payload breaks the schema of that
/// name.
pub fn group_of(
    request: types::JobGroupRequest,
    json: &Value,
    check: impl Fn(&str, &Value, &str) -> Vec<Fault>,
) -> Result<NewGroup, Vec<Fault>> {
    let items = items::items_of(request.jobs, &json["jobs"], "/body/jobs", &check);
    let mut faults: Vec<Fault> = items.refused.into_values().flatten().collect();
    let payload = &json["callback"]["payload"];
    let callback = request
        .callback
        .map(|asked| callback(asked, payload, check))
        .transpose()
        .unwrap_or_else(|more| {
            faults.extend(more);
            None
        });
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(NewGroup {
        name: request.name.map(Into::into),
        jobs: items.ready,
        callback,
    })
}

fn callback(
    asked: types::JobGroupCallback,
    payload: &Value,
    check: impl Fn(&str, &Value, &str) -> Vec<Fault>,
) -> Result<NewJob, Vec<Fault>> {
    const AT: &str = "/body/callback";
    let Some(policy) = super::policy(&asked.job_type) else {
        return Err(vec![items::unknown_job_type(format!("{AT}/job_type"))]);
    };
    let options = EnqueueOptions {
        queue: asked.queue.map(Into::into),
        priority: asked.priority.map(|priority| priority.0),
        max_retries: asked.max_retries.map(|retries| retries.0),
        timeout_seconds: asked.timeout_seconds.map(|seconds| seconds.0.get()),
        tags: asked
            .tags
            .map(|tags| tags.0.into_iter().map(Into::into).collect())
            .unwrap_or_default(),
        ..EnqueueOptions::default()
    };
    let mut faults = check(policy.payload_schema, payload, &format!("{AT}/payload"));
    match new_job(policy, payload.to_string(), options) {
        Ok(job) if faults.is_empty() => Ok(job),
        Ok(_) => Err(faults),
        Err(more) => {
            faults.extend(more.into_iter().map(|fault| fault.under(AT)));
            Err(faults)
        }
    }
}
