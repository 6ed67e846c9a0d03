//! Ticks that nobody was there for: missed, paused, or before a clock that goes back.

use std::time::Duration;

use chrono::TimeDelta;
use lockstep::{
    model::{
        Misfire, NewSchedule, ScheduleChange,
        ScheduleOutcome::{Enqueued, Skipped},
    },
    queue::schedule::next_tick,
    store::Ticked,
};

use super::schedules::{after, create, cron, every, history, jobs, seconds, tick};
use crate::support::database::Database;

#[tokio::test]
async fn missed_ticks_are_dealt_with_as_ordered() {
    for (misfire, misfire_limit, expected) in [
        // On time is what is at most an interval old: 12:01:30 and 12:01:40.
        (
            Misfire::Skip,
            9,
            vec![(80, Skipped), (90, Enqueued), (100, Enqueued)],
        ),
        (
            Misfire::Once,
            9,
            vec![(80, Enqueued), (90, Enqueued), (100, Enqueued)],
        ),
        (
            Misfire::All,
            2,
            vec![
                (60, Skipped),
                (70, Enqueued),
                (80, Enqueued),
                (90, Enqueued),
                (100, Enqueued),
            ],
        ),
        (
            Misfire::All,
            100,
            (1..=10).map(|tick| (tick * 10, Enqueued)).collect(),
        ),
    ] {
        let db = Database::new().await;
        let id = create(
            &db,
            NewSchedule {
                misfire,
                misfire_limit,
                ..every(10)
            },
        )
        .await
        .id;
        db.advance(seconds(100));
        let ticked = tick(&db.store).await;
        assert_eq!(ticked.next_due, after(110));
        assert_eq!(
            history(&db, id).await,
            expected,
            "{misfire:?} {misfire_limit}"
        );
        let enqueued = expected.iter().filter(|(_, what)| *what == Enqueued);
        assert_eq!(jobs(&db).await, enqueued.count());
        assert_eq!(tick(&db.store).await.enqueued, 0);
        db.close().await;
    }
}

#[tokio::test]
async fn a_long_absence_is_made_up_for_in_bounded_writes() {
    let db = Database::new().await;
    for number in 0..3 {
        let schedule = NewSchedule {
            name: format!("schedule {number}"),
            misfire: Misfire::All,
            misfire_limit: 300,
            ..every(1)
        };
        create(&db, schedule).await;
    }
    db.advance(Duration::from_hours(24 * 365));
    let first = tick(&db.store).await;
    assert_eq!(first.enqueued, 604);
    assert!(first.next_due < after(365 * 86_400));
    assert_eq!(tick(&db.store).await.enqueued, 302);
    assert_eq!(tick(&db.store).await.next_due, after(365 * 86_400 + 1));
    db.close().await;
}

#[tokio::test]
async fn a_clock_that_goes_back_repeats_no_tick() {
    let db = Database::new().await;
    let id = create(&db, every(60)).await.id;
    db.advance(seconds(60));
    tick(&db.store).await;
    db.clock.advance(TimeDelta::seconds(-60));
    assert_eq!(tick(&db.store).await.enqueued, 0);
    // Not even when the schedule is made to begin anew.
    let timing = Some(cron("* * * * *", "UTC"));
    let change = ScheduleChange {
        timing,
        ..ScheduleChange::default()
    };
    let next = Box::new(next_tick);
    db.store
        .schedule_update(id, change, None, next)
        .await
        .unwrap();
    db.advance(seconds(60));
    assert_eq!(tick(&db.store).await.enqueued, 0);
    db.advance(seconds(60));
    assert_eq!(tick(&db.store).await.enqueued, 1);
    assert_eq!(history(&db, id).await, [(60, Enqueued), (120, Enqueued)]);
    db.close().await;
}

#[tokio::test]
async fn a_pause_leaves_ticks_out() {
    let db = Database::new().await;
    let id = create(
        &db,
        NewSchedule {
            misfire: Misfire::All,
            ..every(10)
        },
    )
    .await
    .id;
    let reason = Some("moving".to_owned());
    let paused = db.store.schedule_pause(id, reason.clone()).await.unwrap();
    assert_eq!(
        (paused.paused, paused.reason, paused.version),
        (true, reason, 2)
    );
    db.advance(seconds(35));
    assert_eq!(tick(&db.store).await, Ticked::default());
    let next = || Box::new(next_tick);
    let resumed = db.store.schedule_resume(id, next()).await.unwrap();
    assert_eq!((resumed.paused, resumed.reason), (false, None));
    assert_eq!(resumed.next_at, after(40));
    // Again: nothing to do.
    let again = db.store.schedule_resume(id, next()).await.unwrap();
    assert_eq!(again.version, resumed.version);
    db.advance(seconds(5));
    tick(&db.store).await;
    assert_eq!(history(&db, id).await, [(40, Enqueued)]);
    db.close().await;
}
