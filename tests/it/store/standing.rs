//! Claims that wait with the store until there is something for them.

use std::{
    pin::Pin,
    time::{Duration, Instant},
};

use futures::poll;
use lockstep::{
    model::{ControlKind, EventFilter, EventsFrom, JobStatus, NewJob, Settlement},
    queue::EnqueueOptions,
    store::{Claim, Claims, Store, StoreError},
};

use super::{
    claims::LEASE,
    limits::{claim, complete, database as limited, enqueue_many},
};
use crate::support::{
    database::{Database, analysis, analysis_with, start},
    place::on_postgres,
};

fn next(limit: usize) -> Claim<'static> {
    Claim {
        queues: &["default"],
        worker: "waits",
        limit,
        lease: LEASE,
        reads: None,
    }
}

type Waiting<'s> = Pin<Box<dyn Future<Output = Result<Claims, StoreError>> + 's>>;

/// A claim that is on its way to the writer.
async fn waiting(store: &Store, limit: usize) -> Waiting<'_> {
    let mut claim: Waiting<'_> = Box::pin(store.job_claim_next(next(limit)));
    still(&mut claim).await;
    claim
}

/// A claim that is behind all that wait, on the same way: they have been asked by now.
async fn asked_in_vain(store: &Store) {
    let claims = store.job_claim(next(1)).await.unwrap();
    assert_eq!(ids(&claims), [0; 0]);
}

async fn still(claim: &mut Waiting<'_>) {
    assert!(poll!(claim).is_pending(), "it was answered");
}

async fn enqueue(store: &Store, job: NewJob) -> i64 {
    store.job_enqueue(job).await.unwrap().job.id
}

fn ids(claims: &Claims) -> Vec<i64> {
    claims.jobs.iter().map(|job| job.id).collect()
}

#[tokio::test]
async fn a_claim_waits_for_a_job_that_is_for_it() {
    let database = Database::new().await;
    let store = &database.store;
    let mut claim = waiting(store, 3).await;
    // Nothing of it is for the claim: a later time, another queue.
    let options = EnqueueOptions {
        scheduled_at: Some(start() + chrono::TimeDelta::hours(1)),
        ..EnqueueOptions::default()
    };
    enqueue(store, analysis_with(options)).await;
    let before = Instant::now();
    let options = EnqueueOptions {
        queue: Some("side".to_owned()),
        ..EnqueueOptions::default()
    };
    enqueue(store, analysis_with(options)).await;
    still(&mut claim).await;

    let id = enqueue(store, analysis()).await;
    let claims = claim.await.unwrap();
    assert_eq!(ids(&claims), [id]);
    assert_eq!(claims.jobs[0].attempt, 1);
    // The lease began with the transaction that gave it, not with the call.
    assert!(claims.began.unwrap() > before);
    database.close().await;
}

/// What an idle worker of the process gets costs no commit of its own.
#[tokio::test]
async fn a_job_is_claimed_in_the_commit_that_brings_it() {
    let database = Database::new().await;
    let store = &database.store;
    let mut shared = None;
    // Now and then PostgreSQL's claims are just being asked by themselves.
    let tries = if on_postgres() { 5 } else { 1 };
    for commits in 1..=tries {
        let claim = waiting(store, 3).await;
        asked_in_vain(store).await;
        let id = enqueue(store, analysis()).await;
        assert_eq!(ids(&claim.await.unwrap()), [id]);
        if database.place().count("job_events") < 2 * commits {
            shared = Some(id);
            break;
        }
    }
    let id = shared.expect("one commit");
    let events = store.events(EventsFrom::Oldest, EventFilter::default(), 99);
    let mut events = events.await.unwrap().events;
    events.retain(|event| event.1.job_id == id);
    let states: Vec<_> = events.iter().map(|event| event.1.to).collect();
    let expected = [JobStatus::Pending, JobStatus::Processing].map(Some);
    assert_eq!(states, expected);
    database.close().await;
}

/// Orders of operators hold for what a commit brings, too.
#[tokio::test]
async fn a_paused_job_is_not_given_to_a_claim_that_waits() {
    let database = Database::new().await;
    let store = &database.store;
    let mut claim = waiting(store, 1).await;
    asked_in_vain(store).await;
    let queue = || "default".to_owned();
    let kind = ControlKind::Queue;
    store
        .control_pause(kind, queue(), None, None)
        .await
        .unwrap();
    let id = enqueue(store, analysis()).await;
    asked_in_vain(store).await;
    still(&mut claim).await;
    store.control_resume(kind, queue()).await.unwrap();
    assert_eq!(ids(&claim.await.unwrap()), [id]);
    database.close().await;
}

