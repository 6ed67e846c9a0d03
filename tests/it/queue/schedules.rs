//! Schedules in a running process: they tick when their time has come, and a process that does all that is due ticks too.

use std::time::Duration;

use lockstep::{
    model::{JobStatus, Misfire, NewSchedule, ScheduleOutcome, Timing},
    queue::schedule::next_tick,
};
use tokio::time::timeout;

use super::{config, doing, done, job, runner, runner_on, soon, until};
use crate::support::database::{Database, policy};

async fn hourly(db: &Database) -> i64 {
    let schedule = NewSchedule {
        name: "hourly".to_owned(),
        job_type: "data_analysis".to_owned(),
        payload: "{}".to_owned(),
        schema_fingerprint: policy("data_analysis").schema_fingerprint.to_owned(),
        options: "{}".to_owned(),
        timing: Timing::Cron {
            expression: "@hourly".to_owned(),
            timezone: "Europe/Berlin".to_owned(),
        },
        misfire: Misfire::Once,
        misfire_limit: 1,
    };
    let created = db.store.schedule_create(schedule, Box::new(next_tick));
    created.await.unwrap().id
}

#[tokio::test]
async fn whoever_does_what_is_due_ticks_schedules() {
    let db = Database::new().await;
    hourly(&db).await;
    let runner = runner(&db, doing(async |_, _| done()));
    assert_eq!(runner.run_due().await.unwrap(), 0);
    db.advance(Duration::from_hours(1));
    assert_eq!(runner.run_due().await.unwrap(), 1);
    assert_eq!(job(&db, 1).await.status, JobStatus::Completed);
    assert_eq!(runner.run_due().await.unwrap(), 0);
    db.close().await;
}

#[tokio::test]
async fn two_started_runners_run_a_tick_once() {
    let db = Database::new().await;
    let other = db.another().await;
    let id = hourly(&db).await;
    let work = doing(async |_, _| done());
    let here = runner(&db, work.clone()).start().unwrap();
    let there = runner_on(&db, other.clone(), work, config("there"));
    let there = there.start().unwrap();
    for tick in 1..=3 {
        db.advance(Duration::from_hours(1));
        // Their sleep is of the real clock; a change of a schedule wakes them.
        let name = Some(format!("after {tick}"));
        db.store.schedule_pause(id, name).await.unwrap();
        db.store
            .schedule_resume(id, Box::new(|schedule, _| schedule.next_at))
            .await
            .unwrap();
        until_run(&db, id, tick).await;
        until(&db, i64::try_from(tick).unwrap(), JobStatus::Completed).await;
    }
    soon(here.stop_now()).await;
    soon(there.stop_now()).await;
    let runs = db.store.schedule_runs(id, None, 100).await.unwrap();
    assert_eq!(runs.len(), 3);
    assert!(
        runs.iter()
            .all(|run| run.outcome == ScheduleOutcome::Enqueued)
    );
    other.close().await;
    db.close().await;
}

/// Waits until so many ticks are in the history.
async fn until_run(db: &Database, id: i64, ticks: usize) {
    let mut wakeups = db.store.subscribe();
    soon(async {
        while db.store.schedule_runs(id, None, 100).await.unwrap().len() < ticks {
            let _ = timeout(Duration::from_millis(20), wakeups.changed()).await;
        }
    })
    .await;
}
