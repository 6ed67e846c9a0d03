//! Owns the limit beside each figure of the bench on PostgreSQL: the least that the server must be made to do for the same
//! durable outcome, by plain prepared statements on a database with our tables, indexes and session settings.
//! Must not know: our engine's ways. No counters, events or history here; leases and tokens are kept, because without them
//! it would be another queue.

use tokio_postgres::{Client, Statement, types::ToSql};

use super::{
    classify::classify,
    connect::{Driver, connect},
    settings::Settings,
    sql::undo::{CHUNK, FORGET_RUNS, FORGET_RUNS_AFTER, REMOVE, RESTORE},
};
use crate::{
    clock::{Clock, SystemClock},
    model::NewJob,
    store::{StoreError, time::micros},
};

const INSERT: &str = "INSERT INTO job_queue (job_type, queue, payload, status, priority, rank, max_retries, timeout_ms, \
     schema_fingerprint, scheduled_at, created_at) VALUES ($1, $2, CAST(CAST($3 AS text) AS jsonb), 'pending', $4, $5, $6, \
     $7, $8, now(), now())";
const BULK: &str = "INSERT INTO job_queue (job_type, queue, payload, status, priority, rank, max_retries, timeout_ms, \
     schema_fingerprint, scheduled_at, created_at) SELECT job_type, queue, CAST(payload AS jsonb), 'pending', priority, \
     rank, CAST($6 AS integer), CAST($7 AS bigint), CAST($8 AS text), now(), now() FROM unnest(CAST($1 AS text[]), CAST($2 AS text[]), CAST($3 AS text[]), \
     CAST($4 AS integer[]), CAST($5 AS bigint[])) AS jobs (job_type, queue, payload, priority, rank)";
const CLAIM: &str = "UPDATE job_queue SET status = 'processing', attempt = attempt + 1, started_at = now(), \
     lease_token = CAST(random() * 9e15 AS bigint), lease_until = now() + interval '1 hour', worker = 'bench' \
     WHERE id = ANY(ARRAY(SELECT id FROM job_queue WHERE status = 'pending' AND held_by IS NULL AND queue = $1 \
     ORDER BY rank, id LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING id, lease_token, job_type, CAST(payload AS text)";
const SETTLE: &str = "UPDATE job_queue SET status = 'completed', completed_at = now(), lease_token = NULL, \
     lease_until = NULL FROM unnest(CAST($1 AS bigint[]), CAST($2 AS bigint[])) AS held (id, token) \
     WHERE job_queue.id = held.id AND job_queue.lease_token = held.token";

/// A connection that does nothing but what it must.
pub struct Connection {
    client: Client,
    driver: Driver,
    settings: Settings,
    statements: Statements,
    job: NewJob,
}

struct Statements {
    insert: Statement,
    bulk: Statement,
    claim: Statement,
    settle: Statement,
    restore: Statement,
    forget: Statement,
    forget_after: Statement,
    remove: Statement,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// `?` as PostgreSQL writes it.
fn numbered(sql: &str) -> String {
    let mut text = String::new();
    for (place, part) in sql.split('?').enumerate() {
        if place > 0 {
            text.push('$');
            text.push_str(&place.to_string());
        }
        text.push_str(part);
    }
    text
}

impl Connection {
    /// To a database that was filled. `job` is what it enqueues, and names the queue that it claims from.
    pub async fn open(url: &str, job: NewJob) -> Result<Self, StoreError> {
        let settings = Settings::parse(url)?;
        let (client, mut driver) = connect(&settings).await?;
        let prepared = driver.drive(async {
            // Taking a million jobs back is no statement of a server's life.
            client.batch_execute("SET statement_timeout = 0").await?;
            Ok(Statements {
                insert: client.prepare(INSERT).await?,
                bulk: client.prepare(BULK).await?,
                claim: client.prepare(CLAIM).await?,
                settle: client.prepare(SETTLE).await?,
                restore: client.prepare(&numbered(RESTORE)).await?,
                forget: client.prepare(&numbered(FORGET_RUNS)).await?,
                forget_after: client.prepare(&numbered(FORGET_RUNS_AFTER)).await?,
                remove: client.prepare(&numbered(REMOVE)).await?,
            })
        });
        let statements = prepared
            .await
            .map_err(|error| classify(error, &settings, &settings.name()))?;
        Ok(Self {
            client,
            driver,
            settings,
            statements,
            job,
        })
    }

