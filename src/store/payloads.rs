//! Owns the store's interface to payloads under older schemas, and to jobs that others write into its file.
//! Must not know: how an engine does it.

use super::{Payloads, Store, StoreError, ask};

impl Store {
    /// The payloads of jobs that may run yet, or again (waiting, running, failed), with numbers above `after`, oldest first.
    /// Walks over at most `limit` jobs of any state, and over fewer when their payloads are large. Leaves out the payloads
    /// that `known`, job types with fingerprints, names.
    pub async fn job_payloads(
        &self,
        after: i64,
        limit: usize,
        known: Vec<(String, String)>,
    ) -> Result<Payloads, StoreError> {
        ask!(self, job_payloads(after, limit.max(1), known).await)
    }

    /// Wakes the workers of all processes on the file, after a commit that this store did not make
    /// ([`enqueue_in`](super::enqueue_in)).
    pub fn notify(&self) {
        ask!(self, notify());
    }
}
