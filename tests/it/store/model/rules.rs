//! Owns what the rules of the queue say of what is seen: who has a unique key, what a claim must give. The simple model
//! that the store is held against: it walks over all jobs, and keeps nothing.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use lockstep::{
    model::{Backoff, BackoffKind, ControlKind, Job, JobLimits, JobPolicy, JobStatus, UniqueScope},
    store::StoreConfig,
};

/// Jobs of the type that run at the same time.
const ALPHAS: u32 = 2;

const BETA: JobPolicy = JobPolicy {
    job_type: "beta",
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
    payload_schema: "Beta",
    result_schema: None,
};

pub(super) static POLICIES: &[JobPolicy] = &[
    JobPolicy {
        job_type: "alpha",
        concurrency: Some(ALPHAS),
        concurrency_key: Some("/key"),
        key_concurrency: Some(1),
        ..BETA
    },
    BETA,
    JobPolicy {
        job_type: "gamma",
        queue: "side",
        ..BETA
    },
];

pub(super) fn policy(job_type: &str) -> &'static JobPolicy {
    POLICIES
        .iter()
        .find(|policy| policy.job_type == job_type)
        .unwrap()
}

pub(super) type Jobs = BTreeMap<i64, Job>;

/// What operators ordered.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) paused: Vec<(ControlKind, String)>,
    pub(super) queue_limit: Option<u32>,
}

impl Orders {
    fn is_paused(&self, kind: ControlKind, name: &str) -> bool {
        self.paused.iter().any(|(k, n)| *k == kind && n == name)
    }
}

pub(super) fn waits(status: JobStatus) -> bool {
    matches!(
        status,
        JobStatus::Scheduled | JobStatus::Pending | JobStatus::RetryPending
    )
}

/// Whether a job has its unique key, by what is seen of it. Periods are the world's business.
pub(super) fn has_key(job: &Job) -> bool {
    match job.unique_scope {
        Some(UniqueScope::WhileQueued) => waits(job.status),
        Some(UniqueScope::UntilStarted) => waits(job.status) && job.attempt == 0,
        Some(UniqueScope::UntilFinished) => !job.status.has_ended(),
        Some(UniqueScope::ForPeriod) | None => false,
    }
}

/// The order of claims (docs/decisions/0008).
fn rank(job: &Job) -> (DateTime<Utc>, i64) {
    let ageing = TimeDelta::from_std(StoreConfig::AGEING).unwrap();
    (job.scheduled_at - ageing * job.priority, job.id)
}

fn running(jobs: &Jobs, which: impl Fn(&Job) -> bool) -> usize {
    let runs = |job: &&Job| job.status == JobStatus::Processing && which(job);
    jobs.values().filter(runs).count()
}

/// No limit is exceeded. That of a queue may be: it can be lowered while jobs run.
pub(super) fn check_limits(jobs: &Jobs) {
    assert!(running(jobs, |job| job.job_type == "alpha") <= ALPHAS as usize);
    for key in ["k0", "k1"] {
        let of_key =
            |job: &Job| job.job_type == "alpha" && job.concurrency_key.as_deref() == Some(key);
        assert!(running(jobs, of_key) <= 1, "{key}");
    }
}

/// What a claim must give: the due jobs in their order, as many as the gates let through.
pub(super) fn claimable(
    jobs: &Jobs,
    orders: &Orders,
    queue: &str,
    limit: usize,
    now: DateTime<Utc>,
) -> Vec<i64> {
    if orders.is_paused(ControlKind::Queue, queue) {
        return Vec::new();
    }
    let mut left = limit;
    if let Some(most) = orders.queue_limit.filter(|_| queue == "default") {
        left = left.min((most as usize).saturating_sub(running(jobs, |job| job.queue == queue)));
    }
    let mut due: Vec<&Job> = jobs
        .values()
        .filter(|job| job.status == JobStatus::Pending && job.queue == queue)
        .filter(|job| job.expires_at.is_none_or(|end| end > now))
        // Once seen as expired it stays so, though the clock is set back.
        .filter(|job| job.held_by.as_deref() != Some("expired"))
        .collect();
    due.sort_by_key(|job| rank(job));
    let mut alphas = (ALPHAS as usize).saturating_sub(running(jobs, |job| job.job_type == "alpha"));
    let mut keys: HashMap<&str, usize> = HashMap::new();
    let mut claimed = Vec::new();
    for job in due {
        if claimed.len() == left {
            break;
        }
        if orders.is_paused(ControlKind::JobType, &job.job_type) {
            continue;
        }
        if job.job_type == "alpha" {
            let key = job.concurrency_key.as_deref();
            let free = key.is_none_or(|key| {
                let with_key = |job: &Job| {
                    job.job_type == "alpha" && job.concurrency_key.as_deref() == Some(key)
                };
                *keys
                    .entry(key)
                    .or_insert_with(|| 1 - running(jobs, with_key))
                    > 0
            });
            if alphas == 0 || !free {
                continue;
            }
            alphas -= 1;
            if let Some(key) = key {
                keys.insert(key, 0);
            }
        }
        claimed.push(job.id);
    }
    claimed
}
