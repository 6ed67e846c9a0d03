//! Concurrency, pauses and back-pressure.

use lockstep::{
    model::{ControlKind, ControlLimits, JobStatus, NewItem, NewJob, Settlement},
    store::{Store, StoreConfig, StoreError},
};
use slog::Logger;

use super::{
    super::claims::LEASE, POLICIES, RAISED, UNLIMITED, claim, complete, concurrency, database,
    enqueue, enqueue_many, ids, job, limit, look, owned, pause, resume, settle,
};
use crate::support::database::{Database, start};

/// Every way in which a run ends or is lost frees its slot, for whichever process is first.
async fn slots_are_freed(database: Database, job_type: &str, most: usize) {
    let (here, there) = (&database.store, database.another().await);
    enqueue_many(here, job_type, 9).await;
    let running = || {
        database
            .place()
            .count("job_queue WHERE status = 'processing'")
    };
    let mut first = claim(here, 9).await;
    assert_eq!(first.len(), most);
    assert!(ids(&there, 9).await.is_empty());

    complete(here, &first.remove(0)).await;
    let mut next = claim(&there, 9).await;
    assert_eq!((next.len(), ids(here, 9).await.len()), (1, 0));

    // Asked to stop, it still runs; then it does not.
    let asked = next.remove(0);
    here.job_cancel(asked.id).await.unwrap();
    assert!(ids(here, 9).await.is_empty());
    settle(&there, &asked, Settlement::Cancel { error: None }).await;
    assert_eq!(ids(here, 9).await.len(), 1);
    assert_eq!(running(), i64::try_from(most).unwrap());

    // Lost workers: nobody counts twice, and who was lost runs again.
    database.advance(LEASE);
    assert_eq!(here.job_rescue(9).await.unwrap().retaken, most);
    assert_eq!(running(), 0);
    assert_eq!(ids(&there, 9).await.len(), most);
    assert!(ids(here, 9).await.is_empty());
    assert_eq!(running(), i64::try_from(most).unwrap());
    there.close().await;
    database.close().await;
}

#[tokio::test]
async fn concurrency_of_a_type_counts_in_all_processes_and_is_freed_by_every_end() {
    slots_are_freed(database().await, "two", 2).await;
}

#[tokio::test]
async fn concurrency_of_a_queue_counts_in_all_processes_and_is_freed_by_every_end() {
    let database = database().await;
    limit(
        &database.store,
        ControlKind::Queue,
        "default",
        concurrency(3),
    )
    .await;
    slots_are_freed(database, "plain", 3).await;
}

#[tokio::test]
async fn concurrency_of_a_key_counts_in_all_processes_and_is_freed_by_every_end() {
    slots_are_freed(database().await, "keyed", 1).await;
}

#[tokio::test]
async fn each_key_has_its_own_slots_and_a_held_job_that_is_cancelled_makes_way() {
    let database = database().await;
    let store = &database.store;
    let mut jobs = Vec::new();
    for owner in ["ada", "ada", "ada", "bob", "bob"] {
        jobs.push(enqueue(store, owned("keyed", owner)).await);
    }
    let first = claim(store, 9).await;
    let order: Vec<_> = first.iter().map(|job| job.id).collect();
    assert_eq!(order, [jobs[0], jobs[3]]);
    let held = store.job_get(jobs[1]).await.unwrap().unwrap().held_by;
    assert!(held.unwrap().starts_with("key:keyed:"));
    store.job_cancel(jobs[1]).await.unwrap();
    assert!(ids(store, 9).await.is_empty());
    complete(store, &first[0]).await;
    assert_eq!(ids(store, 9).await, [jobs[2]]);
    complete(store, &first[1]).await;
    assert_eq!(ids(store, 9).await, [jobs[4]]);
    database.close().await;
}

#[tokio::test]
async fn what_is_held_is_out_of_the_way_and_comes_in_order_when_the_gate_opens() {
    let database = Database::copied(POLICIES).await;
    let store = &database.store;
    let held = || {
        database
            .place()
            .count("job_queue WHERE held_by IS NOT NULL")
    };
    pause(store, ControlKind::JobType, "two").await;
    let twos = enqueue_many(store, "two", 5_000).await;
    let plain = enqueue_many(store, "plain", 3).await;

    // They are put aside once, no more than a thousand and a few at a time.
    let (mut found, mut claims, mut before) = (Vec::new(), 0, 0);
    while found.is_empty() {
        let claimed = look(store, 2).await;
        assert!(held() - before <= 1_002, "one claim put many aside");
        assert!(claimed.more || !claimed.jobs.is_empty());
        before = held();
        claims += 1;
        found.extend(claimed.jobs.iter().map(|job| job.id));
    }
    assert_eq!(
        (&found[..], before, claims),
        (&plain[..2], 5_000, 6),
        "plain jobs come in order"
    );
    // From now on a claim does not touch them.
    assert_eq!((ids(store, 2).await, held()), (vec![plain[2]], 5_000));
    let late = enqueue(store, job("plain")).await;
    assert_eq!((ids(store, 2).await, held()), (vec![late], 5_000));

    resume(store, ControlKind::JobType, "two").await;
    let first = claim(store, 9).await;
    assert_eq!(
        first.iter().map(|job| job.id).collect::<Vec<_>>(),
        twos[..2]
    );
    for job in &first {
        complete(store, job).await;
    }
    assert_eq!(ids(store, 9).await, twos[2..4]);
    assert!(held() >= 4_980, "more were let through than may run");
    database.close().await;
}

