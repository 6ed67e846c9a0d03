//! Owns how queues, job types, workers and explanations look in columns.
//! Must not know: where they came from.

use chrono::{DateTime, SecondsFormat, Utc};

use super::super::{Failure, Output, Rows};
use crate::contract::types;

pub(super) fn queues(queues: &[types::Queue]) -> Rows {
    let columns = [
        "QUEUE",
        "WAITING",
        "RUNNING",
        "FAILED",
        "CONCURRENCY",
        "RATE",
        "DEPTH",
        "PAUSED",
    ];
    Rows::new(&columns).with(queues, |it| {
        let counts = &it.counts;
        vec![
            it.queue.to_string(),
            (counts.scheduled + counts.pending + counts.retry_pending).to_string(),
            counts.processing.to_string(),
            counts.failed.to_string(),
            most(it.limits.concurrency.as_ref()),
            rate(it.limits.rate.as_ref()),
            it.limits
                .max_depth
                .map_or_else(String::new, |it| it.to_string()),
            pause(it.pause.as_ref()),
        ]
    })
}

pub(super) fn job_types(types: &[types::JobType]) -> Rows {
    let columns = [
        "TYPE",
        "QUEUE",
        "RETRIES",
        "TIMEOUT",
        "CONCURRENCY",
        "RATE",
        "UNIQUE",
        "PAUSED",
    ];
    Rows::new(&columns).with(types, |it| {
        let limits = it.limits.as_ref();
        let scope = it.unique.as_ref().map(|unique| unique.scope.to_string());
        vec![
            it.job_type.to_string(),
            it.queue.to_string(),
            it.max_retries.to_string(),
            format!("{} s", it.timeout_seconds),
            most(limits.and_then(|limits| limits.concurrency.as_ref())),
            rate(limits.and_then(|limits| limits.rate.as_ref())),
            scope.unwrap_or_default(),
            pause(it.pause.as_ref()),
        ]
    })
}

pub(super) fn workers(workers: &[types::Worker]) -> Rows {
    let columns = [
        "WORKER", "QUEUES", "TYPES", "RUNNING", "SLOTS", "VERSION", "SEEN",
    ];
    Rows::new(&columns).with(workers, |it| {
        let list = |names: Vec<String>| names.join(",");
        let reads = it.job_types.iter().map(|one| one.job_type.to_string());
        let reads = if it.job_types.is_empty() {
            "all".to_owned()
        } else {
            list(reads.collect())
        };
        let slots = if it.slots == 0 {
            String::new()
        } else {
            it.slots.to_string()
        };
        vec![
            it.worker.to_string(),
            list(it.queues.iter().map(|queue| queue.to_string()).collect()),
            reads,
            it.running.to_string(),
            slots,
            it.version.to_string(),
            time(it.seen_at),
        ]
    })
}

/// Why a job is not running, a line for each cause.
pub(in crate::cli) fn explanation(
    explanation: &types::JobExplanation,
    output: &mut Output,
) -> Result<(), Failure> {
    output.show(explanation, |it| {
        let turn = if it.runnable {
            ", only its turn is missing"
        } else {
            ""
        };
        let head = format!("job {} is {}{turn}", *it.id, it.status);
        let causes = it.reasons.iter();
        let lines = causes.map(|hold| (hold.code.to_string(), hold.message.to_string()));
        let mut rows = Rows::new(&[&head, ""]);
        for (code, message) in lines {
            rows.row([code, message]);
        }
        rows
    })
}

fn most(most: Option<&types::ConcurrencyLimit>) -> String {
    most.map_or_else(String::new, ToString::to_string)
}

fn rate(rate: Option<&types::RateLimit>) -> String {
    rate.map_or_else(String::new, |it| {
        format!("{}/{} s", it.limit, it.period_seconds)
    })
}

fn pause(pause: Option<&types::Pause>) -> String {
    let Some(pause) = pause else {
        return String::new();
    };
    let mut text = time(pause.since);
    if let Some(by) = &pause.by {
        text = format!("{text} by {}", **by);
    }
    if let Some(reason) = &pause.reason {
        text = format!("{text}: {}", **reason);
    }
    text
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
