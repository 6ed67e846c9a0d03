//! Claim, run, settle: against a real database. What is due is driven by hand on a clock that stands still; what needs
//! loops runs in a started runner, and the tests wait for what it commits.

mod outcomes; // what becomes of a job after each kind of run
mod reports; // progress, checkpoints, lines
mod running; // wake-ups, neighbours, cancelling, leases, two runners
mod schedules; // ticks in a running process
mod stopping;
mod unavailable; // a database that nobody can write to for a while // drain, release, second stop
mod upcasters; // payloads under older schemas

use std::{future::Future, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use lockstep::{
    contract::{jobs, types},
    metrics::Metrics,
    model::{Job, JobStatus},
    queue::{JobContext, JobError, Processor, Registry, Runner, RunnerConfig},
    store::Store,
};
use slog::{Discard, Logger, o};
use tokio::time::timeout;

use crate::support::database::Database;

type Answer = Result<types::DataAnalysisResult, JobError>;

/// Does `data_analysis` jobs by a closure.
struct Scripted<F>(F);

impl<F> Processor for Scripted<F>
where
    F: Fn(JobContext, types::DataAnalysisPayload) -> BoxFuture<'static, Answer>
        + Send
        + Sync
        + 'static,
{
    type Job = jobs::DataAnalysis;

    async fn process(&self, context: JobContext, payload: types::DataAnalysisPayload) -> Answer {
        (self.0)(context, payload).await
    }
}

/// A registry whose `data_analysis` jobs are done by `work`.
fn doing<W, R>(work: W) -> Registry
where
    W: Fn(JobContext, String) -> R + Send + Sync + 'static,
    R: Future<Output = Answer> + Send + 'static,
{
    Registry::new().with(Scripted(
        move |context, payload: types::DataAnalysisPayload| {
            let message = payload.message.map(String::from).unwrap_or_default();
            let run: BoxFuture<'static, Answer> = Box::pin(work(context, message));
            run
        },
    ))
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a run answers")]
fn done() -> Answer {
    Ok(types::DataAnalysisResult {
        active_users: 1,
        age: None,
        domains: Vec::new(),
        growth: Vec::new(),
        message: None,
        users: 2,
    })
}

fn broken() -> JobError {
    JobError::retry("no luck", std::io::Error::other("the disk is full"))
}

/// Loops that come round only when they are woken, except for heartbeats.
fn config(worker_id: &str) -> RunnerConfig {
    RunnerConfig {
        worker_id: worker_id.to_owned(),
        worker_count: 3,
        queues: Vec::new(),
        lease: Duration::from_millis(300),
        grace: Duration::from_millis(20),
        poll: Duration::from_hours(1),
        rescue: Duration::from_hours(1),
        statistics: Duration::from_hours(1),
    }
}

fn runner(db: &Database, registry: Registry) -> Runner {
    runner_on(db, db.store.clone(), registry, config("here"))
}

fn runner_on(db: &Database, store: Store, registry: Registry, config: RunnerConfig) -> Runner {
    Runner {
        config,
        store,
        registry,
        metrics: Metrics::default(),
        clock: Arc::<lockstep::clock::ManualClock>::clone(&db.clock),
        log: Logger::root(Discard, o!()),
    }
}

async fn job(db: &Database, id: i64) -> Job {
    db.store.job_get(id).await.unwrap().unwrap()
}

/// Waits until the job is in this state.
async fn until(db: &Database, id: i64, status: JobStatus) -> Job {
    let mut wakeups = db.store.subscribe();
    soon(async {
        loop {
            let job = job(db, id).await;
            if job.status == status {
                return job;
            }
            // A hint is all that a wake-up is.
            let _ = timeout(Duration::from_millis(20), wakeups.changed()).await;
        }
    })
    .await
}

/// Long enough for a slow machine, short enough to see that it hangs.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), what)
        .await
        .expect("it hangs")
}
