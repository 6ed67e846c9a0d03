//! Owns the store's interface to groups of jobs.
//! Must not know: how an engine does it.

use super::{Done, Once, Store, StoreError};
use crate::model::{Enqueued, JobGroup, NewGroup};

impl Store {
    /// Stores the group with all of its jobs, or nothing. `ItemRefused`.
    pub async fn group_create(
        &self,
        group: NewGroup,
        once: Option<Once<(JobGroup, Vec<Enqueued>)>>,
    ) -> Result<Done<(JobGroup, Vec<Enqueued>)>, StoreError> {
        self.engine.group_create(group, once).await
    }

    pub async fn group_get(&self, id: i64) -> Result<Option<JobGroup>, StoreError> {
        self.engine.group_get(id).await
    }

    /// Newest first, with ids below `before_id`.
    pub async fn group_list(
        &self,
        before_id: Option<i64>,
        limit: usize,
    ) -> Result<Vec<JobGroup>, StoreError> {
        self.engine.group_list(before_id, limit).await
    }
}
