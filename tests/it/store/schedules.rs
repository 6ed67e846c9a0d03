//! Schedules: every tick once whoever looks, changes, the history.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use lockstep::{
    clock::Clock,
    contract,
    model::{
        EnqueueOutcome, JobFilter, Misfire, NewSchedule, Schedule, ScheduleChange, ScheduleOutcome,
        Timing,
    },
    queue::schedule::{self, next_tick, plan},
    store::{Store, StoreError, Ticked},
};

use crate::support::database::{Database, policy, start};

pub(super) fn every(seconds: u64) -> NewSchedule {
    NewSchedule {
        name: "report".to_owned(),
        job_type: "data_analysis".to_owned(),
        payload: r#"{"message":"test"}"#.to_owned(),
        schema_fingerprint: policy("data_analysis").schema_fingerprint.to_owned(),
        options: "{}".to_owned(),
        timing: Timing::Every(Duration::from_secs(seconds)),
        misfire: Misfire::Once,
        misfire_limit: 100,
    }
}

pub(super) fn cron(expression: &str, timezone: &str) -> Timing {
    Timing::Cron {
        expression: expression.to_owned(),
        timezone: timezone.to_owned(),
    }
}

pub(super) async fn create(db: &Database, schedule: NewSchedule) -> Schedule {
    let created = db
        .store
        .schedule_create(schedule, Box::new(next_tick))
        .await;
    created.unwrap()
}

pub(super) async fn tick(store: &Store) -> Ticked {
    let planner = |schedule: &Schedule, now| plan(schedule, contract::policy, now);
    store.schedule_tick(planner, 500).await.unwrap()
}

/// When it ticked, seconds after the start, and what came of it. Oldest first.
pub(super) async fn history(db: &Database, id: i64) -> Vec<(i64, ScheduleOutcome)> {
    let runs = db.store.schedule_runs(id, None, 1000).await.unwrap();
    let runs = runs.iter().rev();
    runs.map(|run| ((run.tick - start()).num_seconds(), run.outcome))
        .collect()
}

