//! Owns groups: how many of their jobs have ended how, and the callback job when all have.
//! Must not know: what the jobs do.

use std::time::Duration;

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, RunQueryDsl, Selectable,
    SelectableHelper,
};
use serde::{Deserialize, Serialize};

use super::{
    Backend, Conn, Engine,
    enqueue::{insert_always, inserted},
    idempotency::once,
    statement::statement,
    ties::Ties,
    time::{at, micros, moment},
    tx::{Lane, Tx},
};
use crate::{
    model::{Enqueued, JobGroup, JobStatus, NewGroup, NewJob},
    store::{Done, Once, StoreError, schema::job_groups},
};

/// A callback job, as its group keeps it.
#[derive(Serialize, Deserialize)]
struct Callback {
    job_type: String,
    queue: String,
    payload: String,
    priority: i32,
    max_retries: i32,
    timeout_ms: u64,
    concurrency_key: Option<String>,
    tags: Vec<String>,
    schema_fingerprint: String,
}

impl Callback {
    fn of(job: NewJob) -> Self {
        Self {
            job_type: job.job_type.into_owned(),
            queue: job.queue.into_owned(),
            payload: job.payload,
            priority: job.priority,
            max_retries: job.max_retries,
            timeout_ms: u64::try_from(job.timeout.as_millis()).unwrap_or(u64::MAX),
            concurrency_key: job.concurrency_key,
            tags: job.tags,
            schema_fingerprint: job.schema_fingerprint.into_owned(),
        }
    }

    /// The metadata says how the group ended.
    fn job(self, group: &Row) -> NewJob {
        let metadata = serde_json::json!({ "group": {
            "id": group.id, "total": group.total, "completed": group.completed, "failed": group.failed,
            "cancelled": group.cancelled,
        } });
        NewJob {
            job_type: self.job_type.into(),
            queue: self.queue.into(),
            payload: self.payload,
            priority: self.priority,
            max_retries: self.max_retries,
            timeout: Duration::from_millis(self.timeout_ms),
            scheduled_at: None,
            delay: None,
            expires_at: None,
            tags: self.tags,
            metadata: Some(metadata.to_string()),
            unique: None,
            concurrency_key: self.concurrency_key,
            after: Vec::new(),
            group_id: None,
            schema_fingerprint: self.schema_fingerprint.into(),
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = job_groups, check_for_backend(Backend))]
struct Row {
    id: i64,
    name: Option<String>,
    total: i64,
    completed: i64,
    failed: i64,
    cancelled: i64,
    callback: Option<String>,
    callback_job_id: Option<i64>,
    created_at: i64,
    completed_at: Option<i64>,
}

impl From<Row> for JobGroup {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            total: row.total,
            completed: row.completed,
            failed: row.failed,
            cancelled: row.cancelled,
            has_callback: row.callback.is_some(),
            callback_job_id: row.callback_job_id,
            created_at: moment(row.created_at),
            completed_at: row.completed_at.map(moment),
        }
    }
}

impl Engine {
    /// The group with all of its jobs, or nothing.
    pub(in crate::store) async fn group_create(
        &self,
        group: NewGroup,
        key: Option<Once<(JobGroup, Vec<Enqueued>)>>,
    ) -> Result<Done<(JobGroup, Vec<Enqueued>)>, StoreError> {
        let ageing = self.ageing;
        self.write(Lane::Rest, move |tx| {
            once(tx, key.as_ref(), |tx| create(tx, &group, ageing))
        })
        .await
    }

    pub(in crate::store) async fn group_get(
        &self,
        id: i64,
    ) -> Result<Option<JobGroup>, StoreError> {
        self.read(move |conn| Ok(find(conn, id)?.map(JobGroup::from)))
            .await
    }

    /// Newest first.
    pub(in crate::store) async fn group_list(
        &self,
        before_id: Option<i64>,
        limit: usize,
    ) -> Result<Vec<JobGroup>, StoreError> {
        self.read(move |conn| {
            let mut query = job_groups::table.select(Row::as_select()).into_boxed();
            if let Some(before) = before_id {
                query = query.filter(job_groups::id.lt(before));
            }
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows: Vec<Row> = query.order(job_groups::id.desc()).limit(limit).load(conn)?;
            Ok(rows.into_iter().map(JobGroup::from).collect())
        })
        .await
    }
}

