//! Owns jobs as somebody outside the queue sees them: fetch, list, cancel, retry, delete.
//! Must not know: claims and settlements.

use std::time::Duration;

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, RunQueryDsl, Selectable,
    SelectableHelper,
};

use super::{
    At, Backend, Conn, Engine, Many, among, dialect,
    filter::conditions,
    new_row::rank,
    statement::statement,
    ties,
    time::{micros, moment},
    tx::{Lane, Tx},
    unique,
};
use crate::{
    model::{Job, JobFilter, JobStatus},
    store::{StoreError, schema::job_queue},
};

/// For the test that asks for its plan.
pub(in crate::store) const DELETE: &str = concat!("DELETE FROM job_queue WHERE id ", among!());

/// For the test that asks for its plan.
pub(in crate::store) const DELETE_RUNS: &str =
    concat!("DELETE FROM job_attempts WHERE job_id ", among!());

/// For the test that asks for its plan.
pub(in crate::store) const DELETE_LOGS: &str =
    concat!("DELETE FROM job_logs WHERE job_id ", among!());

#[derive(Queryable, Selectable)]
#[diesel(table_name = job_queue, check_for_backend(Backend))]
struct JobRow {
    id: i64,
    job_type: String,
    queue: String,
    payload: String,
    status: String,
    priority: i32,
    max_retries: i32,
    retry_count: i32,
    attempt: i32,
    lease_losses: i32,
    timeout_ms: i64,
    cancel_requested: bool,
    error_message: Option<String>,
    result: Option<String>,
    schema_fingerprint: String,
    worker: Option<String>,
    scheduled_at: i64,
    started_at: Option<i64>,
    completed_at: Option<i64>,
    created_at: i64,
    expires_at: Option<i64>,
    tags: Option<String>,
    metadata: Option<String>,
    unique_key: Option<String>,
    unique_scope: Option<String>,
    concurrency_key: Option<String>,
    held_by: Option<String>,
    group_id: Option<i64>,
    blocked_by: i32,
    progress: Option<String>,
    checkpoint: Option<String>,
}

impl TryFrom<JobRow> for Job {
    type Error = StoreError;

    fn try_from(row: JobRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            job_type: row.job_type,
            queue: row.queue,
            payload: row.payload,
            status: status(&row.status)?,
            priority: row.priority,
            max_retries: row.max_retries,
            retry_count: row.retry_count,
            attempt: row.attempt,
            lease_losses: row.lease_losses,
            timeout: Duration::from_millis(row.timeout_ms.unsigned_abs()),
            cancel_requested: row.cancel_requested,
            error_message: row.error_message,
            result: row.result,
            schema_fingerprint: row.schema_fingerprint,
            worker: row.worker,
            scheduled_at: moment(row.scheduled_at),
            started_at: row.started_at.map(moment),
            completed_at: row.completed_at.map(moment),
            created_at: moment(row.created_at),
            expires_at: row.expires_at.map(moment),
            tags: row
                .tags
                .map(|tags| serde_json::from_str(&tags))
                .transpose()
                .map_err(|error| StoreError::Internal(Box::new(error)))?
                .unwrap_or_default(),
            metadata: row.metadata,
            unique_key: row.unique_key,
            unique_scope: row.unique_scope.as_deref().and_then(unique::scope),
            concurrency_key: row.concurrency_key,
            held_by: row.held_by,
            group_id: row.group_id,
            blocked_by: row.blocked_by,
            progress: row.progress,
            checkpoint: row.checkpoint,
        })
    }
}

/// The state that a column names. The table's CHECK allows no other.
pub(in crate::store) fn status(text: &str) -> Result<JobStatus, StoreError> {
    text.parse()
        .map_err(|error| StoreError::Internal(Box::new(error)))
}

impl Engine {
    pub(in crate::store) async fn job_get(&self, id: i64) -> Result<Option<Job>, StoreError> {
        self.look_up(move |conn| find(conn, id)).await
    }

    /// Newest first. A filter on few jobs among many walks over the many: for people, not for hot paths.
    pub(in crate::store) async fn job_list(
        &self,
        filter: JobFilter,
        before_id: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        self.read(move |conn| {
            let mut query = job_queue::table.select(JobRow::as_select()).into_boxed();
            for condition in conditions(filter.clone())? {
                query = query.filter(condition);
            }
            if let Some(before) = before_id {
                query = query.filter(job_queue::id.lt(before));
            }
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows: Vec<JobRow> = query.order(job_queue::id.desc()).limit(limit).load(conn)?;
            rows.into_iter().map(Job::try_from).collect()
        })
        .await
    }

