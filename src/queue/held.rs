//! Owns one job that this process holds a lease on: running, or ended and not settled yet.
//! Must not know: the store, or other jobs.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use slog::{KV, Record, Serializer};
use tokio::time::Instant;

use super::{outcome::StopReason, run::Brakes};
use crate::model::ClaimedJob;

/// A job with a lease of this process.
#[derive(Debug)]
pub(super) struct Held {
    /// Its payload has gone to the run.
    pub(super) job: Arc<ClaimedJob>,
    pub(super) brakes: Brakes,
    /// Why the run was asked to stop, if it was.
    pub(super) stop: Option<StopReason>,
    /// The lease lasts until then at least.
    pub(super) lease_end: Instant,
    pub(super) began: Instant,
    /// How long it ran, once it has ended.
    pub(super) run_seconds: Option<f64>,
}

impl Held {
    pub(super) fn new(job: Arc<ClaimedJob>, brakes: Brakes, lease_end: Instant) -> Self {
        Self {
            job,
            brakes,
            stop: None,
            lease_end,
            began: Instant::now(),
            run_seconds: None,
        }
    }

    /// Asks the run to stop. The first reason stands, except that a lost lease outweighs every other.
    pub(super) fn ask_to_stop(&mut self, reason: StopReason) {
        if self.stop.is_none() || reason == StopReason::LeaseLost {
            self.stop = Some(reason);
        }
        self.brakes.stop.cancel();
    }

    pub(super) fn is_running(&self) -> bool {
        self.run_seconds.is_none()
    }

    pub(super) fn has_ended(&mut self) {
        self.run_seconds = Some(self.began.elapsed().as_secs_f64());
    }

    /// From the moment it was due to the moment that it was taken, in seconds.
    pub(super) fn wait_seconds(&self) -> f64 {
        seconds_between(self.job.scheduled_at, self.job.started_at)
    }
}

/// What a log says of a run that has ended, when a line is written. slog has the last key first.
impl KV for Held {
    fn serialize(&self, _: &Record<'_>, serializer: &mut dyn Serializer) -> slog::Result {
        let seconds = self.run_seconds.unwrap_or_default();
        serializer.emit_f64("duration_ms".into(), seconds * 1000.0)?;
        serializer.emit_i32("attempt".into(), self.job.attempt)?;
        serializer.emit_str("job_type".into(), &self.job.job_type)?;
        serializer.emit_i64("job_id".into(), self.job.id)
    }
}

/// Never negative: clocks may be moved.
fn seconds_between(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).to_std().map_or(0.0, |wait| wait.as_secs_f64())
}
