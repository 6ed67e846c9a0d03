//! Owns making a large table fast, for the bench: rows by the hundred thousand in one statement, counters to match.
//! Must not know: what is measured on it.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use diesel::{QueryResult, RunQueryDsl, connection::SimpleConnection, sqlite::SqliteConnection};

use super::{blocking, connection, sql::migrate, statement};
use crate::{
    clock::{Clock, SystemClock},
    model::NewJob,
    store::{
        StoreError,
        time::{micros, span},
    },
};

/// How many jobs of each kind. Kinds lie mixed in the table, as they would after some time of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filling {
    pub ready: u64,
    /// Due in a day.
    pub scheduled: u64,
    /// Each with the history row of its one run.
    pub completed: u64,
}

impl Filling {
    /// Tables without a row.
    pub const NONE: Self = Self {
        ready: 0,
        scheduled: 0,
        completed: 0,
    };
    /// More would break the mixing, which multiplies by [`MIX`] in place of drawing lots.
    pub const MOST: u64 = 5_000_000;

    pub const fn total(&self) -> u64 {
        self.ready + self.scheduled + self.completed
    }
}

/// A prime above [`Filling::MOST`]: `i * MIX % total` is a permutation of the numbers below `total`.
pub(in crate::store) const MIX: i64 = 7_368_787;
/// Rows in one transaction: bounds the write-ahead log.
const CHUNK: usize = 100_000;
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Ready jobs have been due for less than an hour, a microsecond apart, oldest first by id.
const FILL: &str = "WITH RECURSIVE given (job_type, queue, payload, fingerprint, priority, max_retries, timeout_ms, \
     past, future, total, mix, ready, waiting, first, beyond) AS (SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), \
     n (i) AS (SELECT first FROM given UNION ALL SELECT i + 1 FROM n, given WHERE i + 1 < beyond), \
     mixed (i, place) AS (SELECT i, i * mix % total FROM n, given), \
     kinds (i, status, at) AS (SELECT i, CASE WHEN place < ready THEN 'pending' WHEN place < ready + waiting \
     THEN 'scheduled' ELSE 'completed' END, CASE WHEN place < ready THEN past WHEN place < ready + waiting \
     THEN future ELSE past END + i FROM mixed, given) \
     INSERT INTO job_queue (job_type, queue, payload, status, priority, rank, max_retries, timeout_ms, \
     schema_fingerprint, scheduled_at, created_at, attempt, started_at, completed_at, worker) \
     SELECT job_type, queue, payload, status, priority, at, max_retries, timeout_ms, fingerprint, at, past + i, \
     status = 'completed', iif(status = 'completed', at, NULL), iif(status = 'completed', at, NULL), \
     iif(status = 'completed', 'bench', NULL) FROM kinds, given";

const HISTORY: &str = "INSERT INTO job_attempts (job_id, number, worker, started_at, finished_at, outcome) \
     SELECT id, attempt, worker, started_at, completed_at, status FROM job_queue WHERE status = 'completed'";

const COUNTS: &str = "INSERT INTO job_counts (queue, job_type, status, count) \
     SELECT queue, job_type, status, count(*) FROM job_queue GROUP BY queue, job_type, status";

/// Makes the file at `path`, with jobs like `job`.
pub async fn fill(path: PathBuf, job: NewJob, filling: Filling) -> Result<(), StoreError> {
    blocking(move || {
        let mut conn = connection::open_writer(&path)?;
        migrate::up(&mut conn)?;
        // Nobody relies on the file before it is whole: it is synced once, at the end.
        conn.batch_execute("PRAGMA synchronous = OFF")?;
        rows(&mut conn, &job, filling)?;
        for rest in [HISTORY, COUNTS] {
            statement(rest).execute(&mut conn)?;
        }
        conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
        drop(conn);
        sync(&path)
    })
    .await
}

fn rows(conn: &mut SqliteConnection, job: &NewJob, filling: Filling) -> QueryResult<()> {
    let now = micros(SystemClock.now());
    let int = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let total = int(filling.total());
    for first in (0..total).step_by(CHUNK) {
        let beyond = total.min(first.saturating_add_unsigned(CHUNK as u64));
        statement(FILL)
            .text(job.job_type.as_ref())
            .text(job.queue.as_ref())
            .json(Some(job.payload.as_str()))
            .text(job.schema_fingerprint.as_ref())
            .int(i64::from(job.priority))
            .int(i64::from(job.max_retries))
            .int(i64::try_from(job.timeout.as_millis()).unwrap_or(i64::MAX))
            .int(now - span(HOUR))
            .int(now + span(DAY))
            .int(total)
            .int(MIX)
            .int(int(filling.ready))
            .int(int(filling.scheduled))
            .int(first)
            .int(beyond)
            .execute(conn)?;
        conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
    }
    Ok(())
}

/// A second file with the same content.
pub async fn copy(from: PathBuf, to: PathBuf) -> Result<(), StoreError> {
    blocking(move || {
        let copied = std::fs::copy(&from, &to);
        copied.map_err(|error| StoreError::classify(&error.to_string(), error.into()))?;
        sync(&to)
    })
    .await
}

/// What is not on disk yet must not be written under the first runs.
fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| StoreError::classify(&error.to_string(), error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixing_leaves_no_job_out() {
        assert!(i64::try_from(Filling::MOST).unwrap() < MIX);
        assert!((2..3_000).all(|divisor| MIX % divisor != 0), "a prime");
    }
}
