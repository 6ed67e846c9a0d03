//! Owns what an enqueuer chose, from the wire's types to the queue's options.
//! Must not know: whether a choice is allowed (queue/enqueue.rs).

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::types;
use crate::{
    model::{OnConflict, UniqueScope},
    queue::EnqueueOptions,
};

/// An option as a query parameter carries it. An option without a place here does not compile.
pub(crate) trait Chosen<T> {
    fn chosen(value: T) -> Self;
}

macro_rules! plainly {
    ($($wire:ty => $option:ty, $value:ident: $read:expr;)*) => {
        $(impl Chosen<Option<$wire>> for Option<$option> {
            fn chosen(value: Option<$wire>) -> Self {
                value.map(|$value| $read)
            }
        })*
    };
}
plainly! {
    types::QueueName => String, it: it.into();
    types::JobPriority => i32, it: it.0;
    types::JobMaxRetries => i32, it: it.0;
    types::JobTimeoutSeconds => u64, it: it.0.get();
    types::JobDelaySeconds => u64, it: it.0.unsigned_abs();
    types::JobPeriodSeconds => u64, it: it.0.get();
    types::JobMetadataText => String, it: it.into();
    types::UniqueKeyText => String, it: it.into();
    DateTime<Utc> => DateTime<Utc>, it: it;
    types::JobUniqueScope => UniqueScope, it: scope(it);
    types::JobOnConflict => OnConflict, it: on_conflict(it);
}

impl Chosen<bool> for bool {
    fn chosen(value: bool) -> Self {
        value
    }
}

impl Chosen<Option<types::JobTagList>> for Vec<String> {
    fn chosen(value: Option<types::JobTagList>) -> Self {
        let split = |list: &types::JobTagList| list.split(',').map(str::to_owned).collect();
        value.as_ref().map(split).unwrap_or_default()
    }
}

impl Chosen<Option<types::JobIdList>> for Vec<i64> {
    /// The pattern allows digits only; what is beyond 63 bits is nobody's number.
    fn chosen(value: Option<types::JobIdList>) -> Self {
        let number = |text: &str| text.parse().unwrap_or(i64::MAX);
        let split = |list: &types::JobIdList| list.split(',').map(number).collect();
        value.as_ref().map(split).unwrap_or_default()
    }
}

fn scope(scope: types::JobUniqueScope) -> UniqueScope {
    match scope {
        types::JobUniqueScope::WhileQueued => UniqueScope::WhileQueued,
        types::JobUniqueScope::UntilStarted => UniqueScope::UntilStarted,
        types::JobUniqueScope::UntilFinished => UniqueScope::UntilFinished,
        types::JobUniqueScope::ForPeriod => UniqueScope::ForPeriod,
    }
}

fn on_conflict(on_conflict: types::JobOnConflict) -> OnConflict {
    match on_conflict {
        types::JobOnConflict::Return => OnConflict::Return,
        types::JobOnConflict::Replace => OnConflict::Replace,
        types::JobOnConflict::Reject => OnConflict::Reject,
    }
}

/// The options in the body of `POST /jobs`, and of the other operations that take whole jobs.
pub fn options_of(request: &types::JobRequest) -> EnqueueOptions {
    let request = request.clone();
    EnqueueOptions {
        queue: Chosen::chosen(request.queue),
        priority: Chosen::chosen(request.priority),
        max_retries: Chosen::chosen(request.max_retries),
        timeout_seconds: Chosen::chosen(request.timeout_seconds),
        scheduled_at: request.scheduled_at,
        delay_seconds: Chosen::chosen(request.delay_seconds),
        expires_at: request.expires_at,
        tags: request
            .tags
            .map(|tags| tags.0.into_iter().map(Into::into).collect())
            .unwrap_or_default(),
        metadata: request
            .metadata
            .map(|metadata| Value::Object(metadata.0).to_string()),
        unique_key: Chosen::chosen(request.unique_key),
        unique_scope: Chosen::chosen(request.unique_scope),
        unique_period_seconds: Chosen::chosen(request.unique_period_seconds),
        on_conflict: Chosen::chosen(request.on_conflict),
        after: request
            .after
            .map(|ids| {
                ids.0
                    .into_iter()
                    .filter_map(|id| i64::try_from(id.0.get()).ok())
                    .collect()
            })
            .unwrap_or_default(),
        dry_run: false,
    }
}
