//! Owns how many jobs there are in each state.
//! Must not know: how they are counted.

use super::JobStatus;

/// Jobs in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobCounts {
    pub scheduled: i64,
    pub pending: i64,
    pub processing: i64,
    pub retry_pending: i64,
    pub completed: i64,
    pub failed: i64,
    pub cancelled: i64,
}

impl JobCounts {
    /// The count of one state, to read or change.
    pub fn of(&mut self, status: JobStatus) -> &mut i64 {
        match status {
            JobStatus::Scheduled => &mut self.scheduled,
            JobStatus::Pending => &mut self.pending,
            JobStatus::Processing => &mut self.processing,
            JobStatus::RetryPending => &mut self.retry_pending,
            JobStatus::Completed => &mut self.completed,
            JobStatus::Failed => &mut self.failed,
            JobStatus::Cancelled => &mut self.cancelled,
        }
    }
}

/// Jobs of one type in each state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobTypeCounts {
    pub job_type: String,
    pub counts: JobCounts,
}
