//! Owns the series of one process: what is counted, under which name, with which buckets.
//! Must not know: who counts, or how it is served.

use std::{fmt, sync::Arc};

use prometheus_client::{
    encoding::text,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

use super::{
    labels::{Bounded, Component, JobAndStatus, JobLabel, Request},
    requests::Requests,
};
use crate::model::{JobStatus, JobTypeCounts};

type HistogramOf<L> = Family<L, Histogram>;

/// All metrics of one process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    job_types: Arc<Bounded>,
    jobs_processed: Family<JobAndStatus, Counter>,
    job_duration: HistogramOf<JobLabel>,
    job_wait: HistogramOf<JobLabel>,
    lease_lost: Family<JobLabel, Counter>,
    enqueue_failed: Counter,
    requests: Requests,
    panics: Family<Component, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Arc::new(Registry::default()),
            job_types: Arc::default(),
            jobs_processed: Family::default(),
            job_duration: Family::new_with_constructor(job_buckets),
            job_wait: Family::new_with_constructor(job_buckets),
            lease_lost: Family::default(),
            enqueue_failed: Counter::default(),
            requests: Requests::default(),
            panics: Family::default(),
        };
        metrics.registry = Arc::new(metrics.register());
        metrics
    }
}

/// 5 ms to about 22 minutes.
fn job_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 4.0, 10))
}

impl Metrics {
    /// A run was settled: `status` is `success` or `error` as in the seed, or `cancelled`, `snoozed`, `released`.
    pub fn job_processed(
        &self,
        job_type: &str,
        status: &'static str,
        run_seconds: f64,
        wait_seconds: f64,
    ) {
        let job_type = self.job_types.label(job_type);
        let label = JobLabel {
            job_type: job_type.clone(),
        };
        self.jobs_processed
            .get_or_create(&JobAndStatus { job_type, status })
            .inc();
        self.job_duration.get_or_create(&label).observe(run_seconds);
        self.job_wait.get_or_create(&label).observe(wait_seconds);
    }

    /// A settlement or heartbeat found that the lease was somebody else's.
    pub fn lease_lost(&self, job_type: &str) {
        let job_type = self.job_types.label(job_type);
        self.lease_lost.get_or_create(&JobLabel { job_type }).inc();
    }

    /// The job of a new user could not be enqueued; the reconciler owes it.
    pub fn enqueue_failed(&self) {
        self.enqueue_failed.inc();
    }

    /// A request was answered, or, with 499, left by its caller. `operation` is an operationId, never a path that a caller chose.
    pub fn http_request(&self, operation: &'static str, status: u16, seconds: f64) {
        self.requests.one(Request { operation, status }, seconds);
    }

    /// A handler or processor panicked.
    pub fn panicked(&self, component: &'static str) {
        self.panics.get_or_create(&Component { component }).inc();
    }

    /// All metrics as `OpenMetrics` text. `counts` are the queue's own counters, read by the caller.
    pub fn encode(&self, counts: &[JobTypeCounts]) -> String {
        let mut text = String::with_capacity(8_192);
        let written = text::encode_registry(&mut text, &self.registry)
            .and_then(|()| text::encode_registry(&mut text, &self.depths(counts)))
            .and_then(|()| text::encode_eof(&mut text));
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
        text
    }

    fn register(&self) -> Registry {
        let mut registry = Registry::default();
        registry.register(
            "build",
            "What is running",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register(
            "jobs_processed",
            "Runs that were settled",
            self.jobs_processed.clone(),
        );
        registry.register_with_unit(
            "job_duration",
            "Time from claim to settlement",
            Unit::Seconds,
            self.job_duration.clone(),
        );
        registry.register_with_unit(
            "job_wait",
            "Time from due to claim",
            Unit::Seconds,
            self.job_wait.clone(),
        );
        registry.register(
            "job_lease_lost",
            "Runs whose lease was taken by another worker",
            self.lease_lost.clone(),
        );
        registry.register(
            "enqueue_failed",
            "Users that were stored without their job, owed by the reconciler",
            self.enqueue_failed.clone(),
        );
        registry.register_collector(Box::new(self.requests.clone()));
        registry.register("panics", "Panics that were contained", self.panics.clone());
        registry
    }

    /// Made anew for each scrape, so that a job type that has no jobs any more is not shown for ever.
    fn depths(&self, counts: &[JobTypeCounts]) -> Registry {
        let depth = Family::<JobAndStatus, Gauge>::default();
        for JobTypeCounts { job_type, counts } in counts {
            let job_type = self.job_types.label(job_type);
            let mut counts = *counts;
            for status in JobStatus::ALL {
                depth
                    .get_or_create(&JobAndStatus {
                        job_type: job_type.clone(),
                        status: status.as_str(),
                    })
                    .inc_by(*counts.of(status));
            }
        }
        let mut registry = Registry::default();
        registry.register("jobs", "Jobs by type and state", depth);
        registry
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::JobCounts;

    fn lines(metrics: &Metrics, counts: &[JobTypeCounts]) -> Vec<String> {
        metrics.encode(counts).lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn assert_line(lines: &[String], line: &str) {
        assert!(
            lines.iter().any(|found| found == line),
            "{line} in {lines:#?}"
        );
    }

    #[test]
    fn the_names_are_the_seeds() {
        let metrics = Metrics::default();
        metrics.job_processed("user_created", "success", 0.25, 0.001);
        metrics.lease_lost("user_created");
        metrics.enqueue_failed();
        metrics.http_request("create_user", 201, 0.001);
        metrics.panicked("worker");
        let lines = lines(&metrics, &[]);
        for line in [
            r#"jobs_processed_total{job_type="user_created",status="success"} 1"#,
            r#"job_duration_seconds_sum{job_type="user_created"} 0.25"#,
            r#"job_duration_seconds_count{job_type="user_created"} 1"#,
            r#"job_wait_seconds_count{job_type="user_created"} 1"#,
            r#"job_lease_lost_total{job_type="user_created"} 1"#,
            "enqueue_failed_total 1",
            r#"http_requests_total{operation="create_user",status="201"} 1"#,
            r#"http_request_duration_seconds_count{operation="create_user"} 1"#,
            r#"panics_total{component="worker"} 1"#,
            concat!("build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert_line(&lines, line);
        }
        assert_eq!(lines.last().unwrap(), "# EOF");
    }

    #[test]
    fn depths_are_those_of_the_moment() {
        let metrics = Metrics::default();
        let counts = JobTypeCounts {
            job_type: "data_export".to_owned(),
            counts: JobCounts {
                pending: 7,
                ..JobCounts::default()
            },
        };
        assert_line(
            &lines(&metrics, &[counts]),
            r#"jobs{job_type="data_export",status="pending"} 7"#,
        );
        assert!(!metrics.encode(&[]).contains("data_export"));
    }

    #[test]
    fn a_flood_of_names_is_counted_under_one_label() {
        let metrics = Metrics::default();
        for name in 0..10_000 {
            metrics.lease_lost(&format!("made_up_{name}"));
        }
        let shown = metrics.encode(&[]);
        assert!(shown.contains(r#"job_type="other""#));
        assert!(shown.lines().count() < 5_000, "{}", shown.lines().count());
    }
}
