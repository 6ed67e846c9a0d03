//! Owns what holds due jobs back: pauses, limits on how many run, limits on how many start in a time; of queues, of job types,
//! and of jobs with the same key. A job that may not start is put at its gate, out of the way of the claims, and let
//! through when the gate opens: so a claim never walks over what it may not take (docs/decisions/0010).
//! Must not know: which worker claims.

use std::{collections::HashMap, sync::Arc};

use diesel::{OptionalExtension, QueryableByName, RunQueryDsl, sql_types::BigInt};

use super::{
    Moment, buckets, controls, counts,
    held::{GATES, Gate, anybody, held, held_after, key_gate, let_through, queue_gate, type_gate},
    statement::statement,
    time::micros,
    tx::Tx,
};
use crate::{
    model::{Control, ControlKind, JobPolicy, JobStatus, Rate},
    store::StoreError,
};

/// For the test that asks for its plan.
pub(in crate::store) const RUNNING_WITH_KEY: &str = "SELECT count(*) AS count FROM job_queue \
     WHERE status = 'processing' AND concurrency_key = ? AND job_type = ?";

/// For the test that asks for its plan.
pub(in crate::store) const REFILLED: &str = "SELECT gate FROM rate_buckets WHERE ready_at <= ? AND gate > 'key:' AND gate < 'key;' \
     ORDER BY ready_at LIMIT ?";

/// What has passed is not waited for: this claim has looked.
const FIRST_READY: &str =
    "SELECT ready_at FROM rate_buckets WHERE ready_at > ? ORDER BY ready_at LIMIT 1";

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Ready {
    #[diesel(sql_type = Moment)]
    ready_at: i64,
}

/// What one gate lets through now.
#[derive(Debug, Default)]
struct Allowance {
    /// Slots; `None`: as many as come.
    free: Option<i64>,
    bucket: Option<(Rate, f64)>,
    /// A token was taken.
    taken: bool,
    /// Somebody waits.
    waiting: bool,
}

impl Allowance {
    fn closed() -> Self {
        Self {
            free: Some(0),
            ..Self::default()
        }
    }

    fn left(&self) -> i64 {
        let free = self.free.unwrap_or(i64::MAX).max(0);
        let tokens = self
            .bucket
            .map_or(i64::MAX, |(_, tokens)| buckets::whole(tokens));
        free.min(tokens)
    }

    fn take(&mut self) {
        if let Some(free) = &mut self.free {
            *free -= 1;
        }
        if let Some((_, tokens)) = &mut self.bucket {
            *tokens -= 1.0;
            self.taken = true;
        }
    }
}

/// Whether the contract limits any job type.
pub(in crate::store) fn any_declared(policies: &[JobPolicy]) -> bool {
    policies.iter().any(|policy| {
        policy.concurrency.is_some()
            || policy.rate.is_some()
            || policy.key_concurrency.is_some()
            || policy.key_rate.is_some()
    })
}

/// The gates of one claim.
pub(in crate::store) struct Gates {
    policies: &'static [JobPolicy],
    controls: Arc<[Control]>,
    allowances: HashMap<String, Allowance>,
}

impl Gates {
    /// `None` when no limit is declared and nothing was ordered.
    pub(in crate::store) fn of(
        tx: &mut Tx<'_>,
        policies: &'static [JobPolicy],
    ) -> Result<Option<Self>, StoreError> {
        let controls = tx.controls.all(tx.conn)?;
        let any = !controls.is_empty() || any_declared(policies);
        if any {
            // What runs is counted, and then more is started.
            tx.alone()?;
        }
        Ok(any.then(|| Self {
            policies,
            controls,
            allowances: HashMap::new(),
        }))
    }

