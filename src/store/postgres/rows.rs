//! Owns the statements that write many rows at once: each column is an array.
//! Must not know: why they are run.

use diesel::{QueryableByName, RunQueryDsl, sql_types::BigInt};

use super::{
    dialect::{Conn, Many, NUMBER, text},
    sql::{
        new_row::NewRow,
        runs::Completed,
        settle::{AttemptRow, EndRow},
        sign_ups::{Stored, in_their_order},
        statement::{Statement, statement},
        tx::Tx,
    },
};
use crate::{
    model::NewUser,
    store::{StoreError, time::micros},
};

/// A row's number, or a number of rows, with that of the transaction.
#[derive(QueryableByName)]
struct Numbered {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// Stores jobs that have nothing but what every job has. Answers their numbers, in their order; `None`, and nothing is
/// stored, where the depth of a queue is limited.
pub(in crate::store) fn insert_jobs(
    tx: &mut Tx<'_>,
    rows: &[NewRow<'_>],
) -> Result<Option<Vec<i64>>, StoreError> {
    let insert = match rows {
        [row] => row.values(insert_one_job!()),
        rows => many_jobs(rows),
    };
    let mut inserted: Vec<Numbered> = insert.ending(NUMBER).load(tx.conn)?;
    let Some(first) = inserted.first() else {
        return Ok(None);
    };
    tx.ledger.number = Some(first.number);
    inserted.sort_unstable_by_key(|row| row.id);
    Ok(Some(inserted.into_iter().map(|row| row.id).collect()))
}

/// Stores one job by its values: arrays of one each would take half as long again.
macro_rules! insert_one_job {
    () => {
        "INSERT INTO job_queue (job_type, queue, payload, status, priority, rank, max_retries, timeout_ms, \
         schema_fingerprint, scheduled_at, created_at) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? \
         WHERE NOT EXISTS (SELECT 1 FROM controls WHERE max_depth IS NOT NULL) RETURNING id"
    };
}
pub(super) use insert_one_job;

fn many_jobs(rows: &[NewRow<'_>]) -> Statement {
    let ids = |of: fn(&NewRow<'_>) -> i64| Many::Ids(rows.iter().map(of).collect());
    let ints = |of: fn(&NewRow<'_>) -> i32| Many::Ints(rows.iter().map(of).collect());
    let moments =
        |of: fn(&NewRow<'_>) -> i64| Many::Moments(rows.iter().map(|row| Some(of(row))).collect());
    let texts = |of: for<'a> fn(&'a NewRow<'_>) -> &'a str| {
        Many::Texts(rows.iter().map(|row| of(row).to_owned()).collect())
    };
    // Numbers are given as the rows are inserted. The orders are asked in passing: a question of its own would cost as much
    // as the whole statement.
    statement(
        "INSERT INTO job_queue (job_type, queue, payload, status, priority, rank, max_retries, timeout_ms, \
         schema_fingerprint, scheduled_at, created_at) SELECT job_type, queue, payload, status, priority, rank, \
         max_retries, timeout_ms, fingerprint, scheduled_at, created_at \
         FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WITH ORDINALITY AS new (job_type, queue, payload, status, priority, \
         rank, max_retries, timeout_ms, fingerprint, scheduled_at, created_at, place) \
         WHERE NOT EXISTS (SELECT 1 FROM controls WHERE max_depth IS NOT NULL) ORDER BY place RETURNING id",
    )
    .many(texts(|row| row.job.job_type.as_ref()))
    .many(texts(|row| row.job.queue.as_ref()))
    .many(Many::Documents(
        rows.iter().map(|row| row.job.payload.clone()).collect(),
    ))
    .many(texts(|row| row.status.as_str()))
    .many(ints(|row| row.job.priority))
    .many(ids(|row| row.rank))
    .many(ints(|row| row.job.max_retries))
    .many(ids(|row| row.timeout_ms))
    .many(texts(|row| row.job.schema_fingerprint.as_ref()))
    .many(moments(|row| row.scheduled_at))
    .many(moments(|row| row.created_at))
}

/// Stores users with the keys of their addresses. Answers their numbers, in their order, `None` for one whose key is taken; or
/// nothing at all, and nothing is stored, where the depth of a queue is limited.
pub(in crate::store) fn insert_users(
    tx: &mut Tx<'_>,
    users: &[(&NewUser, String)],
) -> Result<Option<Vec<Option<i64>>>, StoreError> {
    let optional = |of: fn(&NewUser) -> Option<&str>| {
        Many::OptionalTexts(
            users
                .iter()
                .map(|(user, _)| owned(of(user)).map(text))
                .collect(),
        )
    };
    // No user has the number 0. Whether all are taken or none may be stored does not show in the users alone.
    let insert = statement(
        "WITH limits AS (SELECT 0::bigint AS id FROM controls WHERE max_depth IS NOT NULL LIMIT 1), stored AS (INSERT INTO users \
         (email, email_key, age, name, bio, is_active, additional_data, created_at, updated_at) \
         SELECT email, email_key, age, name, bio, is_active, additional_data::jsonb, ?, ? \
         FROM unnest(?, ?, ?, ?, ?, ?, ?) WITH ORDINALITY \
         AS new (email, email_key, age, name, bio, is_active, additional_data, place) \
         WHERE NOT EXISTS (SELECT 1 FROM limits) ORDER BY place ON CONFLICT (email_key) DO NOTHING RETURNING id, email_key) \
         SELECT id, email_key FROM stored UNION ALL SELECT id, '' FROM limits",
    );
    let now = micros(tx.now);
    let insert = insert
        .at(now)
        .at(now)
        .many(Many::Texts(
            users.iter().map(|(user, _)| user.email.clone()).collect(),
        ))
        .many(Many::Texts(
            users.iter().map(|(_, key)| key.clone()).collect(),
        ))
        .many(Many::Ints(users.iter().map(|(user, _)| user.age).collect()))
        .many(optional(|user| user.name.as_deref()))
        .many(optional(|user| user.bio.as_deref()))
        .many(Many::Bools(
            users.iter().map(|(user, _)| user.is_active).collect(),
        ))
        .many(optional(|user| user.additional_data.as_deref()));
    let stored: Vec<Stored> = insert.load(tx.conn)?;
    let limited = stored.iter().any(|row| row.id == 0);
    Ok((!limited).then(|| in_their_order(users, stored)))
}

/// Only jobs that run have a token (a CHECK). With their status as a condition beside it, the planner would walk over all that run
/// whenever it believes that they are few. For the test that asks for its plan.
pub(in crate::store) const COMPLETE: &str = "WITH completed AS (UPDATE job_queue SET status = 'completed', \
     completed_at = ?, result = ended.result, cancel_requested = FALSE, lease_token = NULL, lease_until = NULL \
     FROM unnest(?, ?, ?, ?, ?, ?) AS ended (id, token, result, number, worker, started_at) \
     WHERE job_queue.id = ended.id AND job_queue.lease_token = ended.token \
     AND NOT job_queue.has_dependents \
     RETURNING job_queue.id, ended.number, ended.worker, ended.started_at, job_queue.completed_at), \
     history AS (INSERT INTO job_attempts (job_id, number, worker, started_at, finished_at, outcome) \
     SELECT id, number, worker, started_at, completed_at, 'completed' FROM completed) \
     SELECT count(*) AS id, pg_current_xact_id()::text::bigint AS number FROM completed";

/// Completes runs that are as they are known, and writes their history rows. Answers how many were.
pub(in crate::store) fn complete(
    tx: &mut Tx<'_>,
    now: i64,
    runs: &[Completed],
) -> Result<usize, StoreError> {
    let completed: Numbered = statement(COMPLETE)
        .at(now)
        .many(Many::Ids(runs.iter().map(|one| one.id).collect()))
        .many(Many::Ids(runs.iter().map(|one| one.run.token).collect()))
        .many(Many::RawJson(
            runs.iter().map(|one| one.result.clone()).collect(),
        ))
        .many(Many::Ints(runs.iter().map(|one| one.run.attempt).collect()))
        .many(Many::Texts(
            runs.iter()
                .map(|one| (*one.run.worker).to_owned())
                .collect(),
        ))
        .many(Many::Moments(
            runs.iter().map(|one| Some(one.run.started_at)).collect(),
        ))
        .get_result(tx.conn)?;
    tx.ledger.number = Some(completed.number);
    Ok(usize::try_from(completed.id).unwrap_or_default())
}

/// For the test that asks for its plan.
pub(in crate::store) const END: &str = "UPDATE job_queue SET status = ended.status, completed_at = ended.completed_at, \
     scheduled_at = ended.scheduled_at, rank = ended.rank, retry_count = ended.retry_count, \
     lease_losses = ended.lease_losses, error_message = ended.error_message, result = ended.result, \
     cancel_requested = FALSE, lease_token = NULL, lease_until = NULL \
     FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) AS ended (id, status, completed_at, scheduled_at, rank, retry_count, \
     lease_losses, error_message, result) WHERE job_queue.id = ended.id";

fn owned(value: Option<&str>) -> Option<String> {
    value.map(str::to_owned)
}

/// The new states of jobs whose run has ended.
#[expect(clippy::unnecessary_wraps, reason = "the other engine's can fail")]
pub(in crate::store) fn end_runs(rows: &[EndRow<'_>]) -> Result<Statement, StoreError> {
    let error = |row: &EndRow<'_>| owned(row.error_message).map(text);
    Ok(statement(END)
        .many(Many::Ids(rows.iter().map(|row| row.id).collect()))
        .many(Many::Texts(
            rows.iter().map(|row| row.status.to_owned()).collect(),
        ))
        .many(Many::Moments(
            rows.iter().map(|row| row.completed_at).collect(),
        ))
        .many(Many::Moments(
            rows.iter().map(|row| Some(row.scheduled_at)).collect(),
        ))
        .many(Many::Ids(rows.iter().map(|row| row.rank).collect()))
        .many(Many::Ints(rows.iter().map(|row| row.retry_count).collect()))
        .many(Many::Ints(
            rows.iter().map(|row| row.lease_losses).collect(),
        ))
        .many(Many::OptionalTexts(rows.iter().map(error).collect()))
        .many(Many::RawJson(
            rows.iter().map(|row| owned(row.result)).collect(),
        )))
}

/// Stores history rows.
pub(in crate::store) fn add_attempts(
    conn: &mut Conn,
    rows: &[AttemptRow<'_>],
) -> Result<(), StoreError> {
    let error = |row: &AttemptRow<'_>| owned(row.error).map(text);
    let insert = statement(
        "INSERT INTO job_attempts (job_id, number, worker, started_at, finished_at, outcome, error) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?)",
    );
    insert
        .many(Many::Ids(rows.iter().map(|row| row.job_id).collect()))
        .many(Many::Ints(rows.iter().map(|row| row.number).collect()))
        .many(Many::Texts(
            rows.iter().map(|row| row.worker.to_owned()).collect(),
        ))
        .many(Many::Moments(
            rows.iter().map(|row| Some(row.started_at)).collect(),
        ))
        .many(Many::Moments(
            rows.iter().map(|row| Some(row.finished_at)).collect(),
        ))
        .many(Many::Texts(
            rows.iter().map(|row| row.outcome.to_owned()).collect(),
        ))
        .many(Many::OptionalTexts(rows.iter().map(error).collect()))
        .execute(conn)?;
    Ok(())
}
