//! Owns what SQLite says in its own way: values of many rows are bound (`rows`) or one JSON text, new numbers come from
//! `last_insert_rowid`, and rows need no locks, because there is one writer.
//! Must not know: why a statement is run.

use diesel::{
    OptionalExtension, QueryResult, RunQueryDsl,
    dsl::sql,
    query_builder::AstPass,
    sql_types::{BigInt, Bool, Text},
    sqlite::SqliteConnection,
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use serde::Serialize;

pub(in crate::store) use super::rows::{
    add_attempts, complete, end_runs, insert_jobs, insert_users,
};
use super::sql::{
    claim::{Claimed, Columns as Claims, Terms, Unhindered},
    filter::Condition,
    held::InTheWay,
    ledger::Entry,
    statement::{Statement, statement},
    tx::Tx,
};
use super::{each::each, rows::GiveLeases};
use crate::store::StoreError;

pub(in crate::store) type Backend = diesel::sqlite::Sqlite;
pub(in crate::store) type Conn = SqliteConnection;

pub(in crate::store) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// A transaction that no other process writes beside.
pub(in crate::store) fn exclusively<T>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    conn.immediate_transaction(work)
}

/// From how many new rows on they are stored together: one alone has a shorter way.
pub(in crate::store) const TOGETHER: usize = 2;

/// Values of many rows: JSON.
#[derive(Debug)]
pub(in crate::store) struct Many(String);

impl Many {
    pub(super) fn of(values: &impl Serialize) -> Result<Self, StoreError> {
        serde_json::to_string(values)
            .map(Self)
            .map_err(|error| StoreError::Internal(Box::new(error)))
    }

    pub(in crate::store) fn ids(ids: &[i64]) -> Result<Self, StoreError> {
        Self::of(&ids)
    }

    pub(in crate::store) fn texts(texts: &[String]) -> Result<Self, StoreError> {
        Self::of(&texts)
    }

    pub(in crate::store) fn push<'b>(
        &'b self,
        out: &mut AstPass<'_, 'b, Backend>,
    ) -> QueryResult<()> {
        out.push_bind_param::<Text, _>(&self.0)
    }
}

/// SQLite keeps any text.
pub(in crate::store) fn text(text: String) -> String {
    text
}

/// Behind a column: its value is one of many.
macro_rules! among {
    () => {
        "IN (SELECT value FROM json_each(?))"
    };
}
pub(in crate::store) use among;

/// Behind a text column: its value is none of many.
macro_rules! not_among {
    () => {
        "NOT IN (SELECT value FROM json_each(?))"
    };
}
pub(in crate::store) use not_among;

/// At the end of a query: its rows are about to be changed.
macro_rules! lock {
    () => {
        ""
    };
}
pub(in crate::store) use lock;

/// The same; leaves out those that somebody else is about to change.
macro_rules! skip_locked {
    () => {
        ""
    };
}
pub(in crate::store) use skip_locked;

/// The job is about to be changed.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the other engine has to ask the database"
)]
pub(in crate::store) fn lock_job(_conn: &mut Conn, _id: i64) -> QueryResult<()> {
    Ok(())
}

/// All queries of the transaction that follow see the same.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the other engine has to ask the database"
)]
pub(in crate::store) fn snapshot(_conn: &mut Conn) -> QueryResult<()> {
    Ok(())
}

/// A number that differs from the one before when others may have changed the orders since.
pub(in crate::store) fn orders_version(conn: &mut Conn) -> QueryResult<Option<i64>> {
    let version = statement("PRAGMA data_version").placed::<BigInt>();
    version.get_result(conn).map(Some)
}

/// Runs an INSERT of one row into a table with an `id`. Answers it, or `None` when a conflict kept the row out.
pub(in crate::store) fn insert(conn: &mut Conn, row: Statement) -> QueryResult<Option<i64>> {
    if row.execute(conn)? == 0 {
        return Ok(None);
    }
    last_id(conn).map(Some)
}

pub(super) fn last_id(conn: &mut Conn) -> QueryResult<i64> {
    let last = statement("SELECT last_insert_rowid()").placed::<BigInt>();
    last.get_result(conn)
}

/// What a claim may take, as it is when it is taken. The cast keeps SQLite from looking at the value, and so from making a
/// new plan for each. For the test that asks for its plan.
pub(in crate::store) const CLAIM: &str = concat!(
    "SELECT id, job_type, payload, priority, rank, max_retries, retry_count, attempt + 1, timeout_ms, \
     schema_fingerprint, scheduled_at, ?, ? + id, checkpoint, expires_at, ",
    super::sql::ties::ties!(),
    " FROM job_queue WHERE status = 'pending' AND held_by IS NULL AND queue = ? \
     ORDER BY rank, id LIMIT CAST(? AS INTEGER)"
);

/// A question costs next to nothing here.
pub(in crate::store) const UNHINDERED: Option<Unhindered> = None;

/// Runs a claim: nobody else writes between its statements. One UPDATE that chooses and answers rows would build three
/// tables, which takes more than the jobs where they are few.
pub(in crate::store) fn claim(tx: &mut Tx<'_>, terms: &Terms<'_>) -> QueryResult<Vec<Claimed>> {
    let jobs: Vec<Claimed> = statement(CLAIM)
        .at(terms.now)
        .int(terms.token_base)
        .text(terms.queue)
        .int(terms.limit)
        .placed::<Claims>()
        .load(tx.conn)?;
    let ids: Vec<i64> = jobs.iter().map(|job| job.id).collect();
    each(tx.conn, &GiveLeases { terms }, &ids)?;
    Ok(jobs)
}

