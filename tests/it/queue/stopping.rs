//! Stopping a runner: what runs may end, what does not end is given back, nothing new is taken.

use std::{future::pending, sync::Arc, time::Duration};

use lockstep::{
    model::{AttemptOutcome, JobStatus},
    queue::{JobContext, JobError},
};
use tokio::sync::Notify;

use super::{config, doing, done, job, runner, runner_on, soon, until};
use crate::support::database::{Database, analysis};

const LONG: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_stop_lets_runs_end_and_takes_nothing_new() {
    let db = Database::new().await;
    let (began, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (start, wait) = (Arc::clone(&began), Arc::clone(&finish));
    let registry = doing(move |_, _| {
        let (start, wait) = (Arc::clone(&start), Arc::clone(&wait));
        async move {
            start.notify_one();
            wait.notified().await;
            done()
        }
    });
    let mut config = config("here");
    config.worker_count = 1;
    let handle = runner_on(&db, db.store.clone(), registry, config)
        .start()
        .unwrap();
    let running = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    // The store may know that it is claimed before the runner does, which would give it back.
    soon(began.notified()).await;
    let waiting = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    let stop = async { soon(handle.stop(LONG)).await };
    let end = async { finish.notify_one() };
    tokio::join!(biased; stop, end);
    assert_eq!(job(&db, running).await.status, JobStatus::Completed);
    assert_eq!(job(&db, waiting).await.status, JobStatus::Pending);
    db.close().await;
}

#[tokio::test]
async fn what_does_not_end_is_given_back_without_using_a_retry() {
    let db = Database::new().await;
    let handle = runner(&db, doing(async |_, _| pending().await))
        .start()
        .unwrap();
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, id, JobStatus::Processing).await;
    soon(handle.stop(Duration::from_millis(20))).await;
    let given_back = job(&db, id).await;
    assert_eq!(
        (
            given_back.status,
            given_back.retry_count,
            given_back.lease_losses
        ),
        (JobStatus::Pending, 0, 0)
    );
    let runs = db.store.job_attempts(id, 10).await.unwrap();
    assert_eq!(runs[0].outcome, Some(AttemptOutcome::Released));
    db.close().await;
}

#[tokio::test]
async fn a_run_that_listens_stops_by_itself_at_the_end_of_the_drain() {
    let db = Database::new().await;
    let registry = doing(async |context: JobContext, _| {
        context.stop.cancelled().await;
        Err(JobError::Stopped)
    });
    let mut config = config("here");
    config.grace = LONG;
    let handle = runner_on(&db, db.store.clone(), registry, config)
        .start()
        .unwrap();
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, id, JobStatus::Processing).await;
    soon(handle.stop(Duration::from_millis(20))).await;
    assert_eq!(job(&db, id).await.status, JobStatus::Pending);
    db.close().await;
}

#[tokio::test]
async fn a_second_stop_does_not_wait() {
    let db = Database::new().await;
    let mut config = config("here");
    config.grace = LONG;
    let registry = doing(async |_, _| pending().await);
    let handle = runner_on(&db, db.store.clone(), registry, config)
        .start()
        .unwrap();
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, id, JobStatus::Processing).await;
    soon(async { tokio::join!(handle.stop(LONG), handle.stop(LONG)) }).await;
    assert_eq!(job(&db, id).await.status, JobStatus::Pending);
    // And once it has ended there is nothing to wait for.
    soon(handle.stop(LONG)).await;
    db.close().await;
}

#[tokio::test]
async fn a_dropped_handle_stops_the_runner() {
    let db = Database::new().await;
    let handle = runner(&db, doing(async |_, _| pending().await))
        .start()
        .unwrap();
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, id, JobStatus::Processing).await;
    drop(handle);
    until(&db, id, JobStatus::Pending).await;
}
