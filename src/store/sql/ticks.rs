//! Owns what schedules did: each tick once, with its job, in one commit; the history.
//! Must not know: when schedules tick.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods, QueryDsl, Queryable, QueryableByName, RunQueryDsl, Selectable,
    SelectableHelper,
    sql_types::{BigInt, Nullable},
};

use super::{
    Backend, Conn, Engine, Moment,
    enqueue::insert,
    schedules::{existing, find, write_next},
    statement::statement,
    time::{at, micros, moment},
    tx::{Lane, Tx},
};
use crate::{
    model::{
        EnqueueOutcome, Enqueued, NewJob, PlannedTick, Schedule, ScheduleOutcome, ScheduleRun,
        TickAction, TickPlan,
    },
    store::{StoreError, schedules::Ticked, schema::schedule_runs},
};

/// Rows of a schedule's history that are kept.
const HISTORY: i64 = 1000;

/// For the test that asks for its plan.
pub(in crate::store) const DUE: &str = "SELECT id FROM schedules WHERE paused = FALSE AND next_at IS NOT NULL AND next_at <= ? \
     ORDER BY next_at LIMIT ?";

/// For the test that asks for its plan.
pub(in crate::store) const NEXT_DUE: &str =
    "SELECT min(next_at) FROM schedules WHERE paused = FALSE AND next_at IS NOT NULL";

/// The primary key lets a tick happen once. What became of it is written once that is known.
const BEGIN: &str = "INSERT INTO schedule_runs (schedule_id, tick, outcome, ran_at) VALUES (?, ?, 'refused', ?) \
     ON CONFLICT (schedule_id, tick) DO NOTHING";

const END: &str = "UPDATE schedule_runs SET outcome = ?, job_id = ?, detail = ? WHERE schedule_id = ? AND tick = ?";

/// For the test that asks for its plan.
pub(in crate::store) const PRUNE: &str = "DELETE FROM schedule_runs WHERE schedule_id = ? AND tick <= \
     (SELECT tick FROM schedule_runs WHERE schedule_id = ? ORDER BY tick DESC LIMIT 1 OFFSET ?)";

#[derive(QueryableByName)]
struct Due {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = schedule_runs, check_for_backend(Backend))]
struct Row {
    tick: i64,
    outcome: String,
    job_id: Option<i64>,
    detail: Option<String>,
    ran_at: i64,
}

impl From<Row> for ScheduleRun {
    fn from(row: Row) -> Self {
        // The table's CHECK allows no other outcome.
        let outcome = ScheduleOutcome::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == row.outcome);
        Self {
            tick: moment(row.tick),
            outcome: outcome.unwrap_or(ScheduleOutcome::Refused),
            job_id: row.job_id,
            detail: row.detail,
            ran_at: moment(row.ran_at),
        }
    }
}

impl Engine {
    pub(in crate::store) async fn schedule_tick<P>(
        &self,
        plan: P,
        limit: usize,
    ) -> Result<Ticked, StoreError>
    where
        P: Fn(&Schedule, DateTime<Utc>) -> TickPlan + Send + 'static,
    {
        let ageing = self.ageing;
        self.write(Lane::Rest, move |tx| tick(tx, &plan, limit, ageing))
            .await
    }

    pub(in crate::store) async fn schedule_next_due(
        &self,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.read(next_due).await
    }

    pub(in crate::store) async fn schedule_run_now(
        &self,
        id: i64,
        job: NewJob,
    ) -> Result<Enqueued, StoreError> {
        let ageing = self.ageing;
        self.write(Lane::Rest, move |tx| {
            tx.alone()?;
            existing(tx, id)?;
            let enqueued = insert(tx, &job, ageing)?;
            let at = begin_manual(tx, id)?;
            let detail = (enqueued.outcome != EnqueueOutcome::Created)
                .then(|| "another job has the unique key".to_owned());
            end(
                tx,
                id,
                at,
                ScheduleOutcome::Manual,
                Some(enqueued.job.id),
                detail,
            )?;
            prune(tx, id)?;
            Ok(enqueued)
        })
        .await
    }

    pub(in crate::store) async fn schedule_runs(
        &self,
        id: i64,
        before: Option<DateTime<Utc>>,
        limit: usize,
    ) -> Result<Vec<ScheduleRun>, StoreError> {
        self.read(move |conn| {
            find(conn, id)?.ok_or(StoreError::NotFound)?;
            let mut query = schedule_runs::table
                .filter(schedule_runs::schedule_id.eq(id))
                .select(Row::as_select())
                .into_boxed();
            if let Some(before) = before {
                query = query.filter(schedule_runs::tick.lt(at(before)));
            }
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows: Vec<Row> = query
                .order(schedule_runs::tick.desc())
                .limit(limit)
                .load(conn)?;
            Ok(rows.into_iter().map(ScheduleRun::from).collect())
        })
        .await
    }
}

