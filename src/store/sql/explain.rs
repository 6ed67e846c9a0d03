//! Owns the answer to why a job is not running: looks at what a claim would look at, and at who claims.
//! Must not know: how it is shown.

use chrono::{DateTime, SecondsFormat, Utc};
use diesel::{
    Connection, QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Text},
};

use super::{
    Conn, Engine, buckets,
    controls::{self, load},
    counts, dialect, gates,
    held::{key_gate, queue_gate, type_gate},
    jobs,
    statement::statement,
    time::{micros, moment},
    workers,
};
use crate::{
    model::{
        Control, ControlKind, Explanation, Hold, HoldCode, Job, JobPolicy, JobStatus, Pause, Rate,
        Worker,
    },
    store::StoreError,
};

/// Most parents that are named.
const PARENTS: i64 = 20;

/// Most jobs that are counted, and most workers that are looked at.
const MOST: usize = 1_000;

/// For the test that asks for its plan: jobs before this one among the claimable ones of its queue, up to [`MOST`].
pub(in crate::store) const AHEAD: &str = "SELECT count(*) AS count FROM (SELECT 1 FROM job_queue \
     WHERE status = 'pending' AND held_by IS NULL AND queue = ? AND (rank, id) < (?, ?) LIMIT 1000) AS ahead";

/// The same at its gate.
pub(in crate::store) const AHEAD_AT_GATE: &str = "SELECT count(*) AS count FROM (SELECT 1 FROM job_queue \
     WHERE status = 'pending' AND held_by = ? AND (rank, id) < (?, ?) LIMIT 1000) AS ahead";

/// For the test that asks for its plan.
pub(in crate::store) const OPEN_PARENTS: &str = "SELECT parent.id AS id, parent.status AS status FROM job_dependencies AS tie \
     JOIN job_queue AS parent ON parent.id = tie.parent_id WHERE tie.job_id = ? ORDER BY tie.parent_id LIMIT ?";

#[derive(QueryableByName)]
struct Parent {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    status: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Engine {
    pub(in crate::store) async fn job_explain(&self, id: i64) -> Result<Explanation, StoreError> {
        let (policies, now) = (self.policies, self.clock.now());
        // One snapshot: what is said of the one fits what is said of the other.
        self.read(move |conn| {
            conn.transaction::<_, StoreError, _>(|conn| {
                dialect::snapshot(conn)?;
                explain(conn, id, policies, now)
            })
        })
        .await
    }
}

fn explain(
    conn: &mut Conn,
    id: i64,
    policies: &'static [JobPolicy],
    now: DateTime<Utc>,
) -> Result<Explanation, StoreError> {
    let job = jobs::find(conn, id)?.ok_or(StoreError::NotFound)?;
    let all = load(conn)?;
    let order = |kind, name: &str| controls::of(&all, kind, name).cloned();
    let mut look = Look {
        queue: order(ControlKind::Queue, &job.queue),
        job_type: order(ControlKind::JobType, &job.job_type),
        policy: policies.iter().find(|it| it.job_type == job.job_type),
        reasons: Vec::new(),
        now,
        conn,
        job: &job,
    };
    match job.status {
        JobStatus::Processing => look.runs(),
        status if status.has_ended() => look.has_ended(),
        _ => {
            look.time();
            look.parents()?;
            look.pauses();
            look.concurrency()?;
            look.rates()?;
            look.workers()?;
            look.line()?;
        }
    }
    let reasons = look.reasons;
    let turn = reasons.iter().all(|hold| hold.code.is_a_matter_of_turns());
    Ok(Explanation {
        id,
        status: job.status,
        runnable: job.status == JobStatus::Pending && turn,
        reasons,
    })
}

/// One job, looked at from all sides.
struct Look<'a> {
    conn: &'a mut Conn,
    job: &'a Job,
    policy: Option<&'static JobPolicy>,
    queue: Option<Control>,
    job_type: Option<Control>,
    now: DateTime<Utc>,
    reasons: Vec<Hold>,
}

