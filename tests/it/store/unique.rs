//! Owns unique keys: each scope, each answer to a conflict, in bulk, at the same time, after retries.

use std::time::Duration;

use chrono::TimeDelta;
use lockstep::{
    model::{
        AttemptOutcome, EnqueueOutcome, JobStatus, LeaseToken, NewItem, NewJob, OnConflict,
        Settlement, UniqueClaim, UniqueScope,
    },
    store::{Done, Store, StoreError},
};

use super::claims::claim;
use crate::support::database::{Database, analysis, parsed, start};

fn unique(scope: UniqueScope, on_conflict: OnConflict) -> NewJob {
    NewJob {
        unique: Some(UniqueClaim {
            key: "data_analysis:k".to_owned(),
            scope,
            period: (scope == UniqueScope::ForPeriod).then(|| Duration::from_mins(1)),
            on_conflict,
        }),
        ..analysis()
    }
}

/// The outcome of a try that would be refused, or the number of the job.
async fn enqueue(store: &Store, scope: UniqueScope) -> Result<i64, i64> {
    match store.job_enqueue(unique(scope, OnConflict::Reject)).await {
        Ok(enqueued) => {
            assert_eq!(enqueued.outcome, EnqueueOutcome::Created);
            Ok(enqueued.job.id)
        }
        Err(StoreError::DuplicateJob { id }) => Err(id),
        Err(error) => panic!("{error}"),
    }
}

async fn settle(store: &Store, id: i64, lease: LeaseToken, settlement: Settlement) {
    store
        .job_settle(vec![(id, lease, settlement)])
        .await
        .unwrap();
}

fn retry() -> Settlement {
    Settlement::Retry {
        delay: Duration::from_secs(10),
        error: "e".to_owned(),
        outcome: AttemptOutcome::Failed,
    }
}

#[tokio::test]
async fn until_finished_holds_through_runs_and_retries_and_ends_with_the_job() {
    let database = Database::new().await;
    let store = &database.store;
    let scope = UniqueScope::UntilFinished;
    let first = enqueue(store, scope).await.unwrap();
    assert_eq!(enqueue(store, scope).await, Err(first));
    let lease = claim(store, 1).await[0].lease;
    assert_eq!(enqueue(store, scope).await, Err(first));
    settle(store, first, lease, retry()).await;
    assert_eq!(enqueue(store, scope).await, Err(first));
    database.advance(Duration::from_secs(10));
    store.job_promote(10).await.unwrap();
    let lease = claim(store, 1).await[0].lease;
    settle(store, first, lease, Settlement::Complete { result: None }).await;
    let second = enqueue(store, scope).await.unwrap();
    // By cancel, too.
    store.job_cancel(second).await.unwrap();
    let third = enqueue(store, scope).await.unwrap();
    // And by deletion.
    store.job_delete(third).await.unwrap();
    let fourth = enqueue(store, scope).await.unwrap();
    // The cancelled one cannot come back while another has its key.
    let refused = store.job_retry(second).await;
    assert!(matches!(refused, Err(StoreError::DuplicateJob { id }) if id == fourth));
    assert_eq!(
        store.job_get(second).await.unwrap().unwrap().status,
        JobStatus::Cancelled
    );
    store.job_cancel(fourth).await.unwrap();
    store.job_retry(second).await.unwrap();
    assert_eq!(enqueue(store, scope).await, Err(second));
    database.close().await;
}

#[tokio::test]
async fn until_started_ends_with_the_first_claim_for_good() {
    let database = Database::new().await;
    let store = &database.store;
    let scope = UniqueScope::UntilStarted;
    let first = enqueue(store, scope).await.unwrap();
    assert_eq!(enqueue(store, scope).await, Err(first));
    let lease = claim(store, 1).await[0].lease;
    let second = enqueue(store, scope).await.unwrap();
    settle(store, first, lease, retry()).await;
    assert_eq!(
        store.job_get(first).await.unwrap().unwrap().status,
        JobStatus::RetryPending
    );
    assert_eq!(enqueue(store, scope).await, Err(second));
    database.close().await;
}

#[tokio::test]
async fn while_queued_is_taken_again_by_a_retry_and_a_newer_job_supersedes_it() {
    let database = Database::new().await;
    let store = &database.store;
    let scope = UniqueScope::WhileQueued;
    let first = enqueue(store, scope).await.unwrap();
    let lease = claim(store, 1).await[0].lease;
    // The key is free while it runs, and nobody took it.
    settle(store, first, lease, retry()).await;
    assert_eq!(enqueue(store, scope).await, Err(first));
    database.advance(Duration::from_secs(10));
    store.job_promote(10).await.unwrap();
    let lease = claim(store, 1).await[0].lease;
    let second = enqueue(store, scope).await.unwrap();
    settle(store, first, lease, retry()).await;
    let superseded = store.job_get(first).await.unwrap().unwrap();
    assert_eq!(superseded.status, JobStatus::Cancelled);
    let reason = format!("job {second} has taken its place by the unique key");
    assert_eq!(superseded.error_message, Some(reason));
    assert_eq!(enqueue(store, scope).await, Err(second));
    database.close().await;
}

