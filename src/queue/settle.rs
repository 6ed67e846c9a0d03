//! Owns telling the store how runs ended: together, and again until the store has answered.
//! Must not know: how an outcome is decided or stored.

use std::{collections::VecDeque, sync::Arc};

use slog::{Logger, error, info, warn};

use super::{
    control::{Control, Event, Lease},
    held::Held,
    outcome,
    wait::Wait,
};
use crate::{
    metrics::Metrics,
    model::{JobStatus, LeaseToken, Settled, Settlement},
    store::StoreError,
};

/// Most settlements of one batch.
const SETTLE_LIMIT: usize = 500;

/// Settlements that the store has not answered.
pub(super) type Batch = Vec<(i64, LeaseToken, Settlement)>;

/// Outcomes on their way to the store, oldest first.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    waiting: VecDeque<(i64, LeaseToken, Settlement)>,
    in_flight: bool,
    /// The store could not answer; a timer runs.
    held_up: bool,
    wait: Wait,
    /// So many are sent one by one, to find the one that the store cannot take.
    singly: usize,
}

impl Unsettled {
    pub(super) fn push(&mut self, (id, token): Lease, settlement: Settlement) {
        self.waiting.push_back((id, token, settlement));
    }

    pub(super) fn is_held_up(&self) -> bool {
        self.held_up
    }

    pub(super) fn resume(&mut self) {
        self.held_up = false;
    }

    /// What to send now, if anything.
    fn next_batch(&mut self) -> Option<Batch> {
        if self.in_flight || self.held_up || self.waiting.is_empty() {
            return None;
        }
        let limit = if self.singly > 0 { 1 } else { SETTLE_LIMIT };
        self.singly = self.singly.saturating_sub(1);
        self.in_flight = true;
        Some(
            self.waiting
                .drain(..limit.min(self.waiting.len()))
                .collect(),
        )
    }

    fn put_back(&mut self, batch: Batch) {
        for settlement in batch.into_iter().rev() {
            self.waiting.push_front(settlement);
        }
    }
}

impl Control {
    /// Sends what has ended since the last batch. One batch at a time: while one is under way the next one grows.
    pub(super) fn settle(&mut self) {
        let Some(batch) = self.unsettled.next_batch() else {
            return;
        };
        let runner = Arc::clone(&self.runner);
        self.events.push(Box::pin(async move {
            let answer = runner.store.job_settle(batch.clone()).await;
            Event::Settled(batch, answer)
        }));
    }

    pub(super) fn settled(&mut self, batch: Batch, answer: Result<Vec<Settled>, StoreError>) {
        self.unsettled.in_flight = false;
        match answer {
            Ok(answers) => {
                self.unsettled.wait = Wait::default();
                for ((id, token, settlement), settled) in batch.into_iter().zip(answers) {
                    if let Some(held) = self.held.remove(&(id, token)) {
                        let log = &self.runner.log;
                        report(log, &self.runner.metrics, &held, &settlement, settled);
                    }
                }
            }
            Err(StoreError::Internal(source)) if batch.len() == 1 => {
                for (id, token, _) in batch {
                    error!(self.runner.log, "an outcome cannot be stored; the job is taken back when its lease runs out";
                        "job_id" => id, "error" => outcome::with_causes(source.as_ref()));
                    self.held.remove(&(id, token));
                }
            }
            Err(StoreError::Internal(_)) => {
                self.unsettled.singly = batch.len();
                self.unsettled.put_back(batch);
            }
            Err(error) => {
                let wait = self.unsettled.wait.next();
                warn!(self.runner.log, "cannot store outcomes; they are kept and sent again";
                    "jobs" => batch.len(), "error" => outcome::with_causes(&error), "wait_ms" => wait.as_millis());
                self.unsettled.put_back(batch);
                self.unsettled.held_up = true;
                self.after(wait, Event::SettleAgain);
            }
        }
    }
}

/// Counts and logs a settlement that the store has answered.
pub(super) fn report(
    log: &Logger,
    metrics: &Metrics,
    held: &Held,
    settlement: &Settlement,
    settled: Settled,
) {
    let job = &held.job;
    let Settled::Accepted(status) = settled else {
        warn!(log, "outcome refused: the lease was somebody else's"; held);
        metrics.lease_lost(&job.job_type);
        return;
    };
    metrics.job_processed(
        &job.job_type,
        label(settlement, status),
        held.run_seconds.unwrap_or_default(),
        held.wait_seconds(),
    );
    match settlement {
        Settlement::Complete { .. } => info!(log, "job completed"; held),
        Settlement::Retry { error, delay, .. } => {
            warn!(log, "run failed"; held, "error" => error, "status" => status.as_str(), "delay_ms" => delay.as_millis());
        }
        Settlement::Fail { error, .. } => error!(log, "job failed"; held, "error" => error),
        Settlement::Snooze { delay } => {
            info!(log, "job snoozed"; held, "status" => status.as_str(), "delay_ms" => delay.as_millis());
        }
        Settlement::Release => info!(log, "job given back"; held, "status" => status.as_str()),
        Settlement::Cancel { .. } => info!(log, "job cancelled"; held),
    }
}

/// The metrics' word. The store may end a job as cancelled that was only to be tried again.
fn label(settlement: &Settlement, status: JobStatus) -> &'static str {
    match settlement {
        Settlement::Complete { .. } => "success",
        Settlement::Cancel { .. } => "cancelled",
        _ if status == JobStatus::Cancelled => "cancelled",
        Settlement::Retry { .. } | Settlement::Fail { .. } => "error",
        Settlement::Snooze { .. } => "snoozed",
        Settlement::Release => "released",
    }
}
