//! Owns giving leases on due jobs.
//! Must not know: what a worker does with a job.

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult, Queryable, RunQueryDsl,
    sql_types::{BigInt, Integer, Nullable, Text},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use super::{
    Document, Engine, Moment, RawJson, dialect,
    gates::{self, Gates},
    held,
    runs::Run,
    standing::Nudge,
    ties::{self, Ties},
    time::{micros, moment, span},
    tx::{Lane, Turn, Tx},
};
use crate::{
    model::{ClaimedJob, JobPolicy, JobStatus, LeaseToken},
    store::{Claim, Claims, StoreError},
};

/// In the order of the statement's columns.
#[derive(Queryable)]
pub(in crate::store) struct Claimed {
    pub(in crate::store) id: i64,
    job_type: String,
    payload: String,
    priority: i32,
    rank: i64,
    max_retries: i32,
    retry_count: i32,
    pub(in crate::store) attempt: i32,
    timeout_ms: i64,
    schema_fingerprint: String,
    scheduled_at: i64,
    pub(in crate::store) started_at: i64,
    lease_token: i64,
    checkpoint: Option<String>,
    expires_at: Option<i64>,
    ties: Ties,
}

pub(in crate::store) type Columns = (
    BigInt,
    Text,
    Document,
    Integer,
    BigInt,
    Integer,
    Integer,
    Integer,
    BigInt,
    Text,
    Moment,
    Moment,
    BigInt,
    Nullable<RawJson>,
    Nullable<Moment>,
    ties::Columns,
);

/// Jobs that one claim puts at gates, at most: bounds its time when many are in the way.
const ASIDE: usize = 1_000;

/// An owned [`Claim`], on its way to the writer.
struct Order {
    queues: Vec<String>,
    worker: String,
    limit: usize,
    lease: Duration,
    /// Job types and fingerprints; `None`: everything.
    reads: Option<HashSet<(String, Option<String>)>>,
    policies: &'static [JobPolicy],
}

impl Engine {
    pub(in crate::store) async fn job_claim(&self, claim: Claim<'_>) -> Result<Claims, StoreError> {
        let order = Order::new(&claim, self.policies);
        let taken = self.write(Lane::Claims, move |tx| run(tx, &order));
        Ok(self.begun(taken.await?))
    }

    pub(in crate::store) async fn job_claim_next(
        &self,
        claim: Claim<'_>,
    ) -> Result<Claims, StoreError> {
        let order = Order::new(&claim, self.policies);
        let claims = self.lane(Lane::Claims);
        let taken = claims.stand(move |tx| run(tx, &order), Taken::is_enough);
        Ok(self.begun(taken.await?))
    }

    pub(in crate::store) async fn job_look_again(&self) -> Result<(), StoreError> {
        self.lane(Lane::Claims).nudge(Nudge::LookAgain).await
    }

    pub(in crate::store) async fn job_let_go(&self) -> Result<(), StoreError> {
        self.lane(Lane::Claims).nudge(Nudge::LetGo).await
    }

    fn begun(&self, taken: Taken) -> Claims {
        self.runs.begun(taken.runs);
        taken.claims
    }
}

/// What a claim came to, and what is to be remembered of it.
#[derive(Default)]
struct Taken {
    claims: Claims,
    runs: Vec<(i64, Run)>,
}

impl Taken {
    /// Whether whoever waits for jobs is to hear of it.
    fn is_enough(&self) -> bool {
        let Claims {
            jobs,
            more,
            ready_at,
            ..
        } = &self.claims;
        !jobs.is_empty() || *more || ready_at.is_some()
    }
}

fn run(tx: &mut Tx<'_>, order: &Order) -> Result<Taken, StoreError> {
    let mut taken = Taken::default();
    taken.claims.began = Some(tx.began);
    if unhindered(tx, order, &mut taken)? {
        return Ok(taken);
    }
    let any_held = held::any_held(tx)?;
    let mut gates = Gates::of(tx, order.policies)?;
    if any_held {
        tx.alone()?;
        open(tx, gates.as_mut(), order)?;
    }
    let mut aside = 0;
    for queue in &order.queues {
        loop {
            let left = order.left(&taken);
            let left = match gates.as_mut() {
                Some(gates) if left > 0 => left.min(gates.queue(tx, queue)?),
                _ => left,
            };
            if left < 1 {
                break;
            }
            let rows = dialect::claim(tx, &order.terms(tx.now, queue, left))?;
            let refused = judge(tx, order, queue, rows, gates.as_mut(), &mut taken)?;
            if refused.is_empty() {
                break;
            }
            put_aside(tx, &refused)?;
            aside += refused.len();
            if aside >= ASIDE {
                taken.claims.more = true;
                break;
            }
            // Who was let through at one gate and met another one leaves the place to the next.
            if let Some(gates) = gates.as_mut() {
                gates.open(tx, left)?;
            }
        }
    }
    if let Some(gates) = gates {
        taken.claims.ready_at = gates.close(tx)?.map(moment);
    }
    Ok(taken)
}

