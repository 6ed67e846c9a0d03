//! Owns taking a measured run of the bench back, so that the next one meets the same table.
//! Must not know: what was measured.
//!
//! Ours is taken back by the writer itself: a change by another connection would empty its page cache, and every round
//! would begin cold.

use diesel::{
    QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Text},
};

use super::{Engine, Many, among, jobs, statement::statement, tx::Lane};
use crate::{model::JobStatus, store::StoreError};

/// Brings jobs back to the end of the queue: the next run meets others, as it would in life.
pub(in crate::store) const RESTORE: &str = concat!(
    "UPDATE job_queue SET status = 'pending', rank = rank + ?, attempt = 0, started_at = NULL, completed_at = NULL, \
     worker = NULL, lease_token = NULL, lease_until = NULL WHERE id ",
    among!()
);
pub(in crate::store) const FORGET_RUNS: &str =
    concat!("DELETE FROM job_attempts WHERE job_id ", among!());
/// Rows in one commit.
pub(in crate::store) const CHUNK: i64 = 20_000;
pub(in crate::store) const REMOVE: &str = "DELETE FROM job_queue WHERE id IN (SELECT id FROM job_queue WHERE id > ? \
     ORDER BY id LIMIT ?) RETURNING id, status";
pub(in crate::store) const FORGET_RUNS_AFTER: &str = "DELETE FROM job_attempts WHERE job_id > ?";

#[derive(QueryableByName)]
struct Removed {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    status: String,
}

impl Engine {
    /// Jobs that went from `pending` to `status` are pending again, without history, `later` microseconds further back
    /// in the order of claims.
    pub(in crate::store) async fn undo_runs(
        &self,
        (queue, job_type): (String, String),
        ids: Vec<i64>,
        status: JobStatus,
        later: i64,
    ) -> Result<(), StoreError> {
        self.write(Lane::Rest, move |tx| {
            statement(RESTORE)
                .int(later)
                .many(Many::ids(&ids)?)
                .execute(tx.conn)?;
            statement(FORGET_RUNS)
                .many(Many::ids(&ids)?)
                .execute(tx.conn)?;
            for id in ids.iter().copied() {
                let kind = (queue.as_str(), job_type.as_str());
                tx.ledger
                    .moved(id, kind, Some(status), Some(JobStatus::Pending));
            }
            Ok(())
        })
        .await
    }

    /// Jobs after the one with this id are gone, with their history. Answers how many.
    pub(in crate::store) async fn undo_enqueues(
        &self,
        (queue, job_type): (String, String),
        last: i64,
    ) -> Result<usize, StoreError> {
        let mut all = 0;
        loop {
            let kind = (queue.clone(), job_type.clone());
            let removed = self.write(Lane::Rest, move |tx| {
                let removed: Vec<Removed> = statement(REMOVE).int(last).int(CHUNK).load(tx.conn)?;
                for Removed { id, status } in &removed {
                    let kind = (kind.0.as_str(), kind.1.as_str());
                    tx.ledger
                        .moved(*id, kind, Some(jobs::status(status)?), None);
                }
                if removed.is_empty() {
                    statement(FORGET_RUNS_AFTER).int(last).execute(tx.conn)?;
                }
                Ok(removed.len())
            });
            match removed.await? {
                0 => return Ok(all),
                removed => all += removed,
            }
        }
    }
}
