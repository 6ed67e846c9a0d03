//! Why a job is not running: each cause by itself, and all that hold together.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use lockstep::{
    model::{
        AttemptOutcome, BulkAction, BulkChange, ControlKind, Explanation, HoldCode, JobFilter,
        JobStatus, NewJob, Settlement, WorkerCard, WorkerReads,
    },
    store::{Store, StoreError},
};

use super::limits::{
    claim, complete, concurrency, database, enqueue, enqueue_many, job, limit, owned, pause, settle,
};
use crate::support::database::start;

fn card(worker: &str, reads: Option<&[(&str, Option<&str>)]>) -> WorkerCard {
    let one = |(job_type, print): &(&str, Option<&str>)| WorkerReads {
        job_type: (*job_type).to_owned(),
        schema_fingerprint: print.map(str::to_owned),
    };
    WorkerCard {
        worker: worker.to_owned(),
        queues: vec!["default".to_owned()],
        reads: reads.map(|reads| reads.iter().map(one).collect()),
        slots: 9,
        version: "test".to_owned(),
    }
}

/// A worker that does everything, and is the one that the tests claim as.
async fn with_worker(store: &Store) {
    store.worker_seen(card("worker", None)).await.unwrap();
}

async fn explain(store: &Store, id: i64) -> Explanation {
    let explanation = store.job_explain(id).await.unwrap();
    assert_eq!(explanation.id, id);
    for hold in &explanation.reasons {
        assert!(!hold.message.is_empty(), "{hold:?}");
    }
    explanation
}

async fn codes(store: &Store, id: i64) -> Vec<HoldCode> {
    let reasons = explain(store, id).await.reasons;
    reasons.iter().map(|hold| hold.code).collect()
}

/// The only cause: its message and its end.
async fn only(store: &Store, id: i64, code: HoldCode) -> (String, Option<DateTime<Utc>>) {
    let explanation = explain(store, id).await;
    let [hold] = &explanation.reasons[..] else {
        panic!("{explanation:?}");
    };
    assert_eq!(hold.code, code, "{hold:?}");
    assert_eq!(explanation.runnable, code.is_a_matter_of_turns());
    (hold.message.clone(), hold.until)
}

#[tokio::test]
async fn a_job_that_nothing_holds_has_no_causes() {
    let database = database().await;
    let store = &database.store;
    with_worker(store).await;
    let id = enqueue(store, job("plain")).await;
    let explanation = explain(store, id).await;
    assert!(explanation.runnable && explanation.reasons.is_empty());
    assert_eq!(explanation.status, JobStatus::Pending);
    let nobody = store.job_explain(99).await;
    assert!(matches!(nobody, Err(StoreError::NotFound)), "{nobody:?}");
    database.close().await;
}

#[tokio::test]
async fn a_job_that_runs_or_has_ended_says_so() {
    let database = database().await;
    let store = &database.store;
    let id = enqueue(store, job("plain")).await;
    let running = claim(store, 1).await.remove(0);
    let (message, _) = only(store, id, HoldCode::Running).await;
    assert_eq!(message, "worker runs it since 2026-11-24T12:00:00Z");
    store.job_cancel(id).await.unwrap();
    let (message, _) = only(store, id, HoldCode::Running).await;
    assert!(message.ends_with("was asked to stop"), "{message}");
    let error = "no luck".to_owned();
    let failed = Settlement::Fail {
        error,
        outcome: AttemptOutcome::Failed,
    };
    settle(store, &running, failed).await;
    let (message, _) = only(store, id, HoldCode::Ended).await;
    assert!(message.ends_with(": no luck"), "{message}");
    database.close().await;
}

#[tokio::test]
async fn time_holds_scheduled_jobs_retries_and_expired_ones() {
    let database = database().await;
    let store = &database.store;
    with_worker(store).await;
    let later = start() + TimeDelta::seconds(20);
    let scheduled = NewJob {
        scheduled_at: Some(later),
        ..job("plain")
    };
    let scheduled = enqueue(store, scheduled).await;
    let (_, until) = only(store, scheduled, HoldCode::Scheduled).await;
    assert_eq!(until, Some(later));

    let retried = enqueue(store, job("plain")).await;
    let run = claim(store, 1).await.remove(0);
    let retry = Settlement::Retry {
        delay: Duration::from_secs(10),
        error: "no luck".to_owned(),
        outcome: AttemptOutcome::Failed,
    };
    settle(store, &run, retry).await;
    let (_, until) = only(store, retried, HoldCode::RetryWait).await;
    assert_eq!(until, Some(start() + TimeDelta::seconds(10)));

    let expiring = NewJob {
        expires_at: Some(start() + TimeDelta::seconds(5)),
        ..job("plain")
    };
    let expiring = enqueue(store, expiring).await;
    assert_eq!(codes(store, expiring).await, []);
    database.advance(Duration::from_secs(5));
    only(store, expiring, HoldCode::Expired).await;
    // Due, but nobody has moved it over yet.
    database.advance(Duration::from_secs(5));
    let (message, _) = only(store, retried, HoldCode::RetryWait).await;
    assert!(message.ends_with("about to become pending"), "{message}");
    database.close().await;
}

