//! Owns the handlers of schedules.
//! Must not know: storage, or when schedules tick.

use chrono::DateTime;
use serde::{Deserialize, Serialize};

use super::{
    context::ApiContext,
    enqueue::location,
    error::{invalid, not_found},
    etag::{Expected, etag, expected},
    idempotency,
    operation::{Input, Operation},
    operations::{
        CreateSchedule, CreateScheduleOk, DeleteSchedule, DeleteScheduleOk, GetSchedule,
        GetScheduleOk, ListScheduleRuns, ListScheduleRunsOk, ListSchedules, ListSchedulesOk,
        PauseSchedule, PauseScheduleOk, ResumeSchedule, ResumeScheduleOk, RunSchedule,
        RunScheduleOk, UpdateSchedule, UpdateScheduleOk,
    },
    page::{self, Page},
    reply::Failure,
    users::{row, unknown},
};
use crate::{
    contract::{
        self, new_schedule, schedule_change,
        types::{self, ErrorCode},
        wire::{self, WireError},
        wire_enqueue,
    },
    model::{EnqueueOutcome, Fault, NewJob, Schedule},
    queue::schedule::{self, next_tick, next_ticks},
    store::StoreError,
};

/// Ticks that a schedule shows.
const NEXT_TIMES: usize = 5;

pub(super) async fn create_schedule(
    context: &ApiContext,
    input: Input<CreateSchedule>,
) -> Result<CreateScheduleOk, Failure> {
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let schedule = new_schedule(input.body, &context.validator).map_err(in_body)?;
    let answer = |stored: &Schedule| {
        let location = format!("/schedules/{}", stored.id);
        let tag = etag(stored.version);
        Ok(CreateScheduleOk::created(&whole(stored)?, tag, location).into())
    };
    let next = Box::new(next_tick);
    let store = |once| context.store.schedule_create_once(schedule, next, once);
    let reply = idempotency::once(context, input.key, "/body", answer, store);
    Ok(reply.await?.into())
}

pub(super) async fn list_schedules(
    context: &ApiContext,
    input: Input<ListSchedules>,
) -> Result<ListSchedulesOk, Failure> {
    let query = input.query;
    let page = Page::asked(All, query.page_token.as_deref())?;
    let limit = usize::try_from(query.limit.get()).unwrap_or(usize::MAX);
    let mut rows = context.store.schedule_list(page.before, limit + 1).await?;
    let next_page = page.cut(&mut rows, limit, |schedule| schedule.id);
    let items = rows.iter().map(|row| wire::schedule(row, Vec::new()));
    let items = items.collect::<Result<_, _>>()?;
    Ok(ListSchedulesOk::ok(&types::SchedulePage {
        items,
        next_page,
    }))
}

pub(super) async fn get_schedule(
    context: &ApiContext,
    input: Input<GetSchedule>,
) -> Result<GetScheduleOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    let schedule = existing(context, id).await?;
    Ok(GetScheduleOk::ok(
        &whole(&schedule)?,
        etag(schedule.version),
    ))
}

pub(super) async fn update_schedule(
    context: &ApiContext,
    input: Input<UpdateSchedule>,
) -> Result<UpdateScheduleOk, Failure> {
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let id = row(input.path.id).ok_or_else(not_found)?;
    let current = existing(context, id).await?;
    let if_match = input.header.if_match.as_deref().map(String::as_str);
    let version = version(&current, if_match)?;
    let change = schedule_change(&current, input.body, &context.validator).map_err(in_body)?;
    let stored = context
        .store
        .schedule_update(id, change, version, Box::new(next_tick))
        .await?;
    Ok(UpdateScheduleOk::ok(&whole(&stored)?, etag(stored.version)))
}

pub(super) async fn delete_schedule(
    context: &ApiContext,
    input: Input<DeleteSchedule>,
) -> Result<DeleteScheduleOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    let current = existing(context, id).await?;
    let if_match = input.header.if_match.as_deref().map(String::as_str);
    let version = version(&current, if_match)?;
    context.store.schedule_delete(id, version).await?;
    Ok(DeleteScheduleOk::no_content())
}

