//! Owns carrying out the steps on a real store, and looking at all jobs after each.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use lockstep::{
    clock::Clock,
    model::{
        AttemptOutcome, ControlKind, ControlLimits, EnqueueOutcome, Job, JobFilter, JobStatus,
        LeaseToken, NewJob, OnConflict, Settled, Settlement, UniqueClaim, UniqueScope,
    },
    store::{Claim, Store, StoreError},
};
use proptest::sample::Index;

use super::{
    End, Step, Wish,
    rules::{self, Jobs, Orders, POLICIES, waits},
};
use crate::support::database::Database;

const LEASE: Duration = Duration::from_secs(30);
const PERIOD: Duration = Duration::from_secs(45);

/// What the world outside knows.
pub(super) struct World {
    database: Database,
    leases: Vec<(i64, LeaseToken)>,
    /// The newest lease of each job that has not been settled or given up as far as we were told.
    live: BTreeMap<i64, LeaseToken>,
    /// As all jobs were seen last, and those that were deleted as they were then.
    seen: Jobs,
    deleted: Jobs,
    accepted: BTreeMap<i64, usize>,
    /// For whom a job waits.
    parents: BTreeMap<i64, i64>,
    /// Until when a key is taken for a period, and by whom.
    periods: BTreeMap<String, (DateTime<Utc>, i64)>,
    orders: Orders,
}

impl World {
    pub(super) async fn new() -> Self {
        Self {
            database: Database::copied(POLICIES).await,
            leases: Vec::new(),
            live: BTreeMap::new(),
            seen: Jobs::new(),
            deleted: Jobs::new(),
            accepted: BTreeMap::new(),
            parents: BTreeMap::new(),
            periods: BTreeMap::new(),
            orders: Orders::default(),
        }
    }

    fn store(&self) -> Store {
        self.database.store.clone()
    }

    fn now(&self) -> DateTime<Utc> {
        self.database.clock.now()
    }

    pub(super) async fn step(&mut self, step: Step) {
        let store = self.store();
        match step {
            Step::Enqueue(wish) => self.enqueue(wish).await,
            Step::Claim { queue, limit } => self.claim(queue, limit).await,
            Step::Settle { lease, end } => self.settle(lease, end).await,
            Step::Heartbeat { lease } => {
                if !self.leases.is_empty() {
                    let lease = *lease.get(&self.leases);
                    store.job_heartbeat(vec![lease], LEASE).await.unwrap();
                }
            }
            Step::Cancel { job } => self.cancel(job).await,
            Step::Retry { job } => self.retry(job).await,
            Step::Delete { job } => self.delete(job).await,
            Step::Pass { seconds } => {
                let by = TimeDelta::seconds(i64::from(seconds));
                self.database.clock.advance(by);
            }
            Step::Promote => {
                store.job_promote(100).await.unwrap();
            }
            Step::Rescue => {
                store.job_rescue(5).await.unwrap();
            }
            Step::Tidy => {
                store.purge(5).await.unwrap();
                // What was tidied away stays away, though the clock is set back.
                let now = self.now();
                self.periods.retain(|_, (until, _)| *until > now);
                store.job_release_held(None).await.unwrap();
            }
            Step::Pause { kind, name, on } => self.pause(kind, name, on).await,
            Step::LimitQueue { concurrency } => {
                let limits = ControlLimits {
                    concurrency,
                    ..ControlLimits::default()
                };
                let name = "default".to_owned();
                store
                    .control_limit(ControlKind::Queue, name, limits)
                    .await
                    .unwrap();
                self.orders.queue_limit = concurrency;
            }
        }
        self.look().await;
    }

    fn any(&self, index: Index) -> Option<Job> {
        let jobs: Vec<&Job> = self.seen.values().collect();
        (!jobs.is_empty()).then(|| (*index.get(&jobs)).clone())
    }