#[tokio::test]
async fn each_job_that_must_complete_before_is_named() {
    let database = database().await;
    let store = &database.store;
    with_worker(store).await;
    let parents = enqueue_many(store, "plain", 2).await;
    let child = NewJob {
        after: parents.clone(),
        ..job("plain")
    };
    let child = enqueue(store, child).await;
    let reasons = explain(store, child).await.reasons;
    let blocked = reasons
        .iter()
        .filter(|hold| hold.code == HoldCode::BlockedByJobs);
    let named: Vec<_> = blocked.filter_map(|hold| hold.related_job_id).collect();
    assert_eq!((named, reasons.len()), (parents, 2));
    for run in claim(store, 2).await {
        complete(store, &run).await;
    }
    assert_eq!(codes(store, child).await, []);
    database.close().await;
}

#[tokio::test]
async fn pauses_say_why_by_whom_and_since_when() {
    let database = database().await;
    let store = &database.store;
    with_worker(store).await;
    let id = enqueue(store, job("plain")).await;
    pause(store, ControlKind::Queue, "default").await;
    let (message, _) = only(store, id, HoldCode::QueuePaused).await;
    assert_eq!(
        message,
        "the queue default is paused by ada since 2026-11-24T12:00:00Z: disk swap"
    );
    pause(store, ControlKind::JobType, "plain").await;
    let both = [HoldCode::QueuePaused, HoldCode::TypePaused];
    assert_eq!(codes(store, id).await, both);
    store
        .control_resume(ControlKind::Queue, "default".to_owned())
        .await
        .unwrap();
    only(store, id, HoldCode::TypePaused).await;
    database.close().await;
}

#[tokio::test]
async fn full_limits_say_how_full_they_are() {
    let database = database().await;
    let store = &database.store;
    with_worker(store).await;
    limit(store, ControlKind::Queue, "default", concurrency(3)).await;
    enqueue_many(store, "two", 2).await;
    enqueue(store, owned("keyed", "ada")).await;
    let running = claim(store, 9).await;
    assert_eq!(running.len(), 3);
    let two = enqueue(store, job("two")).await;
    let reasons = explain(store, two).await.reasons;
    let told: Vec<_> = reasons.iter().map(|hold| hold.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "3 of 3 jobs of the queue default are running",
            "2 of 2 jobs of the job type two are running"
        ]
    );
    let keyed = enqueue(store, owned("keyed", "ada")).await;
    // `two` is before it in the same queue.
    assert_eq!(
        codes(store, keyed).await,
        [
            HoldCode::QueueLimit,
            HoldCode::KeyLimit,
            HoldCode::WaitingInLine
        ]
    );
    assert!(!explain(store, keyed).await.runnable);
    let other = enqueue(store, owned("keyed", "bob")).await;
    complete(store, &running[0]).await;
    assert_eq!(codes(store, two).await, []);
    assert_eq!(codes(store, other).await, [HoldCode::WaitingInLine]);
    database.close().await;
}

#[tokio::test]
async fn a_rate_says_when_the_next_job_may_start() {
    let database = database().await;
    let store = &database.store;
    with_worker(store).await;
    let rated = enqueue_many(store, "rated", 4).await;
    assert_eq!(claim(store, 9).await.len(), 3);
    let (_, until) = only(store, rated[3], HoldCode::RateLimited).await;
    assert_eq!(until, Some(start() + TimeDelta::seconds(20)));
    database.advance(Duration::from_secs(20));
    assert_eq!(codes(store, rated[3]).await, []);
    database.close().await;
}

