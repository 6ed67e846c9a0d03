//! Owns the limit beside each figure of the bench: the least that SQLite must be made to do for the same durable outcome,
//! by plain prepared statements on a file with our tables, indexes and settings.
//! Must not know: our engine's ways. No counters, events, history, savepoints or typed rows here; leases and tokens are
//! kept, because without them it would be another queue.

use std::{path::Path, thread, thread::JoinHandle};

use rusqlite::{Connection, OpenFlags, params};
use tokio::sync::{mpsc, oneshot};

use super::{
    connection::WRITER_SETTINGS,
    sql::{
        undo::{FORGET_RUNS, REMOVE, RESTORE},
        unit,
    },
};
use crate::{
    clock::{Clock, SystemClock},
    model::NewJob,
    store::{
        StoreError,
        bench::LEASE,
        time::{micros, span},
    },
};

const INSERT: &str = "INSERT INTO job_queue (job_type, queue, payload, status, priority, rank, max_retries, timeout_ms, \
     schema_fingerprint, scheduled_at, created_at) VALUES (?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?)";
/// For the test that asks for its plan.
pub(super) const CLAIM: &str = "UPDATE job_queue SET status = 'processing', attempt = attempt + 1, started_at = ?, \
     lease_token = random(), lease_until = ?, worker = ? WHERE id IN (SELECT id FROM job_queue \
     WHERE status = 'pending' AND held_by IS NULL AND queue = ? ORDER BY rank, id LIMIT ?) \
     RETURNING id, lease_token, job_type, payload";
/// For the test that asks for its plan.
pub(super) const SETTLE: &str = "UPDATE job_queue SET status = 'completed', completed_at = ?, lease_token = NULL, \
     lease_until = NULL WHERE id = ? AND lease_token = ? AND status = 'processing'";

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::classify(&error.to_string(), Box::new(error))
    }
}

/// What a claim must bring to a worker.
#[derive(Debug)]
pub struct Lease {
    pub id: i64,
    pub token: i64,
    pub job_type: String,
    pub payload: String,
}

/// A connection that does nothing but what it must. It blocks.
#[derive(Debug)]
pub struct Limit {
    conn: Connection,
    job: NewJob,
}

impl Limit {
    /// On a file that was filled. `job` is what it enqueues, and names the queue that it claims from.
    pub fn open(path: &Path, job: NewJob) -> Result<Self, StoreError> {
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        conn.execute_batch("PRAGMA busy_timeout = 5000")?;
        conn.execute_batch(WRITER_SETTINGS)?;
        Ok(Self { conn, job })
    }

