//! Every end of a run, and what the job and its history say afterwards.

use std::time::Duration;

use chrono::TimeDelta;
use lockstep::{
    model::{AttemptOutcome, ClaimedJob, Job, JobFilter, JobStatus, Settled, Settlement},
    store::StoreError,
};

use super::claims::claim;
use crate::support::database::{Database, analysis, start};

async fn running(database: &Database) -> ClaimedJob {
    database.store.job_enqueue(analysis()).await.unwrap();
    claim(&database.store, 1).await.remove(0)
}

async fn settle(database: &Database, job: &ClaimedJob, settlement: Settlement) -> Job {
    let settled = database
        .store
        .job_settle(vec![(job.id, job.lease, settlement)])
        .await
        .unwrap();
    let job = database.store.job_get(job.id).await.unwrap().unwrap();
    assert_eq!(settled, [Settled::Accepted(job.status)]);
    job
}

fn failed(error: &str) -> Settlement {
    Settlement::Fail {
        error: error.to_owned(),
        outcome: AttemptOutcome::Failed,
    }
}

#[tokio::test]
async fn a_completed_job_keeps_its_times_and_its_result() {
    let database = Database::new().await;
    let claimed = running(&database).await;
    database.advance(Duration::from_secs(7));
    let result = r#"{"users":0}"#.to_owned();
    let job = settle(
        &database,
        &claimed,
        Settlement::Complete {
            result: Some(result.clone()),
        },
    )
    .await;
    assert_eq!(
        (job.status, job.result),
        (JobStatus::Completed, Some(result))
    );
    assert_eq!(job.started_at, Some(start()));
    assert_eq!(job.completed_at, Some(start() + TimeDelta::seconds(7)));
    let runs = database.store.job_attempts(job.id, 10).await.unwrap();
    assert_eq!(
        (runs.len(), runs[0].number, runs[0].outcome),
        (1, 1, Some(AttemptOutcome::Completed))
    );
    assert_eq!(
        (runs[0].worker.as_str(), runs[0].finished_at),
        ("worker-1", job.completed_at)
    );
    database.close().await;
}

#[tokio::test]
async fn a_retry_waits_and_counts() {
    let database = Database::new().await;
    let claimed = running(&database).await;
    let retry = Settlement::Retry {
        delay: Duration::from_mins(5),
        error: "no answer".to_owned(),
        outcome: AttemptOutcome::TimedOut,
    };
    let job = settle(&database, &claimed, retry).await;
    assert_eq!((job.status, job.retry_count), (JobStatus::RetryPending, 1));
    assert_eq!(job.scheduled_at, start() + TimeDelta::minutes(5));
    assert_eq!(job.error_message.as_deref(), Some("no answer"));
    assert_eq!(claim(&database.store, 1).await, []);
    database.advance(Duration::from_mins(5));
    database.store.job_promote(10).await.unwrap();
    let again = claim(&database.store, 1).await.remove(0);
    assert_eq!((again.attempt, again.retry_count), (2, 1));
    // A success later keeps what the failed run said, and the history tells both.
    let job = settle(&database, &again, Settlement::Complete { result: None }).await;
    assert_eq!(job.error_message.as_deref(), Some("no answer"));
    let runs = database.store.job_attempts(job.id, 10).await.unwrap();
    let outcomes: Vec<_> = runs.iter().map(|run| run.outcome.unwrap()).collect();
    assert_eq!(
        outcomes,
        [AttemptOutcome::TimedOut, AttemptOutcome::Completed]
    );
    database.close().await;
}

#[tokio::test]
async fn snooze_and_release_use_no_retry() {
    let database = Database::new().await;
    let claimed = running(&database).await;
    let job = settle(
        &database,
        &claimed,
        Settlement::Snooze {
            delay: Duration::from_secs(9),
        },
    )
    .await;
    assert_eq!((job.status, job.retry_count), (JobStatus::Scheduled, 0));
    database.advance(Duration::from_secs(9));
    database.store.job_promote(10).await.unwrap();
    let claimed = claim(&database.store, 1).await.remove(0);
    let job = settle(&database, &claimed, Settlement::Release).await;
    assert_eq!(
        (job.status, job.retry_count, job.attempt),
        (JobStatus::Pending, 0, 2)
    );
    database.close().await;
}

