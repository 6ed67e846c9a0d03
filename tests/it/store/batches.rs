//! Many jobs at once, in numbers that are no round ones for any engine: each keeps what is its own, and one that the database
//! refuses takes the others of its call with it.

use std::time::Duration;

use lockstep::{
    model::{JobFilter, JobStatus, NewItem, NewJob, Settled, Settlement},
    queue::EnqueueOptions,
    store::Done,
};

use super::claims::claim;
use crate::support::database::{Database, analysis_with};

/// One statement of 32 rows, one of 8 and one of one, on SQLite.
const MANY: usize = 41;

fn item(job: NewJob) -> NewItem {
    NewItem {
        job,
        after_items: Vec::new(),
    }
}

fn job(priority: i32) -> NewJob {
    analysis_with(EnqueueOptions {
        priority: Some(priority),
        ..EnqueueOptions::default()
    })
}

#[tokio::test]
async fn each_of_many_keeps_what_is_its_own() {
    let database = Database::new().await;
    let store = &database.store;
    let priorities: Vec<i32> = (0..=9).cycle().take(MANY).collect();
    let items = priorities.iter().map(|priority| item(job(*priority)));
    let stored = store.job_enqueue_all(items.collect(), None).await.unwrap();
    let Done::Now(stored) = stored else {
        panic!("there was no key");
    };
    let ids: Vec<i64> = stored.into_iter().map(|one| one.unwrap().job.id).collect();
    for (id, priority) in ids.iter().zip(&priorities) {
        let kept = store.job_get(*id).await.unwrap().unwrap();
        assert_eq!(
            (kept.priority, kept.status),
            (*priority, JobStatus::Pending)
        );
    }

    let claimed = claim(store, MANY).await;
    assert_eq!(claimed.len(), MANY);
    let result = |id: i64| Some(format!(r#"{{"users":{id}}}"#));
    let settlements = claimed.iter().map(|job| {
        let complete = Settlement::Complete {
            result: result(job.id),
        };
        (job.id, job.lease, complete)
    });
    let settled = store.job_settle(settlements.collect()).await.unwrap();
    assert_eq!(settled, [Settled::Accepted(JobStatus::Completed); MANY]);
    for id in ids {
        let kept = store.job_get(id).await.unwrap().unwrap();
        assert_eq!(
            (kept.status, kept.result),
            (JobStatus::Completed, result(id))
        );
        let runs = store.job_attempts(id, 9).await.unwrap();
        assert_eq!((runs.len(), runs[0].number), (1, 1));
    }
    database.close().await;
}

#[tokio::test]
async fn one_that_the_database_refuses_leaves_nothing_of_its_call() {
    let database = Database::new().await;
    let store = &database.store;
    let refused = NewJob {
        // Our own callers are kept from this.
        timeout: Duration::ZERO,
        ..job(0)
    };
    let mut items: Vec<_> = (0..MANY).map(|_| item(job(0))).collect();
    items[20] = item(refused);
    let all = store.job_enqueue_all(items, None);
    let (all, other) = tokio::join!(all, store.job_enqueue(job(5)));
    assert!(all.is_err());
    let other = other.unwrap().job;
    let left = store
        .job_list(JobFilter::default(), None, 100)
        .await
        .unwrap();
    let left: Vec<i64> = left.iter().map(|job| job.id).collect();
    assert_eq!(left, [other.id], "what others did stays");
    database.close().await;
}
