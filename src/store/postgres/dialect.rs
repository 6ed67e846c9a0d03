//! Owns what PostgreSQL says in its own way: values of many rows are arrays, new numbers come with the INSERT, rows that are
//! about to be changed are locked, and the event log is in the order of transactions.
//! Must not know: why a statement is run.

use diesel::{
    Connection, OptionalExtension, QueryResult, QueryableByName, RunQueryDsl,
    connection::SimpleConnection,
    dsl::sql,
    query_builder::AstPass,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, Text},
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub(in crate::store) use super::ending::note;
pub(in crate::store) use super::rows::{
    add_attempts, complete, end_runs, insert_jobs, insert_users,
};
use super::{
    fate::Mark,
    sql::{
        claim::{Claimed, Columns as Claims, Terms, Unhindered},
        filter::Condition,
        held::InTheWay,
        statement::{Statement, statement},
        tx::Tx,
    },
};
use crate::store::{
    StoreError,
    types::{Document, Moment, RawJson},
};

pub(in crate::store) type Backend = diesel::pg::Pg;
pub(in crate::store) type Conn = super::wrapper::Conn;

pub(in crate::store) const MIGRATIONS: EmbeddedMigrations =
    embed_migrations!("migrations/postgres");

/// A transaction that no other process migrates beside: "Lkst", as a number.
pub(in crate::store) fn exclusively<T>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    conn.transaction(|conn| {
        conn.batch_execute("SELECT pg_advisory_xact_lock(1282110324)")?;
        work(conn)
    })
}

/// From how many new rows on they are stored together: one alone, too, because it costs fewer messages.
pub(in crate::store) const TOGETHER: usize = 1;

/// One column of many rows.
#[derive(Debug)]
pub(in crate::store) enum Many {
    Ids(Vec<i64>),
    Ints(Vec<i32>),
    Bools(Vec<bool>),
    Texts(Vec<String>),
    OptionalTexts(Vec<Option<String>>),
    Moments(Vec<Option<i64>>),
    RawJson(Vec<Option<String>>),
    Documents(Vec<String>),
}

#[expect(clippy::unnecessary_wraps, reason = "the other engine's can fail")]
impl Many {
    pub(in crate::store) fn ids(ids: &[i64]) -> Result<Self, StoreError> {
        Ok(Self::Ids(ids.to_vec()))
    }

    pub(in crate::store) fn texts(texts: &[String]) -> Result<Self, StoreError> {
        Ok(Self::Texts(texts.to_vec()))
    }

    pub(in crate::store) fn push<'b>(
        &'b self,
        out: &mut AstPass<'_, 'b, Backend>,
    ) -> QueryResult<()> {
        match self {
            Self::Ids(values) => out.push_bind_param::<Array<BigInt>, _>(values),
            Self::Ints(values) => out.push_bind_param::<Array<Integer>, _>(values),
            Self::Bools(values) => out.push_bind_param::<Array<Bool>, _>(values),
            Self::Texts(values) => out.push_bind_param::<Array<Text>, _>(values),
            Self::OptionalTexts(values) => out.push_bind_param::<Array<Nullable<Text>>, _>(values),
            Self::Moments(values) => out.push_bind_param::<Array<Nullable<Moment>>, _>(values),
            Self::Documents(values) => out.push_bind_param::<Array<Document>, _>(values),
            Self::RawJson(values) => out.push_bind_param::<Array<Nullable<RawJson>>, _>(values),
        }
    }
}

