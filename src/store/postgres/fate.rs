//! Owns finding out what became of a transaction whose commit nobody answered.
//! Must not know: what it did, or who asks for it again.
//!
//! The server remembers by their numbers which transactions it committed. But a server that has crashed, or a standby
//! that took its place, may have lost some of them, and gives their numbers to others: that number 7 is committed says
//! nothing then. A transaction that moved jobs has left a row of its own in the event log, and that row decides.

use diesel::{
    OptionalExtension, QueryResult, QueryableByName, RunQueryDsl, result::Error, sql_types,
};

use super::{sql::statement::statement, wrapper::Conn};

/// What a transaction can be found by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trace {
    /// Its number, if it has written anything.
    pub(super) number: Option<i64>,
    /// The moment of its event, if it has one.
    pub(super) event: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Committed,
    Aborted,
    /// The server has not noticed yet that its client is gone.
    UnderWay,
    /// Nobody can tell.
    Unknown,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = sql_types::Nullable<sql_types::BigInt>)]
    number: Option<i64>,
}

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    said: Option<String>,
}

/// The number of the transaction that is open, if it has written anything.
pub(super) fn number(conn: &mut Conn) -> QueryResult<Option<i64>> {
    let number: Number =
        statement("SELECT pg_current_xact_id_if_assigned()::text::bigint AS number")
            .get_result(conn)?;
    Ok(number.number)
}

/// What became of the transaction with this number, and with an event of this moment.
pub(super) fn fate(conn: &mut Conn, number: i64, event: Option<i64>) -> QueryResult<Fate> {
    let said: Said = match statement("SELECT pg_xact_status(CAST(CAST(? AS text) AS xid8)) AS said")
        .int(number)
        .get_result(conn)
    {
        // The server has not come so far: it has lost the transaction.
        Err(Error::DatabaseError(_, said)) if said.message().contains("is in the future") => {
            return Ok(Fate::Aborted);
        }
        said => said?,
    };
    match said.said.as_deref() {
        Some("aborted") => Ok(Fate::Aborted),
        Some("in progress") => Ok(Fate::UnderWay),
        Some("committed") => {
            let Some(at) = event else {
                return Ok(Fate::Unknown);
            };
            // In a statement of its own: what was committed before it is seen.
            let ours: Option<Number> =
                statement("SELECT id AS number FROM job_events WHERE id = ? AND at = ?")
                    .int(number)
                    .at(at)
                    .get_result(conn)
                    .optional()?;
            Ok(ours.map_or(Fate::Aborted, |_| Fate::Committed))
        }
        _ => Ok(Fate::Unknown),
    }
}
