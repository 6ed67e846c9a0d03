//! Owns ending a run: the fence, the job's next state, the history row.
//! Must not know: why a run ended as it did (queue/outcome.rs).

use std::{collections::HashMap, time::Duration};

use diesel::{
    QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Bool, Integer, Nullable, Text},
};

use super::{
    Sqlite,
    claim::json,
    enqueue::rank,
    statement::statement,
    ties::{self, Ties},
    time::{micros, span},
    writer::Tx,
};
use crate::{
    model::{AttemptOutcome, JobStatus, LeaseToken, Settled, Settlement},
    store::StoreError,
};

/// What a settlement needs to know of the running job.
#[derive(QueryableByName)]
pub(super) struct Running {
    #[diesel(sql_type = BigInt)]
    pub(super) id: i64,
    #[diesel(sql_type = Text)]
    pub(super) queue: String,
    #[diesel(sql_type = Text)]
    pub(super) job_type: String,
    #[diesel(sql_type = Integer)]
    pub(super) priority: i32,
    #[diesel(sql_type = BigInt)]
    pub(super) rank: i64,
    #[diesel(sql_type = Integer)]
    pub(super) attempt: i32,
    #[diesel(sql_type = Integer)]
    pub(super) retry_count: i32,
    #[diesel(sql_type = Integer)]
    pub(super) lease_losses: i32,
    #[diesel(sql_type = Bool)]
    pub(super) cancel_requested: bool,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) worker: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub(super) lease_token: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) scheduled_at: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(super) started_at: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) error_message: Option<String>,
    #[diesel(embed)]
    pub(super) ties: Ties,
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
pub(super) use running;

/// For the test that asks for its plan.
pub(super) const NAMED: &str = concat!(
    running!(),
    "WHERE id IN (SELECT value FROM json_each(?)) AND status = 'processing'"
);

/// For the test that asks for its plan.
pub(super) const END: &str = "UPDATE job_queue SET status = ended.value ->> 1, completed_at = ended.value ->> 2, \
     scheduled_at = ended.value ->> 3, rank = ended.value ->> 4, retry_count = ended.value ->> 5, \
     lease_losses = ended.value ->> 6, error_message = ended.value ->> 7, result = ended.value ->> 8, \
     cancel_requested = FALSE, lease_token = NULL, lease_until = NULL \
     FROM json_each(?) AS ended WHERE job_queue.id = ended.value ->> 0";

/// Where a running job goes, and the history row that it leaves.
pub(super) struct Ended {
    pub(super) job: Running,
    pub(super) status: JobStatus,
    pub(super) outcome: AttemptOutcome,
    /// Of this run; the job keeps the last one that there was.
    pub(super) error: Option<String>,
    pub(super) result: Option<String>,
}

impl Sqlite {
    pub(in crate::store) async fn job_settle(
        &self,
        settlements: Vec<(i64, LeaseToken, Settlement)>,
    ) -> Result<Vec<Settled>, StoreError> {
        let ageing = self.ageing;
        self.write(move |tx| run(tx, settlements, ageing)).await
    }
}

fn run(
    tx: &mut Tx<'_>,
    settlements: Vec<(i64, LeaseToken, Settlement)>,
    ageing: Duration,
) -> Result<Vec<Settled>, StoreError> {
    let ids: Vec<i64> = settlements.iter().map(|(id, ..)| *id).collect();
    let running: Vec<Running> = statement(NAMED).text(json(&ids)?).load(tx.conn)?;
    let mut running: HashMap<i64, Running> = running.into_iter().map(|job| (job.id, job)).collect();
    let mut ended = Vec::with_capacity(settlements.len());
    // Places among the ended ones.
    let accepted: Vec<Option<usize>> = settlements
        .into_iter()
        .map(|(id, token, settlement)| {
            // Taken out: a second settlement of the same run in one batch is stale.
            let ours = running
                .get(&id)
                .is_some_and(|job| job.lease_token == token.0);
            let job = ours.then(|| running.remove(&id)).flatten()?;
            ended.push(apply(tx, job, settlement, ageing));
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
pub(super) fn write(
    tx: &mut Tx<'_>,
    ended: &mut [Ended],
    ageing: Duration,
) -> Result<(), StoreError> {
    if ended.is_empty() {
        return Ok(());
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
    statement(END).text(json(&jobs)?).execute(tx.conn)?;
    let attempts: Vec<_> = ended.iter().map(|end| end.attempt_row(now)).collect();
    statement(
        "INSERT INTO job_attempts (job_id, number, worker, started_at, finished_at, outcome, error) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 \
         FROM json_each(?)",
    )
    .text(json(&attempts)?)
    .execute(tx.conn)?;
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
    fn job_row(&self, now: i64) -> impl serde::Serialize + '_ {
        let job = &self.job;
        (
            job.id,
            self.status.as_str(),
            self.status.has_ended().then_some(now),
            job.scheduled_at,
            job.rank,
            job.retry_count,
            job.lease_losses,
            self.error.as_ref().or(job.error_message.as_ref()),
            &self.result,
        )
    }

    fn attempt_row(&self, now: i64) -> impl serde::Serialize + '_ {
        let job = &self.job;
        (
            job.id,
            job.attempt,
            job.worker.as_deref().unwrap_or_default(),
            job.started_at.unwrap_or(now),
            now,
            self.outcome.as_str(),
            &self.error,
        )
    }
}
