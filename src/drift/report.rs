//! Owns the sums of what was found.
//! Must not know: how it is found.

use std::collections::BTreeMap;

use crate::model::{Fault, JobStatus};

/// Most jobs of one type that are named.
pub const MOST_EXAMPLES: usize = 5;

/// What became of the jobs that were looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drift {
    /// Jobs that may run yet, whatever the schema that accepted them.
    pub examined: u64,
    /// Those with something to tell, by job type.
    pub job_types: BTreeMap<String, TypeDrift>,
}

/// What became of the jobs of one type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TypeDrift {
    /// Jobs that the contract could not read: due or running, waiting for their time, failed.
    pub queued: u64,
    pub scheduled: u64,
    pub failed: u64,
    /// Jobs that upcasters make readable.
    pub upcast: u64,
    /// Jobs whose payload is good, but under a schema that no upcaster leads from: workers leave them aside.
    pub unread: u64,
    /// What is wrong with the first job that cannot be read. Repeats no value.
    pub first: Option<Fault>,
    /// The first jobs that cannot be read or are unread, at most [`MOST_EXAMPLES`].
    pub job_ids: Vec<i64>,
}

/// What became of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    Upcast,
    Unread,
    Broken(Fault),
}

impl Drift {
    pub(super) fn add(&mut self, job_type: &str, status: JobStatus, id: i64, finding: Finding) {
        let sums = self.job_types.entry(job_type.to_owned()).or_default();
        match finding {
            Finding::Upcast => {
                sums.upcast += 1;
                return;
            }
            Finding::Unread => sums.unread += 1,
            Finding::Broken(fault) => {
                match status {
                    JobStatus::Failed => sums.failed += 1,
                    JobStatus::Scheduled | JobStatus::RetryPending => sums.scheduled += 1,
                    _ => sums.queued += 1,
                }
                sums.first.get_or_insert(fault);
            }
        }
        if sums.job_ids.len() < MOST_EXAMPLES {
            sums.job_ids.push(id);
        }
    }
}