/// For the test that asks for its plan.
pub(in crate::store) const ANY_HELD: &str =
    "SELECT 1 FROM job_queue WHERE status = 'pending' AND held_by IS NOT NULL LIMIT 1";

/// Whether anybody waits at any gate, and whether there may be orders.
pub(in crate::store) fn in_the_way(conn: &mut Conn, _queues: &[String]) -> QueryResult<InTheWay> {
    let any = statement(ANY_HELD).placed::<BigInt>();
    let one: Option<i64> = any.get_result(conn).optional()?;
    Ok(InTheWay {
        held: one.is_some(),
        ordered: true,
        // Nobody is asked here who needs to know.
        ready: false,
        number: None,
    })
}

/// For the test that asks for its plan.
pub(in crate::store) const PUT_ASIDE: &str = "UPDATE job_queue SET status = 'pending', held_by = aside.value ->> 1, \
     attempt = attempt - 1, lease_token = NULL, lease_until = NULL, \
     started_at = (SELECT started_at FROM job_attempts WHERE job_id = job_queue.id ORDER BY number DESC LIMIT 1), \
     worker = (SELECT worker FROM job_attempts WHERE job_id = job_queue.id ORDER BY number DESC LIMIT 1) \
     FROM jsonb_each(?) AS aside WHERE job_queue.id = aside.value ->> 0";

/// Takes a claim back and puts the jobs at their gates, as if nothing had been: who had one last is in its history.
pub(in crate::store) fn put_aside(jobs: &[(i64, String)]) -> Result<Statement, StoreError> {
    Ok(statement(PUT_ASIDE).many(Many::of(&jobs)?))
}

/// For the test that asks for its plan.
pub(in crate::store) const HEARTBEAT: &str = "UPDATE job_queue SET lease_until = ? FROM jsonb_each(?) AS held \
     WHERE job_queue.id = held.value ->> 0 AND job_queue.lease_token = held.value ->> 1 \
     AND job_queue.status = 'processing' \
     RETURNING job_queue.id, job_queue.lease_token, job_queue.cancel_requested";

pub(in crate::store) fn heartbeat(
    until: i64,
    leases: &[(i64, i64)],
) -> Result<Statement, StoreError> {
    Ok(statement(HEARTBEAT).at(until).many(Many::of(&leases)?))
}

/// What is to be known of a commit's event row.
pub(in crate::store) type Noted = ();

/// What a commit did: the event row, and the sums.
pub(in crate::store) fn note(
    conn: &mut Conn,
    at: i64,
    Entry { event, sums }: Entry<'_>,
) -> QueryResult<()> {
    statement("INSERT INTO job_events (at, transitions) VALUES (?, ?)")
        .at(at)
        .raw_json(Some(event))
        .execute(conn)?;
    for sum in sums {
        statement(
            "INSERT INTO job_counts (queue, job_type, status, count) VALUES (?, ?, ?, ?) \
             ON CONFLICT (queue, job_type, status) DO UPDATE SET count = count + excluded.count",
        )
        .text(sum.queue)
        .text(sum.job_type)
        .text(sum.status.as_str())
        .int(sum.by)
        .execute(conn)?;
    }
    Ok(())
}

/// The oldest commit in the event log that is kept, the newest that there ever was, and the last one that is gone: numbers
/// have no gaps.
pub(in crate::store) const EVENT_ENDS: &str = "SELECT oldest, newest, coalesce(oldest - 1, newest) AS trimmed FROM \
     (SELECT (SELECT min(id) FROM job_events) AS oldest, \
     (SELECT seq FROM sqlite_sequence WHERE name = 'job_events') AS newest)";

/// Nothing but the log itself has to know what is gone.
#[expect(clippy::unnecessary_wraps, reason = "the other engine's can fail")]
pub(in crate::store) fn trimmed(_conn: &mut Conn, _last: i64) -> QueryResult<()> {
    Ok(())
}

/// Commits are numbered in their order: nothing comes before one that is seen.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the other engine asks the database"
)]
pub(in crate::store) fn events_in_order(_conn: &mut Conn) -> QueryResult<i64> {
    Ok(i64::MAX)
}

/// The newest event beyond so many newer ones.
pub(in crate::store) const EVENTS_BEYOND: &str = "SELECT max(id) - ? AS number FROM job_events";

/// Domains of addresses, by how many users have them.
pub(in crate::store) const DOMAINS: &str = "SELECT substr(email_key, instr(email_key, '@') + 1) AS name, \
     count(*) AS users FROM users GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?";
/// Users by the day that they signed up.
pub(in crate::store) const GROWTH: &str = "SELECT day, users FROM (SELECT created_at / 86400000000 AS day, \
     count(*) AS users FROM users GROUP BY 1 ORDER BY 1 DESC LIMIT ?) ORDER BY day";

/// Jobs with one of these numbers.
pub(in crate::store) fn with_ids(ids: &[i64]) -> Result<Condition, StoreError> {
    let Many(ids) = Many::ids(ids)?;
    let among = sql::<Bool>("job_queue.id IN (SELECT value FROM json_each(");
    Ok(Box::new(among.bind::<Text, _>(ids).sql("))")))
}

/// Jobs with a tag.
pub(in crate::store) fn with_tag(tag: String) -> Condition {
    let has = sql::<Bool>("EXISTS (SELECT 1 FROM json_each(job_queue.tags) WHERE value = ");
    Box::new(has.bind::<Text, _>(tag).sql(")"))
}

/// Of an error message: is like a pattern, whatever the case (of A to Z).
pub(in crate::store) const LIKE: &str = "job_queue.error_message LIKE ";
