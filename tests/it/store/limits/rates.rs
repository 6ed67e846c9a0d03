//! Token buckets.

use std::time::Duration;

use chrono::TimeDelta;
use lockstep::model::{ControlKind, ControlLimits};

use super::{
    UNLIMITED, claim, complete, database, enqueue, enqueue_many, ids, job, limit, look, owned,
    per_minute,
};
use crate::support::database::start;

#[tokio::test]
async fn a_rate_is_exact_in_the_long_run_and_says_when() {
    let database = database().await;
    let store = &database.store;
    enqueue_many(store, "rated", 60).await;
    let mut started = 0;
    // Ten minutes, in steps that no token falls on.
    for _ in 0..=85 {
        started += claim(store, 50).await.len();
        database.advance(Duration::from_secs(7));
    }
    // A bucketful at first, and three a minute from then on.
    assert_eq!(started, 3 + 29);
    database.close().await;
}

#[tokio::test]
async fn the_next_start_is_told_to_the_microsecond_in_all_processes() {
    let database = database().await;
    let (store, there) = (&database.store, database.another().await);
    enqueue_many(store, "rated", 6).await;
    let first = look(store, 9).await;
    let ready = start() + TimeDelta::seconds(20);
    assert_eq!((first.jobs.len(), first.ready_at), (3, Some(ready)));
    database.advance(Duration::from_secs(20) - Duration::from_micros(1));
    let none = look(&there, 9).await;
    assert_eq!((none.jobs.len(), none.ready_at), (0, Some(ready)));
    database.advance(Duration::from_micros(1));
    let next = look(&there, 9).await;
    let ready = ready + TimeDelta::seconds(20);
    assert_eq!((next.jobs.len(), next.ready_at), (1, Some(ready)));
    // Done jobs give no tokens back.
    complete(store, &first.jobs[0]).await;
    assert!(ids(store, 9).await.is_empty());
    there.close().await;
    database.close().await;
}

/// A moment that has passed would have the caller look again and again.
#[tokio::test]
async fn an_idle_queue_with_a_rate_has_no_next_start() {
    let database = database().await;
    let store = &database.store;
    let rate = ControlLimits {
        rate: Some(per_minute(1)),
        ..*UNLIMITED
    };
    limit(store, ControlKind::Queue, "default", rate).await;
    let only = enqueue(store, job("plain")).await;
    assert_eq!(ids(store, 9).await, [only]);
    database.advance(Duration::from_mins(1));
    for _ in 0..2 {
        let idle = look(store, 9).await;
        assert_eq!((idle.jobs.len(), idle.ready_at), (0, None));
        database.advance(Duration::from_secs(1));
    }
    database.close().await;
}

#[tokio::test]
async fn a_gate_that_is_open_further_than_one_claim_reaches_lets_the_next_claim_through() {
    let database = database().await;
    let store = &database.store;
    for _ in 0..9 {
        enqueue(store, owned("key_rated", "ada")).await;
    }
    let first = look(store, 9).await;
    let ready = start() + TimeDelta::seconds(15);
    assert_eq!((first.jobs.len(), first.ready_at), (4, Some(ready)));
    database.advance(Duration::from_mins(1));
    // The bucket is full, and the first worker has one slot.
    assert_eq!(ids(store, 1).await.len(), 1);
    assert_eq!(ids(store, 9).await.len(), 3);
    assert!(ids(store, 9).await.is_empty());
    database.close().await;
}
