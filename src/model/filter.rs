//! Owns which jobs are meant, and what may be done with all of them at once.
//! Must not know: how they are found.

use chrono::{DateTime, Utc};

use super::{Fault, JobStatus};

/// Which jobs are meant. Filters combine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only these; any, if it is empty.
    pub ids: Vec<i64>,
    pub status: Option<JobStatus>,
    pub job_type: Option<String>,
    pub queue: Option<String>,
    pub tag: Option<String>,
    pub group_id: Option<i64>,
    /// Stored then or later.
    pub created_after: Option<DateTime<Utc>>,
    /// Stored earlier.
    pub created_before: Option<DateTime<Utc>>,
    /// In the error message, without regard to the case of A to Z.
    pub search: Option<String>,
}

impl JobFilter {
    /// Jobs in this state.
    pub fn of_status(status: JobStatus) -> Self {
        Self {
            status: Some(status),
            ..Self::default()
        }
    }

    /// Whether all jobs are meant.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What can be done with many jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkAction {
    /// Failed or cancelled → pending.
    Retry,
    /// What has not ended → cancelled, or asked to stop.
    Cancel,
    /// Everything but what is being processed.
    Delete,
}

impl BulkAction {
    /// What was done to a job.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Retry => "retried",
            Self::Cancel => "cancelled",
            Self::Delete => "deleted",
        }
    }

    /// Whether it can be done with a job in this state.
    pub const fn takes(self, status: JobStatus) -> bool {
        match self {
            Self::Retry => matches!(status, JobStatus::Failed | JobStatus::Cancelled),
            Self::Cancel => !status.has_ended(),
            Self::Delete => !matches!(status, JobStatus::Processing),
        }
    }
}

/// Something to do with many jobs, in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkChange {
    pub action: BulkAction,
    pub filter: JobFilter,
    /// Only jobs with higher numbers.
    pub after: Option<i64>,
    /// At most this many.
    pub limit: usize,
    /// Only count.
    pub dry_run: bool,
}

impl BulkChange {
    /// What of it can never do anything, with pointers that begin with `/filter`: a slip must not touch all jobs.
    pub fn faults(&self) -> Vec<Fault> {
        if self.filter.is_empty() {
            let message = "say which jobs are meant: an empty filter would mean all";
            return vec![Fault::new("/filter", message)];
        }
        let takes = |status| self.action.takes(status);
        if self.filter.status.is_none_or(takes) {
            return Vec::new();
        }
        let able: Vec<_> = JobStatus::ALL.into_iter().filter(|it| takes(*it)).collect();
        let able: Vec<_> = able.iter().map(|status| status.as_str()).collect();
        let verb = self.action.verb();
        let message = format!("only these can be {verb}: {}", able.join(", "));
        vec![Fault::new("/filter/status", message)]
    }
}

/// What became of a [`BulkChange`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BulkChanged {
    pub matched: usize,
    pub changed: usize,
    /// Those that changed before it was their turn, and those whose unique key another job has by now.
    pub skipped: usize,
    /// Where the next one goes on, if there may be more.
    pub next: Option<i64>,
}
