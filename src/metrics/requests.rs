//! Owns counting requests: each thread counts for itself, a scrape adds up. One count for all threads would be fetched from
//! another processor's cache for each request, as often as two locks and two counts have it (docs/decisions/0022).
//! Must not know: how it is served.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crossbeam_utils::CachePadded;
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

type ByRequest = HashMap<Request, Times>;

/// The requests of one process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests(Arc<ThreadLocal<CachePadded<Mutex<ByRequest>>>>);

impl Requests {
    pub(super) fn one(&self, request: Request, seconds: f64) {
        let mut counted = lock(self.0.get_or_default());
        counted.entry(request).or_default().one(seconds);
    }

    /// Of all threads, in one order.
    fn all(&self) -> BTreeMap<(&'static str, u16), Times> {
        let mut all = BTreeMap::<_, Times>::new();
        for thread in self.0.iter() {
            for (request, times) in lock(thread).iter() {
                let place = all.entry((request.operation, request.status)).or_default();
                place.add(times);
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
        let help = "Requests that were answered";
        let mut counts =
            encoder.encode_descriptor("http_requests", help, None, MetricType::Counter)?;
        let mut operations = BTreeMap::<_, Times>::new();
        for ((operation, status), times) in all {
            let labels = Request { operation, status };
            let count = ConstCounter::new(times.count());
            count.encode(counts.encode_family(&labels)?)?;
            operations.entry(operation).or_default().add(&times);
        }
        let mut durations = encoder.encode_descriptor(
            "http_request_duration",
            "Time from request to answer",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (operation, times) in operations {
            let bounds = BOUNDS.into_iter().chain([f64::MAX]);
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
    use std::{iter, thread};

    use prometheus_client::{encoding::text, registry::Registry};
    use proptest::prelude::*;

    use super::*;

    fn shown(requests: &Requests) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(requests.clone()));
        let mut shown = String::new();
        text::encode(&mut shown, &registry).unwrap();
        shown
    }

    /// Threads that have ended are counted, too, and none twice.
    #[test]
    fn what_threads_count_is_added_up() {
        let requests = Requests::default();
        let request = |status| Request {
            operation: "get_user",
            status,
        };
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
        let shown = shown(&requests);
        for line in [
            "# TYPE http_requests counter",
            r#"http_requests_total{operation="get_user",status="200"} 8000"#,
            r#"http_requests_total{operation="get_user",status="404"} 8001"#,
            "# TYPE http_request_duration_seconds histogram",
            "# UNIT http_request_duration_seconds seconds",
            r#"http_request_duration_seconds_sum{operation="get_user"} 66008.0"#,
            r#"http_request_duration_seconds_count{operation="get_user"} 16001"#,
            r#"http_request_duration_seconds_bucket{le="0.064",operation="get_user"} 0"#,
            r#"http_request_duration_seconds_bucket{le="0.256",operation="get_user"} 8000"#,
            r#"http_request_duration_seconds_bucket{le="4.096",operation="get_user"} 8000"#,
            r#"http_request_duration_seconds_bucket{le="+Inf",operation="get_user"} 16001"#,
        ] {
            assert!(
                shown.lines().any(|found| found == line),
                "{line} in {shown}"
            );
        }
    }

    proptest! {
        /// A bucket has what is at most its bound, and more than the one before: the same as the library's own histogram.
        #[test]
        fn a_time_is_in_the_bucket_of_the_least_bound_that_it_does_not_exceed(seconds in 0.0..10.0_f64, at in 0..8_usize) {
            for seconds in [seconds, BOUNDS[at]] {
                let mut times = Times::default();
                times.one(seconds);
                let bucket = times.buckets.iter().position(|count| *count == 1).unwrap();
                let bounds: Vec<_> = iter::once(-1.0).chain(BOUNDS).chain([f64::MAX]).collect();
                prop_assert!(bounds[bucket] < seconds && seconds <= bounds[bucket + 1]);
                prop_assert_eq!((times.count(), times.sum), (1, seconds));
            }
        }
    }
}
