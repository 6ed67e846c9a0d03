//! Owns the shortest way of a new job: stored, noted and committed by one message.
//! Must not know: when it is taken.

use std::time::Instant;

use diesel::{QueryResult, RunQueryDsl, sql_types::BigInt};

use super::{
    ending::count,
    fate::{self, AtOnce},
    miss::{Miss, missed},
    rows::insert_one_job,
    sql::{fresh::store_alone, ledger::Ledger, new_row::NewRow, unit::Unit},
    wrapper::{Conn, reopen},
    writer::Common,
    writing::Writing,
};

/// What `rows` stores and `ending` notes. Where nothing is stored, nothing is noted either.
macro_rules! enqueue {
    ($besides:expr) => {
        concat!(
            "WITH new AS (",
            insert_one_job!(),
            "), counted AS (",
            count!("(SELECT ?, ?, ?, 1 FROM new)"),
            "), event AS (INSERT INTO job_events (id, at, transitions, token) \
             SELECT pg_current_xact_id()::text::bigint, ?, (? || id || ?)::json, ? FROM new) \
             SELECT id, pg_current_xact_id()::text::bigint FROM new",
            $besides
        )
    };
}

const ENQUEUE: &str = enqueue!("");
/// With a hint to others.
const ENQUEUE_AND_TELL: &str = enqueue!(", pg_notify('lockstep', ?)");

/// Stores a batch that is one plain job. Answers whether others were told in passing; `None`: nothing is stored, because it is
/// another batch, or the depth of a queue is limited, or the server knows no session of ours.
pub(super) fn store(
    place: &mut Option<Writing>,
    common: &Common,
    batch: &mut [Box<dyn Unit>],
    deadline: Instant,
) -> Result<Option<bool>, Miss> {
    let mut told = false;
    let stored = store_alone(batch, common.clock.now(), |row| {
        let Writing { conn, session } = Writing::in_place(place, &common.settings)?;
        let Some(session) = session else {
            return Ok(None);
        };
        let token = rand::random();
        let sender = common.hints.to_go_along().map(|(_, sender)| sender);
        let id = match enqueue(conn, row, token, sender).map_err(missed) {
            Ok(stored) => stored.map(|(id, number)| {
                session.committed(number);
                id
            }),
            Err(Miss::Lost(error)) => {
                let session = *session;
                *place = None;
                let connect = || reopen(&common.settings);
                match fate::last_job(session, token, deadline, connect) {
                    Some(AtOnce::Stored(id)) => Some(id),
                    Some(AtOnce::Not) => return Err(Miss::Lost(error)),
                    None => return Err(Miss::Untold(error)),
                }
            }
            Err(refused) => return Err(refused.together()),
        };
        told = sender.is_some();
        Ok(id)
    })?;
    Ok(stored.then_some(told))
}

/// Stores a job for good: at the first answer it is committed. Answers its number and the transaction's; `None`, and nothing is
/// stored, where the depth of a queue is limited. `token` is left in `job_events`; `sender`: others are told, by whom.
fn enqueue(
    conn: &mut Conn,
    row: &NewRow<'_>,
    token: i64,
    sender: Option<&str>,
) -> QueryResult<Option<(i64, i64)>> {
    let (queue, job_type) = (row.job.queue.as_ref(), row.job.job_type.as_ref());
    let (before, behind) = Ledger::event_of_new((queue, job_type), row.status);
    let text = sender.map_or(ENQUEUE, |_| ENQUEUE_AND_TELL);
    let mut enqueue = row
        .values(text)
        .text(queue)
        .text(job_type)
        .text(row.status.as_str())
        .at(row.created_at)
        .text(before)
        .text(behind)
        .int(token);
    if let Some(sender) = sender {
        enqueue = enqueue.text(sender);
    }
    // All that it answers is read: the server commits behind the last row.
    let stored: Vec<(i64, i64)> = enqueue.placed::<(BigInt, BigInt)>().load(conn)?;
    Ok(stored.first().copied())
}

#[cfg(test)]
mod tests {
    use super::{super::hints::CHANNEL, *};

    #[test]
    fn others_are_told_where_they_listen() {
        assert!(ENQUEUE_AND_TELL.contains(&format!("pg_notify('{CHANNEL}',")));
    }
}