pub(super) async fn jobs(db: &Database) -> usize {
    let jobs = db.store.job_list(JobFilter::default(), None, 1000).await;
    jobs.unwrap().len()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is compared with what may be missing"
)]
pub(super) fn after(seconds: i64) -> Option<DateTime<Utc>> {
    Some(start() + TimeDelta::seconds(seconds))
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

use ScheduleOutcome::{Enqueued, Existing, Manual, Refused};

#[tokio::test]
async fn a_tick_has_its_job_and_says_so() {
    let db = Database::new().await;
    let schedule = create(&db, every(60)).await;
    assert_eq!(schedule.next_at, after(60));
    assert_eq!(db.store.schedule_next_due().await.unwrap(), after(60));
    let nothing = Ticked {
        next_due: after(60),
        ..Ticked::default()
    };
    assert_eq!(tick(&db.store).await, nothing);
    db.advance(seconds(61));
    let ticked = tick(&db.store).await;
    assert_eq!((ticked.enqueued, ticked.refused), (1, 0));
    assert_eq!(ticked.next_due, after(120));
    let runs = db.store.schedule_runs(schedule.id, None, 10).await.unwrap();
    let [run] = &runs[..] else {
        panic!("{runs:?}");
    };
    assert_eq!((Some(run.tick), Some(run.ran_at)), (after(60), after(61)));
    let job = db.store.job_get(run.job_id.unwrap()).await.unwrap();
    let job = job.unwrap();
    assert_eq!(job.payload, schedule.payload);
    let metadata: serde_json::Value =
        serde_json::from_str(job.metadata.as_deref().unwrap()).unwrap();
    assert_eq!(metadata["schedule"]["name"], "report");
    assert_eq!(metadata["schedule"]["tick"], "2026-11-24T12:01:00Z");
    // Ticks are not changes.
    let now = db.store.schedule_get(schedule.id).await.unwrap().unwrap();
    assert_eq!((now.version, now.next_at), (1, after(120)));
    db.close().await;
}

#[tokio::test]
async fn two_stores_that_look_at_the_same_time_enqueue_each_tick_once() {
    let db = Database::new().await;
    let other = db.another().await;
    let mut ids = Vec::new();
    for number in 0..20 {
        let name = format!("schedule {number}");
        ids.push(create(&db, NewSchedule { name, ..every(10) }).await.id);
    }
    let rounds = 10;
    for _ in 0..rounds {
        db.advance(seconds(10));
        let looks = [&db.store, &other, &db.store, &other].map(tick);
        let ticked = futures::future::join_all(looks).await;
        assert_eq!(ticked.iter().map(|one| one.enqueued).sum::<usize>(), 20);
    }
    for id in ids {
        let expected: Vec<_> = (1..=rounds).map(|round| (round * 10, Enqueued)).collect();
        assert_eq!(history(&db, id).await, expected);
    }
    assert_eq!(jobs(&db).await, 200);
    other.close().await;
    db.close().await;
}

#[tokio::test]
async fn a_refused_job_stops_neither_its_schedule_nor_others() {
    let db = Database::new().await;
    let named = |name: &str, options: &str| NewSchedule {
        name: name.to_owned(),
        options: options.to_owned(),
        ..every(10)
    };
    let reject = r#"{"unique_key":"k","on_conflict":"reject"}"#;
    let rejected = create(&db, named("reject", reject)).await.id;
    let found = create(&db, named("return", r#"{"unique_key":"r"}"#))
        .await
        .id;
    let too_much = create(&db, named("outside", r#"{"priority":9999}"#))
        .await
        .id;
    let unknown = NewSchedule {
        job_type: "no_such_type".to_owned(),
        ..named("unknown", "{}")
    };
    let unknown = create(&db, unknown).await.id;
    let plain = create(&db, named("plain", "{}")).await.id;
    for _ in 0..2 {
        db.advance(seconds(10));
        tick(&db.store).await;
    }
    assert_eq!(history(&db, plain).await, [(10, Enqueued), (20, Enqueued)]);
    assert_eq!(
        history(&db, rejected).await,
        [(10, Enqueued), (20, Refused)]
    );
    assert_eq!(history(&db, found).await, [(10, Enqueued), (20, Existing)]);
    for (id, words) in [
        (too_much, "priority must be"),
        (unknown, "no such job type"),
        (rejected, "same unique key"),
    ] {
        let runs = db.store.schedule_runs(id, None, 1).await.unwrap();
        assert_eq!((runs[0].outcome, runs[0].job_id), (Refused, None));
        let detail = runs[0].detail.as_deref().unwrap();
        assert!(detail.contains(words), "{detail}");
    }
    db.close().await;
}

#[tokio::test]
async fn runs_on_demand_stand_beside_the_ticks() {
    let db = Database::new().await;
    let schedule = create(&db, every(60)).await;
    let job = || schedule::job(&schedule, policy("data_analysis"), None).unwrap();
    // At the very moment of a tick, and twice: neither takes the place of the other.
    db.advance(seconds(60));
    for _ in 0..2 {
        let run = db.store.schedule_run_now(schedule.id, job()).await.unwrap();
        assert_eq!(run.outcome, EnqueueOutcome::Created);
    }
    assert_eq!(tick(&db.store).await.enqueued, 1);
    let outcomes: Vec<_> = history(&db, schedule.id).await;
    assert_eq!(outcomes, [(60, Enqueued), (60, Manual), (60, Manual)]);
    assert_eq!(jobs(&db).await, 3);
    let nobody = db.store.schedule_run_now(99, job()).await;
    assert!(matches!(nobody, Err(StoreError::NotFound)));
    assert_eq!(jobs(&db).await, 3);
    db.close().await;
}

#[tokio::test]
async fn changes_find_the_version_that_they_expect() {
    let db = Database::new().await;
    let id = create(&db, every(60)).await.id;
    let other = NewSchedule {
        name: "other".to_owned(),
        ..every(60)
    };
    create(&db, other.clone()).await;
    let next = || Box::new(next_tick);
    let twice = db.store.schedule_create(other, next()).await;
    assert!(matches!(twice, Err(StoreError::NameTaken)));
    let named = |name: &str| ScheduleChange {
        name: Some(name.to_owned()),
        ..ScheduleChange::default()
    };
    let update = async |id, change, version| {
        let updated = db.store.schedule_update(id, change, version, next());
        updated.await
    };
    let taken = update(id, named("other"), None).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)));
    let stale = update(id, named("new"), Some(2)).await;
    assert!(matches!(stale, Err(StoreError::VersionMismatch)));
    let nobody = update(99, named("new"), None).await;
    assert!(matches!(nobody, Err(StoreError::NotFound)));
    db.advance(seconds(30));
    let renamed = update(id, named("new"), Some(1)).await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.version), ("new", 2));
    assert_eq!(renamed.next_at, after(60), "the timing is the same");
    let change = ScheduleChange {
        timing: Some(cron("30 14 * * *", "Europe/Berlin")),
        misfire: Some(Misfire::Skip),
        misfire_limit: Some(5),
        ..ScheduleChange::default()
    };
    let timed = update(id, change, None).await.unwrap();
    assert_eq!(timed.next_at, after(90 * 60));
    assert_eq!((timed.misfire, timed.misfire_limit), (Misfire::Skip, 5));
    let stale = db.store.schedule_delete(id, Some(2)).await;
    assert!(matches!(stale, Err(StoreError::VersionMismatch)));
    db.close().await;
}

