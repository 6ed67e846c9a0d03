//! Pauses, concurrency, rates and back-pressure: never exceeded, freed by every end, out of the way of what may start.

mod rates; // token buckets
mod slots; // concurrency, pauses, back-pressure

use std::{sync::LazyLock, time::Duration};

use futures::future::join_all;
use lockstep::{
    model::{
        Backoff, BackoffKind, ClaimedJob, Control, ControlKind, ControlLimits, JobLimits,
        JobPolicy, NewJob, Rate, Settled, Settlement,
    },
    queue::{self, EnqueueOptions},
    store::{Claim, Claims, Store},
};

use super::claims::LEASE;
use crate::support::database::Database;

const PLAIN: JobPolicy = JobPolicy {
    job_type: "plain",
    queue: "default",
    priority: 0,
    max_retries: 3,
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
    concurrency_key: None,
    key_concurrency: None,
    key_rate: None,
    limits: JobLimits::WIDEST,
    sensitive: &[],
    schema_fingerprint: "f",
    payload_schema: "Plain",
    result_schema: None,
};

const KEYED: JobPolicy = JobPolicy {
    job_type: "keyed",
    concurrency_key: Some("/owner"),
    key_concurrency: Some(1),
    ..PLAIN
};

pub(super) const fn per_minute(limit: u32) -> Rate {
    Rate {
        limit,
        period: Duration::from_mins(1),
    }
}

static POLICIES: &[JobPolicy] = &[
    PLAIN,
    KEYED,
    JobPolicy {
        job_type: "two",
        concurrency: Some(2),
        ..PLAIN
    },
    JobPolicy {
        job_type: "rated",
        rate: Some(per_minute(3)),
        ..PLAIN
    },
    JobPolicy {
        job_type: "key_rated",
        key_concurrency: None,
        key_rate: Some(per_minute(4)),
        ..KEYED
    },
];

/// As a later version of the program declares it.
pub(super) static RAISED: &[JobPolicy] = &[JobPolicy {
    key_concurrency: Some(3),
    ..KEYED
}];

pub(super) static UNLIMITED: LazyLock<ControlLimits> = LazyLock::new(ControlLimits::default);

pub(super) fn job(job_type: &str) -> NewJob {
    owned(job_type, "nobody")
}

pub(super) fn owned(job_type: &str, owner: &str) -> NewJob {
    let policy = POLICIES.iter().find(|it| it.job_type == job_type).unwrap();
    let payload = serde_json::json!({ "owner": owner }).to_string();
    queue::new_job(policy, payload, EnqueueOptions::default()).unwrap()
}

pub(super) async fn database() -> Database {
    Database::with_policies(POLICIES).await
}

pub(super) async fn enqueue(store: &Store, job: NewJob) -> i64 {
    store.job_enqueue(job).await.unwrap().job.id
}

pub(super) async fn enqueue_many(store: &Store, job_type: &str, many: usize) -> Vec<i64> {
    let mut ids = join_all((0..many).map(|_| enqueue(store, job(job_type)))).await;
    ids.sort_unstable();
    ids
}

pub(super) async fn look(store: &Store, limit: usize) -> Claims {
    let claim = Claim {
        queues: &["default", "side"],
        worker: "worker",
        limit,
        lease: LEASE,
        reads: None,
    };
    store.job_claim(claim).await.unwrap()
}

pub(super) async fn claim(store: &Store, limit: usize) -> Vec<ClaimedJob> {
    look(store, limit).await.jobs
}

pub(super) async fn ids(store: &Store, limit: usize) -> Vec<i64> {
    claim(store, limit).await.iter().map(|job| job.id).collect()
}

pub(super) async fn settle(store: &Store, job: &ClaimedJob, settlement: Settlement) {
    let settled = store.job_settle(vec![(job.id, job.lease, settlement)]);
    assert!(matches!(settled.await.unwrap()[0], Settled::Accepted(_)));
}

pub(super) async fn complete(store: &Store, job: &ClaimedJob) {
    settle(store, job, Settlement::Complete { result: None }).await;
}

pub(super) const fn concurrency(most: u32) -> ControlLimits {
    ControlLimits {
        concurrency: Some(most),
        rate: None,
        max_depth: None,
    }
}

pub(super) async fn limit(
    store: &Store,
    kind: ControlKind,
    name: &str,
    limits: ControlLimits,
) -> Control {
    let limited = store.control_limit(kind, name.to_owned(), limits);
    limited.await.unwrap()
}

pub(super) async fn pause(store: &Store, kind: ControlKind, name: &str) {
    let (reason, by) = (Some("disk swap".to_owned()), Some("ada".to_owned()));
    let paused = store.control_pause(kind, name.to_owned(), reason, by);
    paused.await.unwrap();
}

pub(super) async fn resume(store: &Store, kind: ControlKind, name: &str) {
    let resumed = store.control_resume(kind, name.to_owned()).await.unwrap();
    assert_eq!(resumed.pause, None);
}
