//! Owns doing what is due and no more, without loops, timers or threads: for tests and for one-off runs.
//! Must not know: any concrete job type, or SQL.

use std::sync::Arc;

use futures::future::join_all;
use tokio::{runtime::Handle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    held::Held,
    maintenance::BATCH,
    outcome,
    run::{self, Brakes},
    runner::Runner,
    settle::report,
    ticks,
};
use crate::store::{Claim, StoreError};

impl Runner {
    /// Takes back lost jobs, ticks schedules, promotes due jobs, runs everything that is due by the store's clock, settles it, and
    /// repeats until nothing is left. Returns the number of runs. Sends no heartbeats.
    pub async fn run_due(&self) -> Result<usize, StoreError> {
        let mut runs = 0;
        loop {
            self.store.job_rescue(BATCH).await?;
            ticks::tick_all(self).await?;
            while self.store.job_promote(BATCH).await?.jobs >= BATCH {}
            let ran = self.run_batch().await?;
            if ran == 0 {
                return Ok(runs);
            }
            runs += ran;
        }
    }

    async fn run_batch(&self) -> Result<usize, StoreError> {
        let queues = self.queues();
        let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
        let reads = self.registry.reads();
        let claim = Claim {
            queues: &queues,
            worker: &self.config.worker_id,
            limit: self.config.worker_count.max(1),
            lease: self.config.lease,
            reads: Some(&reads),
        };
        let jobs = self.store.job_claim(claim).await?.jobs;
        let lease_end = Instant::now() + self.config.lease;
        let never = CancellationToken::new();
        let ended = join_all(jobs.into_iter().map(async |mut job| {
            let payload = std::mem::take(&mut job.payload);
            let mut held = Held::new(Arc::new(job), Brakes::new(&never), lease_end);
            let processors = Handle::current();
            let end = run::run(self, &held.job, payload, &held.brakes, &processors).await;
            held.has_ended();
            (held, end)
        }))
        .await;
        let (held, settlements): (Vec<_>, Vec<_>) = ended
            .into_iter()
            .filter_map(|(held, end)| {
                let policy = self.registry.policy(&held.job.job_type);
                let settlement = outcome::settlement(&held.job, policy, end, None, rand::random())?;
                let sent = (held.job.id, held.job.lease, settlement);
                Some((held, sent))
            })
            .unzip();
        let answers = self.store.job_settle(settlements.clone()).await?;
        for ((held, (_, _, settlement)), settled) in held.iter().zip(&settlements).zip(answers) {
            report(&self.log, &self.metrics, held, settlement, settled);
        }
        Ok(held.len())
    }
}