#[tokio::test]
async fn a_job_asked_to_stop_does_not_go_back_to_wait() {
    let database = Database::new().await;
    let ends = [
        Settlement::Retry {
            delay: Duration::ZERO,
            error: "e".to_owned(),
            outcome: AttemptOutcome::Failed,
        },
        Settlement::Snooze {
            delay: Duration::ZERO,
        },
        Settlement::Release,
        Settlement::Cancel { error: None },
    ];
    for end in ends {
        let claimed = running(&database).await;
        assert!(
            database
                .store
                .job_cancel(claimed.id)
                .await
                .unwrap()
                .cancel_requested
        );
        let job = settle(&database, &claimed, end).await;
        assert_eq!(
            (job.status, job.cancel_requested),
            (JobStatus::Cancelled, false)
        );
    }
    // What had finished by then, has finished.
    let claimed = running(&database).await;
    database.store.job_cancel(claimed.id).await.unwrap();
    let job = settle(&database, &claimed, Settlement::Complete { result: None }).await;
    assert_eq!(job.status, JobStatus::Completed);
    database.close().await;
}

#[tokio::test]
async fn cancel_retry_and_delete_ask_for_the_right_state() {
    let database = Database::new().await;
    let store = &database.store;
    let claimed = running(&database).await;
    assert!(matches!(
        store.job_retry(claimed.id).await,
        Err(StoreError::JobNotRetryable)
    ));
    assert!(matches!(
        store.job_delete(claimed.id).await,
        Err(StoreError::JobProcessing)
    ));
    let job = settle(&database, &claimed, failed("no")).await;
    assert_eq!(
        (job.status, job.error_message.as_deref()),
        (JobStatus::Failed, Some("no"))
    );
    assert!(matches!(
        store.job_cancel(job.id).await,
        Err(StoreError::JobEnded)
    ));
    let job = store.job_retry(job.id).await.unwrap();
    assert_eq!((job.status, job.retry_count), (JobStatus::Pending, 0));
    let job = store.job_cancel(job.id).await.unwrap();
    assert_eq!(job.status, JobStatus::Cancelled);
    store.job_delete(job.id).await.unwrap();
    assert!(matches!(
        store.job_delete(job.id).await,
        Err(StoreError::NotFound)
    ));
    assert!(matches!(
        store.job_attempts(job.id, 1).await,
        Err(StoreError::NotFound)
    ));
    assert!(matches!(
        store.job_cancel(99).await,
        Err(StoreError::NotFound)
    ));
    assert!(matches!(
        store.job_retry(99).await,
        Err(StoreError::NotFound)
    ));
    database.close().await;
}

#[tokio::test]
async fn history_shows_the_newest_runs_and_the_running_one() {
    let database = Database::new().await;
    let mut claimed = running(&database).await;
    for _ in 0..4 {
        settle(&database, &claimed, Settlement::Release).await;
        claimed = claim(&database.store, 1).await.remove(0);
    }
    let runs = database.store.job_attempts(claimed.id, 3).await.unwrap();
    assert_eq!(
        runs.iter().map(|run| run.number).collect::<Vec<_>>(),
        [3, 4, 5]
    );
    assert_eq!((runs[2].outcome, runs[2].finished_at), (None, None));
    database.close().await;
}

#[tokio::test]
async fn lists_go_by_state_and_type() {
    let database = Database::new().await;
    let store = &database.store;
    for _ in 0..3 {
        let claimed = running(&database).await;
        settle(&database, &claimed, Settlement::Complete { result: None }).await;
    }
    store.job_enqueue(analysis()).await.unwrap();
    let completed = JobFilter::of_status(JobStatus::Completed);
    let ids = |jobs: Vec<Job>| jobs.into_iter().map(|job| job.id).collect::<Vec<_>>();
    assert_eq!(
        ids(store.job_list(completed.clone(), None, 2).await.unwrap()),
        [3, 2]
    );
    assert_eq!(
        ids(store.job_list(completed.clone(), Some(2), 2).await.unwrap()),
        [1]
    );
    let other = JobFilter {
        job_type: Some("data_export".to_owned()),
        ..JobFilter::default()
    };
    assert!(store.job_list(other, None, 9).await.unwrap().is_empty());
    let counts = store.job_counts().await.unwrap();
    assert_eq!(
        (
            counts.len(),
            counts[0].counts.completed,
            counts[0].counts.pending
        ),
        (1, 3, 1)
    );
    assert_eq!(
        ids(store.job_list(JobFilter::default(), None, 9).await.unwrap()),
        [4, 3, 2, 1]
    );
    database.close().await;
}

/// Asked while jobs move: what is kept and what is counted are of one moment.
#[tokio::test]
async fn counters_are_checked_at_one_moment() {
    let database = Database::new().await;
    let store = &database.store;
    for _ in 0..20 {
        let enqueued = || store.job_enqueue(analysis());
        let (.., check, _, _) = tokio::join!(
            enqueued(),
            enqueued(),
            enqueued(),
            store.job_counts_check(),
            enqueued(),
            enqueued(),
        );
        assert_eq!(check.unwrap(), []);
    }
    database.close().await;
}
