//! Owns storing a new job, or finding the one that has its unique key.
//! Must not know: why it is enqueued.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};

use super::{
    Conn, Engine,
    claim::json,
    controls::{self, Controls},
    counts, dialect,
    idempotency::once,
    ledger::Ledger,
    new_row::{NewRow, start},
    replace,
    statement::{Statement, statement},
    time::micros,
    tx::{Lane, Turn, Tx},
    unique,
};
use crate::{
    model::{ControlKind, DryRun, EnqueueOutcome, Enqueued, Job, JobStatus, NewJob, UniqueClaim},
    store::{
        Done, Once, StoreConfig, StoreError,
        schema::{job_dependencies, job_queue},
    },
};

const INSERT: &str = "INSERT INTO job_queue (job_type, queue, payload, status, priority, rank, max_retries, timeout_ms, \
     schema_fingerprint, scheduled_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const INSERT_WHOLE: &str = "INSERT INTO job_queue (job_type, queue, payload, status, priority, rank, max_retries, \
     timeout_ms, schema_fingerprint, scheduled_at, created_at, expires_at, tags, metadata, unique_key, unique_scope, \
     concurrency_key, group_id, blocked_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Stores a job. Due ones are pending, others scheduled: a claim never walks over what waits. Everything that may refuse
/// the job is asked before anything is written.
pub(in crate::store) fn insert(
    tx: &mut Tx<'_>,
    job: &NewJob,
    ageing: Duration,
) -> Result<Enqueued, StoreError> {
    let scheduled_at = start(job, tx.now);
    if job
        .expires_at
        .is_some_and(|end| micros(end) <= micros(tx.now).max(scheduled_at))
    {
        return Err(StoreError::Refused {
            field: "expires_at",
            message: "expires_at must be later than now and than the job's start".to_owned(),
        });
    }
    if job.unique.is_some() || !job.after.is_empty() {
        tx.alone()?;
    }
    check_depth(tx, &job.queue)?;
    let parents = open_parents(tx, &job.after)?;
    if let Some(claim) = &job.unique
        && let Some(holder) = unique::take(tx, claim)?
    {
        return replace::meet(tx, holder, claim.on_conflict, job, ageing);
    }
    let blocked_by = i32::try_from(parents.len()).unwrap_or(i32::MAX);
    let job = write(tx, job, blocked_by, ageing)?;
    wait_for(tx, job.id, &parents)?;
    if let Some(key) = &job.unique_key {
        unique::name(tx, key, job.id)?;
    }
    Ok(Enqueued {
        outcome: EnqueueOutcome::Created,
        job,
    })
}

/// Stores a job in somebody else's transaction. What it did is to be flushed there. Nobody else's orders and moves are known
/// here: both are read, and written, in that transaction.
pub(in crate::store) fn insert_within(
    conn: &mut Conn,
    job: &NewJob,
    now: DateTime<Utc>,
    turn: &mut Turn,
) -> Result<(Enqueued, Ledger), StoreError> {
    let (mut ledger, mut controls, mut wake) = (Ledger::default(), Controls::default(), false);
    let mut tx = Tx {
        conn,
        now,
        began: Instant::now(),
        ledger: &mut ledger,
        controls: &mut controls,
        wake: &mut wake,
        turn,
        careful: true,
    };
    let enqueued = insert(&mut tx, job, StoreConfig::AGEING)?;
    Ok((enqueued, ledger))
}

/// Stores a job that nobody may refuse: one without unique key, expiry and jobs that it waits for.
pub(in crate::store) fn insert_always(
    tx: &mut Tx<'_>,
    job: &NewJob,
    ageing: Duration,
) -> Result<Job, StoreError> {
    write(tx, job, 0, ageing)
}

/// One that has nothing but what every job has: nobody else has a say in it, unless the depth of its queue is limited.
pub(in crate::store) fn is_plain(job: &NewJob) -> bool {
    job.expires_at.is_none()
        && job.tags.is_empty()
        && job.metadata.is_none()
        && job.unique.is_none()
        && job.concurrency_key.is_none()
        && job.group_id.is_none()
        && job.after.is_empty()
}

fn write(
    tx: &mut Tx<'_>,
    job: &NewJob,
    blocked_by: i32,
    ageing: Duration,
) -> Result<Job, StoreError> {
    let mut row = NewRow::of(job, tx.now, ageing);
    if blocked_by > 0 {
        row.status = JobStatus::Scheduled;
    }
    // Most jobs have none of these: they are stored by a shorter statement.
    let plain = is_plain(job) && blocked_by == 0;
    let mut insert = row.values(if plain { INSERT } else { INSERT_WHOLE });
    if !plain {
        let tags = (!job.tags.is_empty())
            .then(|| json(&job.tags))
            .transpose()?;
        let (key, scope) = parts(job.unique.as_ref());
        insert = insert
            .at(job.expires_at.map(micros))
            .json(tags)
            .json(job.metadata.as_deref())
            .optional_text(key)
            .optional_text(scope)
            .optional_text(job.concurrency_key.as_deref())
            .int(job.group_id)
            .int(i64::from(blocked_by));
    }
    let id = inserted(tx, insert)?;
    tx.ledger
        .moved(id, (&job.queue, &job.job_type), None, Some(row.status));
    *tx.wake = true;
    Ok(Job {
        blocked_by,
        ..row.stored(id, tx.now)
    })
}

fn parts(unique: Option<&UniqueClaim>) -> (Option<&str>, Option<&'static str>) {
    let claim = unique.map(|claim| (claim.key.as_str(), claim.scope.as_str()));
    claim.unzip()
}

/// Back-pressure, where an operator ordered it.
fn check_depth(tx: &mut Tx<'_>, queue: &str) -> Result<(), StoreError> {
    let controls = tx.controls.all(tx.conn)?;
    let control = controls::of(&controls, ControlKind::Queue, queue);
    let Some(limit) = control.and_then(|control| control.limits.max_depth) else {
        return Ok(());
    };
    tx.alone()?;
    let waiting = [
        JobStatus::Scheduled,
        JobStatus::Pending,
        JobStatus::RetryPending,
    ];
    let depth = counts::now(tx, &waiting, ControlKind::Queue, queue)?;
    if u64::try_from(depth).is_ok_and(|depth| depth >= limit) {
        return Err(StoreError::QueueFull {
            queue: queue.to_owned(),
            depth,
            limit,
        });
    }
    Ok(())
}

/// Those of `after` that have not ended. One that does not exist, or will not complete any more, is refused.
fn open_parents(tx: &mut Tx<'_>, after: &[i64]) -> Result<Vec<i64>, StoreError> {
    let mut open = Vec::new();
    for id in after {
        dialect::lock_job(tx.conn, *id)?;
        let status: Option<String> = job_queue::table
            .find(*id)
            .select(job_queue::status)
            .get_result(tx.conn)
            .optional()?;
        let refuse = |message: String| {
            Err(StoreError::Refused {
                field: "after",
                message,
            })
        };
        match status.as_deref().map(super::jobs::status).transpose()? {
            None => return refuse(format!("there is no job {id} to wait for")),
            Some(JobStatus::Completed) => {}
            Some(status @ (JobStatus::Failed | JobStatus::Cancelled)) => {
                return refuse(format!("job {id} is {status}: it cannot be waited for"));
            }
            Some(_) if open.contains(id) => {}
            Some(_) => open.push(*id),
        }
    }
    Ok(open)
}

fn wait_for(tx: &mut Tx<'_>, id: i64, parents: &[i64]) -> Result<(), StoreError> {
    for parent in parents {
        diesel::insert_into(job_dependencies::table)
            .values((
                job_dependencies::parent_id.eq(parent),
                job_dependencies::job_id.eq(id),
            ))
            .execute(tx.conn)?;
        statement("UPDATE job_queue SET has_dependents = TRUE WHERE id = ?")
            .int(*parent)
            .execute(tx.conn)?;
    }
    Ok(())
}

/// Runs an INSERT of one row that no conflict keeps out. Answers its `id`.
pub(in crate::store) fn inserted(tx: &mut Tx<'_>, row: Statement) -> Result<i64, StoreError> {
    let id = dialect::insert(tx.conn, row)?;
    id.ok_or_else(|| StoreError::internal("a row was not inserted"))
}

impl Engine {
    pub(in crate::store) async fn job_enqueue(&self, job: NewJob) -> Result<Enqueued, StoreError> {
        let ageing = self.ageing;
        if is_plain(&job) {
            return self.lane(Lane::New).enqueue(job, ageing).await;
        }
        // Others may have a say in it.
        self.write(Lane::Rest, move |tx| insert(tx, &job, ageing))
            .await
    }

    pub(in crate::store) async fn job_enqueue_once(
        &self,
        job: NewJob,
        key: Option<Once<Enqueued>>,
    ) -> Result<Done<Enqueued>, StoreError> {
        if key.is_none() {
            return self.job_enqueue(job).await.map(Done::Now);
        }
        let ageing = self.ageing;
        self.write(Lane::Rest, move |tx| {
            once(tx, key.as_ref(), |tx| insert(tx, &job, ageing))
        })
        .await
    }

    /// Enqueues it, and takes that back: what is answered is what would be.
    pub(in crate::store) async fn job_dry_run(&self, job: NewJob) -> Result<DryRun, StoreError> {
        let ageing = self.ageing;
        let told = Arc::new(Mutex::new(None));
        let tell = Arc::clone(&told);
        let undone: Result<(), StoreError> = self
            .write(Lane::Rest, move |tx| {
                let mut alone = job.clone();
                alone.unique = None;
                let outcome = match insert(tx, &job, ageing) {
                    Err(StoreError::DuplicateJob { id: holder }) => {
                        insert(tx, &alone, ageing).map(|would| DryRun::WouldReject {
                            holder,
                            job: would.job,
                        })
                    }
                    outcome => outcome.map(DryRun::Would),
                };
                // Only the last run counts, when it is run again.
                let mut told = tell.lock().unwrap_or_else(PoisonError::into_inner);
                *told = Some(outcome);
                Err(StoreError::internal("a dry run is taken back"))
            })
            .await;
        let told = told.lock().unwrap_or_else(PoisonError::into_inner).take();
        told.unwrap_or_else(|| {
            Err(undone
                .err()
                .unwrap_or_else(|| StoreError::internal("no outcome")))
        })
    }
}
