//! Owns what became of a commit that nobody answered: each transaction that writes leaves a row of its own, which is there
//! if and only if it was committed.
//! Must not know: what the transaction wrote besides.

use std::{
    thread,
    time::{Duration, Instant},
};

use diesel::{
    OptionalExtension, QueryResult, QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Bool, Nullable, Text},
};

use super::{Conn, sql::statement::statement};
use crate::store::StoreError;

/// Between two looks at a transaction that has not ended.
const PAUSE: Duration = Duration::from_millis(50);

/// What a transaction is known by. Its number is not enough: those that had not reached the disk before a crash are given
/// to others after it.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub(in crate::store) struct Mark {
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = BigInt)]
    token: i64,
}

impl Mark {
    /// Of a transaction whose number is known.
    pub(super) fn new(number: i64) -> Self {
        Self {
            number,
            token: rand::random(),
        }
    }

    pub(super) fn token(self) -> i64 {
        self.token
    }
}

#[derive(QueryableByName)]
struct Status {
    #[diesel(sql_type = Nullable<Text>)]
    status: Option<String>,
}

#[derive(QueryableByName)]
struct Ours {
    #[diesel(sql_type = Bool)]
    ours: bool,
}

/// Marks a transaction that has moved no job, if it has written anything.
pub(super) fn quiet(conn: &mut Conn) -> QueryResult<Option<Mark>> {
    statement(
        "INSERT INTO quiet_commits (backend, number) \
         SELECT pg_backend_pid(), pg_current_xact_id()::text::bigint \
         WHERE pg_current_xact_id_if_assigned() IS NOT NULL \
         ON CONFLICT (backend) DO UPDATE SET number = excluded.number, token = DEFAULT \
         RETURNING number, token",
    )
    .get_result(conn)
    .optional()
}

/// Whether the transaction was committed. `connect` gives another connection, as often as it is asked. `None`: nobody can
/// tell before the deadline.
pub(super) fn was_committed(
    mark: Mark,
    deadline: Instant,
    conn: &mut Option<Conn>,
    connect: impl Fn() -> Result<Conn, StoreError>,
) -> Option<bool> {
    while Instant::now() < deadline {
        let told = match conn.take().map_or_else(&connect, Ok) {
            Ok(fresh) => ask(conn.insert(fresh), mark),
            Err(error) => Err(error),
        };
        match told {
            Ok(Some(committed)) => return Some(committed),
            // The server has not noticed yet that we are gone.
            Ok(None) => {}
            Err(_) => *conn = None,
        }
        thread::sleep(PAUSE);
    }
    None
}

/// `None`: it has not ended.
fn ask(conn: &mut Conn, mark: Mark) -> Result<Option<bool>, StoreError> {
    let status = statement("SELECT pg_xact_status(CAST(CAST(? AS text) AS xid8)) AS status")
        .int(mark.number)
        .get_result::<Status>(conn);
    match status {
        Ok(Status { status }) if status.as_deref() == Some("in progress") => return Ok(None),
        Ok(Status { status }) if status.as_deref() == Some("aborted") => return Ok(Some(false)),
        // Committed, by us or by whoever was given the number after a crash; or forgotten, or, after a crash, not given yet.
        Ok(_) => {}
        Err(error) if error.to_string().contains("is in the future") => return Ok(Some(false)),
        Err(error) => return Err(error.into()),
    }
    // A statement of its own: it sees what was committed before the status was.
    let found: Ours = statement(
        "SELECT EXISTS (SELECT 1 FROM job_events WHERE id = ? AND token = ?) \
         OR EXISTS (SELECT 1 FROM quiet_commits WHERE number = ? AND token = ?) AS ours",
    )
    .int(mark.number)
    .int(mark.token)
    .int(mark.number)
    .int(mark.token)
    .get_result(conn)?;
    Ok(Some(found.ours))
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;

    use super::{super::scratch::Scratch, *};

    /// A transaction that has written, and its mark.
    fn begun(conn: &mut Conn) -> Mark {
        conn.batch_execute(
            "BEGIN; INSERT INTO leaders VALUES ('t', 'h', now()) ON CONFLICT (task) DO UPDATE SET until = now()",
        )
        .unwrap();
        quiet(conn).unwrap().unwrap()
    }

    #[test]
    fn a_transaction_is_committed_aborted_or_under_way() {
        let mut scratch = Scratch::new();
        let mut other = scratch.another();
        let conn = &mut scratch.conn;
        let mark = begun(&mut other);
        assert_eq!(ask(conn, mark).unwrap(), None);
        other.batch_execute("COMMIT").unwrap();
        assert_eq!(ask(conn, mark).unwrap(), Some(true));
        let mark = begun(&mut other);
        other.batch_execute("ROLLBACK").unwrap();
        assert_eq!(ask(conn, mark).unwrap(), Some(false));
        other.batch_execute("BEGIN").unwrap();
        assert!(
            quiet(&mut other).unwrap().is_none(),
            "it has written nothing"
        );
    }

    /// As after a crash, which takes back numbers that had not reached the disk.
    #[test]
    fn somebody_elses_transaction_with_the_same_number_is_not_ours() {
        let mut scratch = Scratch::new();
        let conn = &mut scratch.conn;
        let theirs = begun(conn);
        conn.batch_execute("COMMIT").unwrap();
        let ours = Mark {
            token: theirs.token.wrapping_add(1),
            ..theirs
        };
        assert_eq!(ask(conn, ours).unwrap(), Some(false));
        let not_given_yet = Mark {
            number: theirs.number + 1_000_000,
            ..theirs
        };
        assert_eq!(ask(conn, not_given_yet).unwrap(), Some(false));
    }
}
