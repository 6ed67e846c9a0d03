//! What becomes of a job after each kind of run. No loops and no waiting: the clock is moved by hand.

use std::{
    borrow::Cow,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use lockstep::{
    contract::{jobs, types},
    model::{AttemptOutcome, JobStatus, NewJob},
    queue::{JobContext, JobError, MAX_RESULT_BYTES, Processor, Registry},
    store::{Claim, StoreError},
};

use super::{broken, doing, done, job, runner};
use crate::support::{
    database::{Database, analysis, policy},
    place::on_postgres,
};

#[tokio::test]
async fn a_done_job_keeps_its_result_and_its_run() {
    let db = Database::new().await;
    let runner = runner(
        &db,
        doing(async |context, message| {
            assert_eq!(
                (context.attempt, context.retry_count, message.as_str()),
                (1, 0, "test")
            );
            done()
        }),
    );
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    assert_eq!(runner.run_due().await.unwrap(), 1);
    let job = job(&db, id).await;
    assert_eq!(job.status, JobStatus::Completed);
    let expected = r#"{"active_users":1,"domains":[],"growth":[],"users":2}"#;
    assert_eq!(job.result.as_deref(), Some(expected));
    assert!(job.started_at.is_some() && job.completed_at.is_some());
    let runs = db.store.job_attempts(id, 10).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(
        (runs[0].outcome, runs[0].worker.as_str()),
        (Some(AttemptOutcome::Completed), "here")
    );
    assert_eq!(runner.run_due().await.unwrap(), 0);
    drop(runner);
    db.close().await;
}

#[tokio::test]
async fn an_error_is_tried_again_after_5_10_15_minutes_and_then_the_job_fails() {
    let db = Database::new().await;
    let runner = runner(&db, doing(async |_, _| Err(broken())));
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    assert_eq!(runner.run_due().await.unwrap(), 1);
    for (retry, minutes) in [(1, 5), (2, 10), (3, 15)] {
        let waiting = job(&db, id).await;
        assert_eq!(
            (waiting.status, waiting.retry_count),
            (JobStatus::RetryPending, retry)
        );
        db.advance(Duration::from_secs(minutes * 60 - 1));
        assert_eq!(
            runner.run_due().await.unwrap(),
            0,
            "before the {retry}. retry is due"
        );
        db.advance(Duration::from_secs(1));
        assert_eq!(
            runner.run_due().await.unwrap(),
            1,
            "when the {retry}. retry is due"
        );
    }
    let failed = job(&db, id).await;
    assert_eq!(
        (failed.status, failed.retry_count, failed.attempt),
        (JobStatus::Failed, 3, 4)
    );
    assert_eq!(
        failed.error_message.as_deref(),
        Some("no luck: the disk is full")
    );
    assert_eq!(db.store.job_attempts(id, 10).await.unwrap().len(), 4);
    db.advance(Duration::from_hours(24 * 365));
    assert_eq!(runner.run_due().await.unwrap(), 0);
    drop(runner);
    db.close().await;
}

#[tokio::test]
async fn the_processor_may_name_the_wait() {
    let db = Database::new().await;
    let runner = runner(
        &db,
        doing(async |_, _| {
            Err(JobError::Retry {
                message: "busy".to_owned(),
                after: Some(Duration::from_secs(7)),
                source: None,
            })
        }),
    );
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    runner.run_due().await.unwrap();
    db.advance(Duration::from_secs(7));
    assert_eq!(runner.run_due().await.unwrap(), 1);
    assert_eq!(job(&db, id).await.retry_count, 2);
}

#[tokio::test]
async fn a_snooze_uses_no_retry() {
    let db = Database::new().await;
    let runner = runner(
        &db,
        doing(async |context: JobContext, _| match context.attempt {
            1..=5 => Err(JobError::Snooze(Duration::from_mins(1))),
            _ => done(),
        }),
    );
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    for _ in 0..5 {
        assert_eq!(runner.run_due().await.unwrap(), 1);
        let job = job(&db, id).await;
        assert_eq!((job.status, job.retry_count), (JobStatus::Scheduled, 0));
        db.advance(Duration::from_mins(1));
    }
    runner.run_due().await.unwrap();
    assert_eq!(job(&db, id).await.status, JobStatus::Completed);
}

#[tokio::test]
async fn a_final_error_fails_at_once() {
    let db = Database::new().await;
    let runner = runner(
        &db,
        doing(async |_, _| {
            Err(JobError::Fail {
                message: "never\u{1b}[2J".to_owned(),
                source: None,
            })
        }),
    );
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    runner.run_due().await.unwrap();
    let job = job(&db, id).await;
    assert_eq!(
        (job.status, job.error_message.as_deref()),
        (JobStatus::Failed, Some("never [2J"))
    );
}

#[tokio::test]
async fn a_panic_is_an_error_of_its_job_alone() {
    let db = Database::new().await;
    let runner = runner(
        &db,
        doing(async |context: JobContext, _| {
            assert!(context.job_id != 2, "job two cannot be done");
            done()
        }),
    );
    for _ in 0..3 {
        db.store.job_enqueue(analysis()).await.unwrap();
    }
    assert_eq!(runner.run_due().await.unwrap(), 3);
    assert_eq!(job(&db, 1).await.status, JobStatus::Completed);
    assert_eq!(job(&db, 3).await.status, JobStatus::Completed);
    let two = job(&db, 2).await;
    assert_eq!((two.status, two.retry_count), (JobStatus::RetryPending, 1));
    assert!(
        two.error_message
            .unwrap()
            .contains("job two cannot be done")
    );
    let runs = db.store.job_attempts(2, 10).await.unwrap();
    assert_eq!(runs[0].outcome, Some(AttemptOutcome::Panicked));
}

#[tokio::test]
async fn a_run_ends_at_its_timeout() {
    let db = Database::new().await;
    let runner = runner(&db, doing(async |_, _| pending().await));
    let timeout = Duration::from_millis(30);
    let id = db
        .store
        .job_enqueue(NewJob {
            timeout,
            ..analysis()
        })
        .await
        .unwrap()
        .job
        .id;
    runner.run_due().await.unwrap();
    let job = job(&db, id).await;
    assert_eq!((job.status, job.retry_count), (JobStatus::RetryPending, 1));
    assert!(job.error_message.unwrap().contains("timeout of 0.03 s"));
    let runs = db.store.job_attempts(id, 10).await.unwrap();
    assert_eq!(runs[0].outcome, Some(AttemptOutcome::TimedOut));
}

/// Counts its calls.
struct Counting(Arc<AtomicUsize>);

impl Processor for Counting {
    type Job = jobs::UserCreated;

    async fn process(
        &self,
        _: JobContext,
        _: types::UserCreatedPayload,
    ) -> Result<types::UserCreatedResult, JobError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(JobError::Stopped)
    }
}

