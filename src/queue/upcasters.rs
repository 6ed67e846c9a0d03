//! Owns the ways from payloads that older schemas accepted to the current ones: what a job type declares when its schema
//! changes while jobs wait. Must not know: any concrete job type, or how jobs are claimed.

use std::{
    collections::HashMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use serde_json::Value;

use super::{JobError, JobType, payload};
use crate::model::JobPolicy;

/// What an upcaster answers. A refusal is fixed text, so that it cannot repeat what the payload holds.
pub type Upcast = Result<Value, &'static str>;

type Function = Arc<dyn Fn(Value) -> Upcast + Send + Sync>;

/// Upcasters by job type and fingerprint. Cheap to clone.
///
/// They are declared newest first: each leads to the current schema or to one whose own way on is declared already. So
/// every way ends at the current schema, and none goes in a circle.
#[derive(Clone, Default)]
pub struct Upcasters {
    /// Few: a list is faster than a map of pairs of texts, and keeps their order.
    steps: Arc<Vec<Step>>,
}

#[derive(Clone)]
struct Step {
    job_type: &'static str,
    from: &'static str,
    to: &'static str,
    function: Function,
}

/// An upcaster that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpcasterError {
    #[error(
        "{job_type}: {from} is the fingerprint of the current schema: nothing leads away from it"
    )]
    Current {
        job_type: &'static str,
        from: &'static str,
    },
    #[error("{job_type}: there are two upcasters from {from}")]
    Twice {
        job_type: &'static str,
        from: &'static str,
    },
    #[error(
        "{job_type}: the upcaster from {from} leads to {to}, which is neither current nor declared before: declare \
         the newest first"
    )]
    Nowhere {
        job_type: &'static str,
        from: &'static str,
        to: &'static str,
    },
}

/// Why a payload could not be brought up. Repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the upcaster from schema {from} refused the payload: {reason}")]
    Refused {
        from: &'static str,
        reason: &'static str,
    },
    #[error("the upcaster from schema {from} panicked")]
    Panicked { from: &'static str },
}

impl Upcasters {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// From a schema to the current one of the type.
    pub fn to_current<J: JobType>(
        self,
        from: &'static str,
        upcast: impl Fn(Value) -> Upcast + Send + Sync + 'static,
    ) -> Result<Self, UpcasterError> {
        self.to::<J>(from, J::POLICY.schema_fingerprint, upcast)
    }

    /// What the schema accepted is good as it is: only fields that may be left out were added, or bounds widened.
    pub fn unchanged<J: JobType>(self, from: &'static str) -> Result<Self, UpcasterError> {
        self.to_current::<J>(from, Ok)
    }

    /// From a schema to a newer one, whose own way to the current one is declared already.
    pub fn to<J: JobType>(
        mut self,
        from: &'static str,
        to: &'static str,
        upcast: impl Fn(Value) -> Upcast + Send + Sync + 'static,
    ) -> Result<Self, UpcasterError> {
        let policy = J::POLICY;
        let (job_type, current) = (policy.job_type, policy.schema_fingerprint);
        if from == current {
            return Err(UpcasterError::Current { job_type, from });
        }
        if self.step(job_type, from).is_some() {
            return Err(UpcasterError::Twice { job_type, from });
        }
        if to != current && self.step(job_type, to).is_none() {
            return Err(UpcasterError::Nowhere { job_type, from, to });
        }
        Arc::make_mut(&mut self.steps).push(Step {
            job_type,
            from,
            to,
            function: Arc::new(upcast),
        });
        Ok(self)
    }

    /// The fingerprints that a way leads from, of one job type.
    pub fn reads(&self, job_type: &str) -> impl Iterator<Item = &'static str> {
        self.steps
            .iter()
            .filter(move |step| step.job_type == job_type)
            .map(|step| step.from)
    }

    /// Goes the way from a fingerprint until there is none on, or `until` is reached. Answers where it ended: at `from`
    /// when no upcaster leads away from it.
    pub fn apply<'f>(
        &self,
        job_type: &str,
        from: &'f str,
        until: &str,
        mut payload: Value,
    ) -> Result<(&'f str, Value), Refusal> {
        let mut at = from;
        while at != until
            && let Some(step) = self.step(job_type, at)
        {
            payload = step.take(payload)?;
            at = step.to;
        }
        Ok((at, payload))
    }

    /// A stored payload as the current schema wants it. What cannot be brought up never will be: the job fails for good.
    pub(super) fn text(
        &self,
        policy: &JobPolicy,
        from: &str,
        text: String,
    ) -> Result<String, JobError> {
        if self.step(policy.job_type, from).is_none() {
            return Ok(text);
        }
        let value = payload::parse(&text)?;
        self.apply(policy.job_type, from, policy.schema_fingerprint, value)
            .map(|(_, value)| value.to_string())
            .map_err(|refusal| JobError::Fail {
                message: refusal.to_string(),
                source: None,
            })
    }

    fn step(&self, job_type: &str, from: &str) -> Option<&Step> {
        self.steps
            .iter()
            .find(|step| step.job_type == job_type && step.from == from)
    }
}