    /// Waiting → cancelled; running → asked to stop.
    pub(in crate::store) async fn job_cancel(&self, id: i64) -> Result<Job, StoreError> {
        let ageing = self.ageing;
        self.write(Lane::Rest, move |tx| cancel(tx, id, ageing))
            .await
    }

    /// Failed or cancelled → pending at once, with its retries restored.
    pub(in crate::store) async fn job_retry(&self, id: i64) -> Result<Job, StoreError> {
        let ageing = self.ageing;
        self.write(Lane::Rest, move |tx| retry(tx, id, ageing))
            .await
    }

    /// Deletes the job and its history.
    pub(in crate::store) async fn job_delete(&self, id: i64) -> Result<(), StoreError> {
        let ageing = self.ageing;
        self.write(Lane::Rest, move |tx| delete(tx, id, ageing))
            .await
    }
}

pub(in crate::store) fn cancel(
    tx: &mut Tx<'_>,
    id: i64,
    ageing: Duration,
) -> Result<Job, StoreError> {
    let job = to_change(tx, id)?;
    if job.status.has_ended() {
        return Err(StoreError::JobEnded);
    }
    if job.status == JobStatus::Processing {
        diesel::update(job_queue::table.find(id))
            .set(job_queue::cancel_requested.eq(true))
            .execute(tx.conn)?;
    } else {
        let waiting = ties::find_waiting(tx, id)?.ok_or(StoreError::NotFound)?;
        ties::cancel(tx, &waiting, None, ageing)?;
    }
    *tx.wake = true;
    existing(tx, id)
}

pub(in crate::store) fn retry(
    tx: &mut Tx<'_>,
    id: i64,
    ageing: Duration,
) -> Result<Job, StoreError> {
    let job = to_change(tx, id)?;
    if !matches!(job.status, JobStatus::Failed | JobStatus::Cancelled) {
        return Err(StoreError::JobNotRetryable);
    }
    let ties = ties::of(tx, id)?;
    ties::revived(tx, id, &ties, job.status, job.attempt > 0)?;
    let now = micros(tx.now);
    diesel::update(job_queue::table.find(id))
        .set((
            job_queue::status.eq(JobStatus::Pending.as_str()),
            job_queue::retry_count.eq(0),
            job_queue::lease_losses.eq(0),
            job_queue::scheduled_at.eq(At(now)),
            job_queue::rank.eq(rank(now, job.priority, ageing)),
            job_queue::expires_at.eq(None::<At>),
            job_queue::completed_at.eq(None::<At>),
        ))
        .execute(tx.conn)?;
    let kind = (job.queue.as_str(), job.job_type.as_str());
    tx.ledger
        .moved(id, kind, Some(job.status), Some(JobStatus::Pending));
    *tx.wake = true;
    existing(tx, id)
}

/// A job that has not ended ends as cancelled for those that depend on it.
pub(in crate::store) fn delete(
    tx: &mut Tx<'_>,
    id: i64,
    ageing: Duration,
) -> Result<(), StoreError> {
    let job = to_change(tx, id)?;
    if job.status == JobStatus::Processing {
        return Err(StoreError::JobProcessing);
    }
    let ties = ties::of(tx, id)?;
    delete_rows(tx, &[id])?;
    let kind = (job.queue.as_str(), job.job_type.as_str());
    tx.ledger.moved(id, kind, Some(job.status), None);
    ties::forget_parents(tx, id, job.blocked_by)?;
    if !job.status.has_ended() {
        ties::gave_way(tx, &job.job_type, &ties)?;
        ties::ended(tx, id, &ties, JobStatus::Cancelled, ageing)?;
    }
    Ok(())
}

/// Jobs with their runs and logs.
pub(in crate::store) fn delete_rows(tx: &mut Tx<'_>, ids: &[i64]) -> Result<(), StoreError> {
    for query in [DELETE_RUNS, DELETE_LOGS, DELETE] {
        statement(query).many(Many::ids(ids)?).execute(tx.conn)?;
    }
    Ok(())
}

pub(in crate::store) fn find(conn: &mut Conn, id: i64) -> Result<Option<Job>, StoreError> {
    let row = job_queue::table
        .find(id)
        .select(JobRow::as_select())
        .get_result(conn)
        .optional()?;
    row.map(Job::try_from).transpose()
}

/// A job that nobody else changes before the commit.
fn to_change(tx: &mut Tx<'_>, id: i64) -> Result<Job, StoreError> {
    tx.alone()?;
    dialect::lock_job(tx.conn, id)?;
    existing(tx, id)
}

fn existing(tx: &mut Tx<'_>, id: i64) -> Result<Job, StoreError> {
    find(tx.conn, id)?.ok_or(StoreError::NotFound)
}