#[tokio::test]
async fn pauses_hold_for_all_processes_and_survive_reopening() {
    let database = database().await;
    let store = &database.store;
    let side = |job_type: &str| NewJob {
        queue: "side".into(),
        ..job(job_type)
    };
    let plain = enqueue(store, job("plain")).await;
    let two = enqueue(store, side("two")).await;
    let other = enqueue(store, side("plain")).await;
    pause(store, ControlKind::Queue, "default").await;
    pause(store, ControlKind::JobType, "two").await;
    let running = claim(store, 9).await;
    assert_eq!(running[0].id, other);
    assert_eq!(running.len(), 1);

    let there = database.another().await;
    assert!(ids(&there, 9).await.is_empty());
    let controls = there.controls().await.unwrap();
    assert_eq!(controls.len(), 2);
    for control in controls {
        let pause = control.pause.unwrap();
        assert_eq!(
            (pause.at, pause.reason.as_deref(), pause.by.as_deref()),
            (start(), Some("disk swap"), Some("ada"))
        );
    }
    // What runs goes on.
    complete(&there, &running[0]).await;
    resume(&there, ControlKind::JobType, "two").await;
    assert_eq!(ids(store, 9).await, [two]);
    resume(&there, ControlKind::Queue, "default").await;
    assert_eq!(ids(store, 9).await, [plain]);
    assert_eq!(store.controls().await.unwrap(), []);
    there.close().await;
    database.close().await;
}

#[tokio::test]
async fn raising_a_limit_lets_more_through() {
    let database = database().await;
    let store = &database.store;
    enqueue_many(store, "two", 5).await;
    assert_eq!(ids(store, 9).await.len(), 2);
    limit(store, ControlKind::JobType, "two", concurrency(4)).await;
    assert_eq!(ids(store, 9).await.len(), 2);
    // Lowered: what runs goes on, nothing starts.
    limit(store, ControlKind::JobType, "two", concurrency(1)).await;
    assert!(ids(store, 9).await.is_empty());

    enqueue_many(store, "keyed", 5).await;
    assert_eq!(ids(store, 9).await.len(), 1);
    let config = StoreConfig {
        policies: RAISED,
        ..StoreConfig::new(database.place().url())
    };
    let log = Logger::root(slog::Discard, slog::o!());
    let newer = Store::open(&config, database.clock.clone(), &log).await;
    let newer = newer.unwrap();
    assert_eq!(newer.job_release_held(None).await.unwrap(), None);
    let started = claim(&newer, 9).await;
    let keyed = started.iter().filter(|job| job.job_type == "keyed");
    assert_eq!(keyed.count(), 2);
    newer.close().await;
    database.close().await;
}

#[tokio::test]
async fn without_its_limits_everything_held_is_free() {
    let database = database().await;
    let store = &database.store;
    limit(store, ControlKind::JobType, "plain", concurrency(1)).await;
    limit(store, ControlKind::Queue, "default", concurrency(9)).await;
    enqueue_many(store, "plain", 30).await;
    assert_eq!(ids(store, 30).await.len(), 1);
    let removed = limit(store, ControlKind::JobType, "plain", *UNLIMITED).await;
    assert_eq!((removed.pause, removed.limits), (None, *UNLIMITED));
    assert_eq!(ids(store, 30).await.len(), 8);
    limit(store, ControlKind::Queue, "default", *UNLIMITED).await;
    assert_eq!(store.controls().await.unwrap(), []);
    assert_eq!(ids(store, 30).await.len(), 21);
    database.close().await;
}

#[tokio::test]
async fn a_full_queue_refuses_what_would_wait_and_says_how_full_it_is() {
    let database = database().await;
    let store = &database.store;
    let depth = ControlLimits {
        max_depth: Some(2),
        ..*UNLIMITED
    };
    limit(store, ControlKind::Queue, "default", depth).await;
    enqueue_many(store, "plain", 2).await;
    let refused = store.job_enqueue(job("two")).await;
    assert!(
        matches!(&refused, Err(StoreError::QueueFull { queue, depth: 2, limit: 2 }) if queue == "default"),
        "{refused:?}"
    );
    let elsewhere = NewJob {
        queue: "side".into(),
        ..job("plain")
    };
    enqueue(store, elsewhere).await;
    // What runs does not wait. One fits, two do not.
    let running = claim(store, 1).await;
    let item = || NewItem {
        job: job("plain"),
        after_items: Vec::new(),
    };
    let both = store.job_enqueue_all(vec![item(), item()], None).await;
    assert!(
        matches!(&both, Err(StoreError::ItemRefused { index: 1, .. })),
        "{both:?}"
    );
    enqueue(store, job("plain")).await;
    complete(store, &running[0]).await;
    let waiting = store.job_get(2).await.unwrap().unwrap();
    assert_eq!(waiting.status, JobStatus::Pending);
    database.close().await;
}
