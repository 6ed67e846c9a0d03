//! Owns the `x-job` object: its shape, its ranges, and that its pointers and names lead somewhere.
//! Must not know: how a policy is written in Rust.

use std::ops::RangeInclusive;

use serde::Deserialize;
use serde_json::Value;

use super::{
    names, reference,
    refusal::{Pointer, Refusals, Refused},
};

/// What a job type declares. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobDeclaration {
    pub queue: String,
    pub priority: i64,
    pub max_retries: i64,
    pub timeout_seconds: u64,
    pub backoff: Backoff,
    #[serde(default)]
    pub retention: Retention,
    /// JSON pointers to properties of the payload.
    #[serde(default)]
    pub sensitive: Vec<String>,
    /// `#/components/schemas/…`
    pub result: Option<String>,
    unique: Option<Unique>,
    concurrency: Option<Concurrency>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backoff {
    pub kind: BackoffKind,
    pub base_seconds: u64,
    pub cap_seconds: u64,
    /// Share of the wait, 0 to 1.
    #[serde(default)]
    pub jitter: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackoffKind {
    Fixed,
    Linear,
    Exponential,
}

/// How long ended jobs are kept; for ever where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    pub completed_seconds: Option<u64>,
    pub failed_seconds: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unique {
    key: Vec<String>,
    scope: Scope,
    period_seconds: Option<u64>,
    #[serde(rename = "on_conflict")]
    _on_conflict: OnConflict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scope {
    WhileQueued,
    UntilStarted,
    UntilFinished,
    ForPeriod,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnConflict {
    Return,
    Replace,
    Reject,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Concurrency {
    key: String,
    limit: u64,
}

const YEAR: u64 = 31_536_000;

/// Parses and checks one `x-job`. `at` is its place, `payload` the name of its payload's schema.
pub(super) fn declaration(
    document: &Value,
    value: &Value,
    payload: &str,
    at: &Pointer,
) -> Result<JobDeclaration, Refused> {
    let job: JobDeclaration = serde_json::from_value(value.clone())
        .map_err(|error| Refused::one(at.to_string(), error.to_string()))?;
    let mut check = Check {
        document,
        payload,
        at,
        refusals: Refusals::default(),
    };
    check.policy(&job);
    check.places(&job);
    check.planned(&job);
    check.refusals.finish()?;
    Ok(job)
}

struct Check<'d> {
    document: &'d Value,
    payload: &'d str,
    at: &'d Pointer,
    refusals: Refusals,
}

impl Check<'_> {
    fn policy(&mut self, job: &JobDeclaration) {
        if !names::is_snake_case(&job.queue) || job.queue.len() > 64 {
            let reason = "the name of a queue is snake_case, at most 64 letters";
            self.refusals.add(&self.at.then("queue"), reason);
        }
        let at = self.at.clone();
        self.range(&at.then("priority"), &job.priority, -1000..=1000);
        self.range(&at.then("max_retries"), &job.max_retries, 0..=100);
        self.range(
            &at.then("timeout_seconds"),
            &job.timeout_seconds,
            1..=86_400,
        );
        let backoff = at.then("backoff");
        self.range(
            &backoff.then("base_seconds"),
            &job.backoff.base_seconds,
            0..=YEAR,
        );
        self.range(
            &backoff.then("cap_seconds"),
            &job.backoff.cap_seconds,
            0..=YEAR,
        );
        self.range(&backoff.then("jitter"), &job.backoff.jitter, 0.0..=1.0);
        if job.backoff.cap_seconds < job.backoff.base_seconds {
            self.refusals
                .add(&backoff.then("cap_seconds"), "below base_seconds");
        }
        let retention = at.then("retention");
        for (key, seconds) in [
            ("completed_seconds", job.retention.completed_seconds),
            ("failed_seconds", job.retention.failed_seconds),
        ] {
            if let Some(seconds) = seconds {
                self.range(&retention.then(key), &seconds, 1..=100 * YEAR);
            }
        }
    }

    fn places(&mut self, job: &JobDeclaration) {
        for (index, pointer) in job.sensitive.iter().enumerate() {
            let at = self.at.then("sensitive").then(index);
            self.in_payload(pointer, &at);
        }
        if let Some(result) = &job.result {
            let schema = reference::schema_name(result)
                .and_then(|_| reference::target(self.document, result));
            match schema {
                None => self.refusals.add(
                    &self.at.then("result"),
                    format!("{result} is no schema of this document"),
                ),
                Some(schema) if schema["type"] != "object" => {
                    self.refusals
                        .add(&self.at.then("result"), "a result is an object");
                }
                Some(_) => {}
            }
        }
    }

    /// Declared, checked, and refused as long as the queue does not do it: better than a promise that nobody keeps.
    fn planned(&mut self, job: &JobDeclaration) {
        if let Some(unique) = &job.unique {
            let at = self.at.then("unique");
            for (index, pointer) in unique.key.iter().enumerate() {
                self.in_payload(pointer, &at.then("key").then(index));
            }
            if unique.key.is_empty() {
                self.refusals
                    .add(&at.then("key"), "names at least one property");
            }
            if (unique.scope == Scope::ForPeriod) != unique.period_seconds.is_some() {
                self.refusals.add(
                    &at.then("period_seconds"),
                    "belongs to the scope for_period, and only to it",
                );
            }
            if let Some(seconds) = unique.period_seconds {
                self.range(&at.then("period_seconds"), &seconds, 1..=YEAR);
            }
            self.refusals.add(&at, "not supported yet");
        }
        if let Some(concurrency) = &job.concurrency {
            let at = self.at.then("concurrency");
            self.in_payload(&concurrency.key, &at.then("key"));
            self.range(&at.then("limit"), &concurrency.limit, 1..=100_000);
            self.refusals.add(&at, "not supported yet");
        }
    }

    fn range<T: PartialOrd + std::fmt::Display>(
        &mut self,
        at: &Pointer,
        value: &T,
        allowed: RangeInclusive<T>,
    ) {
        if !allowed.contains(value) {
            let (low, high) = (allowed.start(), allowed.end());
            self.refusals
                .add(at, format!("{value} is outside {low} to {high}"));
        }
    }

    /// Every segment must be a property that the payload's schema declares; a list is named as a whole.
    fn in_payload(&mut self, pointer: &str, at: &Pointer) {
        let mut schema = &self.document["components"]["schemas"][self.payload];
        let Some(path) = pointer.strip_prefix('/') else {
            self.refusals.add(
                at,
                format!("`{pointer}` is no JSON pointer; write /property"),
            );
            return;
        };
        for segment in path.split('/') {
            let name = segment.replace("~1", "/").replace("~0", "~");
            let next = schema["properties"].get(&name);
            let Some(next) = next.and_then(|next| reference::resolve(self.document, next)) else {
                let payload = self.payload;
                let reason = format!(
                    "{pointer} leads to no property of {payload}: `{name}` is not declared"
                );
                self.refusals.add(at, reason);
                return;
            };
            schema = next;
        }
    }
}
