//! Owns making a schedule's jobs: its payload and options under the job type's policy, for a tick or on demand; and the
//! plan that a look at a due schedule follows.
//! Must not know: any concrete job type, or how jobs are stored.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{Timetable, due, options::ScheduleOptions};
use crate::{
    model::{Fault, JobPolicy, NewJob, PlannedTick, Schedule, TickAction, TickPlan},
    queue::new_job,
};

/// When to look again at a schedule that cannot be read: another process may know its time zone.
const LOOK_AGAIN: TimeDelta = TimeDelta::hours(1);

/// The job of one tick, or without a tick of a run that somebody asked for. Its metadata say where it comes from.
pub fn job(
    schedule: &Schedule,
    policy: &'static JobPolicy,
    tick: Option<DateTime<Utc>>,
) -> Result<NewJob, Vec<Fault>> {
    let options = ScheduleOptions::read(&schedule.options)?;
    let mut job = new_job(policy, schedule.payload.clone(), options.for_enqueue())?;
    let mut metadata = match options.metadata {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    let tick = tick.map(|tick| tick.to_rfc3339_opts(SecondsFormat::Secs, true));
    let origin = json!({ "id": schedule.id, "name": schedule.name, "tick": tick });
    metadata.insert("schedule".to_owned(), origin);
    job.metadata = Some(Value::Object(metadata).to_string());
    // The schema that accepted the payload, which may be older than the one of this program.
    job.schema_fingerprint = schedule.schema_fingerprint.clone().into();
    Ok(job)
}

/// The first tick after a moment; none when the timing cannot be read.
pub fn next_tick(schedule: &Schedule, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let table = Timetable::new(&schedule.timing, schedule.created_at);
    table.ok()?.next_after(after)
}

/// The first `count` ticks that have not been seen to. None while it is paused.
pub fn next_ticks(schedule: &Schedule, count: usize) -> Vec<DateTime<Utc>> {
    let table = Timetable::new(&schedule.timing, schedule.created_at);
    match (table, schedule.next_at) {
        (Ok(table), Some(next)) if !schedule.paused => {
            let later = table.upcoming(next, count.saturating_sub(1));
            std::iter::once(next).chain(later).collect()
        }
        _ => Vec::new(),
    }
}

/// What to do for a schedule that is due. `policy` answers what a job type declares, if it is known.
pub fn plan(
    schedule: &Schedule,
    policy: impl Fn(&str) -> Option<&'static JobPolicy>,
    now: DateTime<Utc>,
) -> TickPlan {
    let Some(next_at) = schedule.next_at else {
        return TickPlan::default();
    };
    let table = match Timetable::new(&schedule.timing, schedule.created_at) {
        Ok(table) => table,
        Err(fault) => {
            return TickPlan {
                ticks: vec![refused(next_at, fault.message)],
                next_at: Some(now + LOOK_AGAIN),
            };
        }
    };
    let misfire = (schedule.misfire, schedule.misfire_limit);
    let due = due(&table, next_at, misfire, now);
    let planned = |at: DateTime<Utc>| {
        let made = match policy(&schedule.job_type) {
            Some(policy) => job(schedule, policy, Some(at)).map_err(|faults| sentence(&faults)),
            None => Err("no such job type is known here".to_owned()),
        };
        match made {
            Ok(job) => PlannedTick {
                at,
                action: TickAction::Enqueue(Box::new(job)),
                detail: (due.for_all == Some(at))
                    .then(|| "stands for missed ticks before it too".to_owned()),
            },
            Err(reason) => refused(at, reason),
        }
    };
    let skipped = due.skipped.map(|at| PlannedTick {
        at,
        action: TickAction::Skip,
        detail: Some("missed; so are ticks before it without a row of their own".to_owned()),
    });
    TickPlan {
        ticks: skipped
            .into_iter()
            .chain(due.ticks.iter().copied().map(planned))
            .collect(),
        next_at: due.next_at,
    }
}

fn refused(at: DateTime<Utc>, reason: String) -> PlannedTick {
    PlannedTick {
        at,
        action: TickAction::Refuse,
        detail: Some(reason),
    }
}

fn sentence(faults: &[Fault]) -> String {
    let messages: Vec<_> = faults.iter().map(|fault| fault.message.as_str()).collect();
    messages.join("; ")
}
