//! Owns how a transaction ends that has done its work: what it did is noted, and it is committed; in one message, where its
//! number is known by then.
//! Must not know: what the transaction wrote besides.

use std::{fmt::Write, mem};

use diesel::{QueryResult, RunQueryDsl, connection::SimpleConnection};

use super::{
    dialect::{Conn, Many},
    fate::{self, Mark},
    miss::{Miss, missed},
    sql::{
        ledger::{Entry, Ledger, Sum},
        statement::statement,
    },
};

/// Adds to the sums of each state. Every session to a stripe of its own: sums are what all of them add up to.
macro_rules! count {
    ($sums:expr) => {
        concat!(
            "INSERT INTO job_counts (queue, job_type, status, count, stripe) \
             SELECT queue, job_type, status, by, pg_backend_pid() % 16 FROM ",
            $sums,
            " AS sums (queue, job_type, status, by) ON CONFLICT (queue, job_type, status, stripe) \
             DO UPDATE SET count = job_counts.count + excluded.count"
        )
    };
}
pub(super) use count;

/// What a commit did: the event row, and the sums, in one statement.
macro_rules! note {
    ($sums:expr) => {
        concat!(
            "WITH counted AS (",
            count!($sums),
            ") INSERT INTO job_events (id, at, transitions, token) \
             VALUES (pg_current_xact_id()::text::bigint, ?, ?, ?) RETURNING id AS number, token"
        )
    };
}

const NOTE: &str = note!("unnest(?, ?, ?, ?)");
/// Of one sum and of two, as most commits have: arrays would take half as long again.
const NOTE_ONE: &str = note!("(VALUES (?, ?, ?, ?))");
const NOTE_TWO: &str = note!("(VALUES (?, ?, ?, ?), (?, ?, ?, ?))");

/// The statements that note a commit, with the types of what they are given of its sums.
const NOTES: [(&str, &str, &str); 3] = [
    ("note_one", NOTE_ONE, "text, text, text, bigint"),
    (
        "note_two",
        NOTE_TWO,
        "text, text, text, bigint, text, text, text, bigint",
    ),
    ("note", NOTE, "text[], text[], text[], bigint[]"),
];

/// Prepares what notes a commit, for a connection that keeps its session.
pub(super) fn prepare() -> String {
    let mut prepare = String::new();
    // Writing to a String cannot fail.
    for (name, note, sums) in NOTES {
        let _ = write!(
            prepare,
            "PREPARE {name} ({sums}, timestamptz, json, bigint) AS "
        );
        for (place, part) in note.split('?').enumerate() {
            if place > 0 {
                let _ = write!(prepare, "${place}");
            }
            prepare.push_str(part);
        }
        prepare.push(';');
    }
    prepare
}

/// Ends a transaction. `prepared`: the connection has what [`prepare`] says. What `last` gives goes along where that costs no
/// message of its own: then the answer is true.
///
/// A commit that nobody answers is looked up by the transaction's number, so that this must be known before it is asked for:
/// statements of the hot paths tell it with their rows.
pub(super) fn end<'a>(
    conn: &mut Conn,
    ledger: &mut Ledger,
    at: i64,
    prepared: bool,
    last: impl FnOnce() -> Option<&'a str>,
) -> Result<bool, Miss> {
    let number = ledger.number.take().filter(|_| prepared);
    let idle = mem::take(&mut ledger.idle);
    let Some(entry) = ledger.close() else {
        if idle {
            return commit(conn, "COMMIT", None).map(|()| false);
        }
        let mark = fate::quiet(conn).map_err(missed)?;
        return commit(conn, "COMMIT", mark).map(|()| false);
    };
    let Some(number) = number else {
        let mark = note(conn, at, entry).map_err(missed)?;
        return commit(conn, "COMMIT", Some(mark)).map(|()| false);
    };
    let mark = Mark::new(number);
    let mut message = note_as_text(&entry, at, mark);
    let last = last();
    if let Some(last) = last {
        message.push_str(last);
        message.push(';');
    }
    message.push_str("COMMIT");
    commit(conn, &message, Some(mark)).map(|()| last.is_some())
}

/// An error before the COMMIT keeps it from being run: the server stops there.
fn commit(conn: &mut Conn, message: &str, mark: Option<Mark>) -> Result<(), Miss> {
    conn.batch_execute(message)
        .map_err(|error| match missed(error) {
            Miss::Lost(error) => Miss::Unknown(error, mark),
            refused => refused,
        })
}

/// Notes what a transaction did.
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

/// The same as [`note`], as text. The moment is exact: whole microseconds of this size are whole as floating point, too.
fn note_as_text(Entry { event, sums }: &Entry<'_>, at: i64, mark: Mark) -> String {
    let (name, sums) = match sums.as_slice() {
        [one] => ("note_one", values(one)),
        [one, two] => ("note_two", format!("{},{}", values(one), values(two))),
        many => ("note", arrays(many)),
    };
    format!(
        "EXECUTE {name}({sums},timestamptz 'epoch' + {at} * interval '1 microsecond',{},{});",
        quoted(event),
        mark.token()
    )
}

fn values(sum: &Sum<'_>) -> String {
    let [queue, job_type, status] = [sum.queue, sum.job_type, sum.status.as_str()].map(quoted);
    format!("{queue},{job_type},{status},{}", sum.by)
}

