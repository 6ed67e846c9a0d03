//! Owns the limit beside each figure of the bench: the least that SQLite must be made to do for the same durable outcome,
//! by plain prepared statements on a file with our tables, indexes and settings.
//! Must not know: our engine's ways. No counters, events, history, savepoints or typed rows here; leases and tokens are
//! kept, because without them it would be another queue.

use std::path::Path;

use super::{
    connection::WRITER_SETTINGS,
    group::Item,
    sql::undo::{self, FORGET_RUNS, FORGET_RUNS_AFTER, REMOVE, RESTORE},
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
use rusqlite::{Connection, OpenFlags, params};

const INSERT: &str = "INSERT INTO job_queue (job_type, queue, payload, status, priority, rank, max_retries, timeout_ms, \
     schema_fingerprint, scheduled_at, created_at) VALUES (?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?)";
const INSERT_USER: &str = "INSERT INTO users (email, email_key, age, name, is_active, created_at, updated_at) \
     VALUES (?, ?, ?, ?, TRUE, ?, ?)";
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

/// A connection that does nothing but what it must. It blocks.
#[derive(Debug)]
pub struct Plain {
    conn: Connection,
    job: NewJob,
}

impl Plain {
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
    pub fn bulk(&mut self, jobs: usize) -> Result<(), StoreError> {
        let jobs = std::iter::repeat_n(&Item::Job, jobs);
        self.store(jobs).map(drop)
    }

    /// Stores all of it in one transaction. Answers their numbers.
    pub fn store<'a>(
        &mut self,
        items: impl Iterator<Item = &'a Item>,
    ) -> Result<Vec<i64>, StoreError> {
        let now = micros(SystemClock.now());
        self.transaction(|conn, job| {
            let mut insert_job = conn.prepare_cached(INSERT)?;
            let timeout = i64::try_from(job.timeout.as_millis()).unwrap_or(i64::MAX);
            let mut job_of = |payload: &str| {
                insert_job.execute(params![
                    job.job_type,
                    job.queue,
                    payload,
                    job.priority,
                    now,
                    job.max_retries,
                    timeout,
                    job.schema_fingerprint,
                    now,
                    now
                ])
            };
            let mut insert_user = None;
            let mut ids = Vec::with_capacity(items.size_hint().0);
            for item in items {
                match item {
                    Item::Job => {
                        job_of(&job.payload)?;
                        ids.push(conn.last_insert_rowid());
                    }
                    Item::User { email, age, name } => {
                        let insert = match &mut insert_user {
                            Some(insert) => insert,
                            none => none.insert(conn.prepare_cached(INSERT_USER)?),
                        };
                        insert.execute(params![
                            email,
                            email.to_lowercase(),
                            age,
                            name,
                            now,
                            now
                        ])?;
                        let id = conn.last_insert_rowid();
                        job_of(&format!(
                            r#"{{"user_id":{id},"user_data":{{"id":{id},"email":"{email}","age":{age},"name":"{name}","is_active":true}}}}"#
                        ))?;
                        ids.push(id);
                    }
                }
            }
            Ok(ids)
        })
    }

    /// Gives leases on `limit` jobs in one transaction: id and token of each. What a worker must have of it was read.
    pub fn claim(&mut self, limit: usize) -> Result<Vec<(i64, i64)>, StoreError> {
        let now = micros(SystemClock.now());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.transaction(|conn, job| {
            conn.prepare_cached(CLAIM)?
                .query_map(
                    params![now, now + span(LEASE), "bench", job.queue, limit],
                    |row| {
                        let _: (String, String) = (row.get(2)?, row.get(3)?);
                        Ok((row.get(0)?, row.get(1)?))
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
        let mut all = 0;
        loop {
            let removed = self.transaction(|conn, _| {
                let mut remove = conn.prepare_cached(REMOVE)?;
                let mut removed = 0;
                let mut rows = remove.query(params![last, undo::CHUNK])?;
                while rows.next()?.is_some() {
                    removed += 1;
                }
                Ok(removed)
            })?;
            if removed == 0 {
                break;
            }
            all += removed;
        }
        self.transaction(|conn, _| {
            conn.prepare_cached(FORGET_RUNS_AFTER)?
                .execute(params![last])
        })?;
        Ok(all)
    }

    /// Writes the log back into the file.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        Ok(self.conn.execute_batch("PRAGMA wal_checkpoint(PASSIVE)")?)
    }
}
