//! Owns who runs jobs.
//! Must not know: how it is kept, or when somebody counts as gone.

use chrono::{DateTime, Utc};

/// A job type that a worker does, and the payload schema that it reads; any when `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerReads {
    pub job_type: String,
    pub schema_fingerprint: Option<String>,
}

/// What a worker says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerCard {
    /// Its name in the attempts' history.
    pub worker: String,
    pub queues: Vec<String>,
    /// `None`: everything.
    pub reads: Option<Vec<WorkerReads>>,
    /// Jobs at the same time; 0: it does not say.
    pub slots: u32,
    pub version: String,
}

/// A live worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    pub card: WorkerCard,
    /// Jobs that it has a lease on.
    pub running: i64,
    pub started_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
}

impl WorkerCard {
    /// Whether it does jobs of the type, whatever their schema.
    pub fn does(&self, job_type: &str) -> bool {
        self.reads
            .as_ref()
            .is_none_or(|reads| reads.iter().any(|one| one.job_type == job_type))
    }

    /// Whether it does jobs of the type with this payload schema.
    pub fn can_read(&self, job_type: &str, fingerprint: &str) -> bool {
        let fits = |one: &WorkerReads| {
            let any = one.schema_fingerprint.as_deref();
            one.job_type == job_type && any.is_none_or(|known| known == fingerprint)
        };
        self.reads
            .as_ref()
            .is_none_or(|reads| reads.iter().any(fits))
    }
}
