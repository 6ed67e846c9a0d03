//! Owns counting requests: each thread counts for itself, a scrape adds up. One count for all threads would be fetched from
//! another processor's cache for each request, as often as two locks and two counts have it (docs/decisions/0022).
//! Must not know: how it is served.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crossbeam_utils::CachePadded;
use foldhash::fast::RandomState;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet},
    metrics::{MetricType, counter::ConstCounter},
    registry::Unit,
};
use thread_local::ThreadLocal;

use super::labels::{Operation, Request};

/// Upper bounds in seconds, 0.25 ms to about 4 s; slower ones have a bucket of their own.
const BOUNDS: [f64; 8] = [0.000_25, 0.001, 0.004, 0.016, 0.064, 0.256, 1.024, 4.096];

/// Those of one operation, or of one status of it.
#[derive(Debug, Default, Clone, Copy)]
struct Times {
    buckets: [u64; BOUNDS.len() + 1],
    sum: f64,
}

type ByRequest = HashMap<Request, Times, RandomState>;

/// The requests of one process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests(Arc<ThreadLocal<CachePadded<Mutex<ByRequest>>>>);

impl Requests {
    pub(super) fn one(&self, request: Request, seconds: f64) {
        let mut counted = lock(self.0.get_or_default());
        counted.entry(request).or_default().one(seconds);
    }

    /// Of all threads, in one order.
    fn all(&self) -> BTreeMap<Request, Times> {
        let mut all = BTreeMap::<_, Times>::new();
        for thread in self.0.iter() {
            for (request, times) in lock(thread).iter() {
                all.entry(request.clone()).or_default().add(times);
            }
        }
        all
    }
}

fn lock(counted: &Mutex<ByRequest>) -> MutexGuard<'_, ByRequest> {
    counted.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Times {
    fn one(&mut self, seconds: f64) {
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound);
        self.buckets[bucket.unwrap_or(BOUNDS.len())] += 1;
        self.sum += seconds;
    }

    fn add(&mut self, other: &Self) {
        for (own, other) in self.buckets.iter_mut().zip(other.buckets) {
            *own += other;
        }
        self.sum += other.sum;
    }

    fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all = self.all();
        // As the library leaves out its own families that have nothing.
        if all.is_empty() {
            return Ok(());
        }
        let help = "Requests that were answered.";
        let mut counts =
            encoder.encode_descriptor("http_requests", help, None, MetricType::Counter)?;
        let mut operations = BTreeMap::<_, Times>::new();
        for (request, times) in all {
            let count = ConstCounter::new(times.count());
            count.encode(counts.encode_family(&request)?)?;
            operations.entry(request.operation).or_default().add(&times);
        }
        let mut durations = encoder.encode_descriptor(
            "http_request_duration",
            "Time from request to answer.",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (operation, times) in operations {
            let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(times.buckets).collect();
            durations
                .encode_family(&Operation { operation })?
                .encode_histogram::<NoLabelSet>(times.sum, times.count(), &buckets, None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use prometheus_client::{
        encoding::text,
        metrics::{counter::Counter, family::Family, histogram::Histogram},
        registry::Registry,
    };
    use proptest::prelude::*;

    use super::*;

    fn shown(registry: &Registry) -> String {
        let mut shown = String::new();
        text::encode(&mut shown, registry).unwrap();
        shown
    }

    fn of(requests: &Requests) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(requests.clone()));
        shown(&registry)
    }

    /// What the library's own metrics say of the same requests. They keep no order, so there is one operation and status.
    fn of_the_library(request: &Request, times: &[f64]) -> String {
        let counts = Family::<Request, Counter>::default();
        let durations =
            Family::<Operation, Histogram>::new_with_constructor(|| Histogram::new(BOUNDS));
        for seconds in times {
            counts.get_or_create(request).inc();
            let operation = request.operation;
            durations
                .get_or_create(&Operation { operation })
                .observe(*seconds);
        }
        let mut registry = Registry::default();
        registry.register("http_requests", "Requests that were answered", counts);
        let help = "Time from request to answer";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, durations);
        shown(&registry)
    }

    fn request(status: u16) -> Request {
        Request {
            operation: "get_user",
            status,
        }
    }

    /// Threads that have ended are counted, too, and none twice.
    #[test]
    fn what_threads_count_is_added_up() {
        let requests = Requests::default();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        requests.one(request(200), 0.25);
                        requests.one(request(404), 8.0);
                    }
                });
            }
        });
        requests.one(request(404), 8.0);
        let shown = of(&requests);
        for line in [
            r#"http_requests_total{operation="get_user",status="200"} 8000"#,
            r#"http_requests_total{operation="get_user",status="404"} 8001"#,
            r#"http_request_duration_seconds_sum{operation="get_user"} 66008.0"#,
            r#"http_request_duration_seconds_count{operation="get_user"} 16001"#,
            r#"http_request_duration_seconds_bucket{le="0.256",operation="get_user"} 8000"#,
            r#"http_request_duration_seconds_bucket{le="+Inf",operation="get_user"} 16001"#,
        ] {
            assert!(
                shown.lines().any(|found| found == line),
                "{line} in {shown}"
            );
        }
    }

    proptest! {
        /// Quarters, so that a sum is the same in any order.
        #[test]
        fn it_says_what_the_librarys_own_metrics_say(
            times in proptest::collection::vec(
                prop_oneof![proptest::sample::select(BOUNDS.to_vec()), (0..40_u32).prop_map(|quarters| f64::from(quarters) / 4.0)],
                0..20,
            ),
        ) {
            let requests = Requests::default();
            for seconds in &times {
                requests.one(request(200), *seconds);
            }
            prop_assert_eq!(of(&requests), of_the_library(&request(200), &times));
        }
    }
}
