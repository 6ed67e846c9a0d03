//! Owns what time does to jobs: waiting ones become due, leases run out. In small batches, so that claims get between.
//! Must not know: who calls, or when.

use diesel::{
    QueryableByName, RunQueryDsl,
    dsl::sql,
    sql_types::{BigInt, Nullable, Text},
};

use super::{
    Sqlite,
    settle::{Ended, Running, running, write},
    statement::statement,
    time::{micros, moment},
    writer::Tx,
};
use crate::{
    model::{AttemptOutcome, JobStatus},
    store::{Promoted, Rescued, StoreError},
};

/// Workers that may die with a job before it is taken for the cause.
const LOSSES: i32 = 3;

/// For the test that asks for its plan.
pub(super) const PROMOTE: &str = "SELECT id, queue, job_type, status FROM job_queue \
     WHERE status IN ('scheduled', 'retry_pending') AND scheduled_at <= ? ORDER BY scheduled_at LIMIT ?";

/// For the test that asks for its plan.
pub(super) const MOVE: &str =
    "UPDATE job_queue SET status = 'pending' WHERE id IN (SELECT value FROM json_each(?))";

/// For the test that asks for its plan.
pub(super) const NEXT_DUE: &str =
    "SELECT min(scheduled_at) FROM job_queue WHERE status IN ('scheduled', 'retry_pending')";

/// For the test that asks for its plan.
pub(super) const EXPIRED: &str = concat!(
    running!(),
    "WHERE status = 'processing' AND lease_until <= ? ORDER BY lease_until LIMIT ?"
);

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

impl Sqlite {
    pub(in crate::store) async fn job_promote(&self, limit: usize) -> Result<Promoted, StoreError> {
        self.write(move |tx| promote(tx, limit)).await
    }

    pub(in crate::store) async fn job_rescue(&self, limit: usize) -> Result<Rescued, StoreError> {
        self.write(move |tx| rescue(tx, limit)).await
    }
}

fn promote(tx: &mut Tx<'_>, limit: usize) -> Result<Promoted, StoreError> {
    let due: Vec<Due> = statement(PROMOTE)
        .int(micros(tx.now))
        .int(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(tx.conn)?;
    if !due.is_empty() {
        let ids: Vec<i64> = due.iter().map(|job| job.id).collect();
        statement(MOVE)
            .text(super::claim::json(&ids)?)
            .execute(tx.conn)?;
        for job in &due {
            let status = super::jobs::status(&job.status)?;
            tx.ledger.note(&job.queue, &job.job_type, status, -1);
            tx.ledger
                .note(&job.queue, &job.job_type, JobStatus::Pending, 1);
        }
        *tx.wake = true;
    }
    let next_due = sql::<Nullable<BigInt>>(NEXT_DUE).get_result::<Option<i64>>(tx.conn)?;
    Ok(Promoted {
        jobs: due.len(),
        next_due: next_due.map(moment),
    })
}

fn rescue(tx: &mut Tx<'_>, limit: usize) -> Result<Rescued, StoreError> {
    let expired: Vec<Running> = statement(EXPIRED)
        .int(micros(tx.now))
        .int(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(tx.conn)?;
    let ended: Vec<Ended> = expired.into_iter().map(lost).collect();
    write(tx, &ended)?;
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
