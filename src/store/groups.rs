//! Owns the store's interface to groups of jobs.
//! Must not know: how an engine does it.

use std::time::Duration;

use super::{Done, ForgottenGroups, Once, Store, StoreError, ask};
use crate::model::{BulkAction, BulkChange, Enqueued, JobFilter, JobGroup, NewGroup};

/// Jobs that are cancelled in one transaction.
const BATCH: usize = 500;

impl Store {
    /// Stores the group with all of its jobs, or nothing. `ItemRefused`.
    pub async fn group_create(
        &self,
        group: NewGroup,
        once: Option<Once<(JobGroup, Vec<Enqueued>)>>,
    ) -> Result<Done<(JobGroup, Vec<Enqueued>)>, StoreError> {
        ask!(self, group_create(group, once).await)
    }

    pub async fn group_get(&self, id: i64) -> Result<Option<JobGroup>, StoreError> {
        ask!(self, group_get(id).await)
    }

    /// Cancels all of its jobs that have not ended, in batches. Answers the group as it is then. `NotFound`.
    pub async fn group_cancel(&self, id: i64) -> Result<JobGroup, StoreError> {
        self.group_get(id).await?.ok_or(StoreError::NotFound)?;
        let mut change = BulkChange {
            action: BulkAction::Cancel,
            filter: JobFilter {
                group_id: Some(id),
                ..JobFilter::default()
            },
            after: None,
            limit: BATCH,
            dry_run: false,
        };
        loop {
            let changed = self.job_bulk(change.clone()).await?;
            if changed.next.is_none() {
                return self.group_get(id).await?.ok_or(StoreError::NotFound);
            }
            change.after = changed.next;
        }
    }

    /// Deletes groups that completed at least `age` ago and whose jobs are all deleted: looks at `limit` groups from `after`
    /// on, which is what the pass before answered as `next`.
    pub async fn group_forget(
        &self,
        age: Duration,
        after: Option<i64>,
        limit: usize,
    ) -> Result<ForgottenGroups, StoreError> {
        ask!(self, group_forget(age, after, limit).await)
    }

    /// Newest first, with ids below `before_id`.
    pub async fn group_list(
        &self,
        before_id: Option<i64>,
        limit: usize,
    ) -> Result<Vec<JobGroup>, StoreError> {
        ask!(self, group_list(before_id, limit).await)
    }
}
