//! Owns waiting on a database: for a job's end, for events.
//! Must not know: how the outcome is shown.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    model::{EventFilter, EventPage, EventsFrom},
    store::{Store, StoreError},
};

/// Returns when the job has ended, or after `limit`. `NotFound`.
pub(super) async fn until_end(
    store: &Store,
    id: i64,
    limit: Option<Duration>,
) -> Result<(), StoreError> {
    let ended = async {
        let mut changes = store.changes();
        loop {
            let status = store.job_status(id).await?.ok_or(StoreError::NotFound)?;
            if status.has_ended() {
                return Ok(());
            }
            changes.changed().await;
        }
    };
    match limit {
        None => ended.await,
        Some(limit) => timeout(limit, ended).await.unwrap_or(Ok(())),
    }
}

/// A part of the log. An empty one only after `wait`, or when there is more to look at.
pub(super) async fn for_events(
    store: &Store,
    from: EventsFrom,
    filter: &EventFilter,
    limit: u32,
    wait: Duration,
) -> Result<EventPage, StoreError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut changes = store.changes();
    let page = store.events(from, filter.clone(), limit).await?;
    if page.gap || page.more || !page.events.is_empty() || wait.is_zero() {
        return Ok(page);
    }
    let from = EventsFrom::After(page.cursor);
    let _ = timeout(wait, changes.changed()).await;
    store.events(from, filter.clone(), limit).await
}