/// PostgreSQL keeps no U+0000: an error's text may have one, and must not be the reason that it cannot be kept.
pub(in crate::store) fn text(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

/// Behind a column: its value is one of many.
macro_rules! among {
    () => {
        "= ANY(?)"
    };
}
pub(in crate::store) use among;

/// Behind a text column: its value is none of many.
macro_rules! not_among {
    () => {
        "<> ALL(?)"
    };
}
pub(in crate::store) use not_among;

/// At the end of a query: its rows are about to be changed.
macro_rules! lock {
    () => {
        " FOR UPDATE"
    };
}
pub(in crate::store) use lock;

/// The same; leaves out those that somebody else is about to change.
macro_rules! skip_locked {
    () => {
        " FOR UPDATE SKIP LOCKED"
    };
}
pub(in crate::store) use skip_locked;

/// The job is about to be changed: what is read of it from now on holds until the commit.
pub(in crate::store) fn lock_job(conn: &mut Conn, id: i64) -> QueryResult<()> {
    statement("SELECT id FROM job_queue WHERE id = ? FOR UPDATE")
        .int(id)
        .execute(conn)
        .map(drop)
}

/// All queries of the transaction that follow see the same.
pub(in crate::store) fn snapshot(conn: &mut Conn) -> QueryResult<()> {
    conn.batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
}

/// Nobody can tell whether others have changed the orders: they are read once in each transaction that asks for them.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the other engine asks the database"
)]
pub(in crate::store) fn orders_version(_conn: &mut Conn) -> QueryResult<Option<i64>> {
    Ok(None)
}

#[derive(QueryableByName)]
pub(super) struct Id {
    #[diesel(sql_type = BigInt)]
    pub(super) id: i64,
}

/// Runs an INSERT of one row into a table with an `id`. Answers it, or `None` when a conflict kept the row out.
pub(in crate::store) fn insert(conn: &mut Conn, row: Statement) -> QueryResult<Option<i64>> {
    let inserted: Option<Id> = row.ending(" RETURNING id").get_result(conn).optional()?;
    Ok(inserted.map(|row| row.id))
}

/// The array makes the planner look the rows up one by one, however many it thinks that there are.
macro_rules! claim {
    ($unless:expr) => {
        concat!(
            "UPDATE job_queue SET status = 'processing', attempt = attempt + 1, started_at = ?, lease_token = id + ?, \
             lease_until = ?, worker = ? \
             WHERE id = ANY(ARRAY(SELECT id FROM job_queue WHERE status = 'pending' AND held_by IS NULL AND queue = ? ",
            $unless,
            "ORDER BY rank, id LIMIT ? FOR UPDATE SKIP LOCKED)) \
             RETURNING id, job_type, payload, priority, rank, max_retries, retry_count, attempt, timeout_ms, \
             schema_fingerprint, scheduled_at, started_at, lease_token, checkpoint, expires_at, ",
            super::sql::ties::ties!()
        )
    };
}

/// Anybody waits at a gate.
macro_rules! held {
    () => {
        "EXISTS (SELECT 1 FROM job_queue WHERE status = 'pending' AND held_by IS NOT NULL)"
    };
}

/// For the test that asks for its plan.
pub(in crate::store) const CLAIM: &str = claim!("");

/// The same, of nothing if anybody waits at a gate or anything was ordered. For the test that asks for its plan.
pub(in crate::store) const CLAIM_UNHINDERED: &str = claim!(concat!(
    "AND NOT ",
    held!(),
    " AND NOT EXISTS (SELECT 1 FROM controls) "
));

/// Behind the columns of a statement that writes: the number of its transaction.
pub(super) const NUMBER: &str = ", pg_current_xact_id()::text::bigint AS number";

/// Runs a claim.
pub(in crate::store) fn claim(tx: &mut Tx<'_>, terms: &Terms<'_>) -> QueryResult<Vec<Claimed>> {
    take(tx, CLAIM, terms)
}

/// A question costs as much as a claim: none is asked at first.
pub(in crate::store) const UNHINDERED: Option<Unhindered> =
    Some(|tx, terms| take(tx, CLAIM_UNHINDERED, terms));

fn take(tx: &mut Tx<'_>, claim: &'static str, terms: &Terms<'_>) -> QueryResult<Vec<Claimed>> {
    let numbered = statement(claim)
        .at(terms.now)
        .int(terms.token_base)
        .at(terms.until)
        .text(terms.worker)
        .text(terms.queue)
        .int(terms.limit)
        .ending(NUMBER)
        .placed::<(Claims, BigInt)>();
    let rows: Vec<(Claimed, i64)> = numbered.load(tx.conn)?;
    let number = rows.first().map(|(_, number)| *number);
    tx.ledger.number = tx.ledger.number.or(number);
    let mut jobs: Vec<Claimed> = rows.into_iter().map(|(job, _)| job).collect();
    start_after_the_last_run(tx.conn, &mut jobs)?;
    Ok(jobs)
}

