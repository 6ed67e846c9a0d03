//! Owns ending a run: the fence, the job's next state, the history row.
//! Must not know: why a run ended as it did (queue/outcome.rs).

use std::{collections::HashMap, time::Duration};

use diesel::{
    QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Bool, Integer, Nullable, Text},
};

use super::{
    Engine, Many, Moment, dialect,
    new_row::rank,
    runs,
    statement::statement,
    ties::{self, Ties},
    time::{micros, span},
    tx::{Lane, Tx},
};
use crate::{
    model::{AttemptOutcome, JobStatus, LeaseToken, Settled, Settlement},
    store::StoreError,
};

/// What a settlement needs to know of the running job.
#[derive(QueryableByName)]
pub(in crate::store) struct Running {
    #[diesel(sql_type = BigInt)]
    pub(in crate::store) id: i64,
    #[diesel(sql_type = Text)]
    pub(in crate::store) queue: String,
    #[diesel(sql_type = Text)]
    pub(in crate::store) job_type: String,
    #[diesel(sql_type = Integer)]
    pub(in crate::store) priority: i32,
    #[diesel(sql_type = BigInt)]
    pub(in crate::store) rank: i64,
    #[diesel(sql_type = Integer)]
    pub(in crate::store) attempt: i32,
    #[diesel(sql_type = Integer)]
    pub(in crate::store) retry_count: i32,
    #[diesel(sql_type = Integer)]
    pub(in crate::store) lease_losses: i32,
    #[diesel(sql_type = Bool)]
    pub(in crate::store) cancel_requested: bool,
    #[diesel(sql_type = Nullable<Text>)]
    pub(in crate::store) worker: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub(in crate::store) lease_token: i64,
    #[diesel(sql_type = Moment)]
    pub(in crate::store) scheduled_at: i64,
    #[diesel(sql_type = Nullable<Moment>)]
    pub(in crate::store) started_at: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(in crate::store) error_message: Option<String>,
    #[diesel(embed)]
    pub(in crate::store) ties: Ties,
}

/// Columns of [`Running`], for its two queries.
macro_rules! running {
    () => {
        concat!(
            "SELECT id, queue, job_type, priority, rank, attempt, retry_count, lease_losses, cancel_requested, worker, \
             lease_token, scheduled_at, started_at, error_message, ",
            super::ties::ties!(),
            " FROM job_queue "
        )
    };
}
pub(in crate::store) use running;

/// For the test that asks for its plan.
pub(in crate::store) const NAMED: &str = concat!(
    running!(),
    "WHERE id ",
    super::among!(),
    // Only jobs that run have one. By their status, PostgreSQL would walk over all of them where it believes that they are few.
    " AND lease_token IS NOT NULL ORDER BY id",
    super::lock!()
);

/// What becomes of a job whose run has ended. Moments in microseconds.
#[derive(Debug)]
pub(in crate::store) struct EndRow<'a> {
    pub(in crate::store) id: i64,
    pub(in crate::store) status: &'static str,
    pub(in crate::store) completed_at: Option<i64>,
    pub(in crate::store) scheduled_at: i64,
    pub(in crate::store) rank: i64,
    pub(in crate::store) retry_count: i32,
    pub(in crate::store) lease_losses: i32,
    pub(in crate::store) error_message: Option<&'a str>,
    pub(in crate::store) result: Option<&'a str>,
}

/// The history row of a run.
#[derive(Debug)]
pub(in crate::store) struct AttemptRow<'a> {
    pub(in crate::store) job_id: i64,
    pub(in crate::store) number: i32,
    pub(in crate::store) worker: &'a str,
    pub(in crate::store) started_at: i64,
    pub(in crate::store) finished_at: i64,
    pub(in crate::store) outcome: &'static str,
    pub(in crate::store) error: Option<&'a str>,
}

/// Where a running job goes, and the history row that it leaves.
pub(in crate::store) struct Ended {
    pub(in crate::store) job: Running,
    pub(in crate::store) status: JobStatus,
    pub(in crate::store) outcome: AttemptOutcome,
    /// Of this run; the job keeps the last one that there was.
    pub(in crate::store) error: Option<String>,
    pub(in crate::store) result: Option<String>,
}

impl Engine {
    pub(in crate::store) async fn job_settle(
        &self,
        settlements: Vec<(i64, LeaseToken, Settlement)>,
    ) -> Result<Vec<Settled>, StoreError> {
        let ageing = self.ageing;
        if let Some(runs) = self.runs.completed(&settlements) {
            let completed = self.write(Lane::Runs, move |tx| runs::complete(tx, &runs));
            match completed.await {
                // Something is not as it was: each is looked up.
                Err(StoreError::StaleLease) => {}
                done => return done,
            }
        }
        self.write(Lane::Runs, move |tx| run(tx, &settlements, ageing))
            .await
    }
}

