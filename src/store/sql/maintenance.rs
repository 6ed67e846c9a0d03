//! Owns what time does to jobs: waiting ones become due, leases run out. In small batches, so that claims get between.
//! Must not know: who calls, or when.

use std::time::Duration;

use diesel::{
    QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Nullable, Text},
};

use super::{
    Conn, Engine, Many, Moment, among, gates,
    settle::{Ended, Running, running, write},
    skip_locked,
    statement::statement,
    ties::{self, Waiting, waiting},
    time::{micros, moment},
    tx::{Lane, Tx},
};
use crate::{
    model::{AttemptOutcome, JobStatus},
    store::{Promoted, Rescued, StoreError},
};

/// Workers that may die with a job before it is taken for the cause.
const LOSSES: i32 = 3;

/// For the test that asks for its plan.
pub(in crate::store) const PROMOTE: &str = concat!(
    "SELECT id, queue, job_type, status FROM job_queue WHERE status IN ('scheduled', 'retry_pending') \
     AND blocked_by = 0 AND scheduled_at <= ? ORDER BY scheduled_at LIMIT ?",
    skip_locked!()
);

/// For the test that asks for its plan.
pub(in crate::store) const MOVE: &str = concat!(
    "UPDATE job_queue SET status = 'pending' WHERE id ",
    among!()
);

/// For the test that asks for its plan.
pub(in crate::store) const EXPIRING: &str = concat!(
    waiting!(),
    "WHERE status IN ('scheduled', 'pending', 'retry_pending') AND expires_at <= ? ORDER BY expires_at LIMIT ?"
);

/// When the next job becomes due, and when the next one expires. For the test that asks for its plan.
pub(in crate::store) const NEXT: &str = "SELECT \
     (SELECT min(scheduled_at) FROM job_queue WHERE status IN ('scheduled', 'retry_pending') AND blocked_by = 0), \
     (SELECT min(expires_at) FROM job_queue \
     WHERE expires_at IS NOT NULL AND status IN ('scheduled', 'pending', 'retry_pending'))";

/// For the test that asks for its plan.
pub(in crate::store) const EXPIRED: &str = concat!(
    running!(),
    "WHERE status = 'processing' AND lease_until <= ? ORDER BY lease_until LIMIT ?",
    skip_locked!()
);

/// What an expired job says.
const EXPIRED_REASON: &str = "expired: it was still waiting at its expires_at";

#[derive(QueryableByName)]
struct Due {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    queue: String,
    #[diesel(sql_type = Text)]
    job_type: String,
    #[diesel(sql_type = Text)]
    status: String,
}

impl Engine {
    /// Mostly there is nothing to promote: that is found out beside the writers, unless there are too many readers.
    pub(in crate::store) async fn job_promote(&self, limit: usize) -> Result<Promoted, StoreError> {
        if let Ok(next) = self.read(next).await
            && next.is_none_or(|next| next > micros(self.clock.now()))
        {
            return Ok(Promoted {
                jobs: 0,
                next_due: next.map(moment),
            });
        }
        let ageing = self.ageing;
        self.write(Lane::Runs, move |tx| promote(tx, limit, ageing))
            .await
    }

    pub(in crate::store) async fn job_release_held(
        &self,
        after: Option<String>,
    ) -> Result<Option<String>, StoreError> {
        let policies = self.policies;
        self.write(Lane::Rest, move |tx| {
            gates::sweep(tx, policies, after.clone())
        })
        .await
    }

    pub(in crate::store) async fn job_rescue(&self, limit: usize) -> Result<Rescued, StoreError> {
        let ageing = self.ageing;
        self.write(Lane::Runs, move |tx| rescue(tx, limit, ageing))
            .await
    }
}

fn promote(tx: &mut Tx<'_>, limit: usize, ageing: Duration) -> Result<Promoted, StoreError> {
    let expired = expire(tx, limit, ageing)?;
    let due: Vec<Due> = statement(PROMOTE)
        .at(micros(tx.now))
        .int(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(tx.conn)?;
    if !due.is_empty() {
        let ids: Vec<i64> = due.iter().map(|job| job.id).collect();
        statement(MOVE).many(Many::ids(&ids)?).execute(tx.conn)?;
        for job in &due {
            let status = super::jobs::status(&job.status)?;
            let kind = (job.queue.as_str(), job.job_type.as_str());
            tx.ledger
                .moved(job.id, kind, Some(status), Some(JobStatus::Pending));
        }
        *tx.wake = true;
    }
    Ok(Promoted {
        jobs: due.len().max(expired),
        next_due: next(tx.conn)?.map(moment),
    })
}

/// When a job becomes due or expires next, in microseconds.
fn next(conn: &mut Conn) -> Result<Option<i64>, StoreError> {
    let (due, expiry): (Option<i64>, Option<i64>) = statement(NEXT)
        .placed::<(Nullable<Moment>, Nullable<Moment>)>()
        .get_result(conn)?;
    Ok(due.into_iter().chain(expiry).min())
}

/// Cancels waiting jobs that nobody wants any more. Answers how many.
fn expire(tx: &mut Tx<'_>, limit: usize, ageing: Duration) -> Result<usize, StoreError> {
    let expired: Vec<Waiting> = statement(EXPIRING)
        .at(micros(tx.now))
        .int(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(tx.conn)?;
    if !expired.is_empty() {
        tx.alone()?;
    }
    for job in &expired {
        // The end of another one may have taken it along.
        if let Some(job) = ties::find_waiting(tx, job.id)? {
            ties::cancel(tx, &job, Some(EXPIRED_REASON), ageing)?;
        }
    }
    Ok(expired.len())
}

fn rescue(tx: &mut Tx<'_>, limit: usize, ageing: Duration) -> Result<Rescued, StoreError> {
    let expired: Vec<Running> = statement(EXPIRED)
        .at(micros(tx.now))
        .int(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(tx.conn)?;
    let mut ended: Vec<Ended> = expired.into_iter().map(lost).collect();
    write(tx, &mut ended, ageing)?;
    let quarantined = ended
        .iter()
        .filter(|end| end.status == JobStatus::Failed)
        .count();
    Ok(Rescued {
        retaken: ended.len() - quarantined,
        quarantined,
    })
}

/// A worker died with the job: no retry is used, but the third death counts against the job.
fn lost(mut job: Running) -> Ended {
    job.lease_losses += 1;
    let (status, error) = if job.cancel_requested {
        (
            JobStatus::Cancelled,
            "the worker was lost after the job was asked to stop".to_owned(),
        )
    } else if job.lease_losses >= LOSSES {
        (
            JobStatus::Failed,
            format!("worker_lost: {LOSSES} workers were lost while they had the job"),
        )
    } else {
        (
            JobStatus::Pending,
            "the worker was lost: its lease ran out without a heartbeat".to_owned(),
        )
    };
    Ended {
        job,
        status,
        outcome: AttemptOutcome::Lost,
        error: Some(error),
        result: None,
    }
}