pub(super) async fn pause_schedule(
    context: &ApiContext,
    input: Input<PauseSchedule>,
) -> Result<PauseScheduleOk, Failure> {
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let id = row(input.path.id).ok_or_else(not_found)?;
    let reason = input.body.reason.map(Into::into);
    let stored = context.store.schedule_pause(id, reason).await?;
    Ok(PauseScheduleOk::ok(&whole(&stored)?, etag(stored.version)))
}

pub(super) async fn resume_schedule(
    context: &ApiContext,
    input: Input<ResumeSchedule>,
) -> Result<ResumeScheduleOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    let stored = context
        .store
        .schedule_resume(id, Box::new(next_tick))
        .await?;
    Ok(ResumeScheduleOk::ok(&whole(&stored)?, etag(stored.version)))
}

pub(super) async fn run_schedule(
    context: &ApiContext,
    input: Input<RunSchedule>,
) -> Result<RunScheduleOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    let job = job_of(&existing(context, id).await?)?;
    let enqueued = context.store.schedule_run_now(id, job).await?;
    let shown = wire_enqueue::enqueued(&enqueued)?;
    Ok(match enqueued.outcome {
        EnqueueOutcome::Created => RunScheduleOk::created(&shown, location(enqueued.job.id)),
        EnqueueOutcome::Existing | EnqueueOutcome::Replaced => RunScheduleOk::ok(&shown),
    })
}

pub(super) async fn list_schedule_runs(
    context: &ApiContext,
    input: Input<ListScheduleRuns>,
) -> Result<ListScheduleRunsOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    let query = input.query;
    let page = Page::asked(Of { schedule: id }, query.page_token.as_deref())?;
    let before = page.before.and_then(DateTime::from_timestamp_micros);
    let limit = usize::try_from(query.limit.get()).unwrap_or(usize::MAX);
    let mut rows = context.store.schedule_runs(id, before, limit + 1).await?;
    let next_page = page.cut(&mut rows, limit, |run| run.tick.timestamp_micros());
    let items = rows.iter().map(wire::schedule_run);
    let items = items.collect::<Result<_, _>>()?;
    Ok(ListScheduleRunsOk::ok(&types::ScheduleRunPage {
        items,
        next_page,
    }))
}

/// A list of schedules has no filters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct All;

impl page::Filter for All {
    const LIST: &'static str = ListSchedules::ID;
}

/// The history is of one schedule: its tokens mean nothing to others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Of {
    schedule: i64,
}

impl page::Filter for Of {
    const LIST: &'static str = ListScheduleRuns::ID;
}

async fn existing(context: &ApiContext, id: i64) -> Result<Schedule, Failure> {
    context.store.schedule_get(id).await?.ok_or_else(not_found)
}

/// With its next ticks.
fn whole(schedule: &Schedule) -> Result<types::Schedule, WireError> {
    wire::schedule(schedule, next_ticks(schedule, NEXT_TIMES))
}

/// The version that a change must find; `None` when any will do.
fn version(current: &Schedule, if_match: Option<&str>) -> Result<Option<i64>, Failure> {
    match expected(if_match)? {
        Expected::Any => Ok(None),
        Expected::OneOf(versions) if versions.contains(&current.version) => {
            Ok(Some(current.version))
        }
        Expected::OneOf(_) => Err(StoreError::VersionMismatch.into()),
    }
}

/// What a new contract no longer allows is a conflict: nothing is wrong with the request.
fn job_of(schedule: &Schedule) -> Result<NewJob, Failure> {
    let conflict = |message: String| Failure::new(409, ErrorCode::Conflict, message);
    let policy = contract::policy(&schedule.job_type).ok_or_else(|| {
        conflict(format!(
            "{} is not a declared job type any more",
            schedule.job_type
        ))
    })?;
    schedule::job(schedule, policy, None).map_err(|faults| {
        let messages: Vec<_> = faults.into_iter().map(|fault| fault.message).collect();
        conflict(messages.join("; "))
    })
}

fn in_body(faults: Vec<Fault>) -> Failure {
    invalid(
        faults
            .into_iter()
            .map(|fault| fault.under("/body"))
            .collect(),
    )
}
