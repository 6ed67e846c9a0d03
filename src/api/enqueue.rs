//! Owns enqueueing: the generated typed operations, and the generic one.
//! Must not know: any concrete job type.

use std::sync::Arc;

use serde_json::Value;

use super::{
    context::ApiContext,
    error::invalid,
    operation::{Input, Operation},
    operations::{CreateJob, CreateJobOk},
    reply::Failure,
    users::unknown,
};
use crate::{
    contract::{self, types, wire},
    model::{Fault, JobPolicy},
    queue::{self, EnqueueOptions, JobType},
};

/// An operation that declares a job type. Implemented by generated markers only.
pub(super) trait EnqueueOperation: Operation {
    type Job: JobType;

    fn options(query: Self::Query) -> EnqueueOptions;
    fn stored(job: &types::Job, location: &str) -> Self::Success;
}

/// The handler of every typed enqueue operation.
pub(super) async fn enqueue<O: EnqueueOperation>(
    context: &Arc<ApiContext>,
    input: Input<O>,
) -> Result<O::Success, Failure> {
    // A payload goes to a processor as it is: there is no place in it for what the contract does not name.
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let policy = &<O::Job as JobType>::POLICY;
    let job = store(context, policy, &input.json, O::options(input.query)).await?;
    Ok(O::stored(&job, &location(&job)))
}

/// `POST /jobs`
pub(super) async fn create_job(
    context: &ApiContext,
    input: Input<CreateJob>,
) -> Result<CreateJobOk, Failure> {
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let request = input.body;
    let policy = contract::policy(&request.job_type).ok_or_else(no_such_type)?;
    let payload = &input.json["payload"];
    let faults = context
        .validator
        .check(policy.payload_schema, payload, "/body/payload");
    if !faults.is_empty() {
        return Err(invalid(faults));
    }
    let options = EnqueueOptions {
        priority: request.priority.map(|priority| priority.0),
        max_retries: request.max_retries.map(|retries| retries.0),
        scheduled_at: request.scheduled_at,
    };
    let job = store(context, policy, payload, options).await?;
    Ok(CreateJobOk::created(&job, &location(&job)))
}

async fn store(
    context: &ApiContext,
    policy: &'static JobPolicy,
    payload: &Value,
    options: EnqueueOptions,
) -> Result<types::Job, Failure> {
    let job = queue::new_job(policy, payload.to_string(), options);
    Ok(wire::job(&context.store.job_enqueue(job).await?)?)
}

fn location(job: &types::Job) -> String {
    format!("/jobs/{}", job.id)
}

fn no_such_type() -> Failure {
    let known: Vec<_> = contract::POLICIES
        .iter()
        .map(|policy| policy.job_type)
        .collect();
    let message = format!("job_type must be a declared job type: {}", known.join(", "));
    invalid(vec![Fault::new("/body/job_type", message)])
}