/// What one step of a claim is to take, and for whom. Moments in microseconds.
pub(in crate::store) struct Terms<'a> {
    pub(in crate::store) now: i64,
    /// At random; with a job's number added, the token of its lease: each is another.
    pub(in crate::store) token_base: i64,
    pub(in crate::store) until: i64,
    pub(in crate::store) worker: &'a str,
    pub(in crate::store) queue: &'a str,
    pub(in crate::store) limit: i64,
}

/// A claim that takes nothing if anything may be in its way.
pub(in crate::store) type Unhindered = fn(&mut Tx<'_>, &Terms<'_>) -> QueryResult<Vec<Claimed>>;

/// Where a question costs as much as a claim, none is asked at first. False when something may be in the way: nothing is taken then.
fn unhindered(tx: &mut Tx<'_>, order: &Order, taken: &mut Taken) -> Result<bool, StoreError> {
    let Some(claim) = dialect::UNHINDERED else {
        return Ok(false);
    };
    let seldom = tx.controls.hindered || *tx.turn == Turn::Alone;
    if seldom || gates::any_declared(order.policies) {
        return Ok(false);
    }
    for queue in &order.queues {
        let left = order.left(taken);
        if left < 1 {
            break;
        }
        let rows = claim(tx, &order.terms(tx.now, queue, left))?;
        let refused = judge(tx, order, queue, rows, None, taken)?;
        put_aside(tx, &refused)?;
        // There may be others behind them.
        taken.claims.more |= !refused.is_empty();
    }
    let none = taken.claims.jobs.is_empty() && !taken.claims.more;
    Ok(!none || held::is_nothing_there(tx, &order.queues)?)
}

/// Lets through what may start, and what this worker can read.
fn open(tx: &mut Tx<'_>, gates: Option<&mut Gates>, order: &Order) -> Result<(), StoreError> {
    let most = i64::try_from(order.limit).unwrap_or(i64::MAX);
    for gate in held::held(tx, "schema:")? {
        let rest = gate
            .strip_prefix("schema:")
            .and_then(|rest| rest.split_once(':'));
        let read =
            rest.is_some_and(|(job_type, fingerprint)| order.can_read(job_type, fingerprint));
        if read {
            held::let_through(tx, &gate, most)?;
        }
    }
    if let Some(gates) = gates {
        return gates.open(tx, most);
    }
    // The last limit is gone.
    for prefix in ["type:", "key:"] {
        for gate in held::held(tx, prefix)? {
            held::let_through(tx, &gate, most)?;
        }
    }
    Ok(())
}

