//! Owns the handlers that let workers in any language run jobs: a lease is an `If-Match`, a stale one is 412.
//! Must not know: what a job does, or how leases are kept.

use std::time::Duration;

use serde_json::Value;

use super::{
    context::ApiContext,
    error::{invalid, not_found},
    etag::{Expected, expected},
    operation::Input,
    operations::{
        ClaimWork, ClaimWorkOk, HeartbeatWork, HeartbeatWorkOk, SettleWork, SettleWorkOk,
    },
    reply::Failure,
    users::{row, unknown},
};
use crate::{
    contract::{self, types, wire, wire_work},
    model::{ClaimedJob, Fault, Job, LeaseState, LeaseToken, Settled, WorkerCard, WorkerReads},
    queue::{MAX_RESULT_BYTES, RunReport, settlement_of},
    store::{Claim, StoreError},
};

/// What workers over HTTP have in place of a version.
const VERSION: &str = "http";

/// Claims in a row, while each only found jobs that may not start now.
const CLAIMS: usize = 20;

pub(super) async fn claim_work(
    context: &ApiContext,
    input: Input<ClaimWork>,
) -> Result<ClaimWorkOk, Failure> {
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let body = input.body;
    let (limit, seconds) = (body.limit.get(), body.lease_seconds.0);
    let card = card(body);
    context.store.worker_seen(card.clone()).await?;
    let lease = Duration::from_secs(seconds.unsigned_abs().into());
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let jobs = claim(context, &card, limit, lease).await?;
    Ok(ClaimWorkOk::ok(&wire_work::claim(&jobs, seconds)?))
}

fn card(request: types::WorkClaimRequest) -> WorkerCard {
    let reads = |one: types::WorkerJobType| WorkerReads {
        job_type: one.job_type.into(),
        schema_fingerprint: one.schema_fingerprint.map(Into::into),
    };
    let job_types: Vec<_> = request.job_types.into_iter().map(reads).collect();
    WorkerCard {
        worker: request.worker.into(),
        queues: request.queues.into_iter().map(Into::into).collect(),
        reads: (!job_types.is_empty()).then_some(job_types),
        // How many it has altogether is not asked.
        slots: 0,
        version: VERSION.to_owned(),
    }
}

async fn claim(
    context: &ApiContext,
    card: &WorkerCard,
    limit: usize,
    lease: Duration,
) -> Result<Vec<ClaimedJob>, Failure> {
    let queues: Vec<&str> = card.queues.iter().map(String::as_str).collect();
    let reads: Option<Vec<(&str, Option<&str>)>> = card
        .reads
        .as_ref()
        .map(|reads| reads.iter().map(reads_of).collect());
    for _ in 0..CLAIMS {
        let claim = Claim {
            queues: &queues,
            worker: &card.worker,
            limit,
            lease,
            reads: reads.as_deref(),
        };
        let claims = context.store.job_claim(claim).await?;
        if !claims.more || !claims.jobs.is_empty() {
            return Ok(claims.jobs);
        }
    }
    Ok(Vec::new())
}

fn reads_of(one: &WorkerReads) -> (&str, Option<&str>) {
    (&one.job_type, one.schema_fingerprint.as_deref())
}

pub(super) async fn heartbeat_work(
    context: &ApiContext,
    input: Input<HeartbeatWork>,
) -> Result<HeartbeatWorkOk, Failure> {
    let id = row(input.path.id).ok_or_else(stale)?;
    let token = lease_of(&input.header.if_match)?;
    let seconds = input.query.lease_seconds;
    let lease = Duration::from_secs(seconds.into());
    let states = context
        .store
        .job_heartbeat(vec![(id, token)], lease)
        .await?;
    let state = match states.first() {
        Some(LeaseState::Live) => types::LeaseState::Live,
        Some(LeaseState::CancelRequested) => types::LeaseState::CancelRequested,
        Some(LeaseState::Lost) | None => return Err(stale()),
    };
    Ok(HeartbeatWorkOk::ok(&types::WorkHeartbeat {
        state,
        lease_expires_in_seconds: types::LeaseSeconds(i32::try_from(seconds).unwrap_or(i32::MAX)),
    }))
}

