//! Groups: their counts and their one callback, however their jobs end; and jobs that wait for others.

use std::time::Duration;

use lockstep::{
    model::{
        AttemptOutcome, ControlKind, ControlLimits, Job, JobFilter, JobGroup, JobStatus, NewGroup,
        NewItem, NewJob, Settlement,
    },
    queue::EnqueueOptions,
    store::{Done, StoreError},
};

use super::claims::claim;
use crate::support::database::{Database, analysis, analysis_with, start};

fn item(after_items: &[usize]) -> NewItem {
    NewItem {
        job: analysis(),
        after_items: after_items.to_vec(),
    }
}

/// A group whose callback has a high priority.
async fn group(database: &Database, jobs: Vec<NewItem>) -> (i64, Vec<i64>) {
    let callback = NewJob {
        priority: 9,
        ..analysis()
    };
    let group = NewGroup {
        name: Some("report".to_owned()),
        jobs,
        callback: Some(callback),
    };
    let Done::Now((group, jobs)) = database.store.group_create(group, None).await.unwrap() else {
        panic!("nobody named a key");
    };
    (group.id, jobs.iter().map(|job| job.job.id).collect())
}

async fn look(database: &Database, id: i64) -> JobGroup {
    database.store.group_get(id).await.unwrap().unwrap()
}

async fn job(database: &Database, id: i64) -> Job {
    database.store.job_get(id).await.unwrap().unwrap()
}

async fn state(database: &Database, id: i64) -> JobStatus {
    job(database, id).await.status
}

/// Runs the next job to this end; answers its number.
async fn run(database: &Database, settlement: Settlement) -> i64 {
    let run = claim(&database.store, 1).await.remove(0);
    let settled = vec![(run.id, run.lease, settlement)];
    database.store.job_settle(settled).await.unwrap();
    run.id
}

fn complete() -> Settlement {
    Settlement::Complete { result: None }
}

fn fail() -> Settlement {
    Settlement::Fail {
        error: "no luck".to_owned(),
        outcome: AttemptOutcome::Failed,
    }
}

/// How many callbacks there are.
async fn callbacks(database: &Database) -> usize {
    let jobs = database.store.job_list(JobFilter::default(), None, 1_000);
    let jobs = jobs.await.unwrap();
    jobs.iter().filter(|job| job.priority == 9).count()
}

#[tokio::test]
async fn the_callback_comes_once_however_the_jobs_end() {
    let database = Database::new().await;
    let expiring = NewItem {
        job: analysis_with(EnqueueOptions {
            expires_at: Some(start() + Duration::from_mins(1)),
            priority: Some(-9),
            ..EnqueueOptions::default()
        }),
        after_items: Vec::new(),
    };
    let jobs = vec![item(&[]), item(&[]), item(&[]), item(&[]), expiring];
    let (id, jobs) = group(&database, jobs).await;
    assert_eq!(run(&database, complete()).await, jobs[0]);
    assert_eq!(run(&database, fail()).await, jobs[1]);
    database.store.job_cancel(jobs[2]).await.unwrap();
    database.store.job_delete(jobs[3]).await.unwrap();
    let open = look(&database, id).await;
    assert_eq!((open.total, open.completed, open.failed), (5, 1, 1));
    assert_eq!((open.cancelled, open.callback_job_id), (2, None));
    assert_eq!(callbacks(&database).await, 0);
    database.advance(Duration::from_mins(2));
    database.store.job_promote(10).await.unwrap();
    let done = look(&database, id).await;
    assert_eq!((done.cancelled, callbacks(&database).await), (3, 1));
    assert_eq!(done.completed_at, Some(start() + Duration::from_mins(2)));
    let callback = job(&database, done.callback_job_id.unwrap()).await;
    assert_eq!(
        (callback.status, callback.group_id),
        (JobStatus::Pending, None)
    );
    let told: serde_json::Value = serde_json::from_str(&callback.metadata.unwrap()).unwrap();
    let expected = serde_json::json!({"group": {
        "id": id, "total": 5, "completed": 1, "failed": 1, "cancelled": 3,
    }});
    assert_eq!(told, expected);
    // Retried and ended again: the counts follow, the callback does not come again.
    database.store.job_retry(jobs[1]).await.unwrap();
    let again = look(&database, id).await;
    assert_eq!((again.failed, again.completed_at), (0, done.completed_at));
    while database.store.job_counts().await.unwrap()[0].counts.pending > 0 {
        run(&database, complete()).await;
    }
    let last = look(&database, id).await;
    assert_eq!((last.completed, last.failed, last.cancelled), (2, 0, 3));
    assert_eq!(last.callback_job_id, done.callback_job_id);
    assert_eq!(callbacks(&database).await, 1);
    // What is deleted after its end stays counted.
    database.store.job_delete(jobs[0]).await.unwrap();
    assert_eq!(look(&database, id).await, last);
    database.close().await;
}

