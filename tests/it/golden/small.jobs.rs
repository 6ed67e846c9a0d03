use std::time::Duration;
use lockstep_client::types;
#[allow(unused_imports, reason = "a contract may declare no limits and no unique keys")]
use crate::model::{OnConflict, Rate, UniquePolicy, UniqueScope};
use crate::{
    model::{Backoff, BackoffKind, JobLimits, JobPolicy},
    queue::{JobType, Processor, Registry},
};
/// Paints a thing.
#[derive(Debug, Clone, Copy)]
pub struct PaintThing;
impl JobType for PaintThing {
    type Payload = types::PaintThing;
    type Result = types::Painted;
    const POLICY: JobPolicy = JobPolicy {
        job_type: "paint_thing",
        queue: "slow",
        priority: -2,
        max_retries: 3,
        timeout: Duration::from_secs(60),
        backoff: Backoff {
            kind: BackoffKind::Exponential,
            base: Duration::from_secs(10),
            cap: Duration::from_secs(3600),
            jitter: 0.5,
        },
        keep_completed: Some(Duration::from_secs(86400)),
        keep_failed: None,
        keep_cancelled: None,
        unique: None,
        concurrency: None,
        rate: None,
        concurrency_key: None,
        key_concurrency: None,
        key_rate: None,
        limits: JobLimits {
            priority: (-1000, 1000),
            max_retries: 100,
            timeout: Duration::from_secs(86400),
        },
        sensitive: &["/owner/name"],
        schema_fingerprint: "d33715f7aba246664bbbc87d33b4d330",
        payload_schema: "PaintThing",
        result_schema: Some("Painted"),
    };
}
/// The policy of every declared job type, by name.
pub static POLICIES: &[JobPolicy] = &[<PaintThing as JobType>::POLICY];
/// The policy of one job type; `None` when the contract does not declare it.
pub fn policy(job_type: &str) -> Option<&'static JobPolicy> {
    let index = POLICIES.binary_search_by(|policy| policy.job_type.cmp(job_type)).ok()?;
    POLICIES.get(index)
}
/// One processor per declared job type: a type without one does not compile.
pub fn registry(paint_thing: impl Processor<Job = PaintThing>) -> Registry {
    Registry::new().with(paint_thing)
}