pub(super) async fn settle_work(
    context: &ApiContext,
    input: Input<SettleWork>,
) -> Result<SettleWorkOk, Failure> {
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let id = row(input.path.id).ok_or_else(not_found)?;
    let token = lease_of(&input.header.if_match)?;
    let report = report(&input.body, &input.json)?;
    let job = context.store.job_get(id).await?.ok_or_else(not_found)?;
    if let RunReport::Completed(result) = &report {
        check_result(context, &job, result.is_some(), &input.json["result"])?;
    }
    let settlement = settlement_of(&job, token, contract::policy(&job.job_type), report);
    let settled = context
        .store
        .job_settle(vec![(id, token, settlement)])
        .await?;
    if !matches!(settled.first(), Some(Settled::Accepted(_))) {
        return Err(stale());
    }
    let job = context.store.job_get(id).await?.ok_or_else(not_found)?;
    Ok(SettleWorkOk::ok(&wire::job(&job)?))
}

/// The token that an `If-Match` names. What was never a token of ours is no job's.
fn lease_of(if_match: &str) -> Result<LeaseToken, Failure> {
    match expected(Some(if_match))? {
        Expected::OneOf(tokens) if tokens.len() < 2 => {
            tokens.first().copied().map(LeaseToken).ok_or_else(stale)
        }
        _ => {
            let rule = "If-Match must be the one lease that came with the job, in quotation marks";
            Err(invalid(vec![Fault::new("/header/If-Match", rule)]))
        }
    }
}

fn stale() -> Failure {
    StoreError::StaleLease.into()
}

/// The outcome with all that it needs, and nothing that means nothing with it.
fn report(body: &types::WorkOutcome, json: &Value) -> Result<RunReport, Failure> {
    use types::RunOutcome as Outcome;
    let outcome = body.outcome;
    let mut faults = Vec::new();
    let takes = |name: &str| match name {
        "result" => outcome == Outcome::Completed,
        "error" => matches!(
            outcome,
            Outcome::Failed | Outcome::Retry | Outcome::Cancelled
        ),
        _ => matches!(outcome, Outcome::Retry | Outcome::Snoozed),
    };
    for name in ["result", "error", "delay_seconds"] {
        if json.get(name).is_some() && !takes(name) {
            let message = format!("{name} does not go with the outcome {outcome}");
            faults.push(Fault::new(format!("/body/{name}"), message));
        }
    }
    let missing = match outcome {
        Outcome::Failed | Outcome::Retry if body.error.is_none() => Some("error"),
        Outcome::Snoozed if body.delay_seconds.is_none() => Some("delay_seconds"),
        _ => None,
    };
    if let Some(name) = missing {
        let message = format!("{name} is needed with the outcome {outcome}");
        faults.push(Fault::new(format!("/body/{name}"), message));
    }
    if !faults.is_empty() {
        return Err(invalid(faults));
    }
    let error = body.error.as_ref().map(|error| error.to_string());
    let delay = body.delay_seconds.as_ref();
    let delay = delay.map(|delay| Duration::from_secs(delay.0.unsigned_abs()));
    Ok(match outcome {
        Outcome::Completed => RunReport::Completed(json.get("result").map(Value::to_string)),
        Outcome::Failed => RunReport::Failed(error.unwrap_or_default()),
        Outcome::Retry => RunReport::Retry {
            error: error.unwrap_or_default(),
            after: delay,
        },
        Outcome::Snoozed => RunReport::Snoozed(delay.unwrap_or_default()),
        Outcome::Released => RunReport::Released,
        Outcome::Cancelled => RunReport::Cancelled(error),
    })
}

/// A result is what its job type declares. Types that are not declared any more are not asked.
fn check_result(
    context: &ApiContext,
    job: &Job,
    given: bool,
    result: &Value,
) -> Result<(), Failure> {
    const AT: &str = "/body/result";
    let refuse = |message: String| Err(invalid(vec![Fault::new(AT, message)]));
    let Some(policy) = contract::policy(&job.job_type) else {
        return Ok(());
    };
    match policy.result_schema {
        None if given => refuse(format!("the job type {} declares no result", job.job_type)),
        None => Ok(()),
        Some(_) if !given => refuse(format!("the job type {} declares a result", job.job_type)),
        Some(_) if result.to_string().len() > MAX_RESULT_BYTES => refuse(format!(
            "the result must be at most {MAX_RESULT_BYTES} bytes of JSON"
        )),
        Some(schema) => match context.validator.check(schema, result, AT) {
            faults if faults.is_empty() => Ok(()),
            faults => Err(invalid(faults)),
        },
    }
}