impl Look<'_> {
    fn add(&mut self, code: HoldCode, message: impl Into<String>) -> &mut Hold {
        self.reasons.push(Hold {
            code,
            message: message.into(),
            until: None,
            related_job_id: None,
        });
        let last = self.reasons.len() - 1;
        &mut self.reasons[last]
    }

    fn has_ended(&mut self) {
        let status = self.job.status;
        let at = self.job.completed_at.map_or_else(String::new, since);
        let message = match self.job.error_message.as_deref() {
            Some(error) if status != JobStatus::Completed => {
                let error: String = error.chars().take(500).collect();
                format!("it is {status}{at}: {error}")
            }
            _ => format!("it is {status}{at}"),
        };
        self.add(HoldCode::Ended, message);
    }

    fn runs(&mut self) {
        let worker = self.job.worker.as_deref().unwrap_or("a worker");
        let at = self.job.started_at.map_or_else(String::new, since);
        let stop = if self.job.cancel_requested {
            ", and was asked to stop"
        } else {
            ""
        };
        self.add(HoldCode::Running, format!("{worker} runs it{at}{stop}"));
    }

    fn time(&mut self) {
        let (job, now) = (self.job, self.now);
        if let Some(end) = job.expires_at.filter(|end| *end <= now) {
            let message = format!(
                "nobody wants it any more{}: it is about to be cancelled",
                since(end)
            );
            self.add(HoldCode::Expired, message);
        }
        let (code, what) = match job.status {
            JobStatus::Scheduled => (HoldCode::Scheduled, "it is scheduled for"),
            JobStatus::RetryPending => (HoldCode::RetryWait, "after an error it waits until"),
            _ => return,
        };
        let at = job.scheduled_at;
        if at > now {
            self.add(code, format!("{what} {}", text(at))).until = Some(at);
        } else if job.blocked_by == 0 {
            let message = format!("{what} {}: it is about to become pending", text(at));
            self.add(code, message).until = Some(at);
        }
    }

    fn parents(&mut self) -> Result<(), StoreError> {
        if self.job.blocked_by == 0 {
            return Ok(());
        }
        let parents: Vec<Parent> = statement(OPEN_PARENTS)
            .int(self.job.id)
            .int(PARENTS)
            .load(self.conn)?;
        for Parent { id, status } in parents {
            let message = format!("job {id} must complete before; it is {status}");
            self.add(HoldCode::BlockedByJobs, message).related_job_id = Some(id);
        }
        Ok(())
    }

    fn pauses(&mut self) {
        let (queue, job_type) = (self.job.queue.as_str(), self.job.job_type.as_str());
        let of = |control: &Option<Control>| control.as_ref().and_then(|it| it.pause.clone());
        if let Some(pause) = of(&self.queue) {
            let message = paused(&format!("queue {queue}"), &pause);
            self.add(HoldCode::QueuePaused, message);
        }
        if let Some(pause) = of(&self.job_type) {
            let message = paused(&format!("job type {job_type}"), &pause);
            self.add(HoldCode::TypePaused, message);
        }
    }

    fn concurrency(&mut self) -> Result<(), StoreError> {
        let (queue, job_type) = (self.job.queue.as_str(), self.job.job_type.as_str());
        let ordered = |control: &Option<Control>| control.as_ref()?.limits.concurrency;
        let of_type = ordered(&self.job_type).or(self.policy.and_then(|it| it.concurrency));
        let named = [
            (
                HoldCode::QueueLimit,
                ControlKind::Queue,
                queue,
                ordered(&self.queue),
            ),
            (HoldCode::TypeLimit, ControlKind::JobType, job_type, of_type),
        ];
        for (code, kind, name, limit) in named {
            let Some(limit) = limit else { continue };
            let running = counts::committed(self.conn, &[JobStatus::Processing], kind, name)?;
            let what = match kind {
                ControlKind::Queue => "queue",
                ControlKind::JobType => "job type",
            };
            self.full(code, running, limit, &format!("of the {what} {name}"));
        }
        let limit = self.policy.and_then(|policy| policy.key_concurrency);
        if let (Some(limit), Some(key)) = (limit, self.job.concurrency_key.as_deref()) {
            let running: Number = statement(gates::RUNNING_WITH_KEY)
                .text(key)
                .text(job_type)
                .get_result(self.conn)?;
            let of = format!("of the job type {job_type} with the key {key}");
            self.full(HoldCode::KeyLimit, running.count, limit, &of);
        }
        Ok(())
    }

    fn full(&mut self, code: HoldCode, running: i64, limit: u32, of: &str) {
        if running >= i64::from(limit) {
            self.add(code, format!("{running} of {limit} jobs {of} are running"));
        }
    }

    fn rates(&mut self) -> Result<(), StoreError> {
        let (queue, job_type) = (self.job.queue.as_str(), self.job.job_type.as_str());
        let ordered = |control: &Option<Control>| control.as_ref()?.limits.rate;
        let of_type = ordered(&self.job_type).or(self.policy.and_then(|it| it.rate));
        self.rate(
            &queue_gate(queue),
            ordered(&self.queue),
            &format!("queue {queue}"),
        )?;
        self.rate(
            &type_gate(job_type),
            of_type,
            &format!("job type {job_type}"),
        )?;
        if let Some(key) = self.job.concurrency_key.as_deref() {
            let rate = self.policy.and_then(|policy| policy.key_rate);
            let of = format!("job type {job_type} with the key {key}");
            self.rate(&key_gate(job_type, key), rate, &of)?;
        }
        Ok(())
    }

    fn rate(&mut self, gate: &str, rate: Option<Rate>, of: &str) -> Result<(), StoreError> {
        let Some(rate) = rate else { return Ok(()) };
        let now = micros(self.now);
        let tokens = buckets::tokens(self.conn, gate, rate, now)?;
        if buckets::whole(tokens) < 1 {
            let until = moment(buckets::refilled_at(rate, tokens, now));
            let message = format!(
                "of the {of}, {} runs may start in {} s; the next one at {}",
                rate.limit,
                rate.period.as_secs_f64(),
                text(until)
            );
            self.add(HoldCode::RateLimited, message).until = Some(until);
        }
        Ok(())
    }

    fn workers(&mut self) -> Result<(), StoreError> {
        let live = workers::live(self.conn, self.now, MOST)?;
        let Job {
            queue,
            job_type,
            schema_fingerprint: print,
            ..
        } = self.job;
        let of_queue: Vec<&Worker> = live
            .iter()
            .filter(|worker| worker.card.queues.contains(queue))
            .collect();
        let able = || {
            of_queue
                .iter()
                .filter(|it| it.card.can_read(job_type, print))
        };
        let is_busy = |worker: &&&Worker| {
            worker.card.slots > 0 && worker.running >= i64::from(worker.card.slots)
        };
        if of_queue.is_empty() {
            let message = format!("no live worker takes jobs from the queue {queue}");
            self.add(HoldCode::NoWorker, message);
        } else if !of_queue.iter().any(|worker| worker.card.does(job_type)) {
            let message =
                format!("no live worker of the queue {queue} does jobs of the type {job_type}");
            self.add(HoldCode::NoWorker, message);
        } else if able().next().is_none() {
            let message = format!(
                "no live worker reads its payload: it was accepted under the schema {print} of {job_type}"
            );
            self.add(HoldCode::Schema, message);
        } else if able().all(|worker| is_busy(&worker)) {
            let slots: i64 = able().map(|it| i64::from(it.card.slots)).sum();
            let message = format!("all {slots} slots of the workers that do such jobs are taken");
            self.add(HoldCode::AllWorkersBusy, message);
        }
        Ok(())
    }

    fn line(&mut self) -> Result<(), StoreError> {
        if self.job.status != JobStatus::Pending {
            return Ok(());
        }
        let rank: Number = statement("SELECT rank AS count FROM job_queue WHERE id = ?")
            .int(self.job.id)
            .get_result(self.conn)?;
        let (query, name, place) = match self.job.held_by.as_deref() {
            None => (AHEAD, self.job.queue.as_str(), "in its queue"),
            Some(gate) => (AHEAD_AT_GATE, gate, "behind the same limit"),
        };
        let ahead: Number = statement(query)
            .text(name)
            .int(rank.count)
            .int(self.job.id)
            .get_result(self.conn)?;
        let count = match usize::try_from(ahead.count) {
            Ok(0) => return Ok(()),
            Ok(many) if many >= MOST => format!("{MOST} jobs or more"),
            Ok(1) => "1 job".to_owned(),
            _ => format!("{} jobs", ahead.count),
        };
        self.add(
            HoldCode::WaitingInLine,
            format!("{count} come before it {place}"),
        );
        Ok(())
    }
}

fn paused(what: &str, pause: &Pause) -> String {
    let reason = pause
        .reason
        .as_deref()
        .map_or_else(String::new, |it| format!(": {it}"));
    let by = pause
        .by
        .as_deref()
        .map_or_else(String::new, |it| format!(" by {it}"));
    format!("the {what} is paused{by}{}{reason}", since(pause.at))
}

fn since(at: DateTime<Utc>) -> String {
    format!(" since {}", text(at))
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
