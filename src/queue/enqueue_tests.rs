//! Owns the unit tests of enqueue.rs and options.rs.

use chrono::DateTime;

use super::*;
use crate::model::{Backoff, BackoffKind, JobLimits, UniquePolicy};

const POLICY: JobPolicy = JobPolicy {
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
    keep_cancelled: None,
    unique: None,
    concurrency: None,
    rate: None,
    concurrency_key: Some("/owner"),
    key_concurrency: Some(1),
    key_rate: None,
    limits: JobLimits {
        priority: (-5, 5),
        max_retries: 7,
        timeout: Duration::from_mins(2),
    },
    sensitive: &[],
    schema_fingerprint: "abc",
    payload_schema: "Report",
    result_schema: None,
};
static PLAIN: JobPolicy = POLICY;
static UNIQUE: JobPolicy = JobPolicy {
    unique: Some(UniquePolicy {
        key: &["/owner", "/parts/0"],
        scope: UniqueScope::WhileQueued,
        period: None,
        on_conflict: OnConflict::Reject,
    }),
    ..POLICY
};

fn job(payload: &str, options: EnqueueOptions) -> NewJob {
    new_job(&UNIQUE, payload.to_owned(), options).unwrap()
}

fn fault(options: EnqueueOptions) -> String {
    let faults = new_job(&PLAIN, "{}".to_owned(), options).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults[0].pointer.clone()
}

#[test]
fn the_policy_fills_what_the_enqueuer_leaves_out() {
    let job = new_job(&PLAIN, "{}".to_owned(), EnqueueOptions::default()).unwrap();
    assert_eq!((job.priority, job.max_retries), (4, 2));
    assert_eq!(
        (job.job_type.as_ref(), job.queue.as_ref()),
        ("report", "slow")
    );
    assert_eq!(job.timeout, Duration::from_mins(1));
    assert_eq!(job.schema_fingerprint, "abc");
    assert_eq!(
        (job.scheduled_at, job.unique, job.concurrency_key),
        (None, None, None)
    );
}

#[test]
fn the_enqueuer_overrides_the_policy_with_zero_too() {
    let at = DateTime::from_timestamp(1_800_000_000, 0);
    let options = EnqueueOptions {
        priority: Some(0),
        max_retries: Some(0),
        scheduled_at: at,
        queue: Some("fast".to_owned()),
        timeout_seconds: Some(120),
        ..EnqueueOptions::default()
    };
    let job = new_job(&PLAIN, "{}".to_owned(), options).unwrap();
    assert_eq!(
        (job.priority, job.max_retries, job.scheduled_at),
        (0, 0, at)
    );
    assert_eq!((job.queue.as_ref(), job.timeout.as_secs()), ("fast", 120));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_outside_of_the_declared_limits_is_refused_by_name() {
    let none = EnqueueOptions::default;
    let at = DateTime::from_timestamp(1_800_000_000, 0);
    for (pointer, options) in [
        (
            "/priority",
            EnqueueOptions {
                priority: Some(6),
                ..none()
            },
        ),
        (
            "/max_retries",
            EnqueueOptions {
                max_retries: Some(8),
                ..none()
            },
        ),
        (
            "/timeout_seconds",
            EnqueueOptions {
                timeout_seconds: Some(121),
                ..none()
            },
        ),
        (
            "/timeout_seconds",
            EnqueueOptions {
                timeout_seconds: Some(0),
                ..none()
            },
        ),
        (
            "/delay_seconds",
            EnqueueOptions {
                delay_seconds: Some(1),
                scheduled_at: at,
                ..none()
            },
        ),
        (
            "/delay_seconds",
            EnqueueOptions {
                delay_seconds: Some(u64::MAX),
                ..none()
            },
        ),
        (
            "/expires_at",
            EnqueueOptions {
                expires_at: at,
                scheduled_at: at,
                ..none()
            },
        ),
        (
            "/tags",
            EnqueueOptions {
                tags: vec!["x".to_owned(); 21],
                ..none()
            },
        ),
        (
            "/tags",
            EnqueueOptions {
                tags: vec![String::new()],
                ..none()
            },
        ),
        (
            "/metadata",
            EnqueueOptions {
                metadata: Some("[]".to_owned()),
                ..none()
            },
        ),
        (
            "/after",
            EnqueueOptions {
                after: vec![1; 101],
                ..none()
            },
        ),
        (
            "/unique_scope",
            EnqueueOptions {
                unique_scope: Some(UniqueScope::UntilStarted),
                ..none()
            },
        ),
        (
            "/on_conflict",
            EnqueueOptions {
                on_conflict: Some(OnConflict::Reject),
                ..none()
            },
        ),
        (
            "/unique_period_seconds",
            EnqueueOptions {
                unique_key: Some("k".to_owned()),
                unique_period_seconds: Some(1),
                ..none()
            },
        ),
        (
            "/unique_period_seconds",
            EnqueueOptions {
                unique_key: Some("k".to_owned()),
                unique_scope: Some(UniqueScope::ForPeriod),
                ..none()
            },
        ),
    ] {
        assert_eq!(fault(options), pointer);
    }
}

#[test]
fn the_same_values_at_the_declared_places_are_the_same_key_whatever_stands_elsewhere() {
    let key = |payload| job(payload, EnqueueOptions::default()).unique.unwrap().key;
    let first = key(r#"{"owner":"ada","parts":[1,2],"note":"x"}"#);
    assert_eq!(first, key(r#"{ "parts": [1, 3], "owner": "ada" }"#));
    for other in [
        r#"{"owner":"bob","parts":[1,2]}"#,
        r#"{"owner":"ada","parts":["1"]}"#,
        r#"{"owner":"ada"}"#,
        r#"{"owner":null,"parts":[1]}"#,
    ] {
        assert_ne!(first, key(other), "{other}");
    }
    assert!(first.starts_with("report:"));
}

#[test]
fn an_own_key_and_an_own_scope_replace_the_declared_ones() {
    let options = EnqueueOptions {
        unique_key: Some("k".repeat(300)),
        unique_scope: Some(UniqueScope::ForPeriod),
        unique_period_seconds: Some(60),
        ..EnqueueOptions::default()
    };
    let unique = job("{}", options).unique.unwrap();
    assert_eq!(unique.key.len(), "report:".len() + 22);
    assert_eq!(
        (unique.scope, unique.period),
        (UniqueScope::ForPeriod, Some(Duration::from_mins(1)))
    );
    assert_eq!(unique.on_conflict, OnConflict::Reject);
}

#[test]
fn jobs_share_a_limit_by_the_value_at_the_declared_place() {
    let key = |payload| job(payload, EnqueueOptions::default()).concurrency_key;
    assert_eq!(key(r#"{"owner":"ada"}"#).as_deref(), Some("ada"));
    assert_eq!(key(r#"{"owner":{"a":1}}"#).as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(key("{}"), None);
}
