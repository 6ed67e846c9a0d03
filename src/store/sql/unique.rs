//! Owns unique keys: who has one, and when it is given up. The primary key of `unique_locks` is what makes them unique.
//! Must not know: how a key is made (queue/enqueue.rs).

use diesel::{OptionalExtension, QueryDsl, RunQueryDsl};

use super::{
    statement::statement,
    time::{micros, span},
    tx::Tx,
};
use crate::{
    model::{UniqueClaim, UniqueScope},
    store::{StoreError, schema::unique_locks},
};

/// For the test that asks for its plan.
pub(in crate::store) const RELEASE: &str =
    "DELETE FROM unique_locks WHERE unique_key = ? AND job_id = ?";

/// A lock that ended by itself is taken over; nobody's job has the number 0.
const TAKE: &str = "INSERT INTO unique_locks (unique_key, job_id, until) VALUES (?, ?, ?) \
     ON CONFLICT (unique_key) DO UPDATE SET job_id = excluded.job_id, until = excluded.until \
     WHERE unique_locks.until <= ?";

/// Takes the key for a job that is about to be stored; [`name`] puts its number in. Otherwise the number of the job that has
/// the key.
pub(in crate::store) fn take(
    tx: &mut Tx<'_>,
    claim: &UniqueClaim,
) -> Result<Option<i64>, StoreError> {
    let now = micros(tx.now);
    let until = claim.period.map(|period| now.saturating_add(span(period)));
    take_for(tx, &claim.key, 0, until)
}

/// A job comes back, by a retry. Otherwise the number of the job that has its key now.
pub(in crate::store) fn take_again(
    tx: &mut Tx<'_>,
    key: &str,
    job: i64,
) -> Result<Option<i64>, StoreError> {
    let holder = take_for(tx, key, job, None)?;
    Ok(holder.filter(|holder| *holder != job))
}

fn take_for(
    tx: &mut Tx<'_>,
    key: &str,
    job: i64,
    until: Option<i64>,
) -> Result<Option<i64>, StoreError> {
    let taken = statement(TAKE)
        .text(key)
        .int(job)
        .at(until)
        .at(micros(tx.now))
        .execute(tx.conn)?;
    if taken > 0 {
        return Ok(None);
    }
    let holder = unique_locks::table
        .find(key)
        .select(unique_locks::job_id)
        .get_result(tx.conn)
        .optional()?;
    Ok(Some(holder.unwrap_or_default()))
}

pub(in crate::store) fn name(tx: &mut Tx<'_>, key: &str, job: i64) -> Result<(), StoreError> {
    statement("UPDATE unique_locks SET job_id = ? WHERE unique_key = ?")
        .int(job)
        .text(key)
        .execute(tx.conn)?;
    Ok(())
}

pub(in crate::store) fn release(tx: &mut Tx<'_>, key: &str, job: i64) -> Result<(), StoreError> {
    statement(RELEASE).text(key).int(job).execute(tx.conn)?;
    Ok(())
}

/// The scope that a column names. The table's CHECK allows no other.
pub(in crate::store) fn scope(text: &str) -> Option<UniqueScope> {
    UniqueScope::ALL
        .into_iter()
        .find(|scope| scope.as_str() == text)
}
