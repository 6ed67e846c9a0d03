//! Owns jobs that nobody wants any more after a time.

use std::time::Duration;

use chrono::TimeDelta;
use lockstep::{
    model::{AttemptOutcome, JobStatus, NewJob, Settlement},
    store::StoreError,
};

use super::claims::claim;
use crate::support::database::{Database, analysis, start};

fn expiring(seconds: i64) -> NewJob {
    NewJob {
        expires_at: Some(start() + TimeDelta::seconds(seconds)),
        ..analysis()
    }
}

#[tokio::test]
async fn a_job_that_still_waits_at_its_expiry_is_cancelled_and_never_claimed() {
    let database = Database::new().await;
    let store = &database.store;
    let due = store.job_enqueue(expiring(10)).await.unwrap().job.id;
    let scheduled = NewJob {
        scheduled_at: Some(start() + TimeDelta::seconds(5)),
        ..expiring(10)
    };
    let scheduled = store.job_enqueue(scheduled).await.unwrap().job.id;
    let kept = store.job_enqueue(expiring(11)).await.unwrap().job.id;
    let promoted = store.job_promote(10).await.unwrap();
    assert_eq!(promoted.next_due, Some(start() + TimeDelta::seconds(5)));
    database.advance(Duration::from_secs(10));
    // The claim is first, before anybody looked for what has expired.
    let claimed: Vec<_> = claim(store, 10).await.iter().map(|job| job.id).collect();
    assert_eq!(claimed, [kept]);
    let promoted = store.job_promote(10).await.unwrap();
    // What runs does not expire.
    assert_eq!(promoted.next_due, None);
    for id in [due, scheduled] {
        let job = store.job_get(id).await.unwrap().unwrap();
        assert_eq!((job.status, job.attempt), (JobStatus::Cancelled, 0));
        assert_eq!(job.completed_at, Some(start() + TimeDelta::seconds(10)));
        assert!(job.error_message.unwrap().starts_with("expired"));
    }
    database.advance(Duration::from_hours(1));
    store.job_promote(10).await.unwrap();
    assert_eq!(
        store.job_get(kept).await.unwrap().unwrap().status,
        JobStatus::Processing
    );
    database.close().await;
}

#[tokio::test]
async fn a_retry_expires_too_and_a_job_brought_back_by_hand_does_not() {
    let database = Database::new().await;
    let store = &database.store;
    let id = store.job_enqueue(expiring(10)).await.unwrap().job.id;
    let lease = claim(store, 1).await[0].lease;
    let retry = Settlement::Retry {
        delay: Duration::from_mins(1),
        error: "no luck".to_owned(),
        outcome: AttemptOutcome::Failed,
    };
    store.job_settle(vec![(id, lease, retry)]).await.unwrap();
    database.advance(Duration::from_secs(10));
    store.job_promote(10).await.unwrap();
    assert_eq!(
        store.job_get(id).await.unwrap().unwrap().status,
        JobStatus::Cancelled
    );
    store.job_retry(id).await.unwrap();
    store.job_promote(10).await.unwrap();
    assert_eq!(claim(store, 1).await.len(), 1);
    database.close().await;
}

#[tokio::test]
async fn an_expiry_that_has_passed_or_comes_before_the_start_is_refused() {
    let database = Database::new().await;
    let late = NewJob {
        delay: Some(Duration::from_secs(20)),
        ..expiring(20)
    };
    for job in [expiring(0), expiring(-5), late] {
        let refused = database.store.job_enqueue(job).await;
        assert!(
            matches!(
                &refused,
                Err(StoreError::Refused {
                    field: "expires_at",
                    ..
                })
            ),
            "{refused:?}"
        );
    }
    database.close().await;
}
