//! Owns making a job row out of a payload and its type's policy.
//! Must not know: any concrete job type, whether the payload is valid (the caller has checked), or how it is stored.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use crate::model::{JobPolicy, NewJob};

/// What an enqueuer may choose; `None` is what the job type declares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EnqueueOptions {
    /// Higher runs first.
    pub priority: Option<i32>,
    /// Runs after the first that errors may cause, 0 or more.
    pub max_retries: Option<i32>,
    /// Not to run before; at once when left out.
    pub scheduled_at: Option<DateTime<Utc>>,
}

/// The job that does `payload` under `policy`. The payload is JSON text that has passed the type's schema.
pub fn new_job(policy: &'static JobPolicy, payload: String, options: EnqueueOptions) -> NewJob {
    NewJob {
        job_type: Cow::Borrowed(policy.job_type),
        queue: Cow::Borrowed(policy.queue),
        payload,
        priority: options.priority.unwrap_or(policy.priority),
        max_retries: options.max_retries.unwrap_or(policy.max_retries),
        timeout: policy.timeout,
        scheduled_at: options.scheduled_at,
        schema_fingerprint: Cow::Borrowed(policy.schema_fingerprint),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;

    use super::*;
    use crate::model::{Backoff, BackoffKind};

    static POLICY: JobPolicy = JobPolicy {
        job_type: "report",
        queue: "slow",
        priority: 4,
        max_retries: 2,
        timeout: Duration::from_mins(1),
        backoff: Backoff {
            kind: BackoffKind::Fixed,
            base: Duration::from_secs(1),
            cap: Duration::from_secs(1),
            jitter: 0.0,
        },
        keep_completed: None,
        keep_failed: None,
        sensitive: &[],
        schema_fingerprint: "abc",
        payload_schema: "Report",
        result_schema: None,
    };

    #[test]
    fn the_policy_fills_what_the_enqueuer_leaves_out() {
        let job = new_job(&POLICY, "{}".to_owned(), EnqueueOptions::default());
        assert_eq!((job.priority, job.max_retries), (4, 2));
        assert_eq!(
            (job.job_type.as_ref(), job.queue.as_ref()),
            ("report", "slow")
        );
        assert_eq!(job.timeout, Duration::from_mins(1));
        assert_eq!(job.schema_fingerprint, "abc");
        assert_eq!(job.scheduled_at, None);
    }

    #[test]
    fn the_enqueuer_overrides_the_policy_with_zero_too() {
        let at = DateTime::from_timestamp(1_800_000_000, 0);
        let job = new_job(
            &POLICY,
            "{}".to_owned(),
            EnqueueOptions {
                priority: Some(0),
                max_retries: Some(0),
                scheduled_at: at,
            },
        );
        assert_eq!(
            (job.priority, job.max_retries, job.scheduled_at),
            (0, 0, at)
        );
    }
}
