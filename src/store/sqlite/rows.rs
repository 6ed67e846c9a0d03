//! Owns the statements that write many rows: new jobs and users, leases, completed runs and history by statements of several rows each
//! (`each`), other ends of runs by one JSON text. `jsonb_each` parses that once; `json_each` would make a text of each row, to
//! be parsed again for each of its columns.
//! Must not know: why they are run.

use std::{marker::PhantomData, ops::RangeInclusive};

use diesel::{
    QueryResult, RunQueryDsl,
    query_builder::AstPass,
    sql_types::{BigInt, Bool, Integer, Nullable, Text},
    sqlite::Sqlite,
};

use super::{
    dialect::{Conn, Many, last_id},
    each::{self, Each, bind, each},
    sql::{
        claim::Terms,
        new_row::NewRow,
        runs::Completed,
        settle::{AttemptRow, EndRow},
        sign_ups::in_their_order,
        statement::{Statement, statement},
        tx::Tx,
    },
};
use crate::{
    model::{AttemptOutcome, NewUser},
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
    each(tx.conn, &InsertJobs(PhantomData), rows)?;
    Ok(Some(last_ids(tx.conn, rows.len())?.collect()))
}

/// Stores plain jobs.
struct InsertJobs<'a>(PhantomData<NewRow<'a>>);

impl<'a> Each for InsertJobs<'a> {
    type Kind = InsertJobs<'static>;
    type Row = NewRow<'a>;

    fn write<'b>(
        &'b self,
        rows: &'b [NewRow<'a>],
        out: &mut AstPass<'_, 'b, Sqlite>,
    ) -> QueryResult<()> {
        out.push_sql(
            "INSERT OR FAIL INTO job_queue (job_type, queue, payload, status, priority, rank, max_retries, timeout_ms, \
             schema_fingerprint, scheduled_at, created_at) VALUES ",
        );
        each::rows(rows, out, |row, out| {
            let job = row.job;
            bind!(out;
                "(", Text: &*job.job_type,
                ", ", Text: &*job.queue,
                ", ", Text: &job.payload,
                ", ", Text: row.status.as_str(),
                ", ", Integer: &job.priority,
                ", ", BigInt: &row.rank,
                ", ", Integer: &job.max_retries,
                ", ", BigInt: &row.timeout_ms,
                ", ", Text: &*job.schema_fingerprint,
                ", ", BigInt: &row.scheduled_at,
                ", ", BigInt: &row.created_at;
                ")"
            );
            Ok(())
        })
    }
}

/// Whether the depth of any queue is.
fn is_limited(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let controls = tx.controls.all(tx.conn)?;
    Ok(controls.iter().any(|it| it.limits.max_depth.is_some()))
}

/// Stores users with the keys of their addresses. Answers their numbers, in their order, `None` for one whose key is taken; or
/// nothing at all, and nothing is stored, where the depth of a queue is limited.
pub(in crate::store) fn insert_users(
    tx: &mut Tx<'_>,
    users: &[(&NewUser, String)],
) -> Result<Option<Vec<Option<i64>>>, StoreError> {
    if is_limited(tx)? {
        return Ok(None);
    }
    let newest: Option<i64> = statement("SELECT max(id) FROM users")
        .placed::<Nullable<BigInt>>()
        .get_result(tx.conn)?;
    let insert = InsertUsers {
        now: micros(tx.now),
        of: PhantomData,
    };
    let stored = each(tx.conn, &insert, users)?;
    if stored == users.len() {
        return Ok(Some(last_ids(tx.conn, stored)?.map(Some).collect()));
    }
    // An address that is taken leaves a gap in the numbers.
    let stored = statement("SELECT id, email_key FROM users WHERE id > ? ORDER BY id")
        .int(newest.unwrap_or_default())
        .placed::<(BigInt, Text)>();
    Ok(Some(in_their_order(users, stored.load(tx.conn)?)))
}

/// The numbers of the rows that were stored last, in their order: the one writer's, in one transaction, follow each other.
fn last_ids(conn: &mut Conn, count: usize) -> QueryResult<RangeInclusive<i64>> {
    let last = last_id(conn)?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Ok(last - count + 1..=last)
}

/// Stores users whose key is not taken.
struct InsertUsers<'a> {
    now: i64,
    of: PhantomData<&'a NewUser>,
}