fn run(
    tx: &mut Tx<'_>,
    settlements: &[(i64, LeaseToken, Settlement)],
    ageing: Duration,
) -> Result<Vec<Settled>, StoreError> {
    let ids: Vec<i64> = settlements.iter().map(|(id, ..)| *id).collect();
    let running: Vec<Running> = statement(NAMED).many(Many::ids(&ids)?).load(tx.conn)?;
    let mut running: HashMap<i64, Running> = running.into_iter().map(|job| (job.id, job)).collect();
    let mut ended = Vec::with_capacity(settlements.len());
    // Places among the ended ones.
    let accepted: Vec<Option<usize>> = settlements
        .iter()
        .map(|(id, token, settlement)| {
            // Taken out: a second settlement of the same run in one batch is stale.
            let ours = running
                .get(id)
                .is_some_and(|job| job.lease_token == token.0);
            let job = ours.then(|| running.remove(id)).flatten()?;
            ended.push(apply(tx, job, settlement.clone(), ageing));
            Some(ended.len() - 1)
        })
        .collect();
    write(tx, &mut ended, ageing)?;
    let settled = |place: &Option<usize>| {
        place.map_or(Settled::Stale, |place| {
            Settled::Accepted(ended[place].status)
        })
    };
    Ok(accepted.iter().map(settled).collect())
}

/// What a settlement makes of a job. A job that somebody asked to cancel does not go back to wait.
fn apply(tx: &Tx<'_>, mut job: Running, settlement: Settlement, ageing: Duration) -> Ended {
    let later = |job: &mut Running, delay: Duration| {
        job.scheduled_at = micros(tx.now).saturating_add(span(delay));
        job.rank = rank(job.scheduled_at, job.priority, ageing);
    };
    let (status, outcome, error, result) = match settlement {
        Settlement::Complete { result } => (
            JobStatus::Completed,
            AttemptOutcome::Completed,
            None,
            result,
        ),
        Settlement::Fail { error, outcome } => (JobStatus::Failed, outcome, Some(error), None),
        Settlement::Cancel { error } => {
            (JobStatus::Cancelled, AttemptOutcome::Cancelled, error, None)
        }
        Settlement::Retry { error, outcome, .. } if job.cancel_requested => {
            (JobStatus::Cancelled, outcome, Some(error), None)
        }
        Settlement::Snooze { .. } if job.cancel_requested => {
            (JobStatus::Cancelled, AttemptOutcome::Snoozed, None, None)
        }
        Settlement::Release if job.cancel_requested => {
            (JobStatus::Cancelled, AttemptOutcome::Released, None, None)
        }
        Settlement::Retry {
            delay,
            error,
            outcome,
        } => {
            job.retry_count += 1;
            later(&mut job, delay);
            (JobStatus::RetryPending, outcome, Some(error), None)
        }
        Settlement::Snooze { delay } => {
            later(&mut job, delay);
            (JobStatus::Scheduled, AttemptOutcome::Snoozed, None, None)
        }
        Settlement::Release => (JobStatus::Pending, AttemptOutcome::Released, None, None),
    };
    Ended {
        job,
        status,
        outcome,
        error,
        result,
    }
}

/// The new states and the history rows, each in one statement.
pub(in crate::store) fn write(
    tx: &mut Tx<'_>,
    ended: &mut [Ended],
    ageing: Duration,
) -> Result<(), StoreError> {
    if ended.is_empty() {
        return Ok(());
    }
    if ended.iter().any(|end| !end.job.ties.are_none()) {
        tx.alone()?;
    }
    for end in ended.iter_mut().filter(|end| !end.status.has_ended()) {
        if let Some(holder) = ties::waits_again(tx, end.job.id, &end.job.ties)? {
            end.status = JobStatus::Cancelled;
            end.error = Some(format!(
                "job {holder} has taken its place by the unique key"
            ));
        }
    }
    let ended = &*ended;
    let now = micros(tx.now);
    let jobs: Vec<_> = ended.iter().map(|end| end.job_row(now)).collect();
    dialect::end_runs(&jobs)?.execute(tx.conn)?;
    let attempts: Vec<_> = ended.iter().map(|end| end.attempt_row(now)).collect();
    dialect::add_attempts(tx.conn, &attempts)?;
    for Ended { job, status, .. } in ended {
        let kind = (job.queue.as_str(), job.job_type.as_str());
        tx.ledger
            .moved(job.id, kind, Some(JobStatus::Processing), Some(*status));
        *tx.wake |= !status.has_ended();
    }
    for Ended { job, status, .. } in ended.iter().filter(|end| !end.job.ties.are_none()) {
        ties::gave_way(tx, &job.job_type, &job.ties)?;
        if status.has_ended() {
            ties::ended(tx, job.id, &job.ties, *status, ageing)?;
        }
    }
    Ok(())
}

impl Ended {
    fn job_row(&self, now: i64) -> EndRow<'_> {
        let job = &self.job;
        EndRow {
            id: job.id,
            status: self.status.as_str(),
            completed_at: self.status.has_ended().then_some(now),
            scheduled_at: job.scheduled_at,
            rank: job.rank,
            retry_count: job.retry_count,
            lease_losses: job.lease_losses,
            error_message: self.error.as_deref().or(job.error_message.as_deref()),
            result: self.result.as_deref(),
        }
    }

    fn attempt_row(&self, now: i64) -> AttemptRow<'_> {
        let job = &self.job;
        AttemptRow {
            job_id: job.id,
            number: job.attempt,
            worker: job.worker.as_deref().unwrap_or_default(),
            started_at: job.started_at.unwrap_or(now),
            finished_at: now,
            outcome: self.outcome.as_str(),
            error: self.error.as_deref(),
        }
    }
}
