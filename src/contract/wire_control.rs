//! Owns showing queues, job types, workers and explanations as the contract's wire types, and reading orders from them.
//! Must not know: who asks.

use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use super::{
    POLICIES, types,
    wire::{self, WireError},
};
use crate::model::{
    BackoffKind, Control, ControlKind, ControlLimits, Explanation, Hold, HoldCode, JobCounts,
    JobPolicy, OnConflict, Pause, Rate, UniquePolicy, Worker, WorkerReads,
};

/// Most queues that are shown: the contract's bound.
const MOST_QUEUES: usize = 1_000;

/// Every queue that is declared, has jobs, or has orders.
pub fn queues(
    counts: &[(String, JobCounts)],
    controls: &[Control],
) -> Result<types::Queues, WireError> {
    let mut all: BTreeMap<&str, JobCounts> = BTreeMap::new();
    for policy in POLICIES {
        all.entry(policy.queue).or_default();
    }
    let ordered = controls.iter().filter(|it| it.kind == ControlKind::Queue);
    for control in ordered {
        all.entry(&control.name).or_default();
    }
    for (name, counts) in counts {
        all.insert(name, *counts);
    }
    let items = all.iter().take(MOST_QUEUES);
    let items = items.map(|(name, counts)| one_queue(name, *counts, controls));
    Ok(types::Queues {
        items: items.collect::<Result<_, _>>()?,
    })
}

/// One queue, known or not.
pub fn queue(
    name: &str,
    counts: &[(String, JobCounts)],
    controls: &[Control],
) -> Result<types::Queue, WireError> {
    let known = counts.iter().find(|(queue, _)| queue == name);
    let counts = known.map(|(_, counts)| *counts).unwrap_or_default();
    one_queue(name, counts, controls)
}

fn one_queue(
    name: &str,
    counts: JobCounts,
    controls: &[Control],
) -> Result<types::Queue, WireError> {
    let control = order(controls, ControlKind::Queue, name);
    let limits = control.map(|it| it.limits).unwrap_or_default();
    Ok(types::Queue {
        queue: name.parse()?,
        counts: wire::counts(counts),
        pause: pause(control)?,
        limits: types::QueueLimits {
            concurrency: limits.concurrency.map(concurrency).transpose()?,
            rate: limits.rate.map(rate).transpose()?,
            max_depth: limits.max_depth.map(i64::try_from).transpose()?,
        },
    })
}

/// All declared job types, with the orders for them.
pub fn job_types(controls: &[Control]) -> Result<types::JobTypes, WireError> {
    let items = POLICIES.iter().map(|policy| job_type(policy, controls));
    Ok(types::JobTypes {
        items: items.collect::<Result<_, _>>()?,
    })
}

/// A declared job type, its policy, and the orders for it.
pub fn job_type(policy: &JobPolicy, controls: &[Control]) -> Result<types::JobType, WireError> {
    let control = order(controls, ControlKind::JobType, policy.job_type);
    let limits = control.map(|it| it.limits).unwrap_or_default();
    let most = limits.concurrency.or(policy.concurrency);
    let in_force = types::JobTypeLimits {
        concurrency: most.map(concurrency).transpose()?,
        rate: limits.rate.or(policy.rate).map(rate).transpose()?,
    };
    let seconds = |duration: Duration| i64::try_from(duration.as_secs());
    Ok(types::JobType {
        job_type: policy.job_type.parse()?,
        queue: policy.queue.parse()?,
        priority: types::JobPriority(policy.priority),
        max_retries: types::JobMaxRetries(policy.max_retries),
        timeout_seconds: NonZeroU64::try_from(policy.timeout.as_secs())?,
        backoff: types::JobBackoff {
            kind: match policy.backoff.kind {
                BackoffKind::Fixed => types::JobBackoffKind::Fixed,
                BackoffKind::Linear => types::JobBackoffKind::Linear,
                BackoffKind::Exponential => types::JobBackoffKind::Exponential,
            },
            base_seconds: seconds(policy.backoff.base)?,
            cap_seconds: seconds(policy.backoff.cap)?,
            jitter: policy.backoff.jitter,
        },
        schema_fingerprint: policy.schema_fingerprint.parse()?,
        pause: pause(control)?,
        limits: Some(in_force),
        key_limits: key_limits(policy)?,
        unique: policy.unique.as_ref().map(unique).transpose()?,
        retention: Some(types::JobRetention {
            completed_seconds: policy.keep_completed.map(kept).transpose()?,
            failed_seconds: policy.keep_failed.map(kept).transpose()?,
            cancelled_seconds: policy.keep_cancelled.map(kept).transpose()?,
        }),
    })
}

fn key_limits(policy: &JobPolicy) -> Result<Option<types::JobKeyLimits>, WireError> {
    let Some(key) = policy.concurrency_key else {
        return Ok(None);
    };
    Ok(Some(types::JobKeyLimits {
        key: key.parse()?,
        concurrency: policy.key_concurrency.map(concurrency).transpose()?,
        rate: policy.key_rate.map(rate).transpose()?,
    }))
}

fn unique(unique: &UniquePolicy) -> Result<types::JobUnique, WireError> {
    let key = unique.key.iter().map(|pointer| pointer.parse());
    let period = |period: Duration| NonZeroU64::try_from(period.as_secs());
    Ok(types::JobUnique {
        key: key.collect::<Result<_, _>>()?,
        scope: wire::unique_scope(unique.scope),
        period_seconds: unique
            .period
            .map(period)
            .transpose()?
            .map(types::JobPeriodSeconds),
        on_conflict: match unique.on_conflict {
            OnConflict::Return => types::JobOnConflict::Return,
            OnConflict::Replace => types::JobOnConflict::Replace,
            OnConflict::Reject => types::JobOnConflict::Reject,
        },
    })
}

