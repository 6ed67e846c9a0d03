//! Owns what a job's change of state means to others: its unique key, the gate of its concurrency key, its group, the jobs
//! that wait for it. A job without any of these costs nothing here.
//! Must not know: why the state changes.

use std::time::Duration;

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, QueryableByName, RunQueryDsl,
    sql_types,
};

use super::{
    At, dialect, groups, held,
    new_row::rank,
    statement::statement,
    time::{at, micros},
    tx::Tx,
    unique,
};
use crate::{
    model::{JobStatus, UniqueScope},
    store::{StoreError, schema::job_queue},
};

/// A job's ties to others, as its row has them.
#[derive(Debug, Clone, Queryable, QueryableByName)]
pub(in crate::store) struct Ties {
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub(in crate::store) unique_key: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub(in crate::store) unique_scope: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub(in crate::store) concurrency_key: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::BigInt>)]
    pub(in crate::store) group_id: Option<i64>,
    #[diesel(sql_type = sql_types::Bool)]
    pub(in crate::store) has_dependents: bool,
}

/// The same by their places.
pub(in crate::store) type Columns = (
    sql_types::Nullable<sql_types::Text>,
    sql_types::Nullable<sql_types::Text>,
    sql_types::Nullable<sql_types::Text>,
    sql_types::Nullable<sql_types::BigInt>,
    sql_types::Bool,
);

/// Columns of [`Ties`].
macro_rules! ties {
    () => {
        "unique_key, unique_scope, concurrency_key, group_id, has_dependents"
    };
}
pub(in crate::store) use ties;

impl Ties {
    /// A unique key and how long the job has it, unless time alone decides.
    fn key(&self) -> Option<(&str, UniqueScope)> {
        let scope = unique::scope(self.unique_scope.as_deref()?)?;
        let key = self.unique_key.as_deref()?;
        (scope != UniqueScope::ForPeriod).then_some((key, scope))
    }

    pub(in crate::store) fn are_none(&self) -> bool {
        self.unique_key.is_none()
            && self.concurrency_key.is_none()
            && self.group_id.is_none()
            && !self.has_dependents
    }
}

/// The ties of any job. `NotFound`.
pub(in crate::store) fn of(tx: &mut Tx<'_>, id: i64) -> Result<Ties, StoreError> {
    const QUERY: &str = concat!("SELECT ", ties!(), " FROM job_queue WHERE id = ?");
    Ok(statement(QUERY).int(id).get_result(tx.conn)?)
}

/// A run of the job has begun.
pub(in crate::store) fn started(tx: &mut Tx<'_>, id: i64, ties: &Ties) -> Result<(), StoreError> {
    match ties.key() {
        Some((key, UniqueScope::WhileQueued | UniqueScope::UntilStarted)) => {
            unique::release(tx, key, id)
        }
        _ => Ok(()),
    }
}

/// The job goes back to wait after a run. Otherwise the number of the job that has its unique key by now.
pub(in crate::store) fn waits_again(
    tx: &mut Tx<'_>,
    id: i64,
    ties: &Ties,
) -> Result<Option<i64>, StoreError> {
    match ties.key() {
        Some((key, UniqueScope::WhileQueued)) => unique::take_again(tx, key, id),
        _ => Ok(None),
    }
}

/// An ended job is brought back by hand. `DuplicateJob` when another one has its unique key by now.
pub(in crate::store) fn revived(
    tx: &mut Tx<'_>,
    id: i64,
    ties: &Ties,
    from: JobStatus,
    has_run: bool,
) -> Result<(), StoreError> {
    let key = ties.key().filter(|(_, scope)| match scope {
        UniqueScope::WhileQueued | UniqueScope::UntilFinished => true,
        UniqueScope::UntilStarted => !has_run,
        UniqueScope::ForPeriod => false,
    });
    if let Some((key, _)) = key
        && let Some(holder) = unique::take_again(tx, key, id)?
    {
        return Err(StoreError::DuplicateJob { id: holder });
    }
    groups::revived(tx, ties, from)
}

/// A run of the job is over, or it is not to run any more: its slot of the concurrency key, or its place before the next
/// one, is free.
pub(in crate::store) fn gave_way(
    tx: &mut Tx<'_>,
    job_type: &str,
    ties: &Ties,
) -> Result<(), StoreError> {
    match &ties.concurrency_key {
        Some(key) => held::let_through(tx, &held::key_gate(job_type, key), 1),
        None => Ok(()),
    }
}

/// The job has ended, or is deleted before it has (as `cancelled`).
pub(in crate::store) fn ended(
    tx: &mut Tx<'_>,
    id: i64,
    ties: &Ties,
    status: JobStatus,
    ageing: Duration,
) -> Result<(), StoreError> {
    if let Some((key, _)) = ties.key() {
        unique::release(tx, key, id)?;
    }
    groups::ended(tx, ties, status, ageing)?;
    if ties.has_dependents {
        dependents(tx, id, status, ageing)?;
    }
    Ok(())
}

