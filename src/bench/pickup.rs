//! Owns how soon a job starts that is enqueued while the workers are idle: in this process, and in another one.
//! Must not know: how workers learn of it.

use std::{sync::Arc, time::Duration};

use slog::Logger;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use super::{
    BenchError, Latency, PickupLine, Plan,
    child::{Child, Task, now},
    table::{Place, job, url},
    worker,
};
use crate::{
    clock::SystemClock,
    store::{
        Store, StoreConfig,
        bench::{Filling, Limit, fill},
    },
};

/// Jobs at the same time: an idle worker has slots left.
const SLOTS: usize = 4;
/// Between two jobs: the last one is settled, and everybody is asleep.
const PAUSE: Duration = Duration::from_millis(5);
/// A job that nobody has picked up by then is lost.
const PATIENCE: Duration = Duration::from_secs(30);
/// Jobs of one run.
const JOBS: [u64; 2] = [20, 500];

/// Of one run, each shortest first.
#[derive(Debug, Default)]
struct Times {
    from_call: Vec<Vec<Duration>>,
    from_answer: Vec<Vec<Duration>>,
    limit: Vec<Vec<Duration>>,
}

/// Measures both: with the worker in this process, and with it in another one.
pub(super) async fn measure(
    plan: &Plan,
    place: Place<'_>,
    log: &Logger,
    tell: &mut impl FnMut(&str),
) -> Result<Vec<PickupLine>, BenchError> {
    // As many as 20 ms each leave time for.
    let jobs = (plan.settings.jobs / 40).clamp(JOBS[0], JOBS[1]);
    let jobs = usize::try_from(jobs).unwrap_or(usize::MAX);
    let (ours, mut limit) = databases(place).await?;
    let store = Store::open(&StoreConfig::new(ours.clone()), Arc::new(SystemClock), log).await?;
    let mut lines = Vec::new();
    for elsewhere in [false, true] {
        let worker = if elsewhere {
            "another process"
        } else {
            "this process"
        };
        tell(&format!("measuring the pick-up by {worker}"));
        let mut workers = if elsewhere {
            Workers::elsewhere(&ours).await?
        } else {
            Workers::here(&store, log)?
        };
        let mut times = Times::default();
        for run in 0..plan.settings.warm_up + plan.settings.runs {
            let (call, answer) = workers.pick_up(&store, jobs).await?;
            let least = least(&mut limit, jobs).await?;
            if run >= plan.settings.warm_up {
                times.from_call.push(call);
                times.from_answer.push(answer);
                times.limit.push(least);
            }
        }
        workers.stop().await;
        let from_call = Latency::new(&times.from_call);
        let limit = Latency::new(&times.limit);
        lines.push(PickupLine {
            worker,
            jobs,
            p50_of_limit: from_call.p50_ms.over(&limit.p50_ms),
            from_call,
            from_answer: Latency::new(&times.from_answer),
            limit,
        });
    }
    store.close().await;
    Ok(lines)
}

/// Ours by its URL, and the limit: empty both.
async fn databases(place: Place<'_>) -> Result<(String, Limit), BenchError> {
    match place {
        Place::Folder(folder) => {
            let (ours, limit) = (
                folder.file("pickup-ours.db"),
                folder.file("pickup-limit.db"),
            );
            fill(limit.clone(), job(), Filling::NONE).await?;
            Ok((url(&ours)?, Limit::sqlite(&limit, job())?))
        }
        Place::Server(server) => {
            let ours = server.create("pickup_ours").await?;
            let limit = server.create("pickup_limit").await?;
            Ok((ours, Limit::postgres(&limit, job(), 1).await?))
        }
    }
}

/// Who picks up.
enum Workers {
    Here {
        handle: crate::queue::RunnerHandle,
        begun: mpsc::UnboundedReceiver<i64>,
    },
    Elsewhere(Child),
}

impl Workers {
    fn here(store: &Store, log: &Logger) -> Result<Self, BenchError> {
        let (told, begun) = mpsc::unbounded_channel();
        let tell = move |_| {
            // Nobody listens any more: it is about to end.
            let _ = told.send(now());
        };
        let handle = worker::start(store, SLOTS, log, tell).map_err(worker::cannot_start)?;
        Ok(Self::Here { handle, begun })
    }

    async fn elsewhere(database_url: &str) -> Result<Self, BenchError> {
        let task = Task {
            database_url: database_url.to_owned(),
            slots: SLOTS,
            drain: None,
        };
        Ok(Self::Elsewhere(Child::start(&task).await?))
    }

    /// When the next run began.
    async fn begun(&mut self) -> Result<i64, BenchError> {
        let lost = || BenchError::Wrong("a job was not picked up".to_owned());
        let begun = async {
            match self {
                Self::Here { begun, .. } => begun.recv().await.ok_or_else(lost),
                Self::Elsewhere(child) => {
                    let line = child.line().await?;
                    let at = line.split(' ').nth(1).and_then(|at| at.parse().ok());
                    at.ok_or_else(lost)
                }
            }
        };
        timeout(PATIENCE, begun).await.map_err(|_| lost())?
    }

    /// From the call, and from the answer.
    async fn pick_up(
        &mut self,
        store: &Store,
        jobs: usize,
    ) -> Result<(Vec<Duration>, Vec<Duration>), BenchError> {
        let (mut from_call, mut from_answer) = (Vec::new(), Vec::new());
        for _ in 0..jobs {
            sleep(PAUSE).await;
            let called = now();
            store.job_enqueue(job()).await?;
            let answered = now();
            let begun = self.begun().await?;
            // The clock may have been set: at once, then.
            let since =
                |then: i64| Duration::from_nanos(u64::try_from(begun - then).unwrap_or_default());
            from_call.push(since(called));
            from_answer.push(since(answered));
        }
        from_call.sort_unstable();
        from_answer.sort_unstable();
        Ok((from_call, from_answer))
    }

    async fn stop(self) {
        match self {
            Self::Here { handle, .. } => handle.stop(worker::STOP).await,
            Self::Elsewhere(child) => child.stop().await,
        }
    }
}

/// A commit that stores a job, and one that claims it.
async fn least(limit: &mut Limit, jobs: usize) -> Result<Vec<Duration>, BenchError> {
    let mut times = Vec::new();
    for _ in 0..jobs {
        sleep(PAUSE).await;
        let began = Instant::now();
        limit.bulk(1).await?;
        let claimed = limit.claim(1).await?;
        times.push(began.elapsed());
        limit.settle(&claimed).await?;
        // Ours has a thread for it: a log that is written over again takes less than one that grows.
        limit.checkpoint()?;
    }
    times.sort_unstable();
    Ok(times)
}
