//! Owns the handlers of many jobs at once.
//! Must not know: storage, or what a job does.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    context::ApiContext,
    error::{invalid, item},
    idempotency,
    operation::Input,
    operations::{
        CancelJobs, CancelJobsOk, CreateJobs, CreateJobsOk, DeleteJobs, DeleteJobsOk, RetryJobs,
        RetryJobsOk,
    },
    reply::{Failure, Reply},
    users::unknown,
};
use crate::{
    contract::{
        self, Items, types,
        wire::WireError,
        wire_bulk::{self, Refusal},
    },
    model::{BulkAction, BulkChange, EnqueueOutcome, Fault},
    store::{Done, ItemOutcome, Once, StoreError},
};

type Outcomes = Vec<ItemOutcome>;

pub(super) async fn create_jobs(
    context: &ApiContext,
    input: Input<CreateJobs>,
) -> Result<CreateJobsOk, Failure> {
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let all_or_nothing = input.body.all_or_nothing;
    let check = |schema: &str, value: &Value, at: &str| context.validator.check(schema, value, at);
    let list = &input.json["items"];
    let items = contract::items_of(input.body.items, list, "/body/items", check);
    if all_or_nothing && !items.refused.is_empty() {
        return Err(invalid(items.refused.into_values().flatten().collect()));
    }
    let (places, refused) = (items.places.clone(), items.refused.clone());
    let answer = move |outcomes: &Outcomes| answer(&places, outcomes, &refused);
    let store = |once| store(context, items, all_or_nothing, once);
    let reply = idempotency::once(context, input.key, "/body", answer, store);
    Ok(reply.await?.into())
}

async fn store(
    context: &ApiContext,
    items: Items,
    all_or_nothing: bool,
    once: Option<Once<Outcomes>>,
) -> Result<Done<Outcomes>, StoreError> {
    if all_or_nothing {
        return context.store.job_enqueue_all(items.ready, once).await;
    }
    let stored = context.store.job_enqueue_each(items.ready, once).await;
    stored.map_err(|error| error.in_place(&items.places))
}

fn answer(
    places: &[usize],
    outcomes: &Outcomes,
    refused: &BTreeMap<usize, Vec<Fault>>,
) -> Result<Reply, WireError> {
    let jobs = wire_bulk::jobs(places, outcomes, refused, refusal)?;
    let is_new = |outcome: &ItemOutcome| {
        let created = |enqueued: &_| matches!(enqueued, EnqueueOutcome::Created);
        outcome
            .as_ref()
            .is_ok_and(|enqueued| created(&enqueued.outcome))
    };
    Ok(if outcomes.iter().any(is_new) {
        CreateJobsOk::created(&jobs).into()
    } else {
        CreateJobsOk::ok(&jobs).into()
    })
}

/// As the whole request would be refused, were it all or nothing.
fn refusal(index: usize, reason: &StoreError) -> Refusal {
    let failure = item(index, reason);
    let pointer = failure.faults.into_iter().next().map(|fault| fault.pointer);
    Refusal {
        code: failure.code,
        message: failure.message,
        pointer: pointer.unwrap_or_else(|| format!("/body/items/{index}")),
    }
}

pub(super) async fn retry_jobs(
    context: &ApiContext,
    input: Input<RetryJobs>,
) -> Result<RetryJobsOk, Failure> {
    let done = change(context, BulkAction::Retry, input.body, input.additional);
    Ok(RetryJobsOk::ok(&done.await?))
}

pub(super) async fn cancel_jobs(
    context: &ApiContext,
    input: Input<CancelJobs>,
) -> Result<CancelJobsOk, Failure> {
    let done = change(context, BulkAction::Cancel, input.body, input.additional);
    Ok(CancelJobsOk::ok(&done.await?))
}

pub(super) async fn delete_jobs(
    context: &ApiContext,
    input: Input<DeleteJobs>,
) -> Result<DeleteJobsOk, Failure> {
    let done = change(context, BulkAction::Delete, input.body, input.additional);
    Ok(DeleteJobsOk::ok(&done.await?))
}

async fn change(
    context: &ApiContext,
    action: BulkAction,
    request: types::BulkChangeRequest,
    additional: Option<Map<String, Value>>,
) -> Result<types::BulkChange, Failure> {
    if let Some(additional) = additional {
        return Err(unknown(&additional, "/body"));
    }
    let change = BulkChange {
        action,
        filter: wire_bulk::filter(request.filter),
        after: request.after_id.as_ref().map(wire_bulk::number),
        limit: usize::try_from(request.limit.get()).unwrap_or(usize::MAX),
        dry_run: request.dry_run,
    };
    let faults = change.faults().into_iter();
    let faults: Vec<_> = faults.map(|fault| fault.under("/body")).collect();
    if !faults.is_empty() {
        return Err(invalid(faults));
    }
    Ok(wire_bulk::changed(context.store.job_bulk(change).await?)?)
}