fn kept(kept: Duration) -> Result<types::KeptSeconds, WireError> {
    Ok(types::KeptSeconds(NonZeroU64::try_from(kept.as_secs())?))
}

fn order<'c>(controls: &'c [Control], kind: ControlKind, name: &str) -> Option<&'c Control> {
    controls
        .iter()
        .find(|control| control.kind == kind && control.name == name)
}

fn pause(control: Option<&Control>) -> Result<Option<types::Pause>, WireError> {
    let Some(Pause { at, reason, by }) = control.and_then(|it| it.pause.as_ref()) else {
        return Ok(None);
    };
    Ok(Some(types::Pause {
        since: *at,
        reason: wire::text(reason.as_deref())?,
        by: wire::text(by.as_deref())?,
    }))
}

fn concurrency(most: u32) -> Result<types::ConcurrencyLimit, WireError> {
    Ok(types::ConcurrencyLimit(NonZeroU32::try_from(most)?))
}

fn rate(rate: Rate) -> Result<types::RateLimit, WireError> {
    let period = u32::try_from(rate.period.as_secs())?;
    Ok(types::RateLimit {
        limit: NonZeroU32::try_from(rate.limit)?,
        period_seconds: NonZeroU32::try_from(period)?,
    })
}

fn ordered_rate(rate: &types::RateLimit) -> Rate {
    Rate {
        limit: rate.limit.get(),
        period: Duration::from_secs(rate.period_seconds.get().into()),
    }
}

/// Ordered limits of a queue.
pub fn limits_of_queue(limits: &types::QueueLimits) -> ControlLimits {
    ControlLimits {
        concurrency: limits.concurrency.as_ref().map(|most| most.0.get()),
        rate: limits.rate.as_ref().map(ordered_rate),
        max_depth: limits.max_depth.map(i64::unsigned_abs),
    }
}

/// Ordered limits of a job type.
pub fn limits_of_type(limits: &types::JobTypeLimits) -> ControlLimits {
    ControlLimits {
        concurrency: limits.concurrency.as_ref().map(|most| most.0.get()),
        rate: limits.rate.as_ref().map(ordered_rate),
        max_depth: None,
    }
}

/// Live workers.
pub fn workers(workers: &[Worker]) -> Result<types::Workers, WireError> {
    Ok(types::Workers {
        items: workers.iter().map(worker).collect::<Result<_, _>>()?,
    })
}

fn worker(worker: &Worker) -> Result<types::Worker, WireError> {
    let card = &worker.card;
    let queues = card.queues.iter().map(|queue| queue.parse());
    let reads = card.reads.iter().flatten().map(reads);
    Ok(types::Worker {
        worker: card.worker.parse()?,
        queues: queues.collect::<Result<_, _>>()?,
        job_types: reads.collect::<Result<_, _>>()?,
        slots: i32::try_from(card.slots)?,
        running: i32::try_from(worker.running)?,
        version: card.version.parse()?,
        started_at: worker.started_at,
        seen_at: worker.seen_at,
    })
}

fn reads(reads: &WorkerReads) -> Result<types::WorkerJobType, WireError> {
    Ok(types::WorkerJobType {
        job_type: reads.job_type.parse()?,
        schema_fingerprint: wire::text(reads.schema_fingerprint.as_deref())?,
    })
}

/// Why a job is not running.
pub fn explanation(explanation: &Explanation) -> Result<types::JobExplanation, WireError> {
    let reasons = explanation.reasons.iter().map(hold);
    Ok(types::JobExplanation {
        id: types::JobId(wire::id(explanation.id)?),
        status: wire::status(explanation.status),
        runnable: explanation.runnable,
        reasons: reasons.collect::<Result<_, _>>()?,
    })
}

fn hold(hold: &Hold) -> Result<types::Hold, WireError> {
    let related = hold.related_job_id.map(wire::id).transpose()?;
    Ok(types::Hold {
        code: code(hold.code),
        message: hold.message.parse()?,
        until: hold.until,
        related_job_id: related.map(types::JobId),
    })
}

const fn code(code: HoldCode) -> types::HoldCode {
    match code {
        HoldCode::Ended => types::HoldCode::Ended,
        HoldCode::Running => types::HoldCode::Running,
        HoldCode::Scheduled => types::HoldCode::Scheduled,
        HoldCode::RetryWait => types::HoldCode::RetryWait,
        HoldCode::Expired => types::HoldCode::Expired,
        HoldCode::BlockedByJobs => types::HoldCode::BlockedByJobs,
        HoldCode::QueuePaused => types::HoldCode::QueuePaused,
        HoldCode::TypePaused => types::HoldCode::TypePaused,
        HoldCode::QueueLimit => types::HoldCode::QueueLimit,
        HoldCode::TypeLimit => types::HoldCode::TypeLimit,
        HoldCode::KeyLimit => types::HoldCode::KeyLimit,
        HoldCode::RateLimited => types::HoldCode::RateLimited,
        HoldCode::NoWorker => types::HoldCode::NoWorker,
        HoldCode::Schema => types::HoldCode::Schema,
        HoldCode::AllWorkersBusy => types::HoldCode::AllWorkersBusy,
        HoldCode::WaitingInLine => types::HoldCode::WaitingInLine,
    }
}