fn find(conn: &mut Conn, id: i64) -> Result<Option<Row>, StoreError> {
    let row = job_groups::table
        .find(id)
        .select(Row::as_select())
        .get_result(conn);
    Ok(row.optional()?)
}

fn create(
    tx: &mut Tx<'_>,
    group: &NewGroup,
    ageing: Duration,
) -> Result<(JobGroup, Vec<Enqueued>), StoreError> {
    let callback = group.callback.clone().map(Callback::of);
    let callback = callback
        .map(|callback| super::claim::json(&callback))
        .transpose()?;
    let row =
        statement("INSERT INTO job_groups (name, total, callback, created_at) VALUES (?, 0, ?, ?)")
            .optional_text(group.name.as_deref())
            .json(callback)
            .at(micros(tx.now));
    let id = inserted(tx, row)?;
    let jobs = super::bulk::insert_linked(tx, &group.jobs, Some(id), ageing)?;
    let own = jobs
        .iter()
        .filter(|job| job.job.group_id == Some(id))
        .count();
    diesel::update(job_groups::table.find(id))
        .set(job_groups::total.eq(i64::try_from(own).unwrap_or(i64::MAX)))
        .execute(tx.conn)?;
    finish(tx, id, ageing)?;
    let row = find(tx.conn, id)?.ok_or(StoreError::NotFound)?;
    Ok((row.into(), jobs))
}

/// One job of the group has ended.
pub(in crate::store) fn ended(
    tx: &mut Tx<'_>,
    ties: &Ties,
    status: JobStatus,
    ageing: Duration,
) -> Result<(), StoreError> {
    let Some(id) = ties.group_id else {
        return Ok(());
    };
    count(tx, id, status, 1)?;
    finish(tx, id, ageing)
}

/// An ended job of the group is brought back. A callback that was enqueued is not taken back.
pub(in crate::store) fn revived(
    tx: &mut Tx<'_>,
    ties: &Ties,
    from: JobStatus,
) -> Result<(), StoreError> {
    ties.group_id.map_or(Ok(()), |id| count(tx, id, from, -1))
}

fn count(tx: &mut Tx<'_>, id: i64, status: JobStatus, by: i64) -> Result<(), StoreError> {
    let row = diesel::update(job_groups::table.find(id));
    match status {
        JobStatus::Completed => row
            .set(job_groups::completed.eq(job_groups::completed + by))
            .execute(tx.conn)?,
        JobStatus::Failed => row
            .set(job_groups::failed.eq(job_groups::failed + by))
            .execute(tx.conn)?,
        _ => row
            .set(job_groups::cancelled.eq(job_groups::cancelled + by))
            .execute(tx.conn)?,
    };
    Ok(())
}

/// When all have ended, for the first time: the callback.
fn finish(tx: &mut Tx<'_>, id: i64, ageing: Duration) -> Result<(), StoreError> {
    let Some(group) = find(tx.conn, id)? else {
        return Ok(());
    };
    let open = group.total - group.completed - group.failed - group.cancelled;
    if open > 0 || group.completed_at.is_some() {
        return Ok(());
    }
    let callback: Option<Callback> = group
        .callback
        .as_deref()
        .map(serde_json::from_str)
        .transpose()
        .map_err(|error| StoreError::Internal(Box::new(error)))?;
    let job = callback.map(|callback| callback.job(&group));
    // Were it refused, so would be the end of the group's last job.
    let job = job.map(|job| insert_always(tx, &job, ageing)).transpose()?;
    diesel::update(job_groups::table.find(id))
        .set((
            job_groups::completed_at.eq(at(tx.now)),
            job_groups::callback_job_id.eq(job.map(|job| job.id)),
        ))
        .execute(tx.conn)?;
    Ok(())
}
