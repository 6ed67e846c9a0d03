//! Owns doing things once: idempotency keys, and dry runs, which do nothing at all.

use std::time::Duration;

use lockstep::{
    model::{DryRun, Enqueued, JobFilter, NewJob, OnConflict, UniqueClaim, UniqueScope},
    store::{Done, Once, Store, StoreError, StoredAnswer},
};

use crate::support::database::{Database, analysis, parsed};

#[expect(clippy::unnecessary_wraps, reason = "as the store takes it")]
fn once(digest: &str) -> Option<Once<Enqueued>> {
    Some(Once {
        key: "create_job::k".to_owned(),
        digest: digest.to_owned(),
        render: Box::new(|enqueued| {
            Ok(StoredAnswer {
                status: 201,
                headers: vec![("location".to_owned(), format!("/jobs/{}", enqueued.job.id))],
                body: "{}".to_owned(),
            })
        }),
    })
}

async fn jobs(store: &Store) -> usize {
    store
        .job_list(JobFilter::default(), None, 100)
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn the_second_request_gets_the_first_ones_answer_and_another_request_is_refused() {
    let database = Database::new().await;
    let other = database.another().await;
    let first = database
        .store
        .job_enqueue_once(analysis(), once("a"))
        .await
        .unwrap();
    assert!(matches!(first, Done::Now(_)));
    for store in [&database.store, &other] {
        let Done::Before(answer) = store.job_enqueue_once(analysis(), once("a")).await.unwrap()
        else {
            panic!("done twice");
        };
        assert_eq!(
            (answer.status, answer.headers[0].1.as_str()),
            (201, "/jobs/1")
        );
        let refused = store.job_enqueue_once(analysis(), once("b")).await;
        assert!(matches!(refused, Err(StoreError::IdempotencyKeyReused)));
    }
    assert_eq!(jobs(&database.store).await, 1);
    // After a day the key is as good as new, whether somebody tidied up or not.
    database.advance(Duration::from_hours(24));
    let again = database
        .store
        .job_enqueue_once(analysis(), once("b"))
        .await
        .unwrap();
    assert!(matches!(again, Done::Now(_)));
    database.advance(Duration::from_hours(24));
    assert_eq!(database.store.purge(10).await.unwrap(), 1);
    assert_eq!(database.store.purge(10).await.unwrap(), 0);
    other.close().await;
    database.close().await;
}

#[tokio::test]
async fn what_was_refused_or_cannot_be_answered_may_be_tried_again() {
    let database = Database::new().await;
    let missing = NewJob {
        after: vec![7],
        ..analysis()
    };
    let refused = database.store.job_enqueue_once(missing, once("a")).await;
    assert!(matches!(
        refused,
        Err(StoreError::Refused { field: "after", .. })
    ));
    let speechless = Once {
        render: Box::new(|_: &Enqueued| Err("no words".into())),
        ..once("a").unwrap()
    };
    let failed = database
        .store
        .job_enqueue_once(analysis(), Some(speechless))
        .await;
    assert!(matches!(failed, Err(StoreError::Internal(_))));
    assert_eq!(jobs(&database.store).await, 0);
    let done = database
        .store
        .job_enqueue_once(analysis(), once("a"))
        .await
        .unwrap();
    assert!(matches!(done, Done::Now(_)));
    database.close().await;
}

#[tokio::test]
async fn a_hundred_at_once_do_it_once() {
    let database = Database::new().await;
    let other = database.another().await;
    let callers = (0..100).map(|caller| {
        let store = if caller % 2 == 0 {
            database.store.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move { store.job_enqueue_once(analysis(), once("a")).await.unwrap() })
    });
    let answers = futures::future::join_all(callers).await;
    let now = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Done::Now(_))));
    assert_eq!(now.count(), 1);
    assert_eq!(jobs(&database.store).await, 1);
    other.close().await;
    database.close().await;
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_and_leaves_nothing() {
    let database = Database::new().await;
    let store = &database.store;
    let unique = |on_conflict| NewJob {
        unique: Some(UniqueClaim {
            key: "data_analysis:k".to_owned(),
            scope: UniqueScope::UntilFinished,
            period: None,
            on_conflict,
        }),
        ..analysis()
    };
    let DryRun::Would(would) = store.job_dry_run(unique(OnConflict::Reject)).await.unwrap() else {
        panic!("nobody has the key");
    };
    assert_eq!(would.outcome, lockstep::model::EnqueueOutcome::Created);
    assert_eq!(jobs(store).await, 0);
    let id = store
        .job_enqueue(unique(OnConflict::Reject))
        .await
        .unwrap()
        .job
        .id;
    let rejected = store.job_dry_run(unique(OnConflict::Reject)).await.unwrap();
    assert!(matches!(rejected, DryRun::WouldReject { holder, .. } if holder == id));
    let returned = store.job_dry_run(unique(OnConflict::Return)).await.unwrap();
    assert!(matches!(returned, DryRun::Would(would) if would.job.id == id));
    let replaced = NewJob {
        payload: r#"{"message":"other"}"#.to_owned(),
        ..unique(OnConflict::Replace)
    };
    let replaced = store.job_dry_run(replaced).await.unwrap();
    assert!(matches!(replaced, DryRun::Would(would) if would.job.payload.contains("other")));
    let kept = store.job_get(id).await.unwrap().unwrap().payload;
    assert_eq!(parsed(&kept), parsed(&analysis().payload));
    assert_eq!(jobs(store).await, 1);
    let missing = NewJob {
        after: vec![99],
        ..analysis()
    };
    let refused = store.job_dry_run(missing).await;
    assert!(matches!(
        refused,
        Err(StoreError::Refused { field: "after", .. })
    ));
    database.close().await;
}
