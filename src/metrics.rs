//! Owns the counters and histograms that `/metrics` shows. Keeps the seed's names.
//! Must not know: who counts, or how it is served.

use crate::model::JobTypeCounts;

/// All metrics of one process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Metrics {}

impl Metrics {
    /// A run was settled: `status` is `success` or `error` as in the seed, or `cancelled`, `snoozed`, `released`.
    pub fn job_processed(
        &self,
        job_type: &str,
        status: &'static str,
        run_seconds: f64,
        wait_seconds: f64,
    ) {
        let _ = (job_type, status, run_seconds, wait_seconds);
    }

    /// A settlement or heartbeat found that the lease was somebody else's.
    pub fn lease_lost(&self, job_type: &str) {
        let _ = job_type;
    }

    /// The job of a new user could not be enqueued; the reconciler owes it.
    pub fn enqueue_failed(&self) {}

    /// A request was answered.
    pub fn http_request(&self, operation: &str, status: u16, seconds: f64) {
        let _ = (operation, status, seconds);
    }

    /// A handler or processor panicked.
    pub fn panicked(&self, component: &'static str) {
        let _ = component;
    }

    /// OpenMetrics text. `counts` are the queue's own counters, read by the caller.
    pub fn encode(&self, counts: &[JobTypeCounts]) -> String {
        let _ = counts;
        String::new()
    }
}