#[tokio::test]
async fn a_payload_that_does_not_parse_fails_its_job_and_no_other() {
    let db = Database::new().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let registry = doing(async |_, _| done()).with(Counting(Arc::clone(&calls)));
    let runner = runner(&db, registry);
    for payload in [
        "{}",
        "[]",
        "",
        "{\"user_id\":\"hunter2\"}",
        "{\"user_id\":1,\"user_data\":{\"email\":\"hunter2\"}}",
    ] {
        let poison = NewJob {
            job_type: Cow::Borrowed("user_created"),
            payload: payload.to_owned(),
            schema_fingerprint: Cow::Borrowed(policy("user_created").schema_fingerprint),
            ..analysis()
        };
        let poison = db.store.job_enqueue(poison).await;
        if payload.is_empty() && on_postgres() {
            // What is no JSON at all gets no further, there.
            let refused = matches!(
                poison,
                Err(StoreError::Refused {
                    field: "payload",
                    ..
                })
            );
            assert!(refused, "{poison:?}");
            continue;
        }
        let id = poison.unwrap().job.id;
        let good = db.store.job_enqueue(analysis()).await.unwrap().job.id;
        runner.run_due().await.unwrap();
        let failed = job(&db, id).await;
        assert_eq!(
            (failed.status, failed.attempt),
            (JobStatus::Failed, 1),
            "{payload}"
        );
        let error = failed.error_message.unwrap();
        assert!(error.starts_with("failed to parse payload: "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        assert_eq!(job(&db, good).await.status, JobStatus::Completed);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

/// It may be another process's: a newer or an older one, or one with other processors.
#[tokio::test]
async fn a_job_that_no_processor_here_can_read_is_left_to_others_and_in_nobodys_way() {
    let db = Database::new().await;
    let here = runner(&db, doing(async |_, _| done()));
    let unknown = NewJob {
        job_type: Cow::Borrowed("mystery"),
        ..analysis()
    };
    let newer = NewJob {
        schema_fingerprint: Cow::Borrowed("of tomorrow"),
        ..analysis()
    };
    let unknown = db.store.job_enqueue(unknown).await.unwrap().job.id;
    let newer = db.store.job_enqueue(newer).await.unwrap().job.id;
    let known = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    assert_eq!(here.run_due().await.unwrap(), 1);
    assert_eq!(job(&db, known).await.status, JobStatus::Completed);
    for (id, gate) in [
        (
            unknown,
            format!("schema:mystery:{}", analysis().schema_fingerprint),
        ),
        (newer, "schema:data_analysis:of tomorrow".to_owned()),
    ] {
        let left = job(&db, id).await;
        assert_eq!((left.status, left.attempt), (JobStatus::Pending, 0));
        assert_eq!((left.started_at, left.worker), (None, None));
        assert_eq!(left.held_by, Some(gate));
    }
    // Somebody who reads everything.
    let claim = Claim {
        queues: &["default"],
        worker: "other",
        limit: 10,
        lease: Duration::from_secs(30),
        reads: Some(&[("data_analysis", Some("of tomorrow"))]),
    };
    let claimed = db.store.job_claim(claim).await.unwrap().jobs;
    assert_eq!(
        claimed.iter().map(|job| job.id).collect::<Vec<_>>(),
        [newer]
    );
}

#[tokio::test]
async fn a_result_that_is_too_long_fails_the_job() {
    let db = Database::new().await;
    let runner = runner(
        &db,
        doing(async |_, _| {
            let day = types::DayCount {
                date: "2026-11-24".parse().unwrap(),
                users: 1.try_into().unwrap(),
            };
            let growth = vec![day; MAX_RESULT_BYTES / 20];
            done().map(|result| types::DataAnalysisResult { growth, ..result })
        }),
    );
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    runner.run_due().await.unwrap();
    let job = job(&db, id).await;
    assert_eq!((job.status, job.result), (JobStatus::Failed, None));
    assert!(
        job.error_message
            .unwrap()
            .contains("at most 1000000 are stored")
    );
}

#[tokio::test]
async fn a_runner_takes_from_its_queues_only() {
    let db = Database::new().await;
    let mut runner = runner(&db, doing(async |_, _| done()));
    let slow = NewJob {
        queue: Cow::Borrowed("slow"),
        ..analysis()
    };
    let id = db.store.job_enqueue(slow).await.unwrap().job.id;
    assert_eq!(runner.run_due().await.unwrap(), 0);
    runner.config.queues = vec!["slow".to_owned()];
    assert_eq!(runner.run_due().await.unwrap(), 1);
    assert_eq!(job(&db, id).await.status, JobStatus::Completed);
}

#[test]
fn an_empty_registry_knows_no_type() {
    assert!(Registry::new().job_types().is_empty());
    let registry = doing(async |_, _| done());
    assert_eq!(registry.job_types(), ["data_analysis"]);
    assert_eq!(registry.queues(), ["default"]);
    assert!(registry.policy("mystery").is_none());
}
