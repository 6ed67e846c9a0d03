//! Owns operating on the schedules of a database, by the same rules as over HTTP.
//! Must not know: how the outcome is shown.

use serde_json::Value;

use super::target::{ScheduleTarget, named};
use crate::{
    cli::{
        Failure,
        database::{Database, batch, number},
    },
    contract::{self, new_schedule, schedule_change, types, wire, wire_enqueue},
    model::{Fault, Schedule},
    queue::schedule::{self, next_tick, next_ticks},
    store::StoreError,
};

/// Ticks that a schedule shows, as over HTTP.
const NEXT_TIMES: usize = 5;

impl ScheduleTarget for Database {
    async fn schedule_create(&self, body: Value) -> Result<types::Schedule, Failure> {
        let request: types::ScheduleRequest = self.read("ScheduleRequest", body)?;
        let new = new_schedule(request, &self.validator()?).map_err(invalid)?;
        let stored = self.store().schedule_create(new, Box::new(next_tick)).await;
        whole(&stored.map_err(|error| Failure::of_store(error, "schedule"))?)
    }

    async fn schedules(&self, limit: u32) -> Result<Vec<types::Schedule>, Failure> {
        let mut schedules = Vec::new();
        let mut before = None;
        while let Some(wanted) = batch(limit, schedules.len()) {
            let rows = self.store().schedule_list(before, wanted).await;
            let rows = rows.map_err(|error| Failure::of_store(error, "schedules"))?;
            before = rows.last().map(|row| row.id);
            let ended = rows.len() < wanted;
            for row in &rows {
                schedules.push(wire::schedule(row, Vec::new())?);
            }
            if ended {
                break;
            }
        }
        Ok(schedules)
    }

    async fn schedule(&self, id: u64) -> Result<types::Schedule, Failure> {
        whole(&self.existing(id).await?)
    }

    async fn schedule_update(&self, id: u64, body: Value) -> Result<types::Schedule, Failure> {
        let patch: types::SchedulePatch = self.read("SchedulePatch", body)?;
        let current = self.existing(id).await?;
        let change = schedule_change(&current, patch, &self.validator()?).map_err(invalid)?;
        let update = self
            .store()
            .schedule_update(current.id, change, None, Box::new(next_tick));
        whole(&update.await.map_err(of(id))?)
    }

    async fn schedule_pause(&self, id: u64, body: Value) -> Result<types::Schedule, Failure> {
        let pause: types::SchedulePause = self.read("SchedulePause", body)?;
        let reason = pause.reason.map(Into::into);
        let stored = self.store().schedule_pause(number(id)?, reason).await;
        whole(&stored.map_err(of(id))?)
    }

    async fn schedule_resume(&self, id: u64) -> Result<types::Schedule, Failure> {
        let resume = self
            .store()
            .schedule_resume(number(id)?, Box::new(next_tick));
        whole(&resume.await.map_err(of(id))?)
    }

    async fn schedule_run(&self, id: u64) -> Result<types::EnqueuedJob, Failure> {
        let schedule = self.existing(id).await?;
        let policy = contract::policy(&schedule.job_type).ok_or_else(|| {
            let job_type = &schedule.job_type;
            Failure::Conflict(format!("{job_type} is not a declared job type any more"))
        })?;
        let job = schedule::job(&schedule, policy, None).map_err(|faults| {
            let messages: Vec<_> = faults.into_iter().map(|fault| fault.message).collect();
            Failure::Conflict(messages.join("; "))
        })?;
        let enqueued = self.store().schedule_run_now(schedule.id, job).await;
        Ok(wire_enqueue::enqueued(&enqueued.map_err(of(id))?)?)
    }

    async fn schedule_delete(&self, id: u64) -> Result<(), Failure> {
        let deleted = self.store().schedule_delete(number(id)?, None).await;
        deleted.map_err(of(id))
    }

    async fn schedule_runs(&self, id: u64, limit: u32) -> Result<Vec<types::ScheduleRun>, Failure> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let runs = self.store().schedule_runs(number(id)?, None, limit).await;
        let runs = runs.map_err(of(id))?;
        Ok(runs
            .iter()
            .map(wire::schedule_run)
            .collect::<Result<_, _>>()?)
    }
}

impl Database {
    async fn existing(&self, id: u64) -> Result<Schedule, Failure> {
        let found = self.store().schedule_get(number(id)?).await;
        found
            .map_err(of(id))?
            .ok_or_else(|| Failure::NotFound(named(id)))
    }
}

fn whole(schedule: &Schedule) -> Result<types::Schedule, Failure> {
    Ok(wire::schedule(schedule, next_ticks(schedule, NEXT_TIMES))?)
}

fn of(id: u64) -> impl Fn(StoreError) -> Failure {
    move |error| Failure::of_store(error, &named(id))
}

fn invalid(faults: Vec<Fault>) -> Failure {
    let faults: Vec<_> = faults
        .into_iter()
        .map(|fault| fault.under("/body"))
        .collect();
    Failure::invalid(&faults)
}
