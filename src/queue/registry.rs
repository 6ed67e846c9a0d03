//! Owns which processor does which job type, and the way from a payload's text to a result's text.
//! Must not know: any concrete job type, or how jobs are claimed and settled.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
};

use super::{JobContext, JobError, JobType, Processor, payload};
use crate::model::JobPolicy;

/// Longest result that is stored, in bytes of JSON.
pub const MAX_RESULT_BYTES: usize = 1_000_000;

/// What a run answers: the result as JSON text, where there is one.
pub(super) type Answer = Result<Option<String>, JobError>;

type Run = Pin<Box<dyn Future<Output = Answer> + Send>>;
type Start = Arc<dyn Fn(JobContext, String) -> Run + Send + Sync>;

/// Processors by job type. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry {
    entries: Arc<HashMap<&'static str, Entry>>,
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) policy: &'static JobPolicy,
    start: Start,
}

impl Registry {
    /// A registry that knows no job type.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the processor of one job type; the last one of a type counts.
    #[must_use]
    pub fn with<P: Processor>(mut self, processor: P) -> Self {
        let entry = Entry {
            policy: policy::<P::Job>(),
            start: starter(processor),
        };
        Arc::make_mut(&mut self.entries).insert(entry.policy.job_type, entry);
        self
    }

    /// The job types that it can do, sorted.
    pub fn job_types(&self) -> Vec<&'static str> {
        let mut types: Vec<_> = self.entries.keys().copied().collect();
        types.sort_unstable();
        types
    }

    /// What the job type declares, if it has a processor.
    pub fn policy(&self, job_type: &str) -> Option<&'static JobPolicy> {
        self.entries.get(job_type).map(|entry| entry.policy)
    }

    /// The job types that it can do, each with the fingerprints of the payload schemas that it can read.
    pub fn reads(&self) -> Vec<(&'static str, Option<&'static str>)> {
        let policies = self.entries.values().map(|entry| entry.policy);
        policies
            .map(|policy| (policy.job_type, Some(policy.schema_fingerprint)))
            .collect()
    }

    /// The queues that its job types go to by default, sorted.
    pub fn queues(&self) -> Vec<String> {
        let queues: BTreeSet<_> = self
            .entries
            .values()
            .map(|entry| entry.policy.queue)
            .collect();
        queues.into_iter().map(str::to_owned).collect()
    }

    pub(super) fn entry(&self, job_type: &str) -> Option<&Entry> {
        self.entries.get(job_type)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.job_types()).finish()
    }
}

impl Entry {
    /// One run: payload text → typed payload → processor → result text.
    pub(super) fn run(&self, context: JobContext, payload: String) -> Run {
        (self.start)(context, payload)
    }
}

fn policy<J: JobType>() -> &'static JobPolicy {
    const { &J::POLICY }
}

fn starter<P: Processor>(processor: P) -> Start {
    let processor = Arc::new(processor);
    Arc::new(move |context, text| {
        let processor = Arc::clone(&processor);
        Box::pin(async move {
            let payload = payload::parse(&text)?;
            drop(text);
            let result = processor.process(context, payload).await?;
            result_text(&result)
        })
    })
}

fn result_text<R: serde::Serialize>(result: &R) -> Answer {
    let text = serde_json::to_string(result)
        .map_err(|source| JobError::fail("failed to serialise the result", source))?;
    if text.len() > MAX_RESULT_BYTES {
        return Err(JobError::Fail {
            message: format!(
                "the result is {} bytes long; at most {MAX_RESULT_BYTES} are stored",
                text.len()
            ),
            source: None,
        });
    }
    Ok((text != "null").then_some(text))
}