#[tokio::test]
async fn for_a_period_holds_whatever_becomes_of_the_job_and_then_ends_by_itself() {
    let database = Database::new().await;
    let store = &database.store;
    let scope = UniqueScope::ForPeriod;
    let first = enqueue(store, scope).await.unwrap();
    let lease = claim(store, 1).await[0].lease;
    settle(store, first, lease, Settlement::Complete { result: None }).await;
    assert_eq!(enqueue(store, scope).await, Err(first));
    store.job_delete(first).await.unwrap();
    database.advance(Duration::from_secs(59));
    assert_eq!(enqueue(store, scope).await, Err(first));
    database.advance(Duration::from_secs(1));
    let second = enqueue(store, scope).await.unwrap();
    database.advance(Duration::from_mins(1));
    assert_eq!(store.purge(10).await.unwrap(), 1);
    assert!(enqueue(store, scope).await.unwrap() > second);
    database.close().await;
}

#[tokio::test]
async fn a_conflict_returns_replaces_or_rejects() {
    let database = Database::new().await;
    let store = &database.store;
    let scope = UniqueScope::UntilFinished;
    let first = enqueue(store, scope).await.unwrap();
    let again = store
        .job_enqueue(NewJob {
            payload: r#"{"message":"ignored"}"#.to_owned(),
            ..unique(scope, OnConflict::Return)
        })
        .await
        .unwrap();
    assert_eq!(
        (again.outcome, again.job.id),
        (EnqueueOutcome::Existing, first)
    );
    assert_eq!(parsed(&again.job.payload), parsed(&analysis().payload));
    let later = start() + TimeDelta::seconds(30);
    let debounced = |message: &str| NewJob {
        payload: format!(r#"{{"message":"{message}"}}"#),
        scheduled_at: Some(later),
        priority: 7,
        tags: vec!["t".to_owned()],
        ..unique(scope, OnConflict::Replace)
    };
    let replaced = store.job_enqueue(debounced("newest")).await.unwrap();
    assert_eq!(
        (replaced.outcome, replaced.job.id),
        (EnqueueOutcome::Replaced, first)
    );
    let job = store.job_get(first).await.unwrap().unwrap();
    assert_eq!(job, replaced.job);
    let newest = serde_json::json!({"message": "newest"});
    assert_eq!(
        (job.status, job.scheduled_at, job.priority),
        (JobStatus::Scheduled, later, 7)
    );
    assert_eq!(
        (parsed(&job.payload), job.tags.as_slice()),
        (newest.clone(), &["t".to_owned()][..])
    );
    assert_eq!(claim(store, 10).await, []);
    database.advance(Duration::from_secs(30));
    store.job_promote(10).await.unwrap();
    assert_eq!(parsed(&claim(store, 10).await[0].payload), newest);
    // One that runs cannot be replaced: nothing is changed, and nothing is lost without a word.
    let refused = store.job_enqueue(debounced("too late")).await;
    assert!(matches!(refused, Err(StoreError::DuplicateJob { id }) if id == first));
    let kept = store.job_get(first).await.unwrap().unwrap().payload;
    assert_eq!(parsed(&kept), newest);
    database.close().await;
}

#[tokio::test]
async fn sixty_four_callers_at_once_in_two_processes_make_one_job() {
    let database = Database::new().await;
    let other = database.another().await;
    let callers = (0..64).map(|caller| {
        let store = if caller % 2 == 0 {
            database.store.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move { enqueue(&store, UniqueScope::UntilFinished).await })
    });
    let answers: Vec<_> = futures::future::join_all(callers).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let created: Vec<_> = answers.iter().filter_map(|answer| answer.ok()).collect();
    assert_eq!(created.len(), 1);
    assert!(
        answers
            .iter()
            .filter_map(|answer| answer.err())
            .all(|id| id == created[0])
    );
    other.close().await;
    database.close().await;
}

#[tokio::test]
async fn in_bulk_the_second_of_two_equal_ones_meets_the_first() {
    let database = Database::new().await;
    let item = |on_conflict| NewItem {
        job: unique(UniqueScope::UntilFinished, on_conflict),
        after_items: Vec::new(),
    };
    let items = vec![
        item(OnConflict::Return),
        item(OnConflict::Return),
        item(OnConflict::Reject),
    ];
    let Done::Now(outcomes) = database
        .store
        .job_enqueue_each(items.clone(), None)
        .await
        .unwrap()
    else {
        panic!("nobody did this before");
    };
    let of = |index: usize| {
        outcomes[index]
            .as_ref()
            .map(|it| (it.outcome, it.job.id))
            .ok()
    };
    assert_eq!(of(0), Some((EnqueueOutcome::Created, 1)));
    assert_eq!(of(1), Some((EnqueueOutcome::Existing, 1)));
    assert!(matches!(
        outcomes[2],
        Err(StoreError::DuplicateJob { id: 1 })
    ));
    database.store.job_delete(1).await.unwrap();
    // All or none: none.
    let refused = database.store.job_enqueue_all(items, None).await;
    assert!(matches!(
        refused,
        Err(StoreError::ItemRefused { index: 2, .. })
    ));
    assert_eq!(
        database
            .store
            .job_list(lockstep::model::JobFilter::default(), None, 10)
            .await
            .unwrap(),
        []
    );
    assert!(
        enqueue(&database.store, UniqueScope::UntilFinished)
            .await
            .is_ok()
    );
    database.close().await;
}
