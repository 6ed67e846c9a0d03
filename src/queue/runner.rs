//! Owns what a process that runs jobs is made of, and its start and stop.
//! Must not know: any concrete job type, or SQL.

use std::{fmt, io, sync::Arc, thread, time::Duration};

use slog::{Logger, info, o, warn};
use tokio::{
    runtime::{Builder, Handle},
    sync::watch,
    time::{Instant, timeout},
};

use super::{Registry, control::Control, maintenance};
use crate::{
    clock::Clock,
    metrics::Metrics,
    model::{WorkerCard, WorkerReads},
    store::Store,
};

/// Longest wait at the end of a stop for the store to forget this process.
const LEAVING: Duration = Duration::from_secs(1);

/// How jobs are run.
#[derive(Debug, Clone)]
pub struct RunnerConfig {
    /// Names this process in logs and in the attempts' history.
    pub worker_id: String,
    /// Jobs at the same time, 1 or more.
    pub worker_count: usize,
    /// Queues to take jobs from; empty: those of the registered job types.
    pub queues: Vec<String>,
    /// How long a job stays this process's without a heartbeat; heartbeats come every third of it.
    pub lease: Duration,
    /// How long a run may go on after it was asked to stop.
    pub grace: Duration,
    /// How often to look for jobs though nothing woke us.
    pub poll: Duration,
    /// How often to look for jobs whose worker died.
    pub rescue: Duration,
    /// How often statistics are logged.
    pub statistics: Duration,
}

impl Default for RunnerConfig {
    fn default() -> Self {
        Self {
            worker_id: format!("{}-{:08x}", std::process::id(), rand::random::<u32>()),
            worker_count: 3,
            queues: Vec::new(),
            lease: Duration::from_secs(30),
            grace: Duration::from_secs(2),
            poll: Duration::from_secs(5),
            rescue: Duration::from_secs(3),
            statistics: Duration::from_secs(30),
        }
    }
}

/// What runs jobs.
#[derive(Clone)]
pub struct Runner {
    pub config: RunnerConfig,
    pub store: Store,
    pub registry: Registry,
    pub metrics: Metrics,
    pub clock: Arc<dyn Clock>,
    pub log: Logger,
}

/// What the control loop was told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Run,
    /// Take nothing new; ask what still runs at the instant to stop.
    Drain(Instant),
    StopNow,
}

/// A started runner. Dropping it stops at once, without waiting.
#[derive(Debug)]
pub struct RunnerHandle {
    order: watch::Sender<Order>,
    ended: watch::Receiver<bool>,
}

impl Runner {
    /// Starts taking and running jobs, and the one maintenance loop of this process.
    ///
    /// Processors run on the calling runtime. Claims, heartbeats, deadlines and settlements have a thread and a
    /// runtime of their own, so that a processor that blocks its thread (it should use `spawn_blocking`) delays other
    /// processors at worst, never a heartbeat.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(mut self) -> io::Result<RunnerHandle> {
        self.log = self.log.new(o!(
            "component" => "queue",
            "worker_id" => self.config.worker_id.clone(),
        ));
        let processors = Handle::current();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (order, orders) = watch::channel(Order::Run);
        let (end, ended) = watch::channel(false);
        thread::Builder::new()
            .name("queue".to_owned())
            .spawn(move || {
                runtime.block_on(Arc::new(self).run(processors, orders));
                // A blocking task of the store must not keep the process from ending.
                runtime.shutdown_background();
                end.send_replace(true);
            })?;
        Ok(RunnerHandle { order, ended })
    }

    async fn run(self: Arc<Self>, processors: Handle, orders: watch::Receiver<Order>) {
        info!(self.log, "workers started";
            "worker_count" => self.config.worker_count,
            "job_types" => self.registry.job_types().join(","),
        );
        let control = Control::new(Arc::clone(&self), processors).run(orders);
        // Maintenance has no end of its own; dropping it between two statements of the store loses nothing.
        tokio::select! {
            () = control => {}
            () = maintenance::run(&self) => {}
        }
        self.leave().await;
        info!(self.log, "workers stopped");
    }

    /// Nobody is to wait for this process. If that cannot be stored, it is forgotten by itself.
    async fn leave(&self) {
        let gone = async {
            let name = self.config.worker_id.clone();
            self.store.resign(maintenance::LEADER, name.clone()).await?;
            self.store.worker_gone(name).await
        };
        if !matches!(timeout(LEAVING, gone).await, Ok(Ok(()))) {
            warn!(self.log, "cannot say that this process runs no more jobs");
        }
    }

    /// What this process says of itself.
    pub(super) fn card(&self) -> WorkerCard {
        let reads = self.registry.reads().into_iter();
        let reads = reads.map(|(job_type, fingerprint)| WorkerReads {
            job_type: job_type.to_owned(),
            schema_fingerprint: fingerprint.map(str::to_owned),
        });
        WorkerCard {
            worker: self.config.worker_id.clone(),
            queues: self.queues(),
            reads: Some(reads.collect()),
            slots: u32::try_from(self.config.worker_count.max(1)).unwrap_or(u32::MAX),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The queues to claim from.
    pub(super) fn queues(&self) -> Vec<String> {
        if !self.config.queues.is_empty() {
            return self.config.queues.clone();
        }
        self.registry.queues()
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("config", &self.config)
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}

impl RunnerHandle {
    /// Takes no more jobs, lets the running ones go on for `drain`, then asks them to stop, gives back those that do
    /// not end, and returns. A second call, or [`RunnerHandle::stop_now`], ends the wait.
    pub async fn stop(&self, drain: Duration) {
        self.order.send_modify(|order| {
            *order = match order {
                Order::Run => Order::Drain(Instant::now() + drain),
                Order::Drain(_) | Order::StopNow => Order::StopNow,
            };
        });
        self.ended().await;
    }

    /// Gives back at once what runs, and returns.
    pub async fn stop_now(&self) {
        self.order.send_replace(Order::StopNow);
        self.ended().await;
    }

    /// Returns when the runner has ended, for whatever reason.
    pub async fn ended(&self) {
        // An error means that the thread is gone: ended, too.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }
}
