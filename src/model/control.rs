//! Owns what an operator orders for a queue or a job type: pause, limits.
//! Must not know: how orders are stored or obeyed.

use chrono::{DateTime, Utc};

use super::Rate;

/// What an order is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ControlKind {
    Queue,
    JobType,
}

impl ControlKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Queue, Self::JobType];

    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::JobType => "job_type",
        }
    }
}

/// Orders for one queue or job type; `None` is as declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    pub kind: ControlKind,
    pub name: String,
    /// Since when nothing is started, why, and who said so.
    pub pause: Option<Pause>,
    pub limits: ControlLimits,
}

/// An order not to start anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    pub at: DateTime<Utc>,
    pub reason: Option<String>,
    pub by: Option<String>,
}

/// Limits in place of the declared ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ControlLimits {
    /// Jobs that run at the same time, in all processes.
    pub concurrency: Option<u32>,
    /// Runs that start in a time.
    pub rate: Option<Rate>,
    /// Jobs that may wait; of a queue.
    pub max_depth: Option<u64>,
}
