//! Owns a process with workers for the bench's jobs, which do nothing: the real runner, with real leases and settlements.
//! Must not know: what is measured by it.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::value::RawValue;
use slog::Logger;
use tokio::sync::Notify;

use super::BenchError;
use crate::{
    clock::SystemClock,
    metrics::Metrics,
    model::JobPolicy,
    queue::{
        JobContext, JobError, JobType, Processor, Registry, Runner, RunnerConfig, RunnerHandle,
    },
    store::Store,
};

/// How long a run may still go on at a stop; none does.
pub(super) const STOP: Duration = Duration::from_secs(10);
/// A process that has not drained so many jobs by then never will.
const PATIENCE: Duration = Duration::from_hours(1);

/// The bench's job type, as [`super::table::job`] has it.
struct Bench;

impl JobType for Bench {
    type Payload = Box<RawValue>;
    type Result = ();
    const POLICY: JobPolicy = JobPolicy {
        queue: "bench",
        schema_fingerprint: "bench",
        ..JobPolicy::new("bench")
    };
}

/// Says that a run has begun.
struct Noop<F>(F);

impl<F: Fn(i64) + Send + Sync + 'static> Processor for Noop<F> {
    type Job = Bench;

    async fn process(&self, context: JobContext, _: Box<RawValue>) -> Result<(), JobError> {
        (self.0)(context.job_id);
        Ok(())
    }
}

/// Starts workers that call `begun` with the number of each job.
pub(super) fn start(
    store: &Store,
    slots: usize,
    log: &Logger,
    begun: impl Fn(i64) + Send + Sync + 'static,
) -> io::Result<RunnerHandle> {
    let runner = Runner {
        config: RunnerConfig {
            worker_count: slots,
            ..RunnerConfig::default()
        },
        store: store.clone(),
        registry: Registry::new().with(Noop(begun)),
        metrics: Metrics::default(),
        clock: Arc::new(SystemClock),
        log: log.clone(),
    };
    runner.start()
}

/// Jobs that were run and settled, and how long it took from the start of the workers to their end.
pub(super) struct Drained {
    pub(super) ids: Vec<i64>,
    pub(super) time: Duration,
}

/// Runs at least `jobs` jobs of those that are ready. What was claimed when it has as many is run too.
pub(super) async fn drain(
    store: &Store,
    slots: usize,
    jobs: usize,
    log: &Logger,
) -> Result<Drained, BenchError> {
    let enough = Arc::new(Notify::new());
    let ids = Arc::new(Mutex::new(Vec::with_capacity(jobs + slots)));
    let begun = {
        let (ids, enough) = (Arc::clone(&ids), Arc::clone(&enough));
        move |id| {
            let mut ids = ids.lock().unwrap_or_else(PoisonError::into_inner);
            ids.push(id);
            if ids.len() == jobs {
                enough.notify_one();
            }
        }
    };
    let clock = Instant::now();
    let handle = start(store, slots, log, begun).map_err(cannot_start)?;
    let ended = tokio::time::timeout(PATIENCE, enough.notified()).await;
    handle.stop(STOP).await;
    let time = clock.elapsed();
    let ids = std::mem::take(&mut *ids.lock().unwrap_or_else(PoisonError::into_inner));
    if ended.is_err() {
        return Err(BenchError::Wrong(format!(
            "{} of {jobs} jobs were run in an hour",
            ids.len()
        )));
    }
    Ok(Drained { ids, time })
}

pub(super) fn cannot_start(error: io::Error) -> BenchError {
    BenchError::Broke("the workers do not start", Box::new(error))
}
