//! Owns jobs as somebody outside the queue sees them: fetch, list, cancel, retry, delete.
//! Must not know: claims and settlements.

use std::time::Duration;

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, RunQueryDsl, Selectable,
    SelectableHelper,
    sqlite::{Sqlite as Backend, SqliteConnection},
};

use super::{
    Sqlite,
    enqueue::rank,
    time::{micros, moment},
    writer::Tx,
};
use crate::{
    model::{Job, JobFilter, JobStatus},
    store::{StoreError, schema::job_queue},
};

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
        })
    }
}

/// The state that a column names. The table's CHECK allows no other.
pub(super) fn status(text: &str) -> Result<JobStatus, StoreError> {
    text.parse()
        .map_err(|error| StoreError::Internal(Box::new(error)))
}

impl Sqlite {
    pub(in crate::store) async fn job_get(&self, id: i64) -> Result<Option<Job>, StoreError> {
        self.read(move |conn| find(conn, id)).await
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
            if let Some(status) = filter.status {
                query = query.filter(job_queue::status.eq(status.as_str()));
            }
            if let Some(job_type) = filter.job_type {
                query = query.filter(job_queue::job_type.eq(job_type));
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
        self.write(move |tx| {
            let mut job = existing(tx, id)?;
            if job.status.has_ended() {
                return Err(StoreError::JobEnded);
            }
            let row = diesel::update(job_queue::table.find(id));
            if job.status == JobStatus::Processing {
                row.set(job_queue::cancel_requested.eq(true))
                    .execute(tx.conn)?;
                job.cancel_requested = true;
            } else {
                let cancelled = JobStatus::Cancelled;
                row.set((
                    job_queue::status.eq(cancelled.as_str()),
                    job_queue::completed_at.eq(micros(tx.now)),
                ))
                .execute(tx.conn)?;
                moved(tx, &mut job, cancelled);
                job.completed_at = Some(tx.now);
            }
            *tx.wake = true;
            Ok(job)
        })
        .await
    }

    /// Failed or cancelled → pending at once, with its retries restored.
    pub(in crate::store) async fn job_retry(&self, id: i64) -> Result<Job, StoreError> {
        let ageing = self.ageing;
        self.write(move |tx| {
            let mut job = existing(tx, id)?;
            if !matches!(job.status, JobStatus::Failed | JobStatus::Cancelled) {
                return Err(StoreError::JobNotRetryable);
            }
            let now = micros(tx.now);
            diesel::update(job_queue::table.find(id))
                .set((
                    job_queue::status.eq(JobStatus::Pending.as_str()),
                    job_queue::retry_count.eq(0),
                    job_queue::lease_losses.eq(0),
                    job_queue::scheduled_at.eq(now),
                    job_queue::rank.eq(rank(now, job.priority, ageing)),
                    job_queue::completed_at.eq(None::<i64>),
                ))
                .execute(tx.conn)?;
            moved(tx, &mut job, JobStatus::Pending);
            *tx.wake = true;
            Ok(Job {
                retry_count: 0,
                lease_losses: 0,
                scheduled_at: tx.now,
                completed_at: None,
                ..job
            })
        })
        .await
    }

    /// Deletes the job and its history.
    pub(in crate::store) async fn job_delete(&self, id: i64) -> Result<(), StoreError> {
        self.write(move |tx| {
            let job = existing(tx, id)?;
            if job.status == JobStatus::Processing {
                return Err(StoreError::JobProcessing);
            }
            diesel::delete(job_queue::table.find(id)).execute(tx.conn)?;
            tx.ledger.note(&job.queue, &job.job_type, job.status, -1);
            Ok(())
        })
        .await
    }

    /// Deletes a batch of the jobs in one state, and answers how many it was.
    pub(in crate::store) async fn job_clear(
        &self,
        status: JobStatus,
        limit: usize,
    ) -> Result<usize, StoreError> {
        if status == JobStatus::Processing {
            return Err(StoreError::JobProcessing);
        }
        self.write(move |tx| {
            let jobs: Vec<(i64, String, String)> = job_queue::table
                .filter(job_queue::status.eq(status.as_str()))
                .order(job_queue::id)
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                .select((job_queue::id, job_queue::queue, job_queue::job_type))
                .load(tx.conn)?;
            for (id, queue, job_type) in &jobs {
                diesel::delete(job_queue::table.find(*id)).execute(tx.conn)?;
                tx.ledger.note(queue, job_type, status, -1);
            }
            Ok(jobs.len())
        })
        .await
    }
}

pub(super) fn find(conn: &mut SqliteConnection, id: i64) -> Result<Option<Job>, StoreError> {
    let row = job_queue::table
        .find(id)
        .select(JobRow::as_select())
        .first(conn)
        .optional()?;
    row.map(Job::try_from).transpose()
}

fn existing(tx: &mut Tx<'_>, id: i64) -> Result<Job, StoreError> {
    find(tx.conn, id)?.ok_or(StoreError::NotFound)
}

fn moved(tx: &mut Tx<'_>, job: &mut Job, to: JobStatus) {
    tx.ledger.note(&job.queue, &job.job_type, job.status, -1);
    tx.ledger.note(&job.queue, &job.job_type, to, 1);
    job.status = to;
}
