//! Owns what a schedule's jobs are enqueued with, and its form in the schedule's row.
//! Must not know: what the options do (queue/enqueue.rs).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    model::{Fault, OnConflict, UniqueScope},
    queue::EnqueueOptions,
};

/// The enqueue options that make sense more than once: none that names a moment or another job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// A JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique_scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique_period_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<String>,
}

impl ScheduleOptions {
    /// From a schedule's row.
    pub fn read(text: &str) -> Result<Self, Vec<Fault>> {
        serde_json::from_str(text).map_err(|error| {
            vec![Fault::new(
                "",
                format!("the stored options cannot be read: {error}"),
            )]
        })
    }

    /// As the row keeps them.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }

    /// For [`new_job`](crate::queue::new_job).
    pub fn for_enqueue(&self) -> EnqueueOptions {
        EnqueueOptions {
            queue: self.queue.clone(),
            priority: self.priority,
            max_retries: self.max_retries,
            timeout_seconds: self.timeout_seconds,
            delay_seconds: self.delay_seconds,
            tags: self.tags.clone(),
            metadata: self.metadata.as_ref().map(Value::to_string),
            unique_key: self.unique_key.clone(),
            unique_scope: self.unique_scope.as_deref().and_then(scope),
            unique_period_seconds: self.unique_period_seconds,
            on_conflict: self.on_conflict.as_deref().and_then(on_conflict),
            ..EnqueueOptions::default()
        }
    }
}

fn scope(name: &str) -> Option<UniqueScope> {
    UniqueScope::ALL
        .into_iter()
        .find(|scope| scope.as_str() == name)
}

fn on_conflict(name: &str) -> Option<OnConflict> {
    match name {
        "return" => Some(OnConflict::Return),
        "replace" => Some(OnConflict::Replace),
        "reject" => Some(OnConflict::Reject),
        _ => None,
    }
}
