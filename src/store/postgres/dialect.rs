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

pub(in crate::store) use super::rows::{
    add_attempts, complete, end_runs, insert_jobs, insert_users,
};
use super::{
    fate::Mark,
    sql::{
        claim::{Claimed, Columns as Claims, Terms, Unhindered},
        filter::Condition,
        ledger::{Entry, Sum},
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
            "UPDATE job_queue SET status = 'processing', attempt = attempt + 1, started_at = GREATEST(?, \
             CASE WHEN attempt > 0 THEN (SELECT finished_at FROM job_attempts WHERE job_id = job_queue.id \
             AND number = job_queue.attempt) END), lease_token = hashtextextended(gen_random_uuid()::text, id), \
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

/// The same, of nothing if anybody waits at a gate or anything was ordered. The first column tells that, the second the
/// transaction's number, once it has one: in a row of their own where nothing is taken. For the test that asks for its plan.
pub(in crate::store) const CLAIM_UNHINDERED: &str = concat!(
    "WITH way AS MATERIALIZED (SELECT ",
    held!(),
    " OR EXISTS (SELECT 1 FROM controls) AS hindered), taken AS (",
    claim!("AND NOT (SELECT hindered FROM way) "),
    ") SELECT way.hindered, pg_current_xact_id_if_assigned()::text::bigint, taken.* FROM way LEFT JOIN taken ON TRUE"
);

/// Behind the columns of a statement that writes: the number of its transaction.
pub(super) const NUMBER: &str = ", pg_current_xact_id()::text::bigint AS number";

fn claiming(text: &'static str, terms: &Terms<'_>) -> Statement {
    statement(text)
        .at(terms.now)
        .at(terms.until)
        .text(terms.worker)
        .text(terms.queue)
        .int(terms.limit)
}

/// Runs a claim.
pub(in crate::store) fn claim(tx: &mut Tx<'_>, terms: &Terms<'_>) -> QueryResult<Vec<Claimed>> {
    let numbered = claiming(CLAIM, terms)
        .ending(NUMBER)
        .placed::<(Claims, BigInt)>();
    let rows: Vec<(Claimed, i64)> = numbered.load(tx.conn)?;
    let number = rows.first().map(|(_, number)| *number);
    tx.ledger.number = tx.ledger.number.or(number);
    Ok(rows.into_iter().map(|(row, _)| row).collect())
}

/// A question costs as much as a claim: none is asked at first.
pub(in crate::store) const UNHINDERED: Option<Unhindered> = Some(claim_unhindered);

fn claim_unhindered(tx: &mut Tx<'_>, terms: &Terms<'_>) -> QueryResult<Option<Vec<Claimed>>> {
    type Told = (Bool, Nullable<BigInt>, Nullable<Claims>);
    let claim = claiming(CLAIM_UNHINDERED, terms).placed::<Told>();
    let rows: Vec<(bool, Option<i64>, Option<Claimed>)> = claim.load(tx.conn)?;
    let told = rows.first().filter(|(hindered, _, _)| !hindered);
    let Some((_, number, _)) = told else {
        // What comes now asks no more whether anything is written.
        tx.ledger.idle = false;
        return Ok(None);
    };
    tx.ledger.number = *number;
    tx.ledger.idle = number.is_none();
    Ok(Some(
        rows.into_iter().filter_map(|(_, _, row)| row).collect(),
    ))
}

/// For the test that asks for its plan.
pub(in crate::store) const ANY_HELD: &str = concat!(
    "SELECT ",
    held!(),
    " AS held, EXISTS (SELECT 1 FROM controls) AS ordered"
);

#[derive(QueryableByName)]
struct InTheWay {
    #[diesel(sql_type = Bool)]
    held: bool,
    #[diesel(sql_type = Bool)]
    ordered: bool,
}

/// Whether anybody waits at any gate, and whether there may be orders: most databases have none, and are asked once.
pub(in crate::store) fn in_the_way(conn: &mut Conn) -> QueryResult<(bool, bool)> {
    let InTheWay { held, ordered } = statement(ANY_HELD).get_result(conn)?;
    Ok((held, ordered))
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

/// For the test that asks for its plan.
pub(in crate::store) const HEARTBEAT: &str = "UPDATE job_queue SET lease_until = ? \
     FROM unnest(?, ?) AS held (id, token) WHERE job_queue.id = held.id AND job_queue.lease_token = held.token \
     AND job_queue.status = 'processing' \
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

/// What a commit did: the event row, and the sums, in one statement.
pub(super) const NOTE: &str = "WITH counted AS (INSERT INTO job_counts (queue, job_type, status, count, stripe) \
     SELECT queue, job_type, status, by, pg_backend_pid() % 16 FROM unnest(?, ?, ?, ?) \
     AS sums (queue, job_type, status, by) ON CONFLICT (queue, job_type, status, stripe) \
     DO UPDATE SET count = job_counts.count + excluded.count) \
     INSERT INTO job_events (id, at, transitions, token) VALUES (pg_current_xact_id()::text::bigint, ?, ?, ?) \
     RETURNING id AS number, token";

pub(in crate::store) fn note(
    conn: &mut Conn,
    at: i64,
    Entry { event, sums }: Entry<'_>,
) -> QueryResult<Mark> {
    let texts = |of: for<'a> fn(&Sum<'a>) -> &'a str| {
        Many::Texts(sums.iter().map(|sum| of(sum).to_owned()).collect())
    };
    statement(NOTE)
        .many(texts(|sum| sum.queue))
        .many(texts(|sum| sum.job_type))
        .many(texts(|sum| sum.status.as_str()))
        .many(Many::Ids(sums.iter().map(|sum| sum.by).collect()))
        .at(at)
        .raw_json(Some(event))
        .int(rand::random::<i64>())
        .get_result(conn)
}

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
