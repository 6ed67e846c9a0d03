//! Owns a job's history: the runs that ended, and the running one from the job's own row (docs/decisions/0005).
//! Must not know: how a run is settled.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};

use super::{Conn, Engine, reports::lines, time::moment};
use crate::{
    model::{AttemptOutcome, JobAttempt, JobStatus},
    store::{
        StoreError,
        schema::{job_attempts, job_logs, job_queue},
    },
};

/// Runs whose lines are shown: each may have 200 long ones.
const LOGS: i64 = 20;

impl Engine {
    pub(in crate::store) async fn job_attempts(
        &self,
        id: i64,
        limit: usize,
    ) -> Result<Vec<JobAttempt>, StoreError> {
        self.read(move |conn| {
            let running = running(conn, id)?;
            let ended = limit.saturating_sub(usize::from(running.is_some()));
            let mut attempts = newest(conn, id, ended)?;
            attempts.reverse();
            attempts.extend(running);
            add_logs(conn, id, &mut attempts)?;
            Ok(attempts)
        })
        .await
    }
}

/// Adds what the newest runs wrote down.
fn add_logs(conn: &mut Conn, id: i64, attempts: &mut [JobAttempt]) -> Result<(), StoreError> {
    let logs: Vec<(i32, String)> = job_logs::table
        .filter(job_logs::job_id.eq(id))
        .order(job_logs::number.desc())
        .limit(LOGS)
        .select((job_logs::number, job_logs::lines))
        .load(conn)?;
    for (number, text) in logs {
        if let Some(run) = attempts.iter_mut().find(|run| run.number == number) {
            run.log = lines(&text)?;
        }
    }
    Ok(())
}

type Row = (i32, String, i64, i64, String, Option<String>);

fn newest(conn: &mut Conn, id: i64, limit: usize) -> Result<Vec<JobAttempt>, StoreError> {
    use job_attempts as a;
    let rows: Vec<Row> = job_attempts::table
        .filter(a::job_id.eq(id))
        .order(a::number.desc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select((
            a::number,
            a::worker,
            a::started_at,
            a::finished_at,
            a::outcome,
            a::error,
        ))
        .load(conn)?;
    rows.into_iter()
        .map(
            |(number, worker, started_at, finished_at, outcome, error)| {
                let known = AttemptOutcome::ALL
                    .into_iter()
                    .find(|known| known.as_str() == outcome);
                let outcome =
                    known.ok_or_else(|| StoreError::internal("unknown outcome in job_attempts"))?;
                Ok(JobAttempt {
                    number,
                    worker,
                    started_at: moment(started_at),
                    finished_at: Some(moment(finished_at)),
                    outcome: Some(outcome),
                    error,
                    log: Vec::new(),
                })
            },
        )
        .collect()
}

fn running(conn: &mut Conn, id: i64) -> Result<Option<JobAttempt>, StoreError> {
    let row: Option<(String, i32, Option<String>, Option<i64>)> = job_queue::table
        .find(id)
        .select((
            job_queue::status,
            job_queue::attempt,
            job_queue::worker,
            job_queue::started_at,
        ))
        .get_result(conn)
        .optional()?;
    let (status, number, worker, started_at) = row.ok_or(StoreError::NotFound)?;
    Ok(
        (status == JobStatus::Processing.as_str()).then(|| JobAttempt {
            number,
            worker: worker.unwrap_or_default(),
            started_at: moment(started_at.unwrap_or_default()),
            finished_at: None,
            outcome: None,
            error: None,
            log: Vec::new(),
        }),
    )
}
