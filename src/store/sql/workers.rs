//! Owns the rows of those who run jobs.
//! Must not know: what they run.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Integer, Nullable, Text},
};

use super::{
    Conn, Document, Engine, Moment,
    claim::json,
    statement::statement,
    time::{micros, moment, span},
    tx::Lane,
};
use crate::{
    model::{Worker, WorkerCard, WorkerReads},
    store::StoreError,
};

/// A worker that was not heard of for so long is gone.
const GONE: Duration = Duration::from_secs(30);

/// A worker that says the same again within this is not written again: it may ask for jobs every second.
const FRESH: Duration = Duration::from_secs(5);

const SEEN: &str = "INSERT INTO workers (worker, queues, job_types, slots, version, started_at, seen_at) \
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (worker) DO UPDATE SET queues = excluded.queues, \
     job_types = excluded.job_types, slots = excluded.slots, version = excluded.version, seen_at = excluded.seen_at, \
     started_at = CASE WHEN workers.seen_at <= ? THEN excluded.started_at ELSE workers.started_at END \
     WHERE workers.seen_at <= ? OR workers.queues <> excluded.queues OR workers.job_types <> excluded.job_types \
     OR workers.slots <> excluded.slots";

/// For the test that asks for its plan.
pub(in crate::store) const RUNNING: &str =
    "SELECT worker, count(*) AS running FROM job_queue WHERE status = 'processing' GROUP BY worker";

/// Rows of workers that are gone.
pub(in crate::store) const PURGE: &str =
    "DELETE FROM workers WHERE worker IN (SELECT worker FROM workers WHERE seen_at <= ? LIMIT ?)";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    worker: String,
    #[diesel(sql_type = Document)]
    queues: String,
    #[diesel(sql_type = Document)]
    job_types: String,
    #[diesel(sql_type = Integer)]
    slots: i32,
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Moment)]
    started_at: i64,
    #[diesel(sql_type = Moment)]
    seen_at: i64,
}

#[derive(QueryableByName)]
struct Running {
    #[diesel(sql_type = Nullable<Text>)]
    worker: Option<String>,
    #[diesel(sql_type = BigInt)]
    running: i64,
}

/// Job types with their fingerprints, as the row has them; `null` is everything.
type Reads = Option<Vec<(String, Option<String>)>>;

/// Whoever was last heard of then, in microseconds, is gone.
pub(in crate::store) fn gone(now: DateTime<Utc>) -> i64 {
    micros(now).saturating_sub(span(GONE))
}

/// The live ones, by name.
pub(in crate::store) fn live(
    conn: &mut Conn,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Worker>, StoreError> {
    let rows: Vec<Row> = statement(
        "SELECT worker, queues, job_types, slots, version, started_at, seen_at FROM workers \
         WHERE seen_at > ? ORDER BY worker LIMIT ?",
    )
    .at(gone(now))
    .int(i64::try_from(limit).unwrap_or(i64::MAX))
    .load(conn)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let running: Vec<Running> = statement(RUNNING).load(conn)?;
    let running: HashMap<String, i64> = running
        .into_iter()
        .filter_map(|row| Some((row.worker?, row.running)))
        .collect();
    rows.into_iter().map(|row| row.worker(&running)).collect()
}

impl Row {
    fn worker(self, running: &HashMap<String, i64>) -> Result<Worker, StoreError> {
        let damaged = |error: serde_json::Error| StoreError::Internal(Box::new(error));
        let reads: Reads = serde_json::from_str(&self.job_types).map_err(damaged)?;
        let one = |(job_type, schema_fingerprint)| WorkerReads {
            job_type,
            schema_fingerprint,
        };
        Ok(Worker {
            running: running.get(&self.worker).copied().unwrap_or_default(),
            card: WorkerCard {
                queues: serde_json::from_str(&self.queues).map_err(damaged)?,
                reads: reads.map(|reads| reads.into_iter().map(one).collect()),
                slots: self.slots.unsigned_abs(),
                version: self.version,
                worker: self.worker,
            },
            started_at: moment(self.started_at),
            seen_at: moment(self.seen_at),
        })
    }
}

impl Engine {
    pub(in crate::store) async fn worker_seen(&self, card: WorkerCard) -> Result<(), StoreError> {
        let one = |one: WorkerReads| (one.job_type, one.schema_fingerprint);
        let reads: Reads = card.reads.map(|all| all.into_iter().map(one).collect());
        let (queues, reads) = (json(&card.queues)?, json(&reads)?);
        self.write(Lane::Rest, move |tx| {
            let now = micros(tx.now);
            statement(SEEN)
                .text(card.worker.as_str())
                .json(Some(queues.as_str()))
                .json(Some(reads.as_str()))
                .int(i64::from(card.slots.min(i32::MAX.unsigned_abs())))
                .text(card.version.as_str())
                .at(now)
                .at(now)
                .at(gone(tx.now))
                .at(now.saturating_sub(span(FRESH)))
                .execute(tx.conn)?;
            Ok(())
        })
        .await
    }

    pub(in crate::store) async fn worker_gone(&self, worker: String) -> Result<(), StoreError> {
        self.write(Lane::Rest, move |tx| {
            statement("DELETE FROM workers WHERE worker = ?")
                .text(worker.as_str())
                .execute(tx.conn)?;
            Ok(())
        })
        .await
    }

    pub(in crate::store) async fn workers(&self, limit: usize) -> Result<Vec<Worker>, StoreError> {
        let now = self.clock.now();
        self.read(move |conn| live(conn, now, limit)).await
    }
}
