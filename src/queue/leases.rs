//! Owns keeping the leases of this process: heartbeats, what they learn, and giving up what may be lost.
//! Must not know: what the jobs do, or how leases are stored.

use std::{sync::Arc, time::Duration};

use slog::{info, warn};
use tokio::time::{Instant, timeout};

use super::{
    control::{Control, Event, Lease},
    outcome::{self, StopReason},
};
use crate::{model::LeaseState, store::StoreError};

/// Wait after a heartbeat that the store did not answer.
const AGAIN: Duration = Duration::from_secs(1);

impl Control {
    pub(super) fn heartbeat_every(&self) -> Duration {
        self.runner.config.lease / 3
    }

    /// One heartbeat for all leases, those of ended runs included: an outcome that cannot be stored yet must not be
    /// lost to somebody who does the job again.
    pub(super) fn heartbeat(&mut self) {
        let every = self.heartbeat_every();
        if self.held.is_empty() {
            self.after(every, Event::HeartbeatDue);
            return;
        }
        let leases: Vec<Lease> = self.held.keys().copied().collect();
        let runner = Arc::clone(&self.runner);
        let sent = Instant::now();
        self.events.push(Box::pin(async move {
            let asked = runner
                .store
                .job_heartbeat(leases.clone(), runner.config.lease);
            let answer = timeout(every, asked)
                .await
                .unwrap_or(Err(StoreError::Unavailable {
                    reason: "it did not answer a heartbeat in time",
                    source: None,
                }));
            Event::Heartbeat(sent, leases, answer)
        }));
    }

    pub(super) fn heartbeat_answered(
        &mut self,
        sent: Instant,
        leases: &[Lease],
        answer: Result<Vec<LeaseState>, StoreError>,
    ) {
        match answer {
            Ok(states) => {
                for (lease, state) in leases.iter().zip(states) {
                    self.lease_is(*lease, state, sent);
                }
                self.at(sent + self.heartbeat_every(), Event::HeartbeatDue);
            }
            Err(error) => {
                warn!(self.runner.log, "heartbeat failed"; "error" => outcome::with_causes(&error));
                self.after(AGAIN.min(self.heartbeat_every()), Event::HeartbeatDue);
                if let Some(end) = self.held.values().map(|held| held.lease_end).min() {
                    self.at(end, Event::LeasesEnd);
                }
            }
        }
    }

    fn lease_is(&mut self, lease: Lease, state: LeaseState, sent: Instant) {
        // The settlement of an ended run finds out by itself.
        let Some(held) = self.held.get_mut(&lease).filter(|held| held.is_running()) else {
            return;
        };
        match state {
            LeaseState::Live => held.lease_end = sent + self.runner.config.lease,
            LeaseState::CancelRequested => {
                held.lease_end = sent + self.runner.config.lease;
                if held.stop.is_none() {
                    info!(self.runner.log, "asking a run to stop: its job was cancelled";
                        "job_id" => held.job.id, "job_type" => &held.job.job_type);
                }
                held.ask_to_stop(StopReason::CancelRequested);
            }
            LeaseState::Lost => {
                warn!(self.runner.log, "lease lost: the run is stopped and its outcome not sent";
                    "job_id" => held.job.id, "job_type" => &held.job.job_type);
                self.runner.metrics.lease_lost(&held.job.job_type);
                held.ask_to_stop(StopReason::LeaseLost);
            }
        }
    }

    /// Stops runs whose lease may have run out unnoticed: another worker may start on their jobs now. Their outcome is
    /// still offered; the token decides.
    pub(super) fn stop_unsure_runs(&mut self) {
        let now = Instant::now();
        let unsure = self
            .held
            .values_mut()
            .filter(|held| held.is_running() && held.stop.is_none() && held.lease_end <= now);
        for held in unsure {
            warn!(self.runner.log, "no heartbeat got through before the lease ran out: the run is stopped";
                "job_id" => held.job.id, "job_type" => &held.job.job_type);
            held.ask_to_stop(StopReason::LeaseUnsure);
        }
    }
}
