//! Owns enqueueing: the generated typed operations, and the generic one.
//! Must not know: any concrete job type.

use serde_json::Value;

use super::{
    context::ApiContext,
    error::{invalid, item_of},
    idempotency::{self, Key},
    operation::{Input, Operation},
    operations::{CreateJob, CreateJobOk},
    reply::{Failure, Reply},
    users::unknown,
};
use crate::{
    contract::{self, options_of, types, wire_enqueue},
    model::{EnqueueOutcome, Enqueued, Fault, JobPolicy},
    queue::{self, EnqueueOptions, JobType},
    store::StoreError,
};

/// An operation that declares a job type. Implemented by generated markers only.
pub(super) trait EnqueueOperation: Operation {
    type Job: JobType;

    fn options(query: Self::Query) -> EnqueueOptions;
    fn created(job: &types::EnqueuedJob, location: String) -> Self::Success;
    fn found(job: &types::EnqueuedJob) -> Self::Success;
}

/// The handler of every typed enqueue operation.
pub(super) async fn enqueue<O: EnqueueOperation>(
    context: &ApiContext,
    input: Input<O>,
) -> Result<O::Success, Failure> {
    // A payload goes to a processor as it is: there is no place in it for what the contract does not name.
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let policy = &<O::Job as JobType>::POLICY;
    let key = input.key;
    let options = O::options(input.query);
    let order = Order {
        policy,
        payload: &input.json,
        options,
        place: "/query",
    };
    order.carry_out(context, key, O::created, O::found).await
}

/// `POST /jobs`
pub(super) async fn create_job(
    context: &ApiContext,
    input: Input<CreateJob>,
) -> Result<CreateJobOk, Failure> {
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let policy = contract::policy(&input.body.job_type).ok_or_else(no_such_type)?;
    let payload = &input.json["payload"];
    let faults = context
        .validator
        .check(policy.payload_schema, payload, "/body/payload");
    if !faults.is_empty() {
        return Err(invalid(faults));
    }
    let key = input.key;
    let options = EnqueueOptions {
        dry_run: input.query.dry_run,
        ..options_of(&input.body)
    };
    let order = Order {
        policy,
        payload,
        options,
        place: "/body",
    };
    order
        .carry_out(context, key, CreateJobOk::created, CreateJobOk::ok)
        .await
}

/// A job to enqueue.
struct Order<'r> {
    policy: &'static JobPolicy,
    payload: &'r Value,
    options: EnqueueOptions,
    /// Where the options stand in the request.
    place: &'static str,
}

impl Order<'_> {
    async fn carry_out<S>(
        self,
        context: &ApiContext,
        key: Option<Key>,
        created: fn(&types::EnqueuedJob, String) -> S,
        found: fn(&types::EnqueuedJob) -> S,
    ) -> Result<S, Failure>
    where
        S: From<Reply> + Into<Reply> + 'static,
    {
        let (place, dry_run) = (self.place, self.options.dry_run);
        let job = queue::new_job(self.policy, self.payload.to_string(), self.options).map_err(
            |faults| invalid(faults.into_iter().map(|fault| fault.under(place)).collect()),
        )?;
        if dry_run {
            let outcome = context.store.job_dry_run(job).await;
            let would = outcome.map_err(|error| refused(error, place))?;
            return Ok(found(&wire_enqueue::would_enqueue(&would)?));
        }
        let answer = move |enqueued: &Enqueued| {
            let job = wire_enqueue::enqueued(enqueued)?;
            let answer = match enqueued.outcome {
                EnqueueOutcome::Created => created(&job, location(enqueued.job.id)),
                EnqueueOutcome::Existing | EnqueueOutcome::Replaced => found(&job),
            };
            Ok(answer.into())
        };
        let reply = idempotency::once(context, key, place, answer, |once| {
            context.store.job_enqueue_once(job, once)
        });
        Ok(S::from(reply.await?))
    }
}

/// A refusal of the store that names a field says where in the request it is.
pub(super) fn refused(error: StoreError, place: &str) -> Failure {
    match error {
        StoreError::Refused { field, message } => {
            invalid(vec![Fault::new(format!("{place}/{field}"), message)])
        }
        // Of many, `place` is where their list stands; by itself the error means `items`.
        StoreError::ItemRefused { index, reason } if place != "/body" => {
            item_of(place, index, &reason)
        }
        error => error.into(),
    }
}

pub(super) fn location(id: i64) -> String {
    format!("/jobs/{id}")
}

pub(super) fn no_such_type() -> Failure {
    invalid(vec![contract::unknown_job_type("/body/job_type")])
}
