//! Owns requests that wait: for the end of a job, for events. None outlasts the server or its own time.
//! Must not know: operations.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{context::ApiContext, reply::Failure};
use crate::{model::JobStatus, store::Changes};

/// Something that a request waits for.
pub(super) struct Wait {
    changes: Changes,
    until: Instant,
}

impl Wait {
    /// Changes from now on are seen: look after this, not before.
    pub(super) fn new(context: &ApiContext, seconds: u32) -> Self {
        Self {
            changes: context.store.changes(),
            until: Instant::now() + Duration::from_secs(seconds.into()),
        }
    }

    /// Whether there is time left.
    pub(super) fn goes_on(&self, context: &ApiContext) -> bool {
        !context.stopping.is_cancelled() && Instant::now() < self.until
    }

    /// Returns when it is worth looking again. False when the time is over, or the server stops.
    pub(super) async fn again(&mut self, context: &ApiContext) -> bool {
        tokio::select! {
            biased;
            () = context.stopping.cancelled() => false,
            () = sleep_until(self.until) => false,
            () = self.changes.changed() => true,
        }
    }
}

/// Returns when the job has ended or is gone, or after `seconds`.
pub(super) async fn for_end(context: &ApiContext, id: i64, seconds: u32) -> Result<(), Failure> {
    if seconds == 0 {
        return Ok(());
    }
    let mut wait = Wait::new(context, seconds);
    loop {
        let status = context.store.job_status(id).await?;
        if status.is_none_or(JobStatus::has_ended) || !wait.again(context).await {
            return Ok(());
        }
    }
}
