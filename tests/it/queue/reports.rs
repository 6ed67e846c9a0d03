//! What runs say of themselves: it outlives the run, its worker too, and stays within bounds.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use lockstep::{
    model::{JobReport, JobStatus, LeaseState, LeaseToken, LogLine},
    queue::{JobError, MAX_CHECKPOINT_BYTES, MAX_LINE_CHARS, MAX_LOG_LINES},
    store::Claim,
};
use serde_json::{Value, json};

use super::{broken, doing, done, job, runner, soon, until};
use crate::support::database::{Database, analysis, start};

fn report(checkpoint: &str) -> JobReport {
    JobReport {
        progress: Some(r#"{"percent":1.0}"#.to_owned()),
        checkpoint: Some(checkpoint.to_owned()),
        log: vec![LogLine {
            at: start(),
            message: "line".to_owned(),
        }],
    }
}

fn claim() -> Claim<'static> {
    Claim {
        queues: &["default"],
        worker: "dies",
        limit: 1,
        lease: Duration::from_secs(30),
        reads: None,
    }
}

#[tokio::test]
async fn a_retry_goes_on_from_the_checkpoint() {
    let db = Database::new().await;
    let seen: Arc<Mutex<Vec<Option<Value>>>> = Arc::default();
    let tell = Arc::clone(&seen);
    let work = move |context: lockstep::queue::JobContext, _| {
        let tell = Arc::clone(&tell);
        async move {
            tell.lock().unwrap().push(context.last_checkpoint()?);
            context.log_line("began");
            context.progress(10.0, "reading");
            context
                .checkpoint(&json!({"last": context.attempt}))
                .await?;
            context.progress(50.0 * f64::from(context.attempt), "half\nway");
            context.log_line("\u{1b}[2Jended");
            if context.attempt == 1 {
                Err(broken())
            } else {
                done()
            }
        }
    };
    let runner = runner(&db, doing(work));
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    assert_eq!(runner.run_due().await.unwrap(), 1);
    let failed = job(&db, id).await;
    assert_eq!(failed.status, JobStatus::RetryPending);
    assert_eq!(failed.checkpoint.as_deref(), Some(r#"{"last":1}"#));
    // The last progress before the outcome, however soon after the first.
    let progress = r#"{"percent":50.0,"message":"half\\nway"}"#;
    assert_eq!(failed.progress.as_deref(), Some(progress));
    db.advance(Duration::from_mins(5));
    assert_eq!(runner.run_due().await.unwrap(), 1);
    assert_eq!(*seen.lock().unwrap(), [None, Some(json!({"last": 1}))]);
    let progress = job(&db, id).await.progress.unwrap();
    assert!(progress.contains("100.0"), "{progress}");
    let runs = db.store.job_attempts(id, 10).await.unwrap();
    for (run, minutes) in runs.iter().zip([0, 5]) {
        let lines: Vec<_> = run.log.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(lines, ["began", r"\u{1b}[2Jended"]);
        assert_eq!(run.log[0].at, start() + Duration::from_mins(minutes));
    }
    drop(runner);
    db.close().await;
}

#[tokio::test]
async fn the_next_worker_goes_on_where_a_dead_one_was_which_changes_nothing_any_more() {
    let db = Database::new().await;
    db.store.job_enqueue(analysis()).await.unwrap();
    let dead = db.store.job_claim(claim()).await.unwrap().jobs.remove(0);
    let said = db
        .store
        .job_report(dead.id, dead.lease, report(r#"{"page":3}"#));
    assert_eq!(said.await.unwrap(), LeaseState::Live);
    db.advance(Duration::from_secs(31));
    db.store.job_rescue(10).await.unwrap();
    let next = db.store.job_claim(claim()).await.unwrap().jobs.remove(0);
    assert_eq!(next.checkpoint.as_deref(), Some(r#"{"page":3}"#));
    let before = job(&db, next.id).await;
    let runs = db.store.job_attempts(next.id, 10).await.unwrap();
    assert_eq!((runs[0].log.len(), runs[1].log.len()), (1, 0));
    for token in [dead.lease, LeaseToken(0)] {
        let late = db.store.job_report(dead.id, token, report(r#"{"page":9}"#));
        assert_eq!(late.await.unwrap(), LeaseState::Lost);
    }
    assert_eq!(job(&db, next.id).await, before);
    assert_eq!(db.store.job_attempts(next.id, 10).await.unwrap(), runs);
    db.store.job_cancel(next.id).await.unwrap();
    let said = db
        .store
        .job_report(next.id, next.lease, JobReport::default());
    assert_eq!(said.await.unwrap(), LeaseState::CancelRequested);
    db.close().await;
}

#[tokio::test]
async fn a_run_that_lost_its_lease_hears_so_at_its_checkpoint() {
    let db = Database::new().await;
    let store = db.store.clone();
    let clock = Arc::clone(&db.clock);
    let work = move |context: lockstep::queue::JobContext, _| {
        let (store, clock) = (store.clone(), Arc::clone(&clock));
        async move {
            clock.advance(chrono::TimeDelta::seconds(31));
            store.job_rescue(10).await.unwrap();
            let stored = context.checkpoint(&json!({"late": true})).await;
            assert!(matches!(stored, Err(JobError::Stopped)));
            stored?;
            done()
        }
    };
    let runner = runner(&db, doing(work));
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    // Three lost runs are the end of it.
    runner.run_due().await.unwrap();
    let job = job(&db, id).await;
    assert_eq!((job.status, job.checkpoint), (JobStatus::Failed, None));
    drop(runner);
    db.close().await;
}

#[tokio::test]
async fn reports_stay_within_bounds() {
    let db = Database::new().await;
    let work = async |context: lockstep::queue::JobContext, _| {
        let large = json!({"text": "x".repeat(MAX_CHECKPOINT_BYTES)});
        let refused = context.checkpoint(&large).await.unwrap_err().to_string();
        assert!(refused.contains("at most 65536"), "{refused}");
        assert!(context.checkpoint(&[1, 2]).await.is_err());
        context.progress(f64::NAN, "");
        context.progress(700.0, &"é".repeat(600));
        for _ in 0..MAX_LOG_LINES + 7 {
            context.log_line(&"é".repeat(MAX_LINE_CHARS + 1));
        }
        done()
    };
    let runner = runner(&db, doing(work));
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    runner.run_due().await.unwrap();
    let job = job(&db, id).await;
    assert_eq!((job.status, &job.checkpoint), (JobStatus::Completed, &None));
    let progress: Value = serde_json::from_str(&job.progress.unwrap()).unwrap();
    assert_eq!(progress["percent"], 100.0);
    assert_eq!(progress["message"].as_str().unwrap().chars().count(), 500);
    let log = db.store.job_attempts(id, 10).await.unwrap().remove(0).log;
    assert_eq!(log.len(), MAX_LOG_LINES + 1);
    assert_eq!(log[0].message.chars().count(), MAX_LINE_CHARS);
    assert_eq!(log[MAX_LOG_LINES].message, "7 more lines were dropped");
    drop(runner);
    db.close().await;
}

#[tokio::test]
async fn what_a_run_reports_is_seen_while_it_runs() {
    let db = Database::new().await;
    let work = async |context: lockstep::queue::JobContext, _| {
        context.progress(25.0, "a quarter");
        context.log_line("here");
        context.stop.cancelled().await;
        Err(JobError::Stopped)
    };
    let runner = runner(&db, doing(work)).start().unwrap();
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, id, JobStatus::Processing).await;
    soon(async {
        loop {
            let run = db.store.job_attempts(id, 1).await.unwrap().remove(0);
            if !run.log.is_empty() {
                assert_eq!(run.outcome, None);
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let progress = job(&db, id).await.progress.unwrap();
    assert!(progress.contains("a quarter"), "{progress}");
    runner.stop_now().await;
    db.close().await;
}
