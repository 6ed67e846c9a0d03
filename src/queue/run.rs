//! Owns one run: starts the processor on a task of its own and watches deadline, stop and panic.
//! Must not know: the store, or what becomes of the job afterwards.

use std::{any::Any, time::Duration};

use slog::o;
use tokio::{
    runtime::Handle,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{JobContext, outcome::RunEnd, reports::Reports, runner::Runner};
use crate::model::ClaimedJob;

/// How a run is stopped from outside.
#[derive(Debug, Clone)]
pub(super) struct Brakes {
    /// Asks the processor; see [`JobContext::stop`].
    pub(super) stop: CancellationToken,
    /// Drops the run, and all others with it, without waiting for it.
    drop_now: CancellationToken,
}

impl Brakes {
    pub(super) fn new(drop_now: &CancellationToken) -> Self {
        Self {
            stop: CancellationToken::new(),
            drop_now: drop_now.clone(),
        }
    }

    /// When the run has had its `grace` after being asked to stop.
    async fn pulled(&self, grace: Duration) {
        let asked = async {
            self.stop.cancelled().await;
            sleep(grace).await;
        };
        tokio::select! {
            () = asked => {}
            () = self.drop_now.cancelled() => {}
        }
    }
}

/// Runs `job` on `processors`, the runtime of the processors, and waits for its end. The caller may be on another
/// runtime: its timers stay punctual even when a processor blocks its thread.
pub(super) async fn run(
    runner: &Runner,
    job: &ClaimedJob,
    payload: String,
    brakes: &Brakes,
    processors: &Handle,
) -> RunEnd {
    let Some(entry) = runner.registry.entry(&job.job_type) else {
        return RunEnd::NoProcessor;
    };
    let reports = Reports::new(runner, job);
    let context = JobContext {
        job_id: job.id,
        attempt: job.attempt,
        retry_count: job.retry_count,
        started_at: job.started_at,
        log: runner
            .log
            .new(o!("job_id" => job.id, "job_type" => entry.policy.job_type)),
        stop: brakes.stop.clone(),
        reports: reports.clone(),
    };
    let log = context.log.clone();
    let registry = &runner.registry;
    let run = registry.run(entry, &job.schema_fingerprint, context, payload);
    let task = AbortOnDropHandle::new(processors.spawn(run));
    let end = tokio::select! {
        biased;
        ended = timeout(job.timeout, task) => match ended {
            Ok(Ok(Ok(result))) => RunEnd::Completed(result),
            Ok(Ok(Err(error))) => RunEnd::Error(error),
            Ok(Err(error)) => match error.try_into_panic() {
                Ok(panic) => RunEnd::Panicked(panic_message(panic.as_ref())),
                // The processors' runtime is going away.
                Err(_) => RunEnd::Dropped,
            },
            Err(_) => RunEnd::TimedOut,
        },
        () = brakes.pulled(runner.config.grace) => RunEnd::Dropped,
        never = reports.keep_writing(&log) => match never {},
    };
    reports.finish(&log).await;
    end
}

/// What `panic!` was given, if it was text.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&'static str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
