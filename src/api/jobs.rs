//! Owns the handlers of jobs, whatever their type.
//! Must not know: storage, or what a job does.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    context::ApiContext,
    error::not_found,
    operation::{Input, Operation},
    operations::{
        CancelJob, CancelJobOk, DeleteJob, DeleteJobOk, GetJob, GetJobOk, GetJobStats,
        GetJobStatsOk, ListJobAttempts, ListJobAttemptsOk, ListJobs, ListJobsOk, RetryJob,
        RetryJobOk,
    },
    page::{self, Page},
    reply::Failure,
    users::row,
    wait,
};
use crate::{
    contract::{types, wire},
    model::JobFilter,
};

/// Most runs that a history shows: the contract's bound.
const MOST_ATTEMPTS: usize = 1000;

pub(super) async fn get_job(
    context: &ApiContext,
    input: Input<GetJob>,
) -> Result<GetJobOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    wait::for_end(context, id, input.query.wait_seconds).await?;
    let job = context.store.job_get(id).await?.ok_or_else(not_found)?;
    Ok(GetJobOk::ok(&wire::job(&job)?))
}

pub(super) async fn list_job_attempts(
    context: &ApiContext,
    input: Input<ListJobAttempts>,
) -> Result<ListJobAttemptsOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    let attempts = context.store.job_attempts(id, MOST_ATTEMPTS).await?;
    let items = attempts
        .iter()
        .map(wire::attempt)
        .collect::<Result<_, _>>()?;
    Ok(ListJobAttemptsOk::ok(&types::JobAttempts { items }))
}

pub(super) async fn cancel_job(
    context: &ApiContext,
    input: Input<CancelJob>,
) -> Result<CancelJobOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    let job = context.store.job_cancel(id).await?;
    Ok(CancelJobOk::ok(&wire::job(&job)?))
}

pub(super) async fn retry_job(
    context: &ApiContext,
    input: Input<RetryJob>,
) -> Result<RetryJobOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    let job = context.store.job_retry(id).await?;
    Ok(RetryJobOk::ok(&wire::job(&job)?))
}

pub(super) async fn delete_job(
    context: &ApiContext,
    input: Input<DeleteJob>,
) -> Result<DeleteJobOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    context.store.job_delete(id).await?;
    Ok(DeleteJobOk::no_content())
}

/// The filters of a list of jobs, as its page tokens carry them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Filter {
    status: Option<String>,
    job_type: Option<String>,
    queue: Option<String>,
    tag: Option<String>,
    group_id: Option<i64>,
    created_after: Option<DateTime<Utc>>,
    created_before: Option<DateTime<Utc>>,
    search: Option<String>,
}

impl Filter {
    fn jobs(&self) -> JobFilter {
        let it = self.clone();
        JobFilter {
            ids: Vec::new(),
            // Only a token of ours gets here, and it was made from a status.
            status: it.status.and_then(|status| status.parse().ok()),
            job_type: it.job_type,
            queue: it.queue,
            tag: it.tag,
            group_id: it.group_id,
            created_after: it.created_after,
            created_before: it.created_before,
            search: it.search,
        }
    }
}

impl page::Filter for Filter {
    const LIST: &'static str = ListJobs::ID;
}

pub(super) async fn list_jobs(
    context: &ApiContext,
    input: Input<ListJobs>,
) -> Result<ListJobsOk, Failure> {
    let query = input.query;
    let filter = Filter {
        status: query.status.map(|status| status.to_string()),
        job_type: query.job_type.map(Into::into),
        queue: query.queue.map(Into::into),
        tag: query.tag.map(Into::into),
        group_id: query.group_id.and_then(|group| row(group.0)),
        created_after: query.created_after,
        created_before: query.created_before,
        search: query.search.map(Into::into),
    };
    let page = Page::asked(filter, query.page_token.as_deref())?;
    let limit = usize::try_from(query.limit.get()).unwrap_or(usize::MAX);
    let jobs = context
        .store
        .job_list(page.filter.jobs(), page.before, limit + 1);
    let mut jobs = jobs.await?;
    let next_page = page.cut(&mut jobs, limit, |job| job.id);
    let items = jobs.iter().map(wire::job).collect::<Result<_, _>>()?;
    Ok(ListJobsOk::ok(&types::JobPage { items, next_page }))
}

pub(super) async fn get_job_stats(
    context: &ApiContext,
    _: Input<GetJobStats>,
) -> Result<GetJobStatsOk, Failure> {
    let counts = context.store.job_counts().await?;
    Ok(GetJobStatsOk::ok(&wire::stats(&counts)?))
}
