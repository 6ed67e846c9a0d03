//! Owns showing the model as the contract's wire types: the one form that HTTP and command line answer with.
//! Must not know: who asks.

use std::{
    num::{NonZeroU32, NonZeroU64, TryFromIntError},
    time::Duration,
};

use serde_json::{Map, Value};

use super::types;
pub use super::wire_schedules::{schedule, schedule_run};
use crate::{
    model::{
        AttemptOutcome, Job, JobAttempt, JobCounts, JobStatus, JobTypeCounts, UniqueScope, User,
    },
    queue::mask,
};

/// A stored row does not fit the contract. The row is damaged, or was written under another contract.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("a number is out of the contract's range")]
    Number(#[from] TryFromIntError),
    #[error("a text breaks the contract: {0}")]
    Text(String),
    #[error("a stored JSON object cannot be read")]
    Json(#[from] serde_json::Error),
}

impl From<types::error::ConversionError> for WireError {
    fn from(error: types::error::ConversionError) -> Self {
        Self::Text(error.to_string())
    }
}

/// A user. Its additional data is not shown.
pub fn user(user: User) -> Result<types::User, WireError> {
    Ok(types::User {
        id: id(user.id)?,
        email: user.email.try_into()?,
        age: types::UserAge(user.age),
        name: user.name.map(TryInto::try_into).transpose()?,
        bio: user.bio.map(TryInto::try_into).transpose()?,
        is_active: user.is_active,
    })
}

/// A job. What its type declares as sensitive is masked.
pub fn job(job: &Job) -> Result<types::Job, WireError> {
    Ok(types::Job {
        id: id(job.id)?,
        job_type: job.job_type.parse()?,
        queue: job.queue.parse()?,
        payload: payload(&job.job_type, &job.payload)?,
        status: status(job.status),
        priority: types::JobPriority(job.priority),
        max_retries: types::JobMaxRetries(job.max_retries),
        retry_count: job.retry_count,
        lease_losses: job.lease_losses,
        error_message: text(job.error_message.as_deref().map(shortened))?,
        result: job
            .result
            .as_deref()
            .map(serde_json::from_str)
            .transpose()?
            .unwrap_or_default(),
        schema_fingerprint: job.schema_fingerprint.parse()?,
        scheduled_at: job.scheduled_at,
        started_at: job.started_at,
        completed_at: job.completed_at,
        created_at: job.created_at,
        timeout_seconds: Some(timeout(job.timeout)?),
        expires_at: job.expires_at,
        tags: tags(&job.tags)?,
        metadata: job
            .metadata
            .as_deref()
            .map(serde_json::from_str)
            .transpose()?,
        unique_key: text(job.unique_key.as_deref())?,
        unique_scope: job.unique_scope.map(unique_scope),
        concurrency_key: text(job.concurrency_key.as_deref())?,
        held_by: text(job.held_by.as_deref())?,
        group_id: job.group_id.map(group_id).transpose()?,
        blocked_by: (job.blocked_by > 0).then_some(job.blocked_by),
        progress: job
            .progress
            .as_deref()
            .map(serde_json::from_str)
            .transpose()?,
        checkpoint: job
            .checkpoint
            .as_deref()
            .map(serde_json::from_str)
            .transpose()?
            .unwrap_or_default(),
    })
}

pub(super) fn timeout(timeout: Duration) -> Result<types::JobTimeoutSeconds, WireError> {
    // A library user may have chosen less than a second.
    let seconds = NonZeroU64::try_from(timeout.as_secs().max(1))?;
    Ok(types::JobTimeoutSeconds(seconds))
}

fn tags(tags: &[String]) -> Result<Option<types::JobTags>, WireError> {
    if tags.is_empty() {
        return Ok(None);
    }
    let tags: Result<Vec<_>, _> = tags.iter().map(|tag| tag.parse()).collect();
    Ok(Some(types::JobTags(tags?)))
}

fn group_id(group: i64) -> Result<types::JobGroupId, WireError> {
    Ok(types::JobGroupId(id(group)?))
}

pub(super) const fn unique_scope(scope: UniqueScope) -> types::JobUniqueScope {
    match scope {
        UniqueScope::WhileQueued => types::JobUniqueScope::WhileQueued,
        UniqueScope::UntilStarted => types::JobUniqueScope::UntilStarted,
        UniqueScope::UntilFinished => types::JobUniqueScope::UntilFinished,
        UniqueScope::ForPeriod => types::JobUniqueScope::ForPeriod,
    }
}

/// One run of a job.
pub fn attempt(attempt: &JobAttempt) -> Result<types::JobAttempt, WireError> {
    let number = u32::try_from(attempt.number)?;
    Ok(types::JobAttempt {
        number: NonZeroU32::try_from(number)?,
        worker: attempt.worker.parse()?,
        started_at: attempt.started_at,
        finished_at: attempt.finished_at,
        outcome: attempt.outcome.map(outcome),
        error: text(attempt.error.as_deref().map(shortened))?,
        log: super::wire_events::log(&attempt.log)?,
    })
}

/// Counts by job type, and their sum.
pub fn stats(counts: &[JobTypeCounts]) -> Result<types::JobStats, WireError> {
    let mut total = JobCounts::default();
    let mut job_types = Vec::with_capacity(counts.len());
    for one in counts {
        let mut of_type = one.counts;
        for status in JobStatus::ALL {
            *total.of(status) += *of_type.of(status);
        }
        job_types.push(types::JobTypeCounts {
            job_type: one.job_type.parse()?,
            counts: self::counts(one.counts),
        });
    }
    Ok(types::JobStats {
        total: self::counts(total),
        job_types,
    })
}

/// The wire's name of a state.
pub const fn status(status: JobStatus) -> types::JobStatus {
    match status {
        JobStatus::Scheduled => types::JobStatus::Scheduled,
        JobStatus::Pending => types::JobStatus::Pending,
        JobStatus::Processing => types::JobStatus::Processing,
        JobStatus::RetryPending => types::JobStatus::RetryPending,
        JobStatus::Completed => types::JobStatus::Completed,
        JobStatus::Failed => types::JobStatus::Failed,
        JobStatus::Cancelled => types::JobStatus::Cancelled,
    }
}

const fn outcome(outcome: AttemptOutcome) -> types::JobAttemptOutcome {
    match outcome {
        AttemptOutcome::Completed => types::JobAttemptOutcome::Completed,
        AttemptOutcome::Failed => types::JobAttemptOutcome::Failed,
        AttemptOutcome::TimedOut => types::JobAttemptOutcome::TimedOut,
        AttemptOutcome::Panicked => types::JobAttemptOutcome::Panicked,
        AttemptOutcome::Released => types::JobAttemptOutcome::Released,
        AttemptOutcome::Snoozed => types::JobAttemptOutcome::Snoozed,
        AttemptOutcome::Cancelled => types::JobAttemptOutcome::Cancelled,
        AttemptOutcome::Lost => types::JobAttemptOutcome::Lost,
    }
}

pub(super) const fn counts(counts: JobCounts) -> types::JobCounts {
    types::JobCounts {
        scheduled: counts.scheduled,
        pending: counts.pending,
        processing: counts.processing,
        retry_pending: counts.retry_pending,
        completed: counts.completed,
        failed: counts.failed,
        cancelled: counts.cancelled,
    }
}

pub(super) fn payload(job_type: &str, text: &str) -> Result<Map<String, Value>, WireError> {
    let sensitive = super::policy(job_type).map_or(&[][..], |policy| policy.sensitive);
    if sensitive.is_empty() {
        return Ok(serde_json::from_str(text)?);
    }
    let mut payload = serde_json::from_str(text)?;
    mask(&mut payload, sensitive);
    Ok(serde_json::from_value(payload)?)
}

pub(super) fn id(id: i64) -> Result<NonZeroU64, WireError> {
    Ok(NonZeroU64::try_from(u64::try_from(id)?)?)
}

pub(super) fn text<T>(text: Option<&str>) -> Result<Option<T>, WireError>
where
    T: std::str::FromStr<Err = types::error::ConversionError>,
{
    Ok(text.map(str::parse).transpose()?)
}

/// At most the 10,000 characters that the contract allows for what a run said.
fn shortened(text: &str) -> &str {
    text.char_indices()
        .nth(10_000)
        .map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{DateTime, Utc};
    use serde_json::json;

    use super::*;

    fn stored() -> Job {
        let at = DateTime::<Utc>::from_timestamp(1_800_000_000, 0).unwrap();
        Job {
            id: 7,
            job_type: "email_notification".to_owned(),
            queue: "default".to_owned(),
            payload: r#"{"message":"hi","recipients":["ada@example.com"]}"#.to_owned(),
            status: JobStatus::Failed,
            priority: 0,
            max_retries: 3,
            retry_count: 3,
            attempt: 4,
            lease_losses: 0,
            timeout: Duration::from_mins(5),
            cancel_requested: false,
            error_message: Some("é".repeat(10_001)),
            result: None,
            schema_fingerprint: "abc".to_owned(),
            worker: None,
            expires_at: None,
            tags: Vec::new(),
            metadata: None,
            unique_key: None,
            unique_scope: None,
            concurrency_key: None,
            held_by: None,
            group_id: None,
            blocked_by: 0,
            progress: None,
            checkpoint: None,
            scheduled_at: at,
            started_at: Some(at),
            completed_at: Some(at),
            created_at: at,
        }
    }

    #[test]
    fn sensitive_values_are_masked_and_long_errors_cut() {
        let shown = job(&stored()).unwrap();
        let payload = Value::Object(shown.payload);
        assert_eq!(payload, json!({"message": "hi", "recipients": "[masked]"}));
        assert_eq!(shown.error_message.unwrap().chars().count(), 10_000);
        assert!(shown.result.is_empty());
    }

    #[test]
    fn a_damaged_row_is_an_error_not_a_panic() {
        for damage in [
            (|job| job.id = 0) as fn(&mut Job),
            |job| job.id = -1,
            |job| job.payload = "[]".to_owned(),
            |job| job.payload = "{".to_owned(),
            |job| job.job_type = "No Such".to_owned(),
            |job| job.result = Some("1".to_owned()),
        ] {
            let mut damaged = stored();
            damage(&mut damaged);
            assert!(job(&damaged).is_err(), "{damaged:?}");
        }
    }

    #[test]
    fn stats_add_up() {
        let of = |job_type: &str, pending, failed| JobTypeCounts {
            job_type: job_type.to_owned(),
            counts: JobCounts {
                pending,
                failed,
                ..JobCounts::default()
            },
        };
        let stats = stats(&[of("a", 1, 2), of("b", 10, 20)]).unwrap();
        assert_eq!((stats.total.pending, stats.total.failed), (11, 22));
        assert_eq!(stats.job_types.len(), 2);
    }
}
