//! Owns reading one stored payload as a contract would: upcasters first, then the payload's schema.
//! Must not know: where payloads are stored, or how many there are.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::report::Finding;
use crate::{
    model::{Fault, JobPolicy},
    queue::Upcasters,
    spec::{DeclaredJob, job_types},
    store::StoredPayload,
    validation::{Mode, Validator, ValidatorError},
};

/// A contract, as far as payloads go.
#[derive(Debug)]
pub struct Reader {
    validator: Arc<Validator>,
    job_types: HashMap<String, DeclaredJob>,
    upcasters: Upcasters,
}

/// A document that nothing can be checked against.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    #[error("the document cannot be compiled")]
    Document(#[from] ValidatorError),
    #[error("{0}")]
    JobType(String),
}

impl Reader {
    /// Reads as this program's workers do.
    pub fn of_contract(
        validator: Arc<Validator>,
        policies: &[JobPolicy],
        upcasters: Upcasters,
    ) -> Self {
        let declared = policies.iter().map(|policy| DeclaredJob {
            job_type: policy.job_type.to_owned(),
            payload_schema: policy.payload_schema.to_owned(),
            schema_fingerprint: policy.schema_fingerprint.to_owned(),
            sensitive: owned(policy.sensitive),
        });
        Self::new(validator, declared, upcasters)
    }

    /// Reads as the workers of another version would. What this program's `policies` hide stays hidden.
    pub fn of_document(
        document: &Value,
        mode: Mode,
        policies: &[JobPolicy],
        upcasters: Upcasters,
    ) -> Result<Self, ReaderError> {
        let validator = Arc::new(Validator::new(document, mode)?);
        let mut declared = job_types(document).map_err(ReaderError::JobType)?;
        for job in &mut declared {
            let now = policies.iter().find(|it| it.job_type == job.job_type);
            job.sensitive
                .extend(owned(now.map_or(&[], |policy| policy.sensitive)));
        }
        Ok(Self::new(validator, declared, upcasters))
    }

    fn new(
        validator: Arc<Validator>,
        declared: impl IntoIterator<Item = DeclaredJob>,
        upcasters: Upcasters,
    ) -> Self {
        let named = declared.into_iter().map(|job| (job.job_type.clone(), job));
        Self {
            validator,
            job_types: named.collect(),
            upcasters,
        }
    }

    /// Job types with their current fingerprints: payloads under these have passed this very schema.
    pub(super) fn known(&self) -> Vec<(String, String)> {
        self.job_types
            .values()
            .map(|job| (job.job_type.clone(), job.schema_fingerprint.clone()))
            .collect()
    }

    pub(super) fn read(&self, stored: &StoredPayload) -> Finding {
        let broken = |pointer: &str, message: &str| Finding::Broken(Fault::new(pointer, message));
        let Some(job) = self.job_types.get(&stored.job_type) else {
            return broken("", "the contract declares no such job type");
        };
        let Ok(payload) = serde_json::from_str(&stored.payload) else {
            return broken("", "the stored payload is not JSON");
        };
        let (from, current) = (&stored.schema_fingerprint, &job.schema_fingerprint);
        let upcast = self.upcasters.apply(&job.job_type, from, current, payload);
        let (at, payload) = match upcast {
            Ok(upcast) => upcast,
            Err(refusal) => return broken("", &refusal.to_string()),
        };
        let faults = self.validator.check(&job.payload_schema, &payload, "");
        match faults.into_iter().next() {
            Some(fault) => Finding::Broken(hidden(fault, &job.sensitive)),
            None if at == from => Finding::Unread,
            None => Finding::Upcast,
        }
    }
}

fn owned(pointers: &[&str]) -> Vec<String> {
    pointers.iter().map(|&pointer| pointer.to_owned()).collect()
}

/// The names of properties below a sensitive one may be secrets as well: only its own place is told.
fn hidden(fault: Fault, sensitive: &[String]) -> Fault {
    let within = |pointer: &&String| {
        fault
            .pointer
            .strip_prefix(pointer.as_str())
            .is_some_and(|rest| rest.starts_with('/'))
    };
    match sensitive.iter().find(within) {
        Some(pointer) => Fault::new(pointer.clone(), "something in it breaks the schema"),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_sensitive_place_is_not_told() {
        let sensitive = ["/card".to_owned()];
        let told = |pointer: &str| hidden(Fault::new(pointer, "told"), &sensitive);
        let quiet = "something in it breaks the schema";
        assert_eq!(told("/card/4111"), Fault::new("/card", quiet));
        assert_eq!(told("/card"), Fault::new("/card", "told"));
        assert_eq!(told("/cards/0"), Fault::new("/cards/0", "told"));
    }
}