    /// One transaction. All statements stay prepared, its own too.
    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Connection, &NewJob) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        match work(&self.conn, &self.job) {
            Ok(done) => {
                self.conn.prepare_cached("COMMIT")?.execute([])?;
                Ok(done)
            }
            Err(error) => {
                // A full disk has rolled it back already.
                let _ = self.conn.execute_batch("ROLLBACK");
                Err(error.into())
            }
        }
    }

    /// Stores `jobs` jobs in one transaction.
    pub fn enqueue(&mut self, jobs: usize) -> Result<(), StoreError> {
        let now = micros(SystemClock.now());
        self.transaction(|conn, job| {
            let mut insert = conn.prepare_cached(INSERT)?;
            let timeout = i64::try_from(job.timeout.as_millis()).unwrap_or(i64::MAX);
            for _ in 0..jobs {
                insert.execute(params![
                    job.job_type,
                    job.queue,
                    job.payload,
                    job.priority,
                    now,
                    job.max_retries,
                    timeout,
                    job.schema_fingerprint,
                    now,
                    now
                ])?;
            }
            Ok(())
        })
    }

    /// Gives leases on `limit` jobs in one transaction.
    pub fn claim(&mut self, limit: usize) -> Result<Vec<Lease>, StoreError> {
        let now = micros(SystemClock.now());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.transaction(|conn, job| {
            conn.prepare_cached(CLAIM)?
                .query_map(
                    params![now, now + span(LEASE), "bench", job.queue, limit],
                    |row| {
                        Ok(Lease {
                            id: row.get(0)?,
                            token: row.get(1)?,
                            job_type: row.get(2)?,
                            payload: row.get(3)?,
                        })
                    },
                )?
                .collect()
        })
    }

    /// Completes jobs in one transaction. Answers how many were still held by their token.
    pub fn settle(&mut self, leases: &[(i64, i64)]) -> Result<usize, StoreError> {
        let now = micros(SystemClock.now());
        self.transaction(|conn, _| {
            let mut settle = conn.prepare_cached(SETTLE)?;
            let mut settled = 0;
            for (id, token) in leases {
                settled += settle.execute(params![now, id, token])?;
            }
            Ok(settled)
        })
    }

    /// The same as ours is taken back by.
    pub fn undo_runs(&mut self, ids: &[i64], later: i64) -> Result<(), StoreError> {
        let named =
            serde_json::to_string(ids).map_err(|error| StoreError::Internal(Box::new(error)))?;
        self.transaction(|conn, _| {
            conn.prepare_cached(RESTORE)?
                .execute(params![later, named])?;
            conn.prepare_cached(FORGET_RUNS)?.execute(params![named])?;
            Ok(())
        })
    }

    /// The same as ours is taken back by.
    pub fn undo_enqueues(&mut self, last: i64) -> Result<usize, StoreError> {
        self.transaction(|conn, _| {
            let mut remove = conn.prepare_cached(REMOVE)?;
            let mut removed = 0;
            for id in remove.query_map(params![last], |row| row.get::<_, i64>(0))? {
                id?;
                removed += 1;
            }
            Ok(removed)
        })
    }

    /// Writes the log back into the file.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        Ok(self.conn.execute_batch("PRAGMA wal_checkpoint(PASSIVE)")?)
    }
}

/// Group commit over a [`Limit`], for callers who each store one job and wait: one transaction for all who came while the
/// last one was written.
#[derive(Debug)]
pub struct GroupCommit {
    calls: mpsc::Sender<oneshot::Sender<()>>,
    thread: JoinHandle<Result<Limit, StoreError>>,
}

/// A caller's way to a [`GroupCommit`].
#[derive(Debug, Clone)]
pub struct Caller(mpsc::Sender<oneshot::Sender<()>>);

impl GroupCommit {
    pub fn start(mut limit: Limit) -> Result<Self, StoreError> {
        let (calls, mut queue) = mpsc::channel::<oneshot::Sender<()>>(unit::QUEUE);
        let thread = thread::Builder::new()
            .name("limit-writer".to_owned())
            .spawn(move || {
                let mut batch = Vec::new();
                while queue.blocking_recv_many(&mut batch, unit::BATCH) > 0 {
                    limit.enqueue(batch.len())?;
                    for caller in batch.drain(..) {
                        // A caller that has gone away does not want to know.
                        let _ = caller.send(());
                    }
                }
                Ok(limit)
            })
            .map_err(|error| StoreError::Internal(Box::new(error)))?;
        Ok(Self { calls, thread })
    }

    pub fn caller(&self) -> Caller {
        Caller(self.calls.clone())
    }

    /// Waits for the thread, once all callers are gone. It blocks. An error is that of the transaction that failed.
    pub fn stop(self) -> Result<Limit, StoreError> {
        drop(self.calls);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(StoreError::internal("the limit's thread panicked")))
    }
}

impl Caller {
    /// Stores one job; answers when it is on disk.
    pub async fn enqueue(&self) -> Result<(), StoreError> {
        const STOPPED: StoreError = StoreError::unavailable("the limit's writer has stopped");
        let (done, answer) = oneshot::channel();
        self.0.send(done).await.map_err(|_| STOPPED)?;
        answer.await.map_err(|_| STOPPED)
    }
}
