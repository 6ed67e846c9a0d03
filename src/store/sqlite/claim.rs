//! Owns giving leases on due jobs, and extending them.
//! Must not know: what a worker does with a job.

use diesel::{
    QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Bool, Integer, Text},
};
use std::{collections::HashMap, time::Duration};

use super::{
    Sqlite,
    statement::statement,
    time::{micros, moment, span},
    writer::Tx,
};
use crate::{
    model::{ClaimedJob, JobStatus, LeaseState, LeaseToken},
    store::{Claim, StoreError},
};

#[derive(QueryableByName)]
struct Claimed {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    job_type: String,
    #[diesel(sql_type = Text)]
    payload: String,
    #[diesel(sql_type = Integer)]
    priority: i32,
    #[diesel(sql_type = BigInt)]
    rank: i64,
    #[diesel(sql_type = Integer)]
    max_retries: i32,
    #[diesel(sql_type = Integer)]
    retry_count: i32,
    #[diesel(sql_type = Integer)]
    attempt: i32,
    #[diesel(sql_type = BigInt)]
    timeout_ms: i64,
    #[diesel(sql_type = Text)]
    schema_fingerprint: String,
    #[diesel(sql_type = BigInt)]
    scheduled_at: i64,
    #[diesel(sql_type = BigInt)]
    lease_token: i64,
}

/// The statement of the claim, for the test that asks for its plan.
pub(super) const CLAIM: &str = "UPDATE job_queue SET status = 'processing', attempt = attempt + 1, \
     started_at = ?, lease_token = random(), lease_until = ?, worker = ? WHERE id IN (SELECT id FROM job_queue \
     WHERE status = 'pending' AND queue = ? ORDER BY rank, id LIMIT ?) \
     RETURNING id, job_type, payload, priority, rank, max_retries, retry_count, attempt, timeout_ms, \
     schema_fingerprint, scheduled_at, lease_token";

/// An owned [`Claim`], on its way to the writer.
struct Order {
    queues: Vec<String>,
    worker: String,
    limit: usize,
    lease: Duration,
}

impl Sqlite {
    pub(in crate::store) async fn job_claim(
        &self,
        claim: Claim<'_>,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        let order = Order {
            queues: claim
                .queues
                .iter()
                .map(|queue| (*queue).to_owned())
                .collect(),
            worker: claim.worker.to_owned(),
            limit: claim.limit,
            lease: claim.lease,
        };
        self.write(move |tx| run(tx, &order)).await
    }

    pub(in crate::store) async fn job_heartbeat(
        &self,
        leases: Vec<(i64, LeaseToken)>,
        lease: Duration,
    ) -> Result<Vec<LeaseState>, StoreError> {
        self.write(move |tx| heartbeat(tx, &leases, lease)).await
    }
}

fn run(tx: &mut Tx<'_>, order: &Order) -> Result<Vec<ClaimedJob>, StoreError> {
    let until = micros(tx.now).saturating_add(span(order.lease));
    let mut claimed = Vec::new();
    for queue in &order.queues {
        let left = order.limit - claimed.len();
        if left == 0 {
            break;
        }
        let mut rows: Vec<Claimed> = statement(CLAIM)
            .int(micros(tx.now))
            .int(until)
            .text(order.worker.as_str())
            .text(queue.as_str())
            .int(i64::try_from(left).unwrap_or(i64::MAX))
            .load(tx.conn)?;
        // RETURNING promises no order.
        rows.sort_unstable_by_key(|row| (row.rank, row.id));
        for row in rows {
            tx.ledger.note(queue, &row.job_type, JobStatus::Pending, -1);
            tx.ledger
                .note(queue, &row.job_type, JobStatus::Processing, 1);
            claimed.push(row.with(tx.now));
        }
    }
    Ok(claimed)
}

impl Claimed {
    fn with(self, started_at: chrono::DateTime<chrono::Utc>) -> ClaimedJob {
        ClaimedJob {
            id: self.id,
            job_type: self.job_type,
            payload: self.payload,
            priority: self.priority,
            max_retries: self.max_retries,
            retry_count: self.retry_count,
            attempt: self.attempt,
            timeout: Duration::from_millis(self.timeout_ms.unsigned_abs()),
            schema_fingerprint: self.schema_fingerprint,
            scheduled_at: moment(self.scheduled_at),
            started_at,
            lease: LeaseToken(self.lease_token),
        }
    }
}

#[derive(QueryableByName)]
struct Extended {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    lease_token: i64,
    #[diesel(sql_type = Bool)]
    cancel_requested: bool,
}

/// For the test that asks for its plan.
pub(super) const HEARTBEAT: &str = "UPDATE job_queue SET lease_until = ? FROM json_each(?) AS held \
     WHERE job_queue.id = held.value ->> 0 AND job_queue.lease_token = held.value ->> 1 \
     AND job_queue.status = 'processing' \
     RETURNING job_queue.id, job_queue.lease_token, job_queue.cancel_requested";

/// One statement for all leases of a process. A lease that ran out but was not taken back yet is extended: nobody else
/// has the job. The token is part of the answer: a worker may name an old lease beside the new one of the same job.
fn heartbeat(
    tx: &mut Tx<'_>,
    leases: &[(i64, LeaseToken)],
    lease: Duration,
) -> Result<Vec<LeaseState>, StoreError> {
    let named: Vec<(i64, i64)> = leases.iter().map(|(id, token)| (*id, token.0)).collect();
    let extended: Vec<Extended> = statement(HEARTBEAT)
        .int(micros(tx.now).saturating_add(span(lease)))
        .text(json(&named)?)
        .load(tx.conn)?;
    let extended: HashMap<_, _> = extended
        .iter()
        .map(|row| ((row.id, row.lease_token), row.cancel_requested))
        .collect();
    let state = |lease| match extended.get(lease) {
        Some(true) => LeaseState::CancelRequested,
        Some(false) => LeaseState::Live,
        None => LeaseState::Lost,
    };
    Ok(named.iter().map(state).collect())
}

/// Rows for `json_each`.
pub(super) fn json(rows: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(|error| StoreError::Internal(Box::new(error)))
}