/// For the test that asks for its plan.
pub(in crate::store) const START_LATER: &str = "UPDATE job_queue SET started_at = last.finished_at FROM job_attempts AS last \
     WHERE job_queue.id = ANY(?) AND last.job_id = job_queue.id AND last.number = job_queue.attempt - 1 \
     AND last.finished_at > job_queue.started_at RETURNING job_queue.id, job_queue.started_at";

/// Clocks of machines differ: no run begins before the one before it has ended.
fn start_after_the_last_run(conn: &mut Conn, jobs: &mut [Claimed]) -> QueryResult<()> {
    let again = jobs.iter().filter(|job| job.attempt > 1);
    let again: Vec<i64> = again.map(|job| job.id).collect();
    if again.is_empty() {
        return Ok(());
    }
    let later = statement(START_LATER)
        .many(Many::Ids(again))
        .placed::<(BigInt, Moment)>();
    let later: Vec<(i64, i64)> = later.load(conn)?;
    for (id, started_at) in later {
        if let Some(job) = jobs.iter_mut().find(|job| job.id == id) {
            job.started_at = started_at;
        }
    }
    Ok(())
}

/// For the test that asks for its plan.
pub(in crate::store) const ANY_HELD: &str = concat!(
    "SELECT ",
    held!(),
    ", EXISTS (SELECT 1 FROM controls), \
     EXISTS (SELECT 1 FROM job_queue WHERE status = 'pending' AND held_by IS NULL AND queue = ANY(?)), \
     pg_current_xact_id_if_assigned()::text::bigint"
);

/// Most databases have no orders, and are asked once.
pub(in crate::store) fn in_the_way(conn: &mut Conn, queues: &[String]) -> QueryResult<InTheWay> {
    statement(ANY_HELD)
        .many(Many::Texts(queues.to_vec()))
        .placed::<(Bool, Bool, Bool, Nullable<BigInt>)>()
        .get_result(conn)
}

/// For the test that asks for its plan.
pub(in crate::store) const PUT_ASIDE: &str = "UPDATE job_queue SET status = 'pending', held_by = aside.gate, \
     attempt = attempt - 1, lease_token = NULL, lease_until = NULL, \
     started_at = (SELECT started_at FROM job_attempts WHERE job_id = job_queue.id ORDER BY number DESC LIMIT 1), \
     worker = (SELECT worker FROM job_attempts WHERE job_id = job_queue.id ORDER BY number DESC LIMIT 1) \
     FROM unnest(?, ?) AS aside (id, gate) WHERE job_queue.id = aside.id";

/// Takes a claim back and puts the jobs at their gates, as if nothing had been: who had one last is in its history.
#[expect(clippy::unnecessary_wraps, reason = "the other engine's can fail")]
pub(in crate::store) fn put_aside(jobs: &[(i64, String)]) -> Result<Statement, StoreError> {
    let (ids, gates) = jobs.iter().cloned().unzip();
    Ok(statement(PUT_ASIDE)
        .many(Many::Ids(ids))
        .many(Many::Texts(gates)))
}

/// Without the status, as `rows::COMPLETE` is. For the test that asks for its plan.
pub(in crate::store) const HEARTBEAT: &str = "UPDATE job_queue SET lease_until = ? \
     FROM unnest(?, ?) AS held (id, token) WHERE job_queue.id = held.id AND job_queue.lease_token = held.token \
     RETURNING job_queue.id, job_queue.lease_token, job_queue.cancel_requested";

#[expect(clippy::unnecessary_wraps, reason = "the other engine's can fail")]
pub(in crate::store) fn heartbeat(
    until: i64,
    leases: &[(i64, i64)],
) -> Result<Statement, StoreError> {
    let (ids, tokens) = leases.iter().copied().unzip();
    Ok(statement(HEARTBEAT)
        .at(until)
        .many(Many::Ids(ids))
        .many(Many::Ids(tokens)))
}

