//! Owns how jobs look in columns.
//! Must not know: where they came from.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::{Failure, Output, Rows};
use crate::{contract::types, model::JobStatus};

/// Longest text in a column of a list, in characters.
const WIDTH: usize = 60;

pub(super) fn list(jobs: &[types::Job]) -> Rows {
    let columns = [
        "ID", "TYPE", "STATUS", "PRIORITY", "RETRIES", "ERROR", "USER", "MESSAGE", "CREATED",
    ];
    Rows::new(&columns).with(jobs, |job| {
        vec![
            job.id.to_string(),
            job.job_type.to_string(),
            job.status.to_string(),
            job.priority.to_string(),
            format!("{}/{}", job.retry_count, *job.max_retries),
            short(job.error_message.as_deref().map_or("", String::as_str)),
            short(&plain(job.payload.get("user_id"))),
            short(&plain(job.payload.get("message"))),
            time(Some(job.created_at)),
        ]
    })
}

pub(super) fn stats(stats: &types::JobStats) -> Rows {
    let columns: Vec<String> = std::iter::once("TYPE".to_owned())
        .chain(JobStatus::ALL.map(|status| status.as_str().to_uppercase()))
        .collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut rows = Rows::new(&columns);
    let total = ("total".to_owned(), &stats.total);
    let types = stats
        .job_types
        .iter()
        .map(|of| (of.job_type.to_string(), &of.counts));
    for (name, counts) in types.chain([total]) {
        let cells = JobStatus::ALL.map(|status| count(counts, status).to_string());
        rows.row(std::iter::once(name).chain(cells));
    }
    rows
}

pub(super) fn show(
    job: &types::Job,
    attempts: &[types::JobAttempt],
    output: &mut Output,
) -> Result<(), Failure> {
    let both = json!({ "job": job, "attempts": attempts });
    output.show(&both, |_| details(job))?;
    output.only_in_table(|| {
        let columns = ["RUN", "WORKER", "STARTED", "FINISHED", "OUTCOME", "ERROR"];
        Rows::new(&columns).with(attempts, |run| {
            vec![
                run.number.to_string(),
                run.worker.to_string(),
                time(Some(run.started_at)),
                time(run.finished_at),
                run.outcome
                    .map_or_else(String::new, |outcome| outcome.to_string()),
                run.error.as_deref().map_or("", String::as_str).to_owned(),
            ]
        })
    })
}

fn details(job: &types::Job) -> Rows {
    Rows::pairs([
        ("id", job.id.to_string()),
        ("type", job.job_type.to_string()),
        ("queue", job.queue.to_string()),
        ("status", job.status.to_string()),
        ("priority", job.priority.to_string()),
        (
            "retries",
            format!("{}/{}", job.retry_count, *job.max_retries),
        ),
        ("workers lost", job.lease_losses.to_string()),
        (
            "error",
            job.error_message
                .as_deref()
                .map_or("", String::as_str)
                .to_owned(),
        ),
        ("payload", object(&job.payload)),
        ("result", object(&job.result)),
        ("created", time(Some(job.created_at))),
        ("scheduled", time(Some(job.scheduled_at))),
        ("started", time(job.started_at)),
        ("completed", time(job.completed_at)),
    ])
}

/// The count of one state.
pub(super) const fn count(counts: &types::JobCounts, status: JobStatus) -> i64 {
    match status {
        JobStatus::Scheduled => counts.scheduled,
        JobStatus::Pending => counts.pending,
        JobStatus::Processing => counts.processing,
        JobStatus::RetryPending => counts.retry_pending,
        JobStatus::Completed => counts.completed,
        JobStatus::Failed => counts.failed,
        JobStatus::Cancelled => counts.cancelled,
    }
}

pub(super) fn object(object: &Map<String, Value>) -> String {
    if object.is_empty() {
        return String::new();
    }
    Value::Object(object.clone()).to_string()
}

fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

pub(super) fn time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(String::new, |at| {
        at.to_rfc3339_opts(SecondsFormat::Secs, true)
    })
}

fn short(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