/// Jobs that wait for a completed one are nearer to their start; those that wait for another end are cancelled, and so
/// on: what they wait for will not come.
fn dependents(
    tx: &mut Tx<'_>,
    id: i64,
    status: JobStatus,
    ageing: Duration,
) -> Result<(), StoreError> {
    for child in waiting_for(tx, id)? {
        let Some(job) = find_waiting(tx, child)? else {
            continue;
        };
        if status == JobStatus::Completed {
            unblock(tx, &job, ageing)?;
        } else {
            let reason = format!("job {id}, which it waits for, is {status}");
            cancel(tx, &job, Some(&reason), ageing)?;
        }
    }
    statement("DELETE FROM job_dependencies WHERE parent_id = ?")
        .int(id)
        .execute(tx.conn)?;
    Ok(())
}

fn waiting_for(tx: &mut Tx<'_>, id: i64) -> Result<Vec<i64>, StoreError> {
    use crate::store::schema::job_dependencies as d;
    Ok(d::table
        .filter(d::parent_id.eq(id))
        .select(d::job_id)
        .order(d::job_id)
        .load(tx.conn)?)
}

/// A job that waits, with its ties.
#[derive(Debug, QueryableByName)]
pub(in crate::store) struct Waiting {
    #[diesel(sql_type = sql_types::BigInt)]
    pub(in crate::store) id: i64,
    #[diesel(sql_type = sql_types::Text)]
    pub(in crate::store) queue: String,
    #[diesel(sql_type = sql_types::Text)]
    pub(in crate::store) job_type: String,
    #[diesel(sql_type = sql_types::Text)]
    pub(in crate::store) status: String,
    #[diesel(sql_type = sql_types::Integer)]
    priority: i32,
    #[diesel(sql_type = sql_types::BigInt)]
    scheduled_at: i64,
    #[diesel(sql_type = sql_types::Integer)]
    blocked_by: i32,
    #[diesel(embed)]
    pub(in crate::store) ties: Ties,
}

/// The start of a query for [`Waiting`].
macro_rules! waiting {
    () => {
        concat!(
            "SELECT id, queue, job_type, status, priority, scheduled_at, blocked_by, ",
            super::ties::ties!(),
            " FROM job_queue "
        )
    };
}
pub(in crate::store) use waiting;

pub(in crate::store) fn find_waiting(
    tx: &mut Tx<'_>,
    id: i64,
) -> Result<Option<Waiting>, StoreError> {
    const QUERY: &str = concat!(
        waiting!(),
        "WHERE id = ? AND status IN ('scheduled', 'pending', 'retry_pending')"
    );
    dialect::lock_job(tx.conn, id)?;
    Ok(statement(QUERY).int(id).get_result(tx.conn).optional()?)
}

fn unblock(tx: &mut Tx<'_>, job: &Waiting, ageing: Duration) -> Result<(), StoreError> {
    let now = micros(tx.now);
    let left = (job.blocked_by - 1).max(0);
    let due = left == 0 && job.scheduled_at <= now;
    let status = super::jobs::status(&job.status)?;
    let next = if due { JobStatus::Pending } else { status };
    // Its wait in the order of claims begins when nothing blocks it.
    let scheduled_at = if due { now } else { job.scheduled_at };
    diesel::update(job_queue::table.find(job.id))
        .set((
            job_queue::blocked_by.eq(left),
            job_queue::status.eq(next.as_str()),
            job_queue::scheduled_at.eq(At(scheduled_at)),
            job_queue::rank.eq(rank(scheduled_at, job.priority, ageing)),
        ))
        .execute(tx.conn)?;
    if next != status {
        let kind = (job.queue.as_str(), job.job_type.as_str());
        tx.ledger.moved(job.id, kind, Some(status), Some(next));
    }
    *tx.wake = true;
    Ok(())
}

/// Ends a waiting job with a reason.
pub(in crate::store) fn cancel(
    tx: &mut Tx<'_>,
    job: &Waiting,
    reason: Option<&str>,
    ageing: Duration,
) -> Result<(), StoreError> {
    let cancelled = JobStatus::Cancelled;
    diesel::update(job_queue::table.find(job.id))
        .set((
            job_queue::status.eq(cancelled.as_str()),
            job_queue::completed_at.eq(at(tx.now)),
            job_queue::held_by.eq(None::<&str>),
            job_queue::blocked_by.eq(0),
        ))
        .execute(tx.conn)?;
    if let Some(reason) = reason {
        diesel::update(job_queue::table.find(job.id))
            .set(job_queue::error_message.eq(reason))
            .execute(tx.conn)?;
    }
    let status = super::jobs::status(&job.status)?;
    let kind = (job.queue.as_str(), job.job_type.as_str());
    tx.ledger.moved(job.id, kind, Some(status), Some(cancelled));
    forget_parents(tx, job.id, job.blocked_by)?;
    gave_way(tx, &job.job_type, &job.ties)?;
    ended(tx, job.id, &job.ties, cancelled, ageing)
}

/// The job does not wait for others any more.
pub(in crate::store) fn forget_parents(
    tx: &mut Tx<'_>,
    id: i64,
    blocked_by: i32,
) -> Result<(), StoreError> {
    if blocked_by > 0 {
        statement("DELETE FROM job_dependencies WHERE job_id = ?")
            .int(id)
            .execute(tx.conn)?;
    }
    Ok(())
}