/// What is to be known of a commit's event row.
pub(in crate::store) type Noted = Mark;

/// The ends of the event log: the oldest commit that is kept, the newest that there can be, and up to which one they are
/// gone.
pub(in crate::store) const EVENT_ENDS: &str = "SELECT (SELECT min(id) FROM job_events) AS oldest, \
     pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1 AS newest, \
     (SELECT trimmed FROM event_log WHERE id = 1) AS trimmed";

/// The first number that a transaction under way may still use. Where events wait for one, only transactions in this
/// database count, as long as nobody's are hidden from this role: others write no events here. Their numbers have 32 bits.
const IN_ORDER: &str = "WITH ends AS (SELECT pg_snapshot_xmin(now)::text::bigint AS low, \
     pg_snapshot_xmax(now)::text::bigint AS high FROM pg_current_snapshot() AS now), \
     sessions AS (SELECT backend_xid, query FROM pg_stat_activity \
     WHERE datname = current_database() AND usesysid IS NOT NULL) \
     SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM job_events WHERE id >= low) \
     OR EXISTS (SELECT 1 FROM sessions WHERE query = '<insufficient privilege>') THEN low \
     ELSE (SELECT coalesce(min(high - (((high - backend_xid::text::bigint + 2147483648) % 4294967296 + 4294967296) \
     % 4294967296 - 2147483648)), high) FROM (SELECT backend_xid FROM sessions WHERE backend_xid IS NOT NULL \
     UNION ALL SELECT high::text::xid) AS under_way) END AS id FROM ends";

/// Before a snapshot is taken: whatever it shows of commits below this number is in its place, and nothing comes before it
/// any more.
pub(in crate::store) fn events_in_order(conn: &mut Conn) -> QueryResult<i64> {
    let bound: Id = statement(IN_ORDER).get_result(conn)?;
    Ok(bound.id)
}

/// Keeps in mind up to which number events are gone.
pub(in crate::store) fn trimmed(conn: &mut Conn, last: i64) -> QueryResult<()> {
    statement("UPDATE event_log SET trimmed = greatest(trimmed, ?) WHERE id = 1")
        .int(last)
        .execute(conn)
        .map(drop)
}

/// The newest event beyond so many newer ones. Numbers are those of transactions: they have gaps.
pub(in crate::store) const EVENTS_BEYOND: &str =
    "SELECT id AS number FROM job_events ORDER BY id DESC OFFSET ? LIMIT 1";

/// Domains of addresses, by how many users have them.
pub(in crate::store) const DOMAINS: &str = "SELECT substr(email_key, strpos(email_key, '@') + 1) AS name, \
     count(*) AS users FROM users GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?";
/// Users by the day that they signed up.
pub(in crate::store) const GROWTH: &str = "SELECT day, users FROM (SELECT \
     floor(extract(epoch FROM created_at) / 86400)::bigint AS day, count(*) AS users FROM users \
     GROUP BY 1 ORDER BY 1 DESC LIMIT ?) AS days ORDER BY day";

/// Jobs with one of these numbers.
#[expect(clippy::unnecessary_wraps, reason = "the other engine's can fail")]
pub(in crate::store) fn with_ids(ids: &[i64]) -> Result<Condition, StoreError> {
    let among = sql::<Bool>("job_queue.id = ANY(");
    Ok(Box::new(
        among.bind::<Array<BigInt>, _>(ids.to_vec()).sql(")"),
    ))
}

/// Jobs with a tag.
pub(in crate::store) fn with_tag(tag: String) -> Condition {
    let has = sql::<Bool>("jsonb_exists(job_queue.tags, ");
    Box::new(has.bind::<Text, _>(tag).sql(")"))
}

/// Of an error message: is like a pattern, whatever the case.
pub(in crate::store) const LIKE: &str = "job_queue.error_message ILIKE ";
