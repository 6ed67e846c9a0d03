//! Owns what runs, and the order in which it stops.
//! Must not know: what the parts do.

use std::{future::pending, time::Duration};

use slog::{Logger, info, warn};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::{queue::RunnerHandle, store::Store};

/// Longest wait for the parts when somebody is in a hurry.
const HURRY: Duration = Duration::from_secs(1);

/// A server, a worker, or both, until it is stopped.
pub struct Running {
    pub(super) runner: Option<RunnerHandle>,
    pub(super) reconciler: JoinHandle<()>,
    pub(super) store: Store,
    pub(super) drain: Duration,
    pub(super) log: Logger,
}

impl Running {
    /// The store that everything here works on.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Takes no more jobs, lets running jobs and requests end within the configured time, gives back what is left.
    pub async fn stop(self) {
        self.stop_unless(pending()).await;
    }

    /// The same, until `hurry` comes: then what still runs is given back at once.
    pub async fn stop_unless(mut self, hurry: impl Future<Output = ()>) {
        let began = Instant::now();
        let runner = self.runner.take();
        let gracefully = async {
            if let Some(runner) = &runner {
                runner.stop(self.drain).await;
            }
        };
        tokio::select! {
            () = gracefully => {}
            () = hurry => {
                warn!(self.log, "stopping at once");
                if let Some(runner) = &runner {
                    // What is not given back by then is taken back when its lease ends.
                    let _ = timeout(HURRY, runner.stop_now()).await;
                }
            }
        }
        self.reconciler.abort();
        // The reconciler has a handle on the store: only the last one closes it.
        let _ = self.reconciler.await;
        self.store.close().await;
        info!(self.log, "stopped"; "duration_ms" => began.elapsed().as_millis());
    }
}