#[tokio::test]
async fn a_full_queue_does_not_refuse_the_callback() {
    let database = Database::new().await;
    let (id, _) = group(&database, vec![item(&[])]).await;
    let limits = ControlLimits {
        max_depth: Some(0),
        ..ControlLimits::default()
    };
    let limited = database
        .store
        .control_limit(ControlKind::Queue, "default".to_owned(), limits);
    limited.await.unwrap();
    let refused = database.store.job_enqueue(analysis()).await.unwrap_err();
    assert!(matches!(refused, StoreError::QueueFull { .. }));
    run(&database, complete()).await;
    assert!(look(&database, id).await.callback_job_id.is_some());
    database.close().await;
}

#[tokio::test]
async fn a_group_is_stored_whole_or_not_at_all() {
    let database = Database::new().await;
    for (jobs, index) in [
        (vec![item(&[]), item(&[2]), item(&[1])], 1),
        (vec![item(&[0])], 0),
    ] {
        let group = NewGroup {
            name: None,
            jobs,
            callback: None,
        };
        let refused = database.store.group_create(group, None).await.unwrap_err();
        let StoreError::ItemRefused { index: at, reason } = refused else {
            panic!("{refused:?}");
        };
        assert!(matches!(
            *reason,
            StoreError::Refused {
                field: "after_items",
                ..
            }
        ));
        assert_eq!(at, index);
    }
    assert!(
        database
            .store
            .group_list(None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(callbacks(&database).await, 0);
    assert!(database.store.job_counts().await.unwrap().is_empty());
    database.close().await;
}

#[tokio::test]
async fn a_completed_job_lets_those_start_that_wait_for_it() {
    let database = Database::new().await;
    // 3 waits for 1 and 2, 4 for 3; the first two in the order of the request.
    let jobs = vec![item(&[]), item(&[]), item(&[0, 1]), item(&[2])];
    let (_, jobs) = group(&database, jobs).await;
    let blocked = job(&database, jobs[2]).await;
    assert_eq!(
        (blocked.status, blocked.blocked_by),
        (JobStatus::Scheduled, 2)
    );
    for expected in &jobs {
        // What waits for others is not promoted, however long it waits.
        database.advance(Duration::from_mins(1));
        database.store.job_promote(10).await.unwrap();
        assert_eq!(run(&database, complete()).await, *expected);
    }
    assert_eq!(callbacks(&database).await, 1);
    database.close().await;
}

#[tokio::test]
async fn a_failed_job_takes_those_along_that_wait_for_it() {
    for by_deletion in [false, true] {
        let database = Database::new().await;
        let jobs = vec![item(&[]), item(&[0]), item(&[1]), item(&[])];
        let (id, jobs) = group(&database, jobs).await;
        if by_deletion {
            database.store.job_delete(jobs[0]).await.unwrap();
        } else {
            assert_eq!(run(&database, fail()).await, jobs[0]);
        }
        let end = if by_deletion { "cancelled" } else { "failed" };
        for (child, reason) in [
            (
                jobs[1],
                format!("job {}, which it waits for, is {end}", jobs[0]),
            ),
            (
                jobs[2],
                format!("job {}, which it waits for, is cancelled", jobs[1]),
            ),
        ] {
            let child = job(&database, child).await;
            assert_eq!((child.status, child.blocked_by), (JobStatus::Cancelled, 0));
            assert_eq!(child.error_message, Some(reason));
        }
        assert_eq!(state(&database, jobs[3]).await, JobStatus::Pending);
        assert_eq!(run(&database, complete()).await, jobs[3]);
        let group = look(&database, id).await;
        assert_eq!(group.completed + group.failed + group.cancelled, 4);
        assert_eq!(callbacks(&database).await, 1);
        database.close().await;
    }
}

#[tokio::test]
async fn cancelling_a_group_ends_what_waits_and_asks_what_runs() {
    let database = Database::new().await;
    let mut jobs = vec![item(&[])];
    jobs.extend((0..900).map(|_| item(&[0])));
    let (id, jobs) = group(&database, jobs).await;
    let running = claim(&database.store, 1).await.remove(0);
    let other = database.store.job_enqueue(analysis()).await.unwrap().job.id;
    let group = database.store.group_cancel(id).await.unwrap();
    assert_eq!((group.cancelled, group.completed_at), (900, None));
    assert!(job(&database, jobs[0]).await.cancel_requested);
    assert_eq!(state(&database, other).await, JobStatus::Pending);
    let stopped = vec![(
        running.id,
        running.lease,
        Settlement::Cancel { error: None },
    )];
    database.store.job_settle(stopped).await.unwrap();
    assert_eq!(look(&database, id).await.cancelled, 901);
    assert_eq!(callbacks(&database).await, 1);
    let none = database.store.group_cancel(99).await.unwrap_err();
    assert!(matches!(none, StoreError::NotFound));
    database.close().await;
}
