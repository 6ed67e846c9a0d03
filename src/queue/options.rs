//! Owns what an enqueuer may choose, and the bounds of each choice.
//! Must not know: any concrete job type, or what becomes of a choice.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::model::{Fault, JobPolicy, OnConflict, UniqueScope};

/// Most tags of a job.
pub const MAX_TAGS: usize = 20;
/// Longest tag, in characters.
pub const MAX_TAG_CHARS: usize = 64;
/// Longest metadata, in bytes of JSON.
pub const MAX_METADATA_BYTES: usize = 16_384;
/// Most jobs that one job waits for.
pub const MAX_AFTER: usize = 100;
/// Longest delay and longest period of uniqueness: ten years.
pub(super) const LONGEST: Duration = Duration::from_hours(24 * 3660);

/// What an enqueuer may choose; what is left out is what the job type declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnqueueOptions {
    pub queue: Option<String>,
    /// Higher runs first.
    pub priority: Option<i32>,
    /// Runs after the first that errors may cause, 0 or more.
    pub max_retries: Option<i32>,
    /// Longest run, in seconds, 1 or more.
    pub timeout_seconds: Option<u64>,
    /// Not to run before; at once when left out.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// In place of `scheduled_at`: seconds from the moment of the enqueue.
    pub delay_seconds: Option<u64>,
    /// Cancelled when it still waits then.
    pub expires_at: Option<DateTime<Utc>>,
    /// At most [`MAX_TAGS`].
    pub tags: Vec<String>,
    /// JSON object, as text.
    pub metadata: Option<String>,
    /// In place of the key that the job type makes of the payload.
    pub unique_key: Option<String>,
    pub unique_scope: Option<UniqueScope>,
    /// For [`UniqueScope::ForPeriod`], in seconds.
    pub unique_period_seconds: Option<u64>,
    pub on_conflict: Option<OnConflict>,
    /// Jobs that must complete before, at most [`MAX_AFTER`].
    pub after: Vec<i64>,
    /// Only say what would be. For the caller: [`super::new_job`] does not look at it.
    pub dry_run: bool,
}

impl EnqueueOptions {
    /// What of it is outside of the policy's limits, with pointers that begin with the option's name.
    pub(super) fn faults(&self, policy: &JobPolicy) -> Vec<Fault> {
        let options = self;
        let mut faults = Vec::new();
        let mut refuse = |broken: bool, option: &str, message: String| {
            if broken {
                faults.push(Fault::new(format!("/{option}"), message));
            }
        };
        let (job_type, limits) = (policy.job_type, policy.limits);
        let (low, high) = limits.priority;
        let outside =
            |value: Option<i32>, low, high| value.is_some_and(|it| !(low..=high).contains(&it));
        refuse(
            outside(options.priority, low, high),
            "priority",
            format!("priority must be {low} to {high} for {job_type}"),
        );
        let most = limits.max_retries;
        refuse(
            outside(options.max_retries, 0, most),
            "max_retries",
            format!("max_retries must be 0 to {most} for {job_type}"),
        );
        let longest = limits.timeout.as_secs();
        refuse(
            options
                .timeout_seconds
                .is_some_and(|it| !(1..=longest).contains(&it)),
            "timeout_seconds",
            format!("timeout_seconds must be 1 to {longest} for {job_type}"),
        );
        refuse(
            options.scheduled_at.is_some() && options.delay_seconds.is_some(),
            "delay_seconds",
            "delay_seconds and scheduled_at cannot both be given".to_owned(),
        );
        refuse(
            options
                .delay_seconds
                .is_some_and(|it| it > LONGEST.as_secs()),
            "delay_seconds",
            format!("delay_seconds must be at most {}", LONGEST.as_secs()),
        );
        refuse(
            matches!((options.scheduled_at, options.expires_at), (Some(at), Some(end)) if end <= at),
            "expires_at",
            "expires_at must be after scheduled_at".to_owned(),
        );
        self.notes(&mut refuse);
        faults
    }

    /// What is for people and programs, and what it waits for.
    fn notes(&self, refuse: &mut impl FnMut(bool, &str, String)) {
        refuse(
            self.tags.len() > MAX_TAGS,
            "tags",
            format!("a job has at most {MAX_TAGS} tags"),
        );
        let bad = |tag: &String| tag.is_empty() || tag.chars().count() > MAX_TAG_CHARS;
        refuse(
            self.tags.iter().any(bad),
            "tags",
            format!("a tag has 1 to {MAX_TAG_CHARS} characters"),
        );
        let metadata = self.metadata.as_deref();
        refuse(
            metadata.is_some_and(|text| text.len() > MAX_METADATA_BYTES),
            "metadata",
            format!("metadata must be at most {MAX_METADATA_BYTES} bytes of JSON"),
        );
        refuse(
            metadata
                .is_some_and(|text| !matches!(serde_json::from_str(text), Ok(Value::Object(_)))),
            "metadata",
            "metadata must be a JSON object".to_owned(),
        );
        refuse(
            self.after.len() > MAX_AFTER,
            "after",
            format!("a job waits for at most {MAX_AFTER} others"),
        );
    }
}
