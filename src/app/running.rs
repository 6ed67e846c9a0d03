//! Owns what runs, and the order in which it stops.
//! Must not know: what the parts do.

use std::{future::pending, net::SocketAddr, time::Duration};

use slog::{Logger, info, warn};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{api::ApiServer, queue::RunnerHandle, store::Store};

/// Longest wait for the parts when somebody is in a hurry.
const HURRY: Duration = Duration::from_secs(1);

/// A server, a worker, or both, until it is stopped.
pub struct Running {
    /// Cancelled at the stop: `/readyz` says so, and requests that wait for something are answered.
    pub(super) stopping: CancellationToken,
    pub(super) api: Option<ApiServer>,
    pub(super) runner: Option<RunnerHandle>,
    pub(super) reconciler: JoinHandle<()>,
    pub(super) store: Store,
    pub(super) drain: Duration,
    pub(super) log: Logger,
}

impl Running {
    /// Where HTTP is served, with the port that port 0 became.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.api.as_ref().map(ApiServer::local_addr)
    }

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
        let api = self.api.take();
        self.stopping.cancel();
        let gracefully = async {
            if let Some(runner) = &runner {
                runner.stop(self.drain).await;
            }
            if let Some(api) = api {
                let left = self.drain.saturating_sub(began.elapsed());
                if !api.close(left).await {
                    warn!(self.log, "some requests were cut off");
                }
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