#[tokio::test]
async fn a_deleted_schedule_ticks_no_more_and_its_jobs_stay() {
    let db = Database::new().await;
    let id = create(&db, every(10)).await.id;
    db.advance(seconds(10));
    tick(&db.store).await;
    db.store.schedule_delete(id, Some(1)).await.unwrap();
    db.advance(seconds(10));
    assert_eq!(tick(&db.store).await, Ticked::default());
    assert_eq!(jobs(&db).await, 1);
    for gone in [
        db.store.schedule_runs(id, None, 1).await.err(),
        db.store.schedule_delete(id, None).await.err(),
        db.store.schedule_pause(id, None).await.err(),
        db.store
            .schedule_resume(id, Box::new(next_tick))
            .await
            .err(),
    ] {
        assert!(matches!(gone, Some(StoreError::NotFound)), "{gone:?}");
    }
    // The name is free again, and numbers are not given twice.
    assert!(create(&db, every(10)).await.id > id);
    db.close().await;
}

#[tokio::test]
async fn lists_come_in_pages_and_the_history_is_bounded() {
    let db = Database::new().await;
    for number in 0..5 {
        let name = format!("schedule {number}");
        create(&db, NewSchedule { name, ..every(1) }).await;
    }
    let page = db.store.schedule_list(None, 2).await.unwrap();
    assert_eq!(page.iter().map(|one| one.id).collect::<Vec<_>>(), [5, 4]);
    let page = db.store.schedule_list(Some(4), 9).await.unwrap();
    assert_eq!(page.iter().map(|one| one.id).collect::<Vec<_>>(), [3, 2, 1]);
    let change = ScheduleChange {
        misfire: Some(Misfire::All),
        misfire_limit: Some(1000),
        ..ScheduleChange::default()
    };
    let next = Box::new(next_tick);
    let update = db.store.schedule_update(1, change, None, next);
    update.await.unwrap();
    for _ in 0..2 {
        db.advance(seconds(700));
        let now = db.clock.now();
        while tick(&db.store).await.next_due.unwrap() <= now {}
    }
    let mut seen = BTreeSet::new();
    let mut before = None;
    loop {
        let page = db.store.schedule_runs(1, before, 300).await.unwrap();
        let Some(last) = page.last() else {
            break;
        };
        before = Some(last.tick);
        assert!(page.iter().all(|run| seen.insert(run.tick)));
    }
    assert_eq!(seen.len(), 1000);
    assert_eq!(seen.last().copied(), after(1400));
    db.close().await;
}