    fn policy(&self, job_type: &str) -> Option<&'static JobPolicy> {
        self.policies
            .iter()
            .find(|policy| policy.job_type == job_type)
    }

    /// How many jobs of a queue may start now.
    pub(in crate::store) fn queue(
        &mut self,
        tx: &mut Tx<'_>,
        queue: &str,
    ) -> Result<i64, StoreError> {
        let gate = queue_gate(queue);
        let Some(control) = controls::of(&self.controls, ControlKind::Queue, queue) else {
            return Ok(i64::MAX);
        };
        if !self.allowances.contains_key(&gate) {
            let allowance = if control.pause.is_some() {
                Allowance::closed()
            } else {
                let limits = control.limits;
                let running = |tx: &mut Tx<'_>| {
                    counts::now(tx, &[JobStatus::Processing], ControlKind::Queue, queue)
                };
                allowance(tx, &gate, limits.concurrency, limits.rate, running)?
            };
            self.allowances.insert(gate.clone(), allowance);
        }
        let allowance = self.allowances.entry(gate).or_default();
        // Whoever asks has jobs in mind; a needless look later costs little.
        allowance.waiting = true;
        Ok(allowance.left())
    }

    fn of_type(
        &mut self,
        tx: &mut Tx<'_>,
        job_type: &str,
    ) -> Result<Option<&mut Allowance>, StoreError> {
        let gate = type_gate(job_type);
        if !self.allowances.contains_key(&gate) {
            let control = controls::of(&self.controls, ControlKind::JobType, job_type);
            let policy = self.policy(job_type);
            let limits = control.map(|control| control.limits).unwrap_or_default();
            let concurrency = limits.concurrency.or(policy.and_then(|it| it.concurrency));
            let rate = limits.rate.or(policy.and_then(|it| it.rate));
            let allowance = if control.is_some_and(|control| control.pause.is_some()) {
                Allowance::closed()
            } else {
                let running = |tx: &mut Tx<'_>| {
                    counts::now(tx, &[JobStatus::Processing], ControlKind::JobType, job_type)
                };
                allowance(tx, &gate, concurrency, rate, running)?
            };
            self.allowances.insert(gate.clone(), allowance);
        }
        Ok(self.allowances.get_mut(&gate))
    }

    /// `own`: jobs with this key that the claim itself has just marked as running, and is to judge.
    fn of_key(
        &mut self,
        tx: &mut Tx<'_>,
        job_type: &str,
        key: &str,
        own: i64,
    ) -> Result<Option<&mut Allowance>, StoreError> {
        let Some(policy) = self.policy(job_type) else {
            return Ok(None);
        };
        let gate = key_gate(job_type, key);
        if !self.allowances.contains_key(&gate) {
            let running = |tx: &mut Tx<'_>| {
                let found: Count = statement(RUNNING_WITH_KEY)
                    .text(key)
                    .text(job_type)
                    .get_result(tx.conn)?;
                Ok(found.count - own)
            };
            let allowance = allowance(tx, &gate, policy.key_concurrency, policy.key_rate, running)?;
            self.allowances.insert(gate.clone(), allowance);
        }
        Ok(self.allowances.get_mut(&gate))
    }

    /// Takes a place at all gates of a job, or answers the first that is closed.
    pub(in crate::store) fn pass(
        &mut self,
        tx: &mut Tx<'_>,
        queue: &str,
        job_type: &str,
        key: Option<&str>,
        own: i64,
    ) -> Result<Option<String>, StoreError> {
        if let Some(allowance) = self.of_type(tx, job_type)?
            && allowance.left() < 1
        {
            allowance.waiting = true;
            return Ok(Some(type_gate(job_type)));
        }
        if let Some(key) = key
            && let Some(allowance) = self.of_key(tx, job_type, key, own)?
        {
            if allowance.left() < 1 {
                allowance.waiting = true;
                return Ok(Some(key_gate(job_type, key)));
            }
            allowance.take();
        }
        for gate in [type_gate(job_type), queue_gate(queue)] {
            if let Some(allowance) = self.allowances.get_mut(&gate) {
                allowance.take();
            }
        }
        Ok(None)
    }

    /// Lets through, at gates of types and at those of keys whose bucket has filled, what may start now.
    pub(in crate::store) fn open(&mut self, tx: &mut Tx<'_>, most: i64) -> Result<(), StoreError> {
        for gate in held(tx, "type:")? {
            let job_type = gate["type:".len()..].to_owned();
            if let Some(allowance) = self.of_type(tx, &job_type)? {
                allowance.waiting = true;
                let free = allowance.left();
                let_through(tx, &gate, free.min(most))?;
            }
        }
        let refilled: Vec<Gate> = statement(REFILLED)
            .at(micros(tx.now))
            .int(GATES)
            .load(tx.conn)?;
        for Gate { gate } in refilled {
            let parts = gate
                .strip_prefix("key:")
                .and_then(|rest| rest.split_once(':'));
            if let Some((job_type, key)) = parts
                && let Some(allowance) = self.of_key(tx, job_type, key, 0)?
            {
                let free = allowance.left();
                let_through(tx, &gate, free.min(most))?;
                let waiting = anybody(tx, &gate)?;
                if let Some(allowance) = self.allowances.get_mut(&gate) {
                    allowance.waiting = waiting;
                    allowance.taken = true;
                }
            }
        }
        Ok(())
    }

    /// Keeps the buckets. Answers when one that somebody waits at has a token again, in microseconds.
    pub(in crate::store) fn close(self, tx: &mut Tx<'_>) -> Result<Option<i64>, StoreError> {
        let now = micros(tx.now);
        let mut any = false;
        for (gate, allowance) in &self.allowances {
            let Some((rate, tokens)) = allowance.bucket else {
                continue;
            };
            any = true;
            let dry = allowance.waiting && buckets::whole(tokens) < 1;
            if !allowance.taken && !dry {
                continue;
            }
            let refill = dry.then(|| buckets::refilled_at(rate, tokens, now));
            // A claim with few slots left somebody at a gate of a key that is open: the next claim looks there again.
            let open = allowance.waiting && allowance.left() >= 1 && gate.starts_with("key:");
            let ready = refill.or(open.then_some(now));
            statement(
                "INSERT INTO rate_buckets (gate, tokens, updated_at, ready_at) VALUES (?, ?, ?, ?) \
                 ON CONFLICT (gate) DO UPDATE SET tokens = excluded.tokens, updated_at = excluded.updated_at, \
                 ready_at = excluded.ready_at",
            )
            .text(gate.as_str())
            .real(tokens)
            .at(now)
            .at(ready)
            .execute(tx.conn)?;
        }
        if !any {
            return Ok(None);
        }
        let first: Option<Ready> = statement(FIRST_READY)
            .at(now)
            .get_result(tx.conn)
            .optional()?;
        Ok(first.map(|first| first.ready_at))
    }
}