#[tokio::test]
async fn a_claim_takes_no_more_than_it_asks_for_and_several_take_turns() {
    let database = Database::new().await;
    let store = &database.store;
    let first = waiting(store, 2).await;
    let second = waiting(store, 2).await;
    // PostgreSQL's claims see what is committed while they are asked, the second more than the first.
    asked_in_vain(store).await;
    enqueue_all(store, 3).await;
    let (first, second) = (ids(&first.await.unwrap()), ids(&second.await.unwrap()));
    assert_eq!((first.len(), second.len()), (2, 1));
    assert!(
        [first, second]
            .concat()
            .is_sorted_by(|job, next| job < next)
    );
    // What is there already is not waited for.
    let id = enqueue(store, analysis()).await;
    assert_eq!(ids(&store.job_claim_next(next(2)).await.unwrap()), [id]);
    database.close().await;
}

async fn enqueue_all(store: &Store, count: usize) {
    let item = || lockstep::model::NewItem {
        job: analysis(),
        after_items: Vec::new(),
    };
    let items = std::iter::repeat_with(item).take(count).collect();
    store.job_enqueue_all(items, None).await.unwrap();
}

#[tokio::test]
async fn a_claim_that_is_let_go_is_answered_and_one_that_looks_again_only_with_jobs() {
    let database = Database::new().await;
    let (store, other) = (&database.store, database.another().await);
    let claim = waiting(store, 1).await;
    store.job_let_go().await.unwrap();
    assert_eq!(ids(&claim.await.unwrap()), [0; 0]);

    let mut claim = waiting(store, 1).await;
    store.job_look_again().await.unwrap();
    asked_in_vain(store).await;
    still(&mut claim).await;
    let id = enqueue(&other, analysis()).await;
    store.job_look_again().await.unwrap();
    assert_eq!(ids(&claim.await.unwrap()), [id]);
    other.close().await;
    database.close().await;
}

/// By a hint at once, where hints come, and by the slow look.
#[tokio::test]
async fn a_job_of_another_process_ends_the_wait_without_a_word() {
    let database = Database::new().await;
    let (store, other) = (&database.store, database.another().await);
    for subscribed in [true, false] {
        let _wakeups = subscribed.then(|| store.subscribe());
        let claim = waiting(store, 1).await;
        let id = enqueue(&other, analysis()).await;
        assert_eq!(ids(&claim.await.unwrap()), [id]);
    }
    other.close().await;
    database.close().await;
}

#[tokio::test]
async fn whoever_has_gone_away_takes_nothing() {
    let database = Database::new().await;
    let store = &database.store;
    drop(waiting(store, 1).await);
    let id = enqueue(store, analysis()).await;
    let job = store.job_get(id).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Pending);
    database.close().await;
}

#[tokio::test]
async fn a_place_that_a_run_leaves_is_taken() {
    let database = limited().await;
    let store = &database.store;
    enqueue_many(store, "two", 3).await;
    let running = claim(store, 3).await;
    assert_eq!(running.len(), 2);
    let waiting = waiting(store, 3).await;
    complete(store, &running[0]).await;
    assert_eq!(ids(&waiting.await.unwrap()), [3]);
    database.close().await;
}

/// What is due by its time is brought by a commit, too.
#[tokio::test]
async fn a_job_that_becomes_due_is_claimed() {
    let database = Database::new().await;
    let store = &database.store;
    let options = EnqueueOptions {
        scheduled_at: Some(start() + chrono::TimeDelta::minutes(1)),
        ..EnqueueOptions::default()
    };
    let id = enqueue(store, analysis_with(options)).await;
    let claim = waiting(store, 1).await;
    database.advance(Duration::from_secs(61));
    assert_eq!(store.job_promote(9).await.unwrap().jobs, 1);
    let claims = claim.await.unwrap();
    assert_eq!(ids(&claims), [id]);
    let run = &claims.jobs[0];
    let done = Settlement::Complete { result: None };
    store
        .job_settle(vec![(run.id, run.lease, done)])
        .await
        .unwrap();
    database.close().await;
}
