//! Owns retrying, cancelling and deleting many jobs: found on a reader's connection, changed in small batches, each job
//! looked at again when it is its turn.
//! Must not know: who asks.

use std::time::Duration;

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};

use super::{
    Conn, Engine,
    filter::{conditions, one_of},
    jobs::{cancel, delete, retry},
    tx::{Lane, Tx},
};
use crate::{
    model::{BulkAction, BulkChange, BulkChanged, JobFilter, JobStatus},
    store::{StoreError, schema::job_queue},
};

/// Jobs per unit: others get between them to the writer.
const BATCH: usize = 100;

impl Engine {
    pub(in crate::store) async fn job_bulk(
        &self,
        change: BulkChange,
    ) -> Result<BulkChanged, StoreError> {
        let BulkChange {
            action,
            filter,
            after,
            limit,
            dry_run,
        } = change;
        let wanted = filter.clone();
        let ids = self.read(move |conn| find(conn, action, wanted.clone(), after, limit));
        let ids = ids.await?;
        let full = ids.len() >= limit;
        let mut done = BulkChanged {
            matched: ids.len(),
            next: ids.last().copied().filter(|_| full),
            ..BulkChanged::default()
        };
        if dry_run {
            return Ok(done);
        }
        let ageing = self.ageing;
        for batch in ids.chunks(BATCH) {
            let these = JobFilter {
                ids: batch.to_vec(),
                ..filter.clone()
            };
            let unit = self.write(Lane::Rest, move |tx| {
                apply(tx, action, these.clone(), ageing)
            });
            done.changed += unit.await?;
        }
        done.skipped = done.matched - done.changed;
        Ok(done)
    }
}

/// The first jobs that match and that it can be done with.
fn find(
    conn: &mut Conn,
    action: BulkAction,
    filter: JobFilter,
    after: Option<i64>,
    limit: usize,
) -> Result<Vec<i64>, StoreError> {
    let statuses = JobStatus::ALL.into_iter();
    let statuses: Vec<_> = statuses.filter(|status| action.takes(*status)).collect();
    let mut query = job_queue::table.select(job_queue::id).into_boxed();
    if filter.status.is_none_or(|status| !action.takes(status)) {
        query = query.filter(one_of(&statuses));
    }
    for condition in conditions(filter)? {
        query = query.filter(condition);
    }
    if let Some(after) = after {
        query = query.filter(job_queue::id.gt(after));
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(query.order(job_queue::id).limit(limit).load(conn)?)
}

/// Answers how many were changed.
fn apply(
    tx: &mut Tx<'_>,
    action: BulkAction,
    filter: JobFilter,
    ageing: Duration,
) -> Result<usize, StoreError> {
    tx.alone()?;
    let mut changed = 0;
    for id in find(tx.conn, action, filter, None, BATCH)? {
        let outcome = match action {
            BulkAction::Retry => retry(tx, id, ageing).map(drop),
            BulkAction::Cancel => cancel(tx, id, ageing).map(drop),
            BulkAction::Delete => delete(tx, id, ageing),
        };
        match outcome {
            Ok(()) => changed += 1,
            // Each of them is said before anything is written. The end of one job may end or delete others of the batch.
            Err(
                StoreError::NotFound
                | StoreError::JobEnded
                | StoreError::JobNotRetryable
                | StoreError::JobProcessing
                | StoreError::DuplicateJob { .. },
            ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(changed)
}