/// Keeps what may start; answers the rest with the gates that are closed for it.
fn judge(
    tx: &mut Tx<'_>,
    order: &Order,
    queue: &str,
    mut rows: Vec<Claimed>,
    mut gates: Option<&mut Gates>,
    taken: &mut Taken,
) -> Result<Vec<(i64, String)>, StoreError> {
    // PostgreSQL's RETURNING promises no order.
    rows.sort_unstable_by_key(|row| (row.rank, row.id));
    let mut keys: HashMap<(String, String), i64> = HashMap::new();
    if gates.is_some() {
        for row in &rows {
            if let Some(key) = &row.ties.concurrency_key {
                *keys.entry((row.job_type.clone(), key.clone())).or_default() += 1;
            }
        }
    }
    let mut refused = Vec::new();
    let mut names = Names(queue.into(), order.worker.as_str().into(), Vec::new());
    for row in rows {
        let key = row.ties.concurrency_key.as_deref();
        let closed = if row.expires_at.is_some_and(|end| end <= micros(tx.now)) {
            // Nobody opens this gate: the promoter cancels what is expired.
            Some("expired".to_owned())
        } else if !order.can_read(&row.job_type, &row.schema_fingerprint) {
            Some(held::schema_gate(&row.job_type, &row.schema_fingerprint))
        } else if let Some(gates) = gates.as_mut() {
            let own = key
                .and_then(|key| keys.get(&(row.job_type.clone(), key.to_owned())))
                .copied();
            gates.pass(tx, queue, &row.job_type, key, own.unwrap_or(0))?
        } else {
            None
        };
        if let Some(gate) = closed {
            refused.push((row.id, gate));
            continue;
        }
        tx.ledger.moved(
            row.id,
            (queue, &row.job_type),
            Some(JobStatus::Pending),
            Some(JobStatus::Processing),
        );
        if row.ties.are_none() {
            let run = Run {
                token: row.lease_token,
                queue: Arc::clone(&names.0),
                job_type: names.of(&row.job_type),
                worker: Arc::clone(&names.1),
                attempt: row.attempt,
                started_at: row.started_at,
            };
            taken.runs.push((row.id, run));
        } else {
            ties::started(tx, row.id, &row.ties)?;
        }
        taken.claims.jobs.push(row.with(queue));
    }
    Ok(refused)
}

/// Queue, worker and job types of a claim: the same few texts for all of its runs.
struct Names(Arc<str>, Arc<str>, Vec<Arc<str>>);

impl Names {
    fn of(&mut self, job_type: &str) -> Arc<str> {
        let known = self.2.iter().find(|known| &***known == job_type).cloned();
        known.unwrap_or_else(|| {
            let new: Arc<str> = job_type.into();
            self.2.push(Arc::clone(&new));
            new
        })
    }
}

fn put_aside(tx: &mut Tx<'_>, refused: &[(i64, String)]) -> Result<(), StoreError> {
    if !refused.is_empty() {
        dialect::put_aside(refused)?.execute(tx.conn)?;
    }
    Ok(())
}

impl Order {
    fn new(claim: &Claim<'_>, policies: &'static [JobPolicy]) -> Self {
        let owned = |(job_type, fingerprint): &(&str, Option<&str>)| {
            ((*job_type).to_owned(), fingerprint.map(str::to_owned))
        };
        let queues = claim.queues.iter();
        Self {
            queues: queues.map(|queue| (*queue).to_owned()).collect(),
            worker: claim.worker.to_owned(),
            limit: claim.limit,
            lease: claim.lease,
            reads: claim.reads.map(|reads| reads.iter().map(owned).collect()),
            policies,
        }
    }

    fn terms<'a>(&'a self, now: DateTime<Utc>, queue: &'a str, limit: i64) -> Terms<'a> {
        let now = micros(now);
        Terms {
            now,
            // Half of all numbers: none leaves them with a job's added.
            token_base: rand::random::<i64>() >> 1,
            until: now.saturating_add(span(self.lease)),
            worker: &self.worker,
            queue,
            limit,
        }
    }

    /// How many more may be taken.
    fn left(&self, taken: &Taken) -> i64 {
        i64::try_from(self.limit - taken.claims.jobs.len()).unwrap_or(i64::MAX)
    }

    fn can_read(&self, job_type: &str, fingerprint: &str) -> bool {
        self.reads.as_ref().is_none_or(|reads| {
            reads.iter().any(|(known, print)| {
                known == job_type && print.as_deref().is_none_or(|it| it == fingerprint)
            })
        })
    }
}

impl Claimed {
    fn with(self, queue: &str) -> ClaimedJob {
        ClaimedJob {
            id: self.id,
            queue: queue.to_owned(),
            job_type: self.job_type,
            payload: self.payload,
            priority: self.priority,
            max_retries: self.max_retries,
            retry_count: self.retry_count,
            attempt: self.attempt,
            timeout: Duration::from_millis(self.timeout_ms.unsigned_abs()),
            schema_fingerprint: self.schema_fingerprint,
            scheduled_at: moment(self.scheduled_at),
            started_at: moment(self.started_at),
            checkpoint: self.checkpoint,
            lease: LeaseToken(self.lease_token),
        }
    }
}

/// Rows for `json_each`.
pub(in crate::store) fn json(rows: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(|error| StoreError::Internal(Box::new(error)))
}
