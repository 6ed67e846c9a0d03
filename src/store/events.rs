//! Owns the store's interface to the event log.
//! Must not know: how an engine does it.

use super::{Store, StoreError, ask};
use crate::model::{EventFilter, EventPage, EventsFrom, JobStatus};

impl Store {
    /// The log from a place on, at most `limit` events. Reads a bounded part of it, whatever the filter.
    pub async fn events(
        &self,
        from: EventsFrom,
        filter: EventFilter,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        ask!(self, events(from, filter, limit).await)
    }

    /// The state alone, for those who wait for it to change.
    pub async fn job_status(&self, id: i64) -> Result<Option<JobStatus>, StoreError> {
        ask!(self, job_status(id).await)
    }
}