fn allowance(
    tx: &mut Tx<'_>,
    gate: &str,
    concurrency: Option<u32>,
    rate: Option<Rate>,
    running: impl FnOnce(&mut Tx<'_>) -> Result<i64, StoreError>,
) -> Result<Allowance, StoreError> {
    let free = match concurrency {
        Some(limit) => Some(i64::from(limit) - running(tx)?),
        None => None,
    };
    let bucket = match rate {
        Some(rate) => Some((rate, buckets::tokens(tx.conn, gate, rate, micros(tx.now))?)),
        None => None,
    };
    Ok(Allowance {
        free,
        bucket,
        ..Allowance::default()
    })
}

/// Lets through what may start at gates of keys, whose limits may have been raised since: `after` is the last gate of the
/// pass before. Answers where the next pass goes on.
pub(in crate::store) fn sweep(
    tx: &mut Tx<'_>,
    policies: &'static [JobPolicy],
    after: Option<String>,
) -> Result<Option<String>, StoreError> {
    tx.alone()?;
    let found = held_after(tx, "key:", after.unwrap_or_else(|| "key:".to_owned()))?;
    let mut gates = Gates {
        policies,
        controls: tx.controls.all(tx.conn)?,
        allowances: HashMap::new(),
    };
    for gate in &found {
        let parts = gate
            .strip_prefix("key:")
            .and_then(|rest| rest.split_once(':'));
        let Some((job_type, key)) = parts else {
            continue;
        };
        let free = gates
            .of_key(tx, job_type, key, 0)?
            .map_or(i64::MAX, |allowance| allowance.left());
        let_through(tx, gate, free.min(GATES))?;
    }
    Ok(found
        .last()
        .filter(|_| found.len() >= usize::try_from(GATES).unwrap_or(0))
        .cloned())
}