#[tokio::test]
async fn workers_that_are_gone_elsewhere_or_of_another_version_do_not_help() {
    let database = database().await;
    let store = &database.store;
    let id = enqueue(store, job("plain")).await;
    only(store, id, HoldCode::NoWorker).await;
    let elsewhere = WorkerCard {
        queues: vec!["side".to_owned()],
        ..card("a", None)
    };
    store.worker_seen(elsewhere).await.unwrap();
    let (message, _) = only(store, id, HoldCode::NoWorker).await;
    assert_eq!(message, "no live worker takes jobs from the queue default");
    let other = card("b", Some(&[("two", Some("f"))]));
    store.worker_seen(other).await.unwrap();
    let (message, _) = only(store, id, HoldCode::NoWorker).await;
    assert!(message.contains("jobs of the type plain"), "{message}");
    let newer = card("c", Some(&[("plain", Some("of tomorrow"))]));
    store.worker_seen(newer).await.unwrap();
    only(store, id, HoldCode::Schema).await;
    let any = card("d", Some(&[("plain", None)]));
    store.worker_seen(any).await.unwrap();
    assert_eq!(codes(store, id).await, []);

    // Gone without a word.
    database.advance(Duration::from_secs(29));
    assert_eq!(store.workers(9).await.unwrap().len(), 4);
    let any = card("d", Some(&[("plain", None)]));
    store.worker_seen(any).await.unwrap();
    database.advance(Duration::from_secs(1));
    let live = store.workers(9).await.unwrap();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].started_at, start());
    assert_eq!(live[0].seen_at, start() + TimeDelta::seconds(29));
    assert_eq!(codes(store, id).await, []);
    store.purge(9).await.unwrap();
    let rows = database.place().count("workers");
    assert_eq!(rows, 1);
    // Stopped.
    store.worker_gone("d".to_owned()).await.unwrap();
    only(store, id, HoldCode::NoWorker).await;
    database.close().await;
}

#[tokio::test]
async fn a_place_in_line_and_busy_workers_are_a_matter_of_turns() {
    let database = database().await;
    let store = &database.store;
    let busy = WorkerCard {
        slots: 2,
        ..card("worker", None)
    };
    store.worker_seen(busy).await.unwrap();
    enqueue_many(store, "plain", 2).await;
    assert_eq!(claim(store, 2).await.len(), 2);
    let waiting = enqueue_many(store, "plain", 3).await;
    let (message, _) = only(store, waiting[0], HoldCode::AllWorkersBusy).await;
    assert!(message.starts_with("all 2 slots"), "{message}");
    let last = explain(store, waiting[2]).await;
    assert!(last.runnable);
    assert_eq!(last.reasons[1].code, HoldCode::WaitingInLine);
    assert_eq!(
        last.reasons[1].message,
        "2 jobs come before it in its queue"
    );
    // A second worker has room.
    store.worker_seen(card("another", None)).await.unwrap();
    only(store, waiting[2], HoldCode::WaitingInLine).await;
    assert_eq!(codes(store, waiting[0]).await, []);
    database.close().await;
}

#[tokio::test]
async fn a_long_line_is_not_counted_to_its_end_and_a_held_job_stands_in_that_of_its_gate() {
    let database = database().await;
    let store = &database.store;
    with_worker(store).await;
    let plain = enqueue_many(store, "plain", 1_002).await;
    let (message, _) = only(store, plain[1_001], HoldCode::WaitingInLine).await;
    assert!(message.starts_with("1000 jobs or more"), "{message}");
    let (message, _) = only(store, plain[999], HoldCode::WaitingInLine).await;
    assert!(message.starts_with("999 jobs"), "{message}");
    for (after, left) in [(None, true), (Some(plain[999]), false)] {
        let deleted = store
            .job_bulk(BulkChange {
                action: BulkAction::Delete,
                filter: JobFilter::of_status(JobStatus::Pending),
                after,
                limit: 1_000,
                dry_run: false,
            })
            .await
            .unwrap();
        assert_eq!(deleted.next.is_some(), left);
    }
    let twos = enqueue_many(store, "two", 5).await;
    assert_eq!(claim(store, 9).await.len(), 2);
    let last = explain(store, twos[4]).await;
    let told: Vec<_> = last.reasons.iter().map(|hold| hold.code).collect();
    assert_eq!(told, [HoldCode::TypeLimit, HoldCode::WaitingInLine]);
    assert_eq!(
        last.reasons[1].message,
        "2 jobs come before it behind the same limit"
    );
    database.close().await;
}

#[tokio::test]
async fn all_causes_are_named_at_once() {
    let database = database().await;
    let store = &database.store;
    limit(store, ControlKind::JobType, "rated", concurrency(3)).await;
    enqueue_many(store, "rated", 3).await;
    assert_eq!(claim(store, 9).await.len(), 3);
    pause(store, ControlKind::Queue, "default").await;
    let all = NewJob {
        scheduled_at: Some(start() + TimeDelta::seconds(1)),
        after: vec![1],
        ..job("rated")
    };
    let id = enqueue(store, all).await;
    assert_eq!(
        codes(store, id).await,
        [
            HoldCode::Scheduled,
            HoldCode::BlockedByJobs,
            HoldCode::QueuePaused,
            HoldCode::TypeLimit,
            HoldCode::RateLimited,
            HoldCode::NoWorker
        ]
    );
    database.close().await;
}