    async fn execute(
        &mut self,
        which: impl Fn(&Statements) -> &Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, StoreError> {
        let done = self.client.execute(which(&self.statements), values);
        let done = self.driver.drive(done).await;
        done.map_err(|error| classify(error, &self.settings, &self.settings.name()))
    }

    fn timeout(&self) -> i64 {
        i64::try_from(self.job.timeout.as_millis()).unwrap_or(i64::MAX)
    }

    /// Stores one job in a transaction of its own.
    pub async fn enqueue(&mut self) -> Result<(), StoreError> {
        let (now, timeout, job) = (micros(SystemClock.now()), self.timeout(), self.job.clone());
        let values: [&(dyn ToSql + Sync); 8] = [
            &job.job_type,
            &job.queue,
            &job.payload,
            &job.priority,
            &now,
            &job.max_retries,
            &timeout,
            &job.schema_fingerprint,
        ];
        self.execute(|all| &all.insert, &values).await.map(drop)
    }

    /// Stores jobs by one statement.
    pub async fn bulk(&mut self, jobs: usize) -> Result<(), StoreError> {
        let (now, timeout, job) = (micros(SystemClock.now()), self.timeout(), self.job.clone());
        let values: [&(dyn ToSql + Sync); 8] = [
            &vec![job.job_type.as_ref(); jobs],
            &vec![job.queue.as_ref(); jobs],
            &vec![job.payload.as_str(); jobs],
            &vec![job.priority; jobs],
            &vec![now; jobs],
            &job.max_retries,
            &timeout,
            &job.schema_fingerprint,
        ];
        self.execute(|all| &all.bulk, &values).await.map(drop)
    }

    /// Gives leases on `limit` jobs in one transaction: id and token of each. What a worker must have of it was read.
    pub async fn claim(&mut self, limit: usize) -> Result<Vec<(i64, i64)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values: [&(dyn ToSql + Sync); 2] = [&self.job.queue, &limit];
        let rows = self.client.query(&self.statements.claim, &values);
        let rows = self.driver.drive(rows).await;
        let rows = rows.map_err(|error| classify(error, &self.settings, &self.settings.name()))?;
        let lease = |row: &tokio_postgres::Row| {
            let _: (String, String) = (row.get(2), row.get(3));
            (row.get(0), row.get(1))
        };
        Ok(rows.iter().map(lease).collect())
    }

    /// Completes jobs in one transaction. Answers how many were still held by their token.
    pub async fn settle(&mut self, leases: &[(i64, i64)]) -> Result<usize, StoreError> {
        let (ids, tokens): (Vec<i64>, Vec<i64>) = leases.iter().copied().unzip();
        let settled = self.execute(|all| &all.settle, &[&ids, &tokens]).await?;
        Ok(usize::try_from(settled).unwrap_or(usize::MAX))
    }

    /// The same as ours is taken back by.
    pub async fn undo_runs(&mut self, ids: &[i64], later: i64) -> Result<(), StoreError> {
        self.execute(|all| &all.restore, &[&later, &ids]).await?;
        self.execute(|all| &all.forget, &[&ids]).await?;
        Ok(())
    }

    /// The same as ours is taken back by.
    pub async fn undo_enqueues(&mut self, last: i64) -> Result<usize, StoreError> {
        let mut all = 0;
        loop {
            let removed = self.execute(|all| &all.remove, &[&last, &CHUNK]).await?;
            if removed == 0 {
                break;
            }
            all += usize::try_from(removed).unwrap_or(usize::MAX);
        }
        self.execute(|all| &all.forget_after, &[&last]).await?;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbered() {
        assert_eq!(numbered("a = ? AND b = ?"), "a = $1 AND b = $2");
    }
}
