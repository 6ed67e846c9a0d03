//! Owns going through the stored jobs, page by page.
//! Must not know: what makes a payload readable.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::{Drift, Reader};
use crate::store::{Store, StoreError};

/// Jobs of one page, when all of them are wanted.
const PAGE: usize = 500;

impl Reader {
    /// Adds what one page of jobs came to, numbers above `after`. Walks over `limit` jobs at most, of any state. Answers where
    /// the next page goes on.
    pub async fn page(
        self: &Arc<Self>,
        store: &Store,
        after: i64,
        limit: usize,
        mut found: Drift,
    ) -> Result<(Drift, Option<i64>), StoreError> {
        let page = store.job_payloads(after, limit, self.known()).await?;
        found.examined += page.examined as u64;
        let next = page.next;
        if page.jobs.is_empty() {
            return Ok((found, next));
        }
        let reader = Arc::clone(self);
        // Megabytes may have to be parsed and checked.
        let found = spawn_blocking(move || {
            for job in &page.jobs {
                found.add(&job.job_type, job.status, job.id, reader.read(job));
            }
            found
        });
        let found = found
            .await
            .map_err(|error| StoreError::Internal(Box::new(error)))?;
        Ok((found, next))
    }

    /// What all jobs come to.
    pub async fn all(self: &Arc<Self>, store: &Store) -> Result<Drift, StoreError> {
        let mut found = Drift::default();
        let mut after = Some(0);
        while let Some(id) = after {
            (found, after) = self.page(store, id, PAGE, found).await?;
        }
        Ok(found)
    }
}
