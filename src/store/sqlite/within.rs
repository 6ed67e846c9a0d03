//! Owns enqueueing inside somebody else's transaction, on somebody else's connection to the file.
//! Must not know: what else that transaction writes.

use chrono::{DateTime, Utc};
use diesel::{Connection, sqlite::SqliteConnection};

use super::{
    Sqlite,
    sql::{enqueue::insert_within, tx::Turn},
};
use crate::{
    model::{Enqueued, NewJob},
    store::{StoreError, time::micros},
};

/// Stores a job, or finds the one that has its unique key, in the caller's own transaction on the same file: job, counters
/// and event are committed, or taken back, with everything else in it. A refusal leaves nothing behind, and the
/// transaction as it was.
///
/// Begin it with `immediate_transaction`: one that reads first and writes later may find that another process was faster.
/// After the commit, [`Store::notify`](crate::store::Store::notify) wakes the workers; without it they find the job within
/// a second or so. The database must have been opened by a [`Store`](crate::store::Store) before, which makes its tables.
///
/// # Errors
/// Those of [`Store::job_enqueue`](crate::store::Store::job_enqueue).
#[expect(
    clippy::needless_pass_by_value,
    reason = "as Store::job_enqueue takes it"
)]
pub fn enqueue_in(
    conn: &mut SqliteConnection,
    job: NewJob,
    now: DateTime<Utc>,
) -> Result<Enqueued, StoreError> {
    // A savepoint, when the caller has a transaction.
    conn.transaction(|conn| {
        let (enqueued, mut ledger) = insert_within(conn, &job, now, &mut Turn::Alone)?;
        ledger.flush(conn, micros(now))?;
        Ok(enqueued)
    })
}

impl Sqlite {
    pub(in crate::store) fn notify(&self) {
        self.wake.committed();
        self.wake.nudge();
    }
}
