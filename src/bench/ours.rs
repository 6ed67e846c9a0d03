//! Owns the workloads as a user of the store does them, through its interface.
//! Must not know: SQL, or what is measured beside it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use slog::Logger;

use super::{
    BenchError, Feature,
    plan::{BATCH, BULK, Pass},
    table::Undo,
    tasks::time_from_tasks,
    worker::drain,
};
use crate::{
    clock::SystemClock,
    model::{
        ControlKind, ControlLimits, JobStatus, LeaseToken, NewItem, NewJob, Settled, Settlement,
    },
    store::{
        Claim, Store, StoreConfig,
        bench::{self, LEASE},
    },
};

/// Our store on a table.
pub(super) struct Ours {
    store: Store,
    job: NewJob,
    log: Logger,
}

/// Jobs that one commit takes back.
pub(super) const CHUNK: usize = 20_000;

type Leases = Vec<(i64, LeaseToken)>;

impl Ours {
    pub(super) async fn open(url: &str, job: NewJob, log: &Logger) -> Result<Self, BenchError> {
        let config = StoreConfig::new(url);
        let store = Store::open(&config, Arc::new(SystemClock), log).await?;
        Ok(Self {
            store,
            job,
            log: log.clone(),
        })
    }

    /// From now on the feature is in force, and no other one. One that is said with each job (a unique key) would want a
    /// table of its own: [`super::table::job`] is what it is filled with.
    pub(super) async fn switch(&self, feature: Option<Feature>) -> Result<(), BenchError> {
        let limits = feature.map(Feature::limits).unwrap_or_default();
        for (kind, name) in [
            (ControlKind::Queue, &self.job.queue),
            (ControlKind::JobType, &self.job.job_type),
        ] {
            let of_kind = ControlLimits {
                // What waits is counted by queue.
                max_depth: limits.max_depth.filter(|_| kind == ControlKind::Queue),
                ..limits
            };
            let name = name.clone().into_owned();
            self.store.control_limit(kind, name, of_kind).await?;
        }
        let wanted = if feature.is_some() {
            ControlKind::ALL.len()
        } else {
            0
        };
        let found = self.store.controls().await?.len();
        if found == wanted {
            return Ok(());
        }
        Err(BenchError::Wrong(format!(
            "{found} orders hold where {wanted} should"
        )))
    }

    /// Does `jobs` jobs of a pass, and takes them back. Answers a time for each of its figures.
    pub(super) async fn round(
        &self,
        pass: Pass,
        tasks: usize,
        jobs: usize,
        undo: Undo,
    ) -> Result<Vec<Duration>, BenchError> {
        match pass {
            Pass::Enqueue | Pass::Bulk => {
                let time = if pass == Pass::Bulk {
                    self.bulk(jobs).await?
                } else {
                    self.enqueue(tasks, jobs).await?
                };
                let gone = bench::undo_enqueues(&self.store, &self.job, undo.last_id).await?;
                expect("stored", gone, jobs)?;
                Ok(vec![time])
            }
            Pass::ClaimThenSettle => {
                let (claimed, claim) = self.claim_all(jobs).await?;
                let settle = self.settle_all(&claimed).await?;
                let ids = claimed.iter().map(|(id, _)| *id);
                self.restore(ids, undo).await?;
                Ok(vec![claim, settle])
            }
            Pass::Cycle(batch) => {
                let began = Instant::now();
                let mut done = Leases::with_capacity(jobs);
                while done.len() < jobs {
                    let claimed = self.claim(batch).await?;
                    self.settle(&claimed).await?;
                    done.extend(claimed);
                }
                let time = began.elapsed();
                expect("cycled", done.len(), jobs)?;
                let ids = done.iter().map(|(id, _)| *id);
                self.restore(ids, undo).await?;
                Ok(vec![time])
            }
            Pass::Drain(slots) => {
                // Others would be claimed first, but a table may have too few of them.
                self.bulk(jobs.saturating_sub(undo.ready)).await?;
                let drained = drain(&self.store, slots, jobs, &self.log).await?;
                let time = share(drained.time, jobs, drained.ids.len());
                self.restore(drained.ids.into_iter(), undo).await?;
                bench::undo_enqueues(&self.store, &self.job, undo.last_id).await?;
                Ok(vec![time])
            }
        }
    }

