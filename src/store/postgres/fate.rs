//! Owns what became of a commit that nobody answered: each transaction that writes leaves a row of its own, which is there
//! if and only if it was committed.
//! Must not know: what the transaction wrote besides.

use std::{
    thread,
    time::{Duration, Instant},
};

use diesel::{
    OptionalExtension, QueryResult, Queryable, QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Bool, Integer, Nullable, Text},
};

use super::{Conn, sql::statement::statement};
use crate::store::{StoreError, types::Moment};

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

/// A connection, as the server knows it. What it is told in one message has no number that is known before its commit: it is
/// known by its token, and by this.
#[derive(Debug, Clone, Copy, Queryable)]
pub(super) struct Session {
    backend: i32,
    /// Backends are numbered anew.
    started_at: i64,
    /// All of its transactions from now on have numbers above this one.
    last: i64,
}

impl Session {
    /// `None`: the role that acts here is another one than the one that was let in, and may neither see nor end its sessions.
    pub(super) fn of(conn: &mut Conn) -> QueryResult<Option<Self>> {
        let this = "SELECT pid, backend_start, pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1 \
                    FROM pg_stat_activity WHERE pid = pg_backend_pid() \
                    AND backend_start IS NOT NULL AND pg_has_role(session_user, 'USAGE')";
        statement(this)
            .placed::<(Integer, Moment, BigInt)>()
            .get_result(conn)
            .optional()
    }

    /// A transaction with this number was committed.
    pub(super) fn committed(&mut self, number: i64) {
        self.last = number;
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
    connect: impl Fn() -> Result<Conn, StoreError>,
) -> Option<bool> {
    until_told(deadline, connect, |conn| ask(conn, mark))
}

/// What became of a job that was stored and committed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtOnce {
    /// It is stored, with this number.
    Stored(i64),
    /// It never will be.
    Not,
}

/// What became of the one job that a session was told last, in a transaction that leaves this token. `None`: nobody can tell
/// before the deadline.
pub(super) fn last_job(
    session: Session,
    token: i64,
    deadline: Instant,
    connect: impl Fn() -> Result<Conn, StoreError>,
) -> Option<AtOnce> {
    until_told(deadline, connect, |conn| ask_session(conn, session, token))
}

fn until_told<T>(
    deadline: Instant,
    connect: impl Fn() -> Result<Conn, StoreError>,
    ask: impl Fn(&mut Conn) -> Result<Option<T>, StoreError>,
) -> Option<T> {
    let mut conn = None;
    loop {
        let told = match conn.take().map_or_else(&connect, Ok) {
            Ok(fresh) => ask(conn.insert(fresh)),
            Err(error) => Err(error),
        };
        match told {
            Ok(Some(told)) => return Some(told),
            // The server has not noticed yet that we are gone.
            Ok(None) => {}
            Err(_) => conn = None,
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(PAUSE);
    }
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

/// `None`: the session is not over, and may still do what it was told. It is ended: a server may not notice for hours that
/// nobody is there.
fn ask_session(
    conn: &mut Conn,
    session: Session,
    token: i64,
) -> Result<Option<AtOnce>, StoreError> {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ? AND backend_start = ?";
    let there: Vec<bool> = statement(end)
        .int(i64::from(session.backend))
        .at(session.started_at)
        .placed::<Bool>()
        .load(conn)?;
    if !there.is_empty() {
        return Ok(None);
    }
    // A statement of its own: it sees what was committed before the session was over.
    let job = "SELECT (transitions -> 0 ->> 0)::bigint FROM job_events WHERE id > ? AND token = ?";
    let job: Option<i64> = statement(job)
        .int(session.last)
        .int(token)
        .placed::<BigInt>()
        .get_result(conn)
        .optional()?;
    let Some(job) = job else {
        return Ok(Some(AtOnce::Not));
    };
    // A session that is ended does not wait until a standby has its commit. Whoever commits after it does.
    statement("UPDATE event_log SET trimmed = trimmed WHERE id = 1").execute(conn)?;
    Ok(Some(AtOnce::Stored(job)))
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

    #[test]
    fn a_session_is_asked_about_when_it_is_over() {
        let mut scratch = Scratch::new();
        for commits in [true, false] {
            let mut other = scratch.another();
            let session = Session::of(&mut other).unwrap().unwrap();
            let event = "BEGIN; INSERT INTO job_events (id, at, transitions, token) \
                 VALUES (pg_current_xact_id()::text::bigint, now(), '[[7,0,-1,1],[\"q\",\"t\"]]', 5)";
            other.batch_execute(event).unwrap();
            if commits {
                other.batch_execute("COMMIT").unwrap();
            }
            let conn = &mut scratch.conn;
            let ask = |conn: &mut Conn, token| ask_session(conn, session, token).unwrap();
            assert_eq!(ask(conn, 5), None, "the session is there");
            let job = loop {
                if let Some(job) = ask(conn, 5) {
                    break job;
                }
            };
            let stored = if commits {
                AtOnce::Stored(7)
            } else {
                AtOnce::Not
            };
            assert_eq!(job, stored);
            assert_eq!(ask(conn, 6), Some(AtOnce::Not), "somebody else's token");
            assert!(other.batch_execute("COMMIT").is_err(), "it was ended");
        }
    }

    /// Whoever acts as another role than the one that was let in is not to be asked about that way.
    #[test]
    fn a_session_that_may_not_be_ended_is_none() {
        let mut scratch = Scratch::new();
        let conn = &mut scratch.conn;
        conn.batch_execute("SET ROLE pg_read_all_data").unwrap();
        assert!(Session::of(conn).unwrap().is_none());
        conn.batch_execute("RESET ROLE").unwrap();
        assert!(Session::of(conn).unwrap().is_some());
    }
}