    #[expect(clippy::too_many_lines, reason = "a table, or one story")]
    async fn enqueue(&mut self, wish: Wish) {
        let now = self.now();
        let start = now + TimeDelta::seconds(i64::from(wish.delay));
        let parent = wish.after.and_then(|index| self.any(index));
        let unique = wish.unique.map(|(number, on_conflict)| {
            let scope = UniqueScope::ALL[usize::from(number)];
            UniqueClaim {
                key: format!("u{number}"),
                scope,
                period: (scope == UniqueScope::ForPeriod).then_some(PERIOD),
                on_conflict,
            }
        });
        let policy = rules::policy(wish.job_type);
        let job = NewJob {
            job_type: Cow::Borrowed(policy.job_type),
            queue: Cow::Borrowed(policy.queue),
            payload: "{}".to_owned(),
            priority: wish.priority,
            max_retries: 3,
            timeout: policy.timeout,
            scheduled_at: Some(start),
            delay: None,
            expires_at: wish
                .expires
                .map(|after| start + TimeDelta::seconds(i64::from(after))),
            tags: Vec::new(),
            metadata: None,
            unique: unique.clone(),
            concurrency_key: wish.key.map(|key| format!("k{key}")),
            after: parent.iter().map(|job| job.id).collect(),
            group_id: None,
            schema_fingerprint: Cow::Borrowed(policy.schema_fingerprint),
        };
        let answer = self.store().job_enqueue(job).await;
        if let Some(parent) = parent
            .as_ref()
            .filter(|job| matches!(job.status, JobStatus::Failed | JobStatus::Cancelled))
        {
            let refused = matches!(answer, Err(StoreError::Refused { field: "after", .. }));
            assert!(refused, "{} is {}", parent.id, parent.status);
            return;
        }
        let holder = unique.as_ref().and_then(|claim| self.holder(claim));
        let expected = match (&unique, holder) {
            (Some(claim), Some(holder)) => self.conflict(claim.on_conflict, holder),
            _ => Ok(EnqueueOutcome::Created),
        };
        let outcome = match &answer {
            Ok(enqueued) => Ok(enqueued.outcome),
            Err(StoreError::DuplicateJob { id }) => Err(*id),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(outcome, expected);
        let Ok(enqueued) = answer else { return };
        if enqueued.outcome == EnqueueOutcome::Created {
            if let Some(parent) = parent.filter(|parent| parent.status != JobStatus::Completed) {
                self.parents.insert(enqueued.job.id, parent.id);
            }
            if let Some(claim) = unique.filter(|claim| claim.period.is_some()) {
                self.periods
                    .insert(claim.key, (now + PERIOD, enqueued.job.id));
            }
            self.seen.insert(enqueued.job.id, enqueued.job);
        } else if enqueued.outcome == EnqueueOutcome::Replaced {
            // A retry that is put off anew waits as a scheduled or retry_pending one; all of that is legal here.
            self.seen.insert(enqueued.job.id, enqueued.job);
        }
    }

    fn holder(&self, claim: &UniqueClaim) -> Option<i64> {
        if claim.scope == UniqueScope::ForPeriod {
            let (until, job) = self.periods.get(&claim.key)?;
            return (*until > self.now()).then_some(*job);
        }
        let has = |job: &&Job| job.unique_key.as_ref() == Some(&claim.key) && rules::has_key(job);
        self.seen.values().find(has).map(|job| job.id)
    }

    fn conflict(&self, on_conflict: OnConflict, holder: i64) -> Result<EnqueueOutcome, i64> {
        let job = self.seen.get(&holder);
        match (on_conflict, job) {
            (OnConflict::Return, Some(_)) => Ok(EnqueueOutcome::Existing),
            (OnConflict::Replace, Some(job)) if waits(job.status) => Ok(EnqueueOutcome::Replaced),
            _ => Err(holder),
        }
    }

    async fn claim(&mut self, queue: &str, limit: usize) {
        let expected = rules::claimable(&self.seen, &self.orders, queue, limit, self.now());
        let claim = Claim {
            queues: &[queue],
            worker: "w",
            limit,
            lease: LEASE,
            reads: None,
        };
        let claims = self.store().job_claim(claim).await.unwrap();
        assert!(!claims.more, "few jobs are never too many to judge");
        let claimed: Vec<i64> = claims.jobs.iter().map(|job| job.id).collect();
        let mut sorted = claimed.clone();
        sorted.sort_unstable();
        let mut wanted = expected.clone();
        wanted.sort_unstable();
        assert_eq!(sorted, wanted, "claimed, and what the rules say");
        for job in claims.jobs {
            self.leases.push((job.id, job.lease));
            self.live.insert(job.id, job.lease);
        }
    }

    async fn settle(&mut self, lease: Index, end: End) {
        if self.leases.is_empty() {
            return;
        }
        let (id, token) = *lease.get(&self.leases);
        let error = "e".to_owned();
        let delay = Duration::from_secs(10);
        let outcome = AttemptOutcome::Failed;
        let settlement = match end {
            End::Complete => Settlement::Complete { result: None },
            End::Retry => Settlement::Retry {
                delay,
                error,
                outcome,
            },
            End::Fail => Settlement::Fail { error, outcome },
            End::Snooze => Settlement::Snooze { delay },
            End::Release => Settlement::Release,
            End::Cancel => Settlement::Cancel { error: None },
        };
        let runs = self.seen.get(&id).map(|job| job.status) == Some(JobStatus::Processing);
        let held = runs && self.live.get(&id) == Some(&token);
        let settled = self
            .store()
            .job_settle(vec![(id, token, settlement)])
            .await
            .unwrap();
        let accepted = matches!(settled[0], Settled::Accepted(_));
        assert_eq!(accepted, held, "only the live lease settles");
        if held {
            self.live.remove(&id);
            *self.accepted.entry(id).or_default() += 1;
        }
    }

    async fn cancel(&mut self, job: Index) {
        let Some(job) = self.any(job) else { return };
        let answer = self.store().job_cancel(job.id).await;
        assert_eq!(answer.is_ok(), !job.status.has_ended(), "{}", job.status);
    }

    async fn retry(&mut self, job: Index) {
        let Some(job) = self.any(job) else { return };
        let answer = self.store().job_retry(job.id).await;
        if !matches!(job.status, JobStatus::Failed | JobStatus::Cancelled) {
            assert!(matches!(answer, Err(StoreError::JobNotRetryable)));
            return;
        }
        // Whether it would have its key again.
        let revived = Job {
            status: JobStatus::Pending,
            ..job.clone()
        };
        let holds = |other: &&Job| other.unique_key == job.unique_key && rules::has_key(other);
        let holder = self
            .seen
            .values()
            .filter(|_| rules::has_key(&revived))
            .find(holds);
        match (answer, holder) {
            (Ok(_), None) => {}
            (Err(StoreError::DuplicateJob { id }), Some(holder)) => assert_eq!(id, holder.id),
            (answer, holder) => panic!("{answer:?}, and {holder:?} has the key"),
        }
    }

    async fn delete(&mut self, job: Index) {
        let Some(job) = self.any(job) else { return };
        let answer = self.store().job_delete(job.id).await;
        if job.status == JobStatus::Processing {
            assert!(matches!(answer, Err(StoreError::JobProcessing)));
            return;
        }
        answer.unwrap();
        self.seen.remove(&job.id);
        self.parents.remove(&job.id);
        self.deleted.insert(job.id, job);
    }

    async fn pause(&mut self, kind: ControlKind, name: &str, on: bool) {
        let store = self.store();
        self.orders.paused.retain(|(k, n)| *k != kind || n != name);
        if on {
            store
                .control_pause(kind, name.to_owned(), None, None)
                .await
                .unwrap();
            self.orders.paused.push((kind, name.to_owned()));
        } else {
            store.control_resume(kind, name.to_owned()).await.unwrap();
        }
    }

    /// Every job is where it may be, seen from where it was, and beside the others.
    async fn look(&mut self) {
        let jobs = self
            .store()
            .job_list(JobFilter::default(), None, 1000)
            .await
            .unwrap();
        let jobs: Jobs = jobs.into_iter().map(|job| (job.id, job)).collect();
        let numbers = |jobs: &Jobs| jobs.keys().copied().collect::<Vec<_>>();
        assert_eq!(
            numbers(&jobs),
            numbers(&self.seen),
            "no job is lost, none comes of nothing"
        );
        for (id, job) in &jobs {
            let before = self.seen[id].status;
            let legal = job.status == before || before.may_become(job.status);
            assert!(legal, "{id}: {before} → {}", job.status);
        }
        rules::check_limits(&jobs);
        for job in jobs.values().filter(|job| rules::has_key(job)) {
            let same = |other: &&Job| other.unique_key == job.unique_key && rules::has_key(other);
            assert_eq!(
                jobs.values().filter(same).count(),
                1,
                "{:?}",
                job.unique_key
            );
        }
        self.parents
            .retain(|child, _| !jobs[child].status.has_ended());
        for (child, parent) in &self.parents {
            let parent = jobs
                .get(parent)
                .or_else(|| self.deleted.get(parent))
                .unwrap();
            let gone = !jobs.contains_key(&parent.id) && parent.status != JobStatus::Completed;
            let hopeless = matches!(parent.status, JobStatus::Failed | JobStatus::Cancelled);
            assert!(
                !gone && !hopeless,
                "{child} waits for {} in vain",
                parent.id
            );
            let blocked = i32::from(parent.status != JobStatus::Completed);
            let child = &jobs[child];
            assert_eq!(child.blocked_by, blocked);
            assert!(blocked == 0 || child.status == JobStatus::Scheduled);
        }
        self.seen = jobs;
    }

    /// One history row for each accepted outcome and each lost worker; the counters are exact.
    pub(super) async fn close(self) {
        for (id, job) in &self.seen {
            let runs = self.store().job_attempts(*id, 1000).await.unwrap();
            let lost = runs
                .iter()
                .filter(|run| run.outcome == Some(AttemptOutcome::Lost))
                .count();
            let running = usize::from(job.status == JobStatus::Processing);
            let accepted = self.accepted.get(id).copied().unwrap_or(0);
            assert_eq!(runs.len(), accepted + lost + running);
        }
        self.database.done().await;
    }
}