impl Step {
    /// A panic's message may hold anything: it is not told.
    fn take(&self, payload: Value) -> Upcasted {
        match catch_unwind(AssertUnwindSafe(|| (self.function)(payload))) {
            Ok(Ok(payload)) => Ok(payload),
            Ok(Err(reason)) => Err(Refusal::Refused {
                from: self.from,
                reason,
            }),
            Err(_) => Err(Refusal::Panicked { from: self.from }),
        }
    }
}

type Upcasted = Result<Value, Refusal>;

impl fmt::Debug for Upcasters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ways: HashMap<&str, Vec<(&str, &str)>> = HashMap::new();
        for step in self.steps.iter() {
            ways.entry(step.job_type)
                .or_default()
                .push((step.from, step.to));
        }
        f.debug_tuple("Upcasters").field(&ways).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::JobPolicy;

    struct Report;

    impl JobType for Report {
        type Payload = Value;
        type Result = ();
        const POLICY: JobPolicy = JobPolicy {
            schema_fingerprint: "v3",
            ..JobPolicy::new("report")
        };
    }

    fn renamed(old: &'static str, new: &'static str) -> impl Fn(Value) -> Upcast {
        move |mut payload| {
            let members = payload.as_object_mut().ok_or("not an object")?;
            let value = members.remove(old).ok_or("the old name is missing")?;
            members.insert(new.to_owned(), value);
            Ok(payload)
        }
    }

    fn chain() -> Upcasters {
        Upcasters::new()
            .to_current::<Report>("v2", renamed("b", "c"))
            .and_then(|ways| ways.to::<Report>("v1", "v2", renamed("a", "b")))
            .unwrap()
    }

    #[test]
    fn a_way_goes_over_all_schemas_between() {
        let apply = |from, until, payload| chain().apply("report", from, until, payload);
        assert_eq!(
            apply("v1", "v3", json!({"a": 1})),
            Ok(("v3", json!({"c": 1})))
        );
        assert_eq!(
            apply("v2", "v3", json!({"b": 1})),
            Ok(("v3", json!({"c": 1})))
        );
        assert_eq!(
            apply("v1", "v2", json!({"a": 1})),
            Ok(("v2", json!({"b": 1})))
        );
        assert_eq!(
            apply("v0", "v3", json!({"a": 1})),
            Ok(("v0", json!({"a": 1})))
        );
        assert_eq!(chain().reads("report").collect::<Vec<_>>(), ["v2", "v1"]);
        assert_eq!(chain().reads("letter").count(), 0);
    }

    #[test]
    fn no_way_is_a_circle_or_ends_before_the_current_schema() {
        let (job_type, to) = ("report", "v9");
        let from = "v3";
        let away = chain().to::<Report>(from, "v1", Ok);
        assert_eq!(away.unwrap_err(), UpcasterError::Current { job_type, from });
        let from = "v2";
        let circle = chain().to::<Report>(from, "v1", Ok);
        assert_eq!(circle.unwrap_err(), UpcasterError::Twice { job_type, from });
        let from = "v0";
        let lost = chain().to::<Report>(from, to, Ok);
        assert_eq!(
            lost.unwrap_err(),
            UpcasterError::Nowhere { job_type, from, to }
        );
        let itself = chain().to::<Report>(from, from, Ok);
        assert!(matches!(itself, Err(UpcasterError::Nowhere { .. })));
        assert_eq!(
            chain()
                .unchanged::<Report>("v0")
                .unwrap()
                .reads("report")
                .count(),
            3
        );
    }

    #[test]
    fn refusals_and_panics_fail_for_good_and_repeat_nothing() {
        let ways = chain()
            .to_current::<Report>("bad", |payload| panic!("{payload}"))
            .unwrap();
        let error = |from| {
            let text = ways.text(&Report::POLICY, from, r#"{"x":"secret"}"#.to_owned());
            let error = text.unwrap_err();
            assert!(matches!(error, JobError::Fail { .. }));
            error.to_string()
        };
        assert_eq!(
            error("v2"),
            "the upcaster from schema v2 refused the payload: the old name is missing"
        );
        assert_eq!(error("bad"), "the upcaster from schema bad panicked");
        let text = ways.text(&Report::POLICY, "v2", "secret".to_owned());
        assert!(!text.unwrap_err().to_string().contains("secret"));
    }
}