fn tick(
    tx: &mut Tx<'_>,
    plan: &impl Fn(&Schedule, DateTime<Utc>) -> TickPlan,
    limit: usize,
    ageing: Duration,
) -> Result<Ticked, StoreError> {
    let due: Vec<Due> = statement(DUE)
        .at(micros(tx.now))
        .int(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(tx.conn)?;
    if !due.is_empty() {
        tx.alone()?;
    }
    let mut ticked = Ticked::default();
    for Due { id } in due {
        if ticked.enqueued + ticked.refused >= limit {
            break;
        }
        let schedule = existing(tx, id)?;
        let plan = plan(&schedule, tx.now);
        for planned in plan.ticks {
            happen(tx, id, planned, ageing, &mut ticked)?;
        }
        write_next(tx, id, plan.next_at)?;
        prune(tx, id)?;
    }
    ticked.next_due = next_due(tx.conn)?;
    Ok(ticked)
}

fn next_due(conn: &mut Conn) -> Result<Option<DateTime<Utc>>, StoreError> {
    let next: Option<i64> = statement(NEXT_DUE)
        .placed::<Nullable<Moment>>()
        .get_result(conn)?;
    Ok(next.map(moment))
}

/// One tick. What refuses its job is noted, and stops neither the schedule nor the others.
fn happen(
    tx: &mut Tx<'_>,
    id: i64,
    planned: PlannedTick,
    ageing: Duration,
    ticked: &mut Ticked,
) -> Result<(), StoreError> {
    let at = micros(planned.at);
    if !begin(tx, id, at)? {
        return Ok(());
    }
    let (outcome, job_id, detail) = match planned.action {
        TickAction::Skip => (ScheduleOutcome::Skipped, None, planned.detail),
        TickAction::Refuse => (ScheduleOutcome::Refused, None, planned.detail),
        TickAction::Enqueue(job) => match enqueue(tx, &job, ageing)? {
            Ok(enqueued) => {
                let outcome = match enqueued.outcome {
                    EnqueueOutcome::Existing => ScheduleOutcome::Existing,
                    EnqueueOutcome::Created | EnqueueOutcome::Replaced => ScheduleOutcome::Enqueued,
                };
                (outcome, Some(enqueued.job.id), planned.detail)
            }
            Err(reason) => (ScheduleOutcome::Refused, None, Some(reason)),
        },
    };
    match outcome {
        ScheduleOutcome::Refused => ticked.refused += 1,
        ScheduleOutcome::Skipped => {}
        _ => ticked.enqueued += 1,
    }
    end(tx, id, at, outcome, job_id, detail)
}

/// The job, or why there is none. An error only when the database cannot now: then nothing of the look is kept, and the
/// next look finds the same ticks.
fn enqueue(
    tx: &mut Tx<'_>,
    job: &NewJob,
    ageing: Duration,
) -> Result<Result<Enqueued, String>, StoreError> {
    if !tx.careful {
        return insert(tx, job, ageing).map(Ok);
    }
    statement("SAVEPOINT tick").execute(tx.conn)?;
    let mark = tx.ledger.mark();
    let outcome = match insert(tx, job, ageing) {
        Ok(enqueued) => Ok(enqueued),
        Err(error) if error.retryable() => return Err(error),
        Err(error) => {
            tx.ledger.rewind(mark);
            statement("ROLLBACK TO tick").execute(tx.conn)?;
            Err(error.to_string())
        }
    };
    statement("RELEASE tick").execute(tx.conn)?;
    Ok(outcome)
}

/// Whether the tick is ours: it has not happened before.
fn begin(tx: &mut Tx<'_>, id: i64, at: i64) -> Result<bool, StoreError> {
    let begun = statement(BEGIN)
        .int(id)
        .at(at)
        .at(micros(tx.now))
        .execute(tx.conn)?;
    Ok(begun > 0)
}

/// The first free moment from now on. Never a whole second: those belong to ticks.
fn begin_manual(tx: &mut Tx<'_>, id: i64) -> Result<i64, StoreError> {
    let mut at = micros(tx.now);
    while at % 1_000_000 == 0 || !begin(tx, id, at)? {
        at += 1;
    }
    Ok(at)
}

fn end(
    tx: &mut Tx<'_>,
    id: i64,
    at: i64,
    outcome: ScheduleOutcome,
    job_id: Option<i64>,
    detail: Option<String>,
) -> Result<(), StoreError> {
    statement(END)
        .text(outcome.as_str())
        .int(job_id)
        .optional_text(detail)
        .int(id)
        .at(at)
        .execute(tx.conn)?;
    Ok(())
}

/// What is old is forgotten. It cannot happen again: it is before the schedule's next tick.
fn prune(tx: &mut Tx<'_>, id: i64) -> Result<(), StoreError> {
    statement(PRUNE)
        .int(id)
        .int(id)
        .int(HISTORY)
        .execute(tx.conn)?;
    Ok(())
}
