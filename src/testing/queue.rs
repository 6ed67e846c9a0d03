//! Owns a queue for tests: what is enqueued, run and asked of it, at a time that the test says.
//! Must not know: any concrete job type.

use std::{io, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use slog::{Discard, Logger, o};

use super::folder::Folder;
use crate::{
    clock::{Clock, ManualClock},
    contract,
    metrics::Metrics,
    model::{Enqueued, Fault, Job, JobFilter, JobPolicy},
    queue::{EnqueueOptions, JobType, Registry, Runner, RunnerConfig, new_job},
    store::{Store, StoreConfig, StoreError},
};

/// Jobs per query.
const PAGE: usize = 500;
/// Where the clock of a new queue stands: 2030-01-01T00:00:00Z.
const START: i64 = 1_893_456_000;

/// A queue for tests, on a database file of its own, with a clock that stands still until it is moved. Nothing runs but in
/// [`TestQueue::run_due`].
#[derive(Debug)]
pub struct TestQueue {
    runner: Runner,
    clock: Arc<ManualClock>,
    /// Last: the store goes before its file does.
    _folder: Option<Folder>,
}

/// A stored job with its payload as its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestJob<P> {
    pub job: Job,
    pub payload: P,
}

/// Why the queue did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    #[error("no folder for the database")]
    Folder(#[source] io::Error),
    #[error("the store refused")]
    Store(#[from] StoreError),
    #[error("the options are outside of what the job type declares: {0:?}")]
    Options(Vec<Fault>),
    #[error("the payload of {job_type} and its JSON do not fit")]
    Payload {
        job_type: &'static str,
        #[source]
        source: serde_json::Error,
    },
}

impl TestQueue {
    /// On a temporary database that is gone with the queue. The limits of the registry's job types hold.
    pub async fn new(registry: Registry) -> Result<Self, TestError> {
        // The store wants them for as long as the program runs: in a test, that is not long.
        let policies: Vec<JobPolicy> = registry.policies().copied().collect();
        Self::temporary(Box::leak(policies.into_boxed_slice()), |_| registry).await
    }

    /// The same for processors that use the store themselves. The limits of the contract's job types hold.
    pub async fn with(registry: impl FnOnce(&Store) -> Registry) -> Result<Self, TestError> {
        Self::temporary(contract::POLICIES, registry).await
    }

    /// On a store that is there already, opened with this clock.
    pub fn on(store: Store, clock: Arc<ManualClock>, registry: Registry) -> Self {
        let runner = Runner {
            config: RunnerConfig {
                worker_id: "test".to_owned(),
                ..RunnerConfig::default()
            },
            store,
            registry,
            metrics: Metrics::default(),
            clock: Arc::<ManualClock>::clone(&clock),
            log: Logger::root(Discard, o!()),
        };
        Self {
            runner,
            clock,
            _folder: None,
        }
    }

    async fn temporary(
        policies: &'static [JobPolicy],
        registry: impl FnOnce(&Store) -> Registry,
    ) -> Result<Self, TestError> {
        let folder = Folder::new().map_err(TestError::Folder)?;
        let clock = ManualClock::new(DateTime::from_timestamp(START, 0).unwrap_or_default());
        let clock = Arc::new(clock);
        let path = folder.path().join("test.db");
        let config = StoreConfig {
            policies,
            ..StoreConfig::new(path.to_string_lossy())
        };
        let log = Logger::root(Discard, o!());
        let store = Store::open(&config, Arc::<ManualClock>::clone(&clock), &log).await?;
        let registry = registry(&store);
        Ok(Self {
            _folder: Some(folder),
            ..Self::on(store, clock, registry)
        })
    }

    /// The store below, for everything that the kit has no words for.
    pub fn store(&self) -> &Store {
        &self.runner.store
    }

    /// The time in the test.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Moves the time on. What becomes due runs in the next [`TestQueue::run_due`].
    pub fn advance(&self, by: Duration) {
        self.clock
            .advance(TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX));
    }

    /// Enqueues a job as its type declares it. Answers its number, or that of the job that has its unique key.
    pub async fn enqueue<J: JobType>(&self, payload: J::Payload) -> Result<i64, TestError> {
        let options = EnqueueOptions::default();
        Ok(self.enqueue_with::<J>(payload, options).await?.job.id)
    }

    /// Enqueues a job with options of its own.
    pub async fn enqueue_with<J: JobType>(
        &self,
        payload: J::Payload,
        options: EnqueueOptions,
    ) -> Result<Enqueued, TestError> {
        let policy = const { &J::POLICY };
        let text = serde_json::to_string(&payload).map_err(|source| TestError::Payload {
            job_type: policy.job_type,
            source,
        })?;
        let job = new_job(policy, text, options).map_err(TestError::Options)?;
        Ok(self.store().job_enqueue(job).await?)
    }

    /// Runs everything that is due, and what that makes due, one batch after the other. Answers how many runs there were.
    pub async fn run_due(&self) -> Result<usize, TestError> {
        Ok(self.runner.run_due().await?)
    }

    /// A job, if it is there.
    pub async fn job(&self, id: i64) -> Result<Option<Job>, TestError> {
        Ok(self.store().job_get(id).await?)
    }

    /// The jobs of a type in whatever state, oldest first.
    pub async fn jobs<J: JobType>(&self) -> Result<Vec<TestJob<J::Payload>>, TestError> {
        let job_type = J::POLICY.job_type;
        let filter = JobFilter {
            job_type: Some(job_type.to_owned()),
            ..JobFilter::default()
        };
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = self.store().job_list(filter.clone(), before, PAGE).await?;
            let ended = page.len() < PAGE;
            before = page.last().map(|job| job.id);
            for job in page {
                let payload = serde_json::from_str(&job.payload);
                let payload = payload.map_err(|source| TestError::Payload { job_type, source })?;
                found.push(TestJob { job, payload });
            }
            if ended {
                found.reverse();
                return Ok(found);
            }
        }
    }

    /// # Panics
    /// Without a job of the type, in whatever state, whose payload is as wanted.
    pub async fn assert_enqueued<J: JobType>(&self, wanted: impl Fn(&J::Payload) -> bool) {
        let (all, fitting) = self.count::<J>(wanted).await;
        let job_type = J::POLICY.job_type;
        assert!(fitting > 0, "none of {all} {job_type} jobs is as wanted");
    }

    /// # Panics
    /// When a job of the type, in whatever state, has such a payload.
    pub async fn assert_not_enqueued<J: JobType>(&self, unwanted: impl Fn(&J::Payload) -> bool) {
        let (all, fitting) = self.count::<J>(unwanted).await;
        let job_type = J::POLICY.job_type;
        assert!(
            fitting == 0,
            "{fitting} of {all} {job_type} jobs should not be there"
        );
    }

    async fn count<J: JobType>(&self, fits: impl Fn(&J::Payload) -> bool) -> (usize, usize) {
        match self.jobs::<J>().await {
            Ok(jobs) => {
                let fitting = jobs.iter().filter(|job| fits(&job.payload));
                (jobs.len(), fitting.count())
            }
            Err(error) => panic!("the queue cannot be asked: {error:?}"),
        }
    }

    /// Waits until the database is closed. Dropping the queue does not wait.
    pub async fn close(self) {
        self.runner.store.close().await;
    }
}