fn arrays(sums: &[Sum<'_>]) -> String {
    // With its type: an array of nothing has none of its own.
    let column = |kind: &str, value: fn(&Sum<'_>) -> String| {
        let values: Vec<String> = sums.iter().map(value).collect();
        format!("ARRAY[{}]::{kind}[]", values.join(","))
    };
    let columns = [
        column("text", |sum| quoted(sum.queue)),
        column("text", |sum| quoted(sum.job_type)),
        column("text", |sum| quoted(sum.status.as_str())),
        column("bigint", |sum| sum.by.to_string()),
    ];
    columns.join(",")
}

/// As a literal, whatever `standard_conforming_strings` says.
fn quoted(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        return format!("E'{}'", quoted.replace('\\', "\\\\"));
    }
    format!("'{quoted}'")
}

#[cfg(test)]
mod tests {
    use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::Text};
    use proptest::prelude::*;

    use super::{super::scratch::Scratch, *};
    use crate::{model::JobStatus, store::postgres::sql::ledger::Ledger};

    #[derive(QueryableByName)]
    struct Kept {
        #[diesel(sql_type = Text)]
        kept: String,
    }

    fn kept(conn: &mut Conn, query: &str) -> String {
        sql_query(query).get_result::<Kept>(conn).unwrap().kept
    }

    /// Changes so many sums.
    fn moved(ledger: &mut Ledger, queue: &str, sums: usize) {
        let to = Some(JobStatus::Pending);
        for job_type in ["it's", "two", "three"].into_iter().take(sums) {
            ledger.moved(7, (queue, job_type), None, to);
            ledger.moved(8, (queue, job_type), None, to);
        }
    }

    fn number(conn: &mut Conn) -> i64 {
        let number = kept(conn, "SELECT pg_current_xact_id()::text AS kept");
        number.parse().unwrap()
    }

    /// One job came, another of its kind went.
    #[test]
    fn a_note_may_change_no_sum() {
        let mut scratch = Scratch::new();
        let conn = &mut scratch.conn;
        conn.batch_execute(&prepare()).unwrap();
        let mut ledger = Ledger::default();
        let pending = Some(JobStatus::Pending);
        ledger.moved(7, ("q", "t"), None, pending);
        ledger.moved(6, ("q", "t"), pending, None);
        conn.batch_execute("BEGIN").unwrap();
        ledger.number = Some(number(conn));
        assert!(end(conn, &mut ledger, 0, true, || None).is_ok());
        let left =
            "SELECT concat(transitions, (SELECT count(*) FROM job_counts)) AS kept FROM job_events";
        assert_eq!(kept(conn, left), r#"[[7,0,-1,1],[6,0,1,-1],["q","t"]]0"#);
    }

    /// One that has written, but moved no job, can be looked up; one that has told that it wrote nothing needs no look.
    #[test]
    fn only_what_is_written_is_marked() {
        let mut scratch = Scratch::new();
        let conn = &mut scratch.conn;
        for (idle, marks) in [(true, "0"), (false, "1")] {
            conn.batch_execute("BEGIN").unwrap();
            if !idle {
                conn.batch_execute("UPDATE event_log SET trimmed = trimmed")
                    .unwrap();
            }
            let mut ledger = Ledger::default();
            ledger.idle = idle;
            assert!(end(conn, &mut ledger, 0, true, || None).is_ok());
            let marked = kept(conn, "SELECT count(*)::text AS kept FROM quiet_commits");
            assert_eq!(marked, marks);
        }
    }

    /// Both ways of noting leave the same rows.
    #[test]
    fn a_note_as_text_is_the_note() {
        let mut scratch = Scratch::new();
        let conn = &mut scratch.conn;
        conn.batch_execute(&prepare()).unwrap();
        let at = 1_764_321_234_567_891;
        for sums in 1..=3 {
            let mut rows = Vec::new();
            for known in [false, true] {
                let mut ledger = Ledger::default();
                moved(&mut ledger, r"a\'b", sums);
                conn.batch_execute("BEGIN").unwrap();
                if known {
                    ledger.number = Some(number(conn));
                }
                let along = end(conn, &mut ledger, at, true, || known.then_some("SELECT 1"));
                assert!(matches!(along, Ok(it) if it == known));
                rows.push(kept(
                    conn,
                    "SELECT (SELECT concat(at, transitions) FROM job_events) || (SELECT string_agg(concat(queue, job_type, \
                     status, count), ',') FROM job_counts) AS kept",
                ));
                conn.batch_execute("TRUNCATE job_events, job_counts")
                    .unwrap();
            }
            assert!(rows[0].contains(":54.567891"), "{}", rows[0]);
            assert_eq!(rows[0].matches("pending2").count(), sums);
            assert_eq!(rows[0], rows[1]);
        }
    }

    /// The mark that is made before the commit finds the row that it leaves.
    #[test]
    fn a_transaction_that_is_refused_at_its_end_leaves_nothing() {
        let mut scratch = Scratch::new();
        let conn = &mut scratch.conn;
        conn.batch_execute(&prepare()).unwrap();
        conn.batch_execute("BEGIN").unwrap();
        let mut ledger = Ledger::default();
        moved(&mut ledger, "q", 1);
        ledger.number = Some(1);
        let refused = end(conn, &mut ledger, 0, true, || Some("SELECT 1 / 0"));
        assert!(matches!(refused, Err(Miss::Refused(_))));
        conn.batch_execute("ROLLBACK").unwrap();
        let events = kept(conn, "SELECT count(*)::text AS kept FROM job_events");
        assert_eq!(events, "0");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// No text ends its literal.
        #[test]
        fn a_literal_is_its_text(text in r#"([a-z]|['\\"$;-]|\PC){0,20}"#) {
            thread_local! {
                static SCRATCH: std::cell::RefCell<Scratch> = std::cell::RefCell::new(Scratch::new());
            }
            let read = SCRATCH.with_borrow_mut(|scratch| {
                kept(&mut scratch.conn, &format!("SELECT {} AS kept", quoted(&text)))
            });
            prop_assert_eq!(read, text);
        }
    }
}
