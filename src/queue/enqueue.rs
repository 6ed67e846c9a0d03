//! Owns making a job out of a payload, its type's policy and what the enqueuer chose within the policy's limits.
//! Must not know: any concrete job type, whether the payload is valid (the caller has checked), or how it is stored.

use std::{borrow::Cow, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::options::{EnqueueOptions, LONGEST};
use crate::model::{Fault, JobPolicy, NewJob, OnConflict, UniqueClaim, UniqueScope};

/// Longest key that is kept as it is; longer ones are kept as their digest.
const MAX_KEY: usize = 200;
/// The job that does `payload` under `policy`. The payload is JSON text that has passed the type's schema. What was
/// chosen outside of the policy's limits is answered as faults whose pointers begin with `/`, the option's name.
pub fn new_job(
    policy: &'static JobPolicy,
    payload: String,
    options: EnqueueOptions,
) -> Result<NewJob, Vec<Fault>> {
    let mut faults = options.faults(policy);
    let unique = unique(policy, &payload, &options).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(NewJob {
        job_type: Cow::Borrowed(policy.job_type),
        queue: options
            .queue
            .map_or(Cow::Borrowed(policy.queue), Cow::Owned),
        concurrency_key: policy
            .concurrency_key
            .and_then(|pointer| part(&payload, pointer))
            .map(|value| match value {
                Value::String(text) => short(text),
                other => short(other.to_string()),
            }),
        payload,
        priority: options.priority.unwrap_or(policy.priority),
        max_retries: options.max_retries.unwrap_or(policy.max_retries),
        timeout: options
            .timeout_seconds
            .map_or(policy.timeout, Duration::from_secs),
        scheduled_at: options.scheduled_at,
        delay: options.delay_seconds.map(Duration::from_secs),
        expires_at: options.expires_at,
        tags: options.tags,
        metadata: options.metadata,
        unique,
        after: options.after,
        group_id: None,
        schema_fingerprint: Cow::Borrowed(policy.schema_fingerprint),
    })
}

/// The claim to be the only one, as declared or as chosen.
fn unique(
    policy: &JobPolicy,
    payload: &str,
    options: &EnqueueOptions,
) -> Result<Option<UniqueClaim>, Fault> {
    let declared = policy.unique;
    let scope = options.unique_scope.or(declared.map(|unique| unique.scope));
    if declared.is_none() && options.unique_key.is_none() {
        let orphans = [
            ("unique_scope", options.unique_scope.is_some()),
            (
                "unique_period_seconds",
                options.unique_period_seconds.is_some(),
            ),
            ("on_conflict", options.on_conflict.is_some()),
        ];
        return match orphans.into_iter().find(|(_, given)| *given) {
            None => Ok(None),
            Some((option, _)) => Err(Fault::new(
                format!("/{option}"),
                format!(
                    "{option} wants unique_key: {} declares no key",
                    policy.job_type
                ),
            )),
        };
    }
    let scope = scope.unwrap_or(UniqueScope::UntilFinished);
    let chosen = options.unique_period_seconds.map(Duration::from_secs);
    let period = chosen.or_else(|| declared.and_then(|unique| unique.period));
    let refuse = |message: String| Err(Fault::new("/unique_period_seconds", message));
    if scope == UniqueScope::ForPeriod {
        if period.is_none_or(|period| period.is_zero() || period > LONGEST) {
            return refuse(format!(
                "unique_scope for_period wants unique_period_seconds of 1 to {}",
                LONGEST.as_secs()
            ));
        }
    } else if chosen.is_some() {
        return refuse("unique_period_seconds belongs to unique_scope for_period".to_owned());
    }
    let key = match (&options.unique_key, declared) {
        (Some(key), _) => short(key.clone()),
        (None, declared) => {
            let pointers = declared.map_or(&[][..], |unique| unique.key);
            let parts = pointers.iter().map(|pointer| part(payload, pointer));
            digest(&parts.collect::<Value>().to_string())
        }
    };
    Ok(Some(UniqueClaim {
        key: format!("{}:{key}", policy.job_type),
        scope,
        period: period.filter(|_| scope == UniqueScope::ForPeriod),
        on_conflict: options
            .on_conflict
            .or(declared.map(|unique| unique.on_conflict))
            .unwrap_or(OnConflict::Return),
    }))
}

/// What a JSON pointer leads to. Only types that declare a key pay for this second parse.
fn part(payload: &str, pointer: &str) -> Option<Value> {
    let mut payload: Value = serde_json::from_str(payload).ok()?;
    payload.pointer_mut(pointer).map(Value::take)
}

fn short(key: String) -> String {
    if key.len() > MAX_KEY {
        digest(&key)
    } else {
        key
    }
}

/// 128 bits of SHA-256: two keys that meet by chance are not to be expected.
fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..16])
}

#[cfg(test)]
#[path = "enqueue_tests.rs"]
mod tests;
