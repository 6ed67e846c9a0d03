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
    pub unique: Option<Unique>,
    pub concurrency: Option<Concurrency>,
    pub rate: Option<Rate>,
    /// How far an enqueuer may go from what is declared here.
    #[serde(default)]
    pub limits: Limits,
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
#[expect(
    clippy::struct_field_names,
    reason = "the unit belongs to the names in the contract"
)]
pub struct Retention {
    pub completed_seconds: Option<u64>,
    pub failed_seconds: Option<u64>,
    pub cancelled_seconds: Option<u64>,
}

/// Which jobs are the same, and what becomes of the second one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unique {
    /// JSON pointers to properties of the payload.
    pub key: Vec<String>,
    pub scope: Scope,
    pub period_seconds: Option<u64>,
    pub on_conflict: OnConflict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    WhileQueued,
    UntilStarted,
    UntilFinished,
    ForPeriod,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    Return,
    Replace,
    Reject,
}

/// How many jobs of the type run at the same time in all processes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    pub limit: Option<u32>,
    /// JSON pointer to a property of the payload: jobs with the same value share `key_limit`.
    pub key: Option<String>,
    pub key_limit: Option<u32>,
}

/// How many runs may start in a time: a token bucket that holds `limit` tokens and fills up once a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    pub limit: u32,
    pub period_seconds: u64,
    /// A bucket for each value of the concurrency key, not one for the type.
    #[serde(default)]
    pub per_key: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub priority_min: i64,
    pub priority_max: i64,
    pub max_retries: i64,
    pub timeout_seconds: u64,
}

impl Default for Limits {
    /// The bounds that the contract has for all types.
    fn default() -> Self {
        Self {
            priority_min: -1000,
            priority_max: 1000,
            max_retries: 100,
            timeout_seconds: LONGEST_RUN,
        }
    }
}

const LONGEST_RUN: u64 = 86_400;
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
    check.unique(&job);
    check.gates(&job);
    check.limits(&job);
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
            1..=LONGEST_RUN,
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
            ("cancelled_seconds", job.retention.cancelled_seconds),
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

    fn unique(&mut self, job: &JobDeclaration) {
        let Some(unique) = &job.unique else { return };
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
    }

    fn gates(&mut self, job: &JobDeclaration) {
        let key = job.concurrency.as_ref().and_then(|it| it.key.as_ref());
        if let Some(concurrency) = &job.concurrency {
            let at = self.at.then("concurrency");
            if concurrency.limit.is_none() && concurrency.key.is_none() {
                self.refusals.add(&at, "names a limit, a key, or both");
            }
            if let Some(key) = &concurrency.key {
                self.in_payload(key, &at.then("key"));
            }
            for (name, limit) in [
                ("limit", concurrency.limit),
                ("key_limit", concurrency.key_limit),
            ] {
                if let Some(limit) = limit {
                    self.range(&at.then(name), &limit, 1..=100_000);
                }
            }
            if concurrency.key_limit.is_some() && key.is_none() {
                self.refusals
                    .add(&at.then("key_limit"), "belongs to a key, which is missing");
            }
        }
        if let Some(rate) = job.rate {
            let at = self.at.then("rate");
            self.range(&at.then("limit"), &rate.limit, 1..=1_000_000);
            self.range(&at.then("period_seconds"), &rate.period_seconds, 1..=86_400);
            if rate.per_key && key.is_none() {
                self.refusals
                    .add(&at.then("per_key"), "wants concurrency.key");
            }
        }
    }

    fn limits(&mut self, job: &JobDeclaration) {
        let (limits, widest) = (job.limits, Limits::default());
        let at = self.at.then("limits");
        let (low, high) = (widest.priority_min, widest.priority_max);
        self.range(
            &at.then("priority_min"),
            &limits.priority_min,
            low..=job.priority,
        );
        self.range(
            &at.then("priority_max"),
            &limits.priority_max,
            job.priority..=high,
        );
        self.range(
            &at.then("max_retries"),
            &limits.max_retries,
            job.max_retries..=widest.max_retries,
        );
        self.range(
            &at.then("timeout_seconds"),
            &limits.timeout_seconds,
            job.timeout_seconds..=widest.timeout_seconds,
        );
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