impl<'a> Each for InsertUsers<'a> {
    type Kind = InsertUsers<'static>;
    type Row = (&'a NewUser, String);

    fn write<'b>(
        &'b self,
        users: &'b [(&'a NewUser, String)],
        out: &mut AstPass<'_, 'b, Sqlite>,
    ) -> QueryResult<()> {
        out.push_sql(
            "INSERT OR FAIL INTO users (email, email_key, age, name, bio, is_active, additional_data, created_at, updated_at) \
             VALUES ",
        );
        each::rows(users, out, |(user, key), out| {
            bind!(out;
                "(", Text: &user.email,
                ", ", Text: key,
                ", ", Integer: &user.age,
                ", ", Nullable<Text>: &user.name,
                ", ", Nullable<Text>: &user.bio,
                ", ", Bool: &user.is_active,
                ", ", Nullable<Text>: &user.additional_data,
                ", ", BigInt: &self.now,
                ", ", BigInt: &self.now;
                ")"
            );
            Ok(())
        })?;
        out.push_sql(" ON CONFLICT (email_key) DO NOTHING");
        Ok(())
    }
}

/// Gives leases on jobs, by their numbers, that a claim found.
pub(super) struct GiveLeases<'a> {
    pub(super) terms: &'a Terms<'a>,
}

impl Each for GiveLeases<'_> {
    type Kind = GiveLeases<'static>;
    type Row = i64;

    fn write<'b>(&'b self, ids: &'b [i64], out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let terms = self.terms;
        bind!(out;
            "UPDATE OR FAIL job_queue SET status = 'processing', attempt = attempt + 1, started_at = ", BigInt: &terms.now,
            ", lease_token = id + ", BigInt: &terms.token_base,
            ", lease_until = ", BigInt: &terms.until,
            ", worker = ", Text: terms.worker;
            " WHERE id IN ("
        );
        each::rows(ids, out, |id, out| out.push_bind_param::<BigInt, _>(id))?;
        out.push_sql(")");
        Ok(())
    }
}

/// Completes runs that are as they are known, and writes their history rows if all were. Answers how many were.
pub(in crate::store) fn complete(
    tx: &mut Tx<'_>,
    now: i64,
    runs: &[Completed],
) -> Result<usize, StoreError> {
    let completed = each(tx.conn, &Complete { now }, runs)?;
    if completed != runs.len() {
        return Ok(completed);
    }
    let history: Vec<_> = runs
        .iter()
        .map(|one| AttemptRow {
            job_id: one.id,
            number: one.run.attempt,
            worker: &one.run.worker,
            started_at: one.run.started_at,
            finished_at: now,
            outcome: AttemptOutcome::Completed.as_str(),
            error: None,
        })
        .collect();
    add_attempts(tx.conn, &history)?;
    Ok(completed)
}

/// Completes runs.
pub(super) struct Complete {
    pub(super) now: i64,
}

impl Each for Complete {
    type Kind = Self;
    type Row = Completed;

    fn write<'b>(
        &'b self,
        rows: &'b [Completed],
        out: &mut AstPass<'_, 'b, Sqlite>,
    ) -> QueryResult<()> {
        bind!(out;
            "UPDATE OR FAIL job_queue SET status = 'completed', cancel_requested = FALSE, lease_token = NULL, lease_until = NULL, \
             completed_at = ", BigInt: &self.now;
            ", result = ended.column3 FROM (VALUES "
        );
        each::rows(rows, out, |Completed { id, run, result }, out| {
            bind!(out; "(", BigInt: id, ", ", BigInt: &run.token, ", ", Nullable<Text>: result; ")");
            Ok(())
        })?;
        out.push_sql(
            ") AS ended WHERE job_queue.id = ended.column1 AND job_queue.lease_token = ended.column2 \
             AND job_queue.status = 'processing' AND NOT job_queue.has_dependents",
        );
        Ok(())
    }
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

/// Stores history rows.
pub(in crate::store) fn add_attempts(
    conn: &mut Conn,
    rows: &[AttemptRow<'_>],
) -> Result<(), StoreError> {
    each(conn, &InsertAttempts(PhantomData), rows)?;
    Ok(())
}

struct InsertAttempts<'a>(PhantomData<AttemptRow<'a>>);

impl<'a> Each for InsertAttempts<'a> {
    type Kind = InsertAttempts<'static>;
    type Row = AttemptRow<'a>;

    fn write<'b>(
        &'b self,
        rows: &'b [AttemptRow<'a>],
        out: &mut AstPass<'_, 'b, Sqlite>,
    ) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO job_attempts (job_id, number, worker, started_at, finished_at, outcome, error) VALUES ",
        );
        each::rows(rows, out, |row, out| {
            bind!(out;
                "(", BigInt: &row.job_id,
                ", ", Integer: &row.number,
                ", ", Text: row.worker,
                ", ", BigInt: &row.started_at,
                ", ", BigInt: &row.finished_at,
                ", ", Text: row.outcome,
                ", ", Nullable<Text>: &row.error;
                ")"
            );
            Ok(())
        })
    }
}
