//! Owns enqueueing inside somebody else's transaction, on somebody else's connection to the database.
//! Must not know: what else that transaction writes.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName, RunQueryDsl,
    connection::SimpleConnection,
    result::{DatabaseErrorKind, Error},
};
use diesel_async::AsyncPgConnection;
use serde::{Deserialize, Serialize};
use tokio::{runtime::Handle, task::spawn_blocking};

use super::{
    dialect::Conn,
    hints::CHANNEL,
    sql::{enqueue::insert_within, statement::statement, tx::Turn},
    wrapper,
};
use crate::{
    model::{Enqueued, NewJob},
    store::{StoreError, time::micros, types::RawJson},
};

/// The same as [`enqueue_in`](crate::store::enqueue_in) on PostgreSQL: stores a job, or finds the one that has its unique
/// key, in the caller's own transaction. Job, counters, event and the hint to workers are committed, or taken back, with
/// everything else in it. A refusal leaves nothing behind, and the transaction as it was. Without a transaction it is one of
/// its own.
///
/// The connection is given back with the answer; `None`, when the runtime shuts down. The database must have been
/// opened by a [`Store`](crate::store::Store) before, which makes its tables, and the transaction must be READ COMMITTED. `now`
/// should be the server's time (`clock_timestamp()`). A job with a unique key, jobs that it waits for, or a queue whose depth is
/// limited, takes the lock of all such decisions until the end of the transaction: keep it short.
///
/// # Errors
/// Those of [`Store::job_enqueue`](crate::store::Store::job_enqueue).
pub async fn enqueue_in_postgres(
    conn: AsyncPgConnection,
    job: NewJob,
    now: DateTime<Utc>,
) -> (Option<AsyncPgConnection>, Result<Enqueued, StoreError>) {
    let handle = Handle::current();
    let work = spawn_blocking(move || {
        let mut conn = wrapper::lent(conn, handle);
        let enqueued = enqueue(&mut conn, &job, now);
        (conn.into_inner(), enqueued)
    });
    match work.await {
        Ok((conn, enqueued)) => (Some(conn), enqueued),
        Err(error) => (None, Err(StoreError::Internal(Box::new(error)))),
    }
}

fn enqueue(conn: &mut Conn, job: &NewJob, now: DateTime<Utc>) -> Result<Enqueued, StoreError> {
    let own = !is_in_transaction(conn)?;
    if own {
        conn.batch_execute("BEGIN")?;
    }
    let enqueued = in_savepoint(conn, job, now);
    if own {
        conn.batch_execute(if enqueued.is_ok() {
            "COMMIT"
        } else {
            "ROLLBACK"
        })?;
    }
    enqueued
}

/// A savepoint is only to be had in a transaction.
fn is_in_transaction(conn: &mut Conn) -> QueryResult<bool> {
    match conn.batch_execute("SAVEPOINT lockstep; RELEASE lockstep") {
        Ok(()) => Ok(true),
        Err(Error::DatabaseError(DatabaseErrorKind::Unknown, told))
            if told.message().contains("SAVEPOINT") =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// First as one of many, and once more alone where the job asks for that.
fn in_savepoint(conn: &mut Conn, job: &NewJob, now: DateTime<Utc>) -> Result<Enqueued, StoreError> {
    let mut turn = Turn::Shared;
    loop {
        conn.batch_execute("SAVEPOINT lockstep")?;
        if turn == Turn::Asked {
            conn.batch_execute("SELECT id FROM turns WHERE id = 1 FOR UPDATE")?;
            turn = Turn::Alone;
        }
        match store(conn, job, now, &mut turn) {
            Ok(enqueued) => {
                conn.batch_execute("RELEASE lockstep")?;
                return Ok(enqueued);
            }
            Err(error) => {
                conn.batch_execute("ROLLBACK TO lockstep; RELEASE lockstep")?;
                if turn != Turn::Asked {
                    return Err(error);
                }
            }
        }
    }
}

#[derive(QueryableByName)]
struct Transitions {
    #[diesel(sql_type = RawJson)]
    transitions: String,
}

/// Puts what the transaction did before in front of what it has just done.
fn join_events(conn: &mut Conn, before: &Transitions) -> Result<(), StoreError> {
    let after: Transitions = statement(
        "SELECT transitions FROM job_events WHERE id = pg_current_xact_id()::text::bigint",
    )
    .get_result(conn)?;
    let all = joined(&before.transitions, &after.transitions)
        .map_err(|error| StoreError::Internal(Box::new(error)))?;
    statement(
        "UPDATE job_events SET transitions = ? WHERE id = pg_current_xact_id()::text::bigint",
    )
    .raw_json(Some(all))
    .execute(conn)?;
    Ok(())
}

/// Of two events, in the form that sql/ledger.rs describes.
fn joined(before: &str, after: &str) -> serde_json::Result<String> {
    #[derive(Deserialize, Serialize)]
    #[serde(untagged)]
    enum Part {
        Move(i64, usize, i32, i32),
        Kind(String, String),
    }
    let is_move = |part: &Part| matches!(part, Part::Move(..));
    let (mut moves, mut kinds): (Vec<_>, Vec<_>) = serde_json::from_str::<Vec<Part>>(before)?
        .into_iter()
        .partition(is_move);
    let known = kinds.len();
    for part in serde_json::from_str::<Vec<Part>>(after)? {
        match part {
            Part::Move(job, kind, from, to) => moves.push(Part::Move(job, known + kind, from, to)),
            kind @ Part::Kind(..) => kinds.push(kind),
        }
    }
    moves.append(&mut kinds);
    serde_json::to_string(&moves)
}

fn store(
    conn: &mut Conn,
    job: &NewJob,
    now: DateTime<Utc>,
    turn: &mut Turn,
) -> Result<Enqueued, StoreError> {
    let (enqueued, mut ledger) = insert_within(conn, job, now, turn)?;
    // A transaction has one event row.
    let before: Option<Transitions> = statement(
        "DELETE FROM job_events WHERE id = pg_current_xact_id()::text::bigint RETURNING transitions",
    )
    .get_result(conn)
    .optional()?;
    ledger.flush(conn, micros(now))?;
    if let Some(before) = before {
        join_events(conn, &before)?;
    }
    statement("SELECT pg_notify(?, '')")
        .text(CHANNEL)
        .execute(conn)?;
    Ok(enqueued)
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn two_events_become_one() {
        let before = r#"[[1,0,-1,1],[2,1,-1,0],["default","a"],["mail","b"]]"#;
        let after = r#"[[3,0,-1,1],["mail","c"]]"#;
        let both =
            r#"[[1,0,-1,1],[2,1,-1,0],[3,2,-1,1],["default","a"],["mail","b"],["mail","c"]]"#;
        assert_eq!(joined(before, after).unwrap(), both);
    }
}
