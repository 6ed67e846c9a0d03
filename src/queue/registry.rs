//! Owns which processor does which job type, and the way from a payload's text to a result's text.
//! Must not know: any concrete job type, or how jobs are claimed and settled.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
};

use super::{
    JobContext, JobError, JobType, Processor, UpcasterError, Upcasters, payload, upcasters::Upcast,
};
use serde_json::Value;

use crate::model::JobPolicy;

/// Longest result that is stored, in bytes of JSON.
pub const MAX_RESULT_BYTES: usize = 1_000_000;

/// What a run answers: the result as JSON text, where there is one.
pub(super) type Answer = Result<Option<String>, JobError>;

pub(super) type Run = Pin<Box<dyn Future<Output = Answer> + Send>>;
type Start = Arc<dyn Fn(JobContext, String) -> Run + Send + Sync>;

/// Processors by job type. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry {
    entries: Arc<HashMap<&'static str, Entry>>,
    upcasters: Upcasters,
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

    /// Also reads payloads of older schemas, in place of what was declared before.
    #[must_use]
    pub fn with_upcasters(mut self, upcasters: Upcasters) -> Self {
        self.upcasters = upcasters;
        self
    }

    /// Also reads payloads that the schema with the fingerprint `from` accepted. More than one at once, or over several
    /// schemas: [`Registry::with_upcasters`].
    pub fn with_upcaster<J: JobType>(
        mut self,
        from: &'static str,
        upcast: impl Fn(Value) -> Upcast + Send + Sync + 'static,
    ) -> Result<Self, UpcasterError> {
        self.upcasters = self.upcasters.to_current::<J>(from, upcast)?;
        Ok(self)
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

    /// The policies of the job types that it can do, in no order.
    pub fn policies(&self) -> impl Iterator<Item = &'static JobPolicy> {
        self.entries.values().map(|entry| entry.policy)
    }

    /// The job types that it can do, each with the fingerprints of the payload schemas that it can read: the current one,
    /// and those with an upcaster.
    pub fn reads(&self) -> Vec<(&'static str, Option<&'static str>)> {
        self.policies()
            .flat_map(|policy| {
                let older = self.upcasters.reads(policy.job_type);
                std::iter::once(policy.schema_fingerprint)
                    .chain(older)
                    .map(|fingerprint| (policy.job_type, Some(fingerprint)))
            })
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

    /// One run: payload text, brought up to the current schema → typed payload → processor → result text.
    pub(super) fn run(
        &self,
        entry: &Entry,
        fingerprint: &str,
        context: JobContext,
        payload: String,
    ) -> Run {
        if fingerprint == entry.policy.schema_fingerprint {
            return (entry.start)(context, payload);
        }
        // Not here and now: an upcaster is a guest in the process like the processor.
        let (upcasters, fingerprint) = (self.upcasters.clone(), fingerprint.to_owned());
        let (start, policy) = (Arc::clone(&entry.start), entry.policy);
        Box::pin(async move {
            let payload = upcasters.text(policy, &fingerprint, payload)?;
            start(context, payload).await
        })
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.job_types()).finish()
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