    /// By so many a call, and a rest.
    async fn bulk(&self, jobs: usize) -> Result<Duration, BenchError> {
        let mut time = Duration::ZERO;
        let mut left = jobs;
        while left > 0 {
            let item = NewItem {
                job: self.job.clone(),
                after_items: Vec::new(),
            };
            let items = vec![item; left.min(BULK)];
            left -= items.len();
            let began = Instant::now();
            self.store.job_enqueue_all(items, None).await?;
            time += began.elapsed();
        }
        Ok(time)
    }

    async fn enqueue(&self, tasks: usize, jobs: usize) -> Result<Duration, BenchError> {
        let (store, job) = (self.store.clone(), self.job.clone());
        let call = move || {
            let (store, job) = (store.clone(), job.clone());
            async move { store.job_enqueue(job).await.map(|_| ()) }
        };
        time_from_tasks(tasks, jobs, call).await
    }

    async fn claim_all(&self, jobs: usize) -> Result<(Leases, Duration), BenchError> {
        let began = Instant::now();
        let mut claimed = Leases::with_capacity(jobs);
        while claimed.len() < jobs {
            claimed.extend(self.claim(BATCH).await?);
        }
        let time = began.elapsed();
        expect("claimed", claimed.len(), jobs)?;
        Ok((claimed, time))
    }

    async fn settle_all(&self, claimed: &[(i64, LeaseToken)]) -> Result<Duration, BenchError> {
        let began = Instant::now();
        for batch in claimed.chunks(BATCH) {
            self.settle(batch).await?;
        }
        Ok(began.elapsed())
    }

    async fn claim(&self, batch: usize) -> Result<Leases, BenchError> {
        let claim = Claim {
            queues: &[self.job.queue.as_ref()],
            worker: "bench",
            limit: batch,
            lease: LEASE,
            reads: None,
        };
        let claims = self.store.job_claim(claim).await?;
        expect("claimed at once", claims.jobs.len(), batch)?;
        let lease = |job: &crate::model::ClaimedJob| (job.id, job.lease);
        Ok(claims.jobs.iter().map(lease).collect())
    }

    async fn settle(&self, claimed: &[(i64, LeaseToken)]) -> Result<(), BenchError> {
        let complete =
            |(id, lease): &(i64, LeaseToken)| (*id, *lease, Settlement::Complete { result: None });
        let settlements = claimed.iter().map(complete).collect();
        let settled = self.store.job_settle(settlements).await?;
        let accepted = settled
            .iter()
            .filter(|settled| **settled == Settled::Accepted(JobStatus::Completed));
        expect("settled", accepted.count(), claimed.len())
    }

    async fn restore(&self, done: impl Iterator<Item = i64>, undo: Undo) -> Result<(), BenchError> {
        for ids in undo.of_the_filling(done).chunks(CHUNK) {
            let (ids, status) = (ids.to_vec(), JobStatus::Completed);
            bench::undo_runs(&self.store, &self.job, ids, status, undo.later).await?;
        }
        Ok(())
    }

    /// What was measured was a sound queue, and still is.
    pub(super) async fn check(&self) -> Result<(), BenchError> {
        let wrong = self.store.job_counts_check().await?;
        if wrong.is_empty() {
            return Ok(());
        }
        Err(BenchError::Wrong(format!(
            "the kept counts are not the real ones: {wrong:?}"
        )))
    }

    pub(super) async fn close(self) {
        self.store.close().await;
    }
}

/// What `wanted` jobs take of the time that `done` took.
pub(super) fn share(time: Duration, wanted: usize, done: usize) -> Duration {
    #[expect(
        clippy::cast_precision_loss,
        reason = "far fewer jobs than a float can count"
    )]
    time.mul_f64(wanted as f64 / done.max(1) as f64)
}

/// A run that did less or more than was meant is no figure.
pub(super) fn expect(what: &str, found: usize, expected: usize) -> Result<(), BenchError> {
    if found == expected {
        return Ok(());
    }
    Err(BenchError::Wrong(format!(
        "{found} jobs were {what} where {expected} should have been"
    )))
}
