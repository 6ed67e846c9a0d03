//! Owns the handlers of pauses, limits, workers, and of why a job is not running.
//! Must not know: how orders are obeyed.

use super::{
    context::ApiContext,
    error::not_found,
    operation::Input,
    operations::{
        ExplainJob, ExplainJobOk, LimitJobType, LimitJobTypeOk, LimitQueue, LimitQueueOk,
        ListJobTypes, ListJobTypesOk, ListQueues, ListQueuesOk, ListWorkers, ListWorkersOk,
        PauseJobType, PauseJobTypeOk, PauseQueue, PauseQueueOk, ResumeJobType, ResumeJobTypeOk,
        ResumeQueue, ResumeQueueOk,
    },
    reply::Failure,
    users::{row, unknown},
};
use crate::{
    contract::{self, types, wire_control},
    model::{ControlKind, JobPolicy},
};

/// Most workers that are shown: the contract's bound.
const MOST_WORKERS: usize = 1_000;

pub(super) async fn explain_job(
    context: &ApiContext,
    input: Input<ExplainJob>,
) -> Result<ExplainJobOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    let explanation = context.store.job_explain(id).await?;
    Ok(ExplainJobOk::ok(&wire_control::explanation(&explanation)?))
}

pub(super) async fn list_workers(
    context: &ApiContext,
    _: Input<ListWorkers>,
) -> Result<ListWorkersOk, Failure> {
    let workers = context.store.workers(MOST_WORKERS).await?;
    Ok(ListWorkersOk::ok(&wire_control::workers(&workers)?))
}

pub(super) async fn list_queues(
    context: &ApiContext,
    _: Input<ListQueues>,
) -> Result<ListQueuesOk, Failure> {
    let counts = context.store.queue_counts().await?;
    let controls = context.store.controls().await?;
    Ok(ListQueuesOk::ok(&wire_control::queues(&counts, &controls)?))
}

pub(super) async fn pause_queue(
    context: &ApiContext,
    input: Input<PauseQueue>,
) -> Result<PauseQueueOk, Failure> {
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let name = String::from(input.path.queue);
    let (reason, by) = given(input.body);
    let pause = context
        .store
        .control_pause(ControlKind::Queue, name.clone(), reason, by);
    pause.await?;
    Ok(PauseQueueOk::ok(&queue(context, &name).await?))
}

pub(super) async fn resume_queue(
    context: &ApiContext,
    input: Input<ResumeQueue>,
) -> Result<ResumeQueueOk, Failure> {
    let name = String::from(input.path.queue);
    let resume = context
        .store
        .control_resume(ControlKind::Queue, name.clone());
    resume.await?;
    Ok(ResumeQueueOk::ok(&queue(context, &name).await?))
}

pub(super) async fn limit_queue(
    context: &ApiContext,
    input: Input<LimitQueue>,
) -> Result<LimitQueueOk, Failure> {
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let name = String::from(input.path.queue);
    let limits = wire_control::limits_of_queue(&input.body);
    let limit = context
        .store
        .control_limit(ControlKind::Queue, name.clone(), limits);
    limit.await?;
    Ok(LimitQueueOk::ok(&queue(context, &name).await?))
}

pub(super) async fn list_job_types(
    context: &ApiContext,
    _: Input<ListJobTypes>,
) -> Result<ListJobTypesOk, Failure> {
    let controls = context.store.controls().await?;
    Ok(ListJobTypesOk::ok(&wire_control::job_types(&controls)?))
}

pub(super) async fn pause_job_type(
    context: &ApiContext,
    input: Input<PauseJobType>,
) -> Result<PauseJobTypeOk, Failure> {
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let policy = contract::policy(&input.path.job_type).ok_or_else(not_found)?;
    let (reason, by) = given(input.body);
    let name = policy.job_type.to_owned();
    let pause = context
        .store
        .control_pause(ControlKind::JobType, name, reason, by);
    pause.await?;
    Ok(PauseJobTypeOk::ok(&job_type(context, policy).await?))
}

pub(super) async fn resume_job_type(
    context: &ApiContext,
    input: Input<ResumeJobType>,
) -> Result<ResumeJobTypeOk, Failure> {
    let policy = contract::policy(&input.path.job_type).ok_or_else(not_found)?;
    let name = policy.job_type.to_owned();
    context
        .store
        .control_resume(ControlKind::JobType, name)
        .await?;
    Ok(ResumeJobTypeOk::ok(&job_type(context, policy).await?))
}

pub(super) async fn limit_job_type(
    context: &ApiContext,
    input: Input<LimitJobType>,
) -> Result<LimitJobTypeOk, Failure> {
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let policy = contract::policy(&input.path.job_type).ok_or_else(not_found)?;
    let limits = wire_control::limits_of_type(&input.body);
    let name = policy.job_type.to_owned();
    context
        .store
        .control_limit(ControlKind::JobType, name, limits)
        .await?;
    Ok(LimitJobTypeOk::ok(&job_type(context, policy).await?))
}

fn given(request: types::PauseRequest) -> (Option<String>, Option<String>) {
    (request.reason.map(Into::into), request.by.map(Into::into))
}

/// The queue as it is now.
async fn queue(context: &ApiContext, name: &str) -> Result<types::Queue, Failure> {
    let counts = context.store.queue_counts().await?;
    let controls = context.store.controls().await?;
    Ok(wire_control::queue(name, &counts, &controls)?)
}

/// The job type as it is now.
async fn job_type(context: &ApiContext, policy: &JobPolicy) -> Result<types::JobType, Failure> {
    let controls = context.store.controls().await?;
    Ok(wire_control::job_type(policy, &controls)?)
}
