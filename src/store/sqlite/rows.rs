//! Owns the statements that write many rows at once: the rows are one JSON text. `jsonb_each` parses it once; `json_each` would
//! make a text of each row, to be parsed again for each of its columns.
//! Must not know: why they are run.

use diesel::RunQueryDsl;

use super::{
    dialect::{Many, last_id},
    sql::{
        runs::Completed,
        settle::{AttemptRow, EndRow},
        statement::{Statement, statement},
        together::NewRow,
        tx::Tx,
        users::Stored,
    },
};
use crate::{
    model::NewUser,
    store::{StoreError, time::micros},
};

/// Stores jobs that have nothing but what every job has. Answers their numbers, in their order; `None`, and nothing is
/// stored, where the depth of a queue is limited.
pub(in crate::store) fn insert_jobs(
    tx: &mut Tx<'_>,
    rows: &[NewRow<'_>],
) -> Result<Option<Vec<i64>>, StoreError> {
    if is_limited(tx)? {
        return Ok(None);
    }
    let values: Vec<_> = rows
        .iter()
        .map(|row| {
            let job = row.job;
            (
                &job.job_type,
                &job.queue,
                &job.payload,
                row.status.as_str(),
                job.priority,
                row.rank,
                job.max_retries,
                row.timeout_ms,
                &job.schema_fingerprint,
                row.scheduled_at,
                row.created_at,
            )
        })
        .collect();
    let many = statement(
        "INSERT INTO job_queue (job_type, queue, payload, status, priority, rank, max_retries, timeout_ms, \
         schema_fingerprint, scheduled_at, created_at) SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, \
         value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10 FROM jsonb_each(?)",
    );
    many.many(Many::of(&values)?).execute(tx.conn)?;
    // One statement of the one writer: its numbers follow each other.
    let last = last_id(tx.conn)?;
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    Ok(Some((last - count + 1..=last).collect()))
}

/// Whether the depth of any queue is.
fn is_limited(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let controls = tx.controls.all(tx.conn)?;
    Ok(controls.iter().any(|it| it.limits.max_depth.is_some()))
}

/// Stores users with the keys of their addresses, those apart whose key is taken; `None`, and nothing is stored, where the depth
/// of a queue is limited.
pub(in crate::store) fn insert_users(
    tx: &mut Tx<'_>,
    users: &[(&NewUser, String)],
) -> Result<Option<Vec<Stored>>, StoreError> {
    if is_limited(tx)? {
        return Ok(None);
    }
    let rows: Vec<_> = users
        .iter()
        .map(|(user, key)| {
            (
                &user.email,
                key,
                user.age,
                &user.name,
                &user.bio,
                user.is_active,
                &user.additional_data,
            )
        })
        .collect();
    let insert = statement(
        "INSERT INTO users (email, email_key, age, name, bio, is_active, additional_data, created_at, updated_at) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, ?, ? \
         FROM jsonb_each(?) WHERE TRUE ON CONFLICT (email_key) DO NOTHING RETURNING id, email_key",
    );
    let now = micros(tx.now);
    let insert = insert.at(now).at(now).many(Many::of(&rows)?);
    Ok(Some(insert.load(tx.conn)?))
}

/// For the test that asks for its plan.
pub(in crate::store) const COMPLETE: &str = "UPDATE job_queue SET status = 'completed', completed_at = ?, \
     result = ended.value ->> 2, cancel_requested = FALSE, lease_token = NULL, lease_until = NULL \
     FROM jsonb_each(?) AS ended WHERE job_queue.id = ended.value ->> 0 \
     AND job_queue.lease_token = ended.value ->> 1 AND job_queue.status = 'processing' AND NOT job_queue.has_dependents";

/// Completes runs that are as they are known, and writes their history rows if all were. Answers how many were.
pub(in crate::store) fn complete(
    tx: &mut Tx<'_>,
    now: i64,
    runs: &[Completed],
) -> Result<usize, StoreError> {
    let rows: Vec<_> = runs
        .iter()
        .map(|one| (one.id, one.run.token, &one.result))
        .collect();
    let completed = statement(COMPLETE)
        .at(now)
        .many(Many::of(&rows)?)
        .execute(tx.conn)?;
    if completed != runs.len() {
        return Ok(completed);
    }
    let history: Vec<_> = runs
        .iter()
        .map(|one| {
            (
                one.id,
                one.run.attempt,
                one.run.started_at,
                &*one.run.worker,
            )
        })
        .collect();
    statement(
        "INSERT INTO job_attempts (job_id, number, started_at, worker, finished_at, outcome) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, ?, 'completed' FROM jsonb_each(?)",
    )
    .at(now)
    .many(Many::of(&history)?)
    .execute(tx.conn)?;
    Ok(completed)
}

/// For the test that asks for its plan.
pub(in crate::store) const END: &str = "UPDATE job_queue SET status = ended.value ->> 1, completed_at = ended.value ->> 2, \
     scheduled_at = ended.value ->> 3, rank = ended.value ->> 4, retry_count = ended.value ->> 5, \
     lease_losses = ended.value ->> 6, error_message = ended.value ->> 7, result = ended.value ->> 8, \
     cancel_requested = FALSE, lease_token = NULL, lease_until = NULL \
     FROM jsonb_each(?) AS ended WHERE job_queue.id = ended.value ->> 0";

/// The new states of jobs whose run has ended.
pub(in crate::store) fn end_runs(rows: &[EndRow<'_>]) -> Result<Statement, StoreError> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.id,
                row.status,
                row.completed_at,
                row.scheduled_at,
                row.rank,
                row.retry_count,
                row.lease_losses,
                row.error_message,
                row.result,
            )
        })
        .collect();
    Ok(statement(END).many(Many::of(&rows)?))
}

/// History rows.
pub(in crate::store) fn add_attempts(rows: &[AttemptRow<'_>]) -> Result<Statement, StoreError> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.job_id,
                row.number,
                row.worker,
                row.started_at,
                row.finished_at,
                row.outcome,
                row.error,
            )
        })
        .collect();
    let insert = statement(
        "INSERT INTO job_attempts (job_id, number, worker, started_at, finished_at, outcome, error) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 \
         FROM jsonb_each(?)",
    );
    Ok(insert.many(Many::of(&rows)?))
}
