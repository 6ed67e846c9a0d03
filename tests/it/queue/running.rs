//! A started runner: it is woken, its runs do not disturb each other, cancelling and lost leases reach them.

use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use lockstep::{
    model::{AttemptOutcome, JobPolicy, JobStatus, NewJob, Settled, Settlement},
    queue::{EnqueueOptions, JobContext, JobError},
    store::Claim,
};
use tokio::{
    sync::{Notify, Semaphore},
    time::timeout,
};

use super::{config, doing, done, job, runner, runner_on, soon, until};
use crate::support::database::{Database, analysis, analysis_with, policy, start};

#[tokio::test]
async fn an_enqueued_job_wakes_an_idle_runner() {
    let db = Database::new().await;
    let handle = runner(&db, doing(async |_, _| done())).start().unwrap();
    // The runner polls once an hour: only a wake-up can be why each of them is done.
    for _ in 0..5 {
        let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
        until(&db, id, JobStatus::Completed).await;
    }
    soon(handle.stop_now()).await;
    db.close().await;
}

#[tokio::test]
async fn a_runner_deletes_what_is_not_kept_any_more() {
    let kept_for_an_hour = JobPolicy {
        keep_completed: Some(Duration::from_hours(1)),
        ..*policy("data_analysis")
    };
    let db = Database::with_policies(Box::leak(Box::new([kept_for_an_hour]))).await;
    let handle = runner(&db, doing(async |_, _| done())).start().unwrap();
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, id, JobStatus::Completed).await;
    soon(handle.stop_now()).await;
    db.advance(Duration::from_hours(1));
    let handle = runner(&db, doing(async |_, _| done())).start().unwrap();
    let mut wakeups = db.store.subscribe();
    soon(async {
        while db.store.job_get(id).await.unwrap().is_some() {
            let _ = timeout(Duration::from_millis(20), wakeups.changed()).await;
        }
    })
    .await;
    soon(handle.stop_now()).await;
    db.close().await;
}

#[tokio::test]
async fn another_process_wakes_it_too() {
    let db = Database::new().await;
    let handle = runner(&db, doing(async |_, _| done())).start().unwrap();
    let elsewhere = db.another().await;
    let id = elsewhere.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, id, JobStatus::Completed).await;
    soon(handle.stop_now()).await;
    elsewhere.close().await;
    db.close().await;
}

#[tokio::test]
async fn a_scheduled_job_runs_when_it_is_due() {
    let db = Database::new().await;
    let handle = runner(&db, doing(async |_, _| done())).start().unwrap();
    let later = EnqueueOptions {
        scheduled_at: Some(start() + chrono::TimeDelta::hours(1)),
        ..EnqueueOptions::default()
    };
    let id = db
        .store
        .job_enqueue(analysis_with(later))
        .await
        .unwrap()
        .job
        .id;
    let now = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, now, JobStatus::Completed).await;
    assert_eq!(job(&db, id).await.status, JobStatus::Scheduled);
    db.advance(Duration::from_hours(1));
    // The clock stands still, so it takes a change to make the promoter look.
    db.store.job_enqueue(analysis()).await.unwrap();
    until(&db, id, JobStatus::Completed).await;
    soon(handle.stop_now()).await;
    db.close().await;
}

#[tokio::test]
async fn more_jobs_than_slots_are_all_done() {
    let db = Database::new().await;
    let slots = Arc::new(Semaphore::new(3));
    let seen = Arc::clone(&slots);
    let registry = doing(move |_, _| {
        let slots = Arc::clone(&seen);
        async move {
            let _slot = slots.try_acquire().expect("more than three runs at once");
            tokio::task::yield_now().await;
            done()
        }
    });
    let mut last = 0;
    for _ in 0..50 {
        last = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    }
    let handle = runner(&db, registry).start().unwrap();
    for id in last - 49..=last {
        assert_eq!(until(&db, id, JobStatus::Completed).await.attempt, 1);
    }
    soon(handle.stop_now()).await;
    db.close().await;
}

#[tokio::test]
async fn panics_and_hung_runs_leave_their_neighbours_alone() {
    let db = Database::new().await;
    let registry = doing(async |_, message: String| match message.as_str() {
        "panic" => panic!("as told"),
        "hang" => pending().await,
        _ => done(),
    });
    let handle = runner(&db, registry).start().unwrap();
    let enqueue = async |payload: &str, timeout| {
        let job = NewJob {
            payload: payload.to_owned(),
            timeout,
            ..analysis()
        };
        db.store.job_enqueue(job).await.unwrap().job.id
    };
    let hour = Duration::from_hours(1);
    let hung = enqueue(r#"{"message":"hang"}"#, hour).await;
    let late = enqueue(r#"{"message":"hang"}"#, Duration::from_millis(50)).await;
    let panicking = enqueue(r#"{"message":"panic"}"#, hour).await;
    for _ in 0..10 {
        let id = enqueue("{}", hour).await;
        until(&db, id, JobStatus::Completed).await;
    }
    until(&db, panicking, JobStatus::RetryPending).await;
    until(&db, late, JobStatus::RetryPending).await;
    assert_eq!(job(&db, hung).await.status, JobStatus::Processing);
    soon(handle.stop_now()).await;
    assert_eq!(job(&db, hung).await.status, JobStatus::Pending);
    db.close().await;
}

#[tokio::test]
async fn a_running_job_can_be_cancelled() {
    let db = Database::new().await;
    let registry = doing(async |context: JobContext, _| {
        context.stop.cancelled().await;
        Err(JobError::Stopped)
    });
    let handle = runner(&db, registry).start().unwrap();
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, id, JobStatus::Processing).await;
    assert!(db.store.job_cancel(id).await.unwrap().cancel_requested);
    let cancelled = until(&db, id, JobStatus::Cancelled).await;
    assert_eq!(cancelled.retry_count, 0);
    let runs = db.store.job_attempts(id, 10).await.unwrap();
    assert_eq!(runs[0].outcome, Some(AttemptOutcome::Cancelled));
    soon(handle.stop_now()).await;
    db.close().await;
}

#[tokio::test]
async fn a_cancelled_run_that_does_not_listen_is_dropped() {
    let db = Database::new().await;
    let handle = runner(&db, doing(async |_, _| pending().await))
        .start()
        .unwrap();
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, id, JobStatus::Processing).await;
    db.store.job_cancel(id).await.unwrap();
    until(&db, id, JobStatus::Cancelled).await;
    soon(handle.stop_now()).await;
    db.close().await;
}

#[tokio::test]
async fn work_that_is_done_before_it_could_be_stopped_counts() {
    let db = Database::new().await;
    let registry = doing(async |context: JobContext, _| {
        context.stop.cancelled().await;
        done()
    });
    let handle = runner(&db, registry).start().unwrap();
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, id, JobStatus::Processing).await;
    db.store.job_cancel(id).await.unwrap();
    until(&db, id, JobStatus::Completed).await;
    soon(handle.stop_now()).await;
    db.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_blocks_its_thread_stops_no_heartbeat() {
    let db = Database::new().await;
    let (let_go, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let registry = doing(move |_, _| {
        let held = Arc::clone(&held);
        async move {
            // Returns when the test drops the other end.
            assert!(held.lock().unwrap().recv().is_err());
            done()
        }
    });
    let handle = runner(&db, registry).start().unwrap();
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, id, JobStatus::Processing).await;
    db.store.job_cancel(id).await.unwrap();
    // Only a heartbeat tells the runner, and it settles although the thread is still blocked.
    until(&db, id, JobStatus::Cancelled).await;
    drop(let_go);
    soon(handle.stop_now()).await;
    db.close().await;
}

#[tokio::test]
async fn the_outcome_of_a_lost_lease_changes_nothing() {
    let db = Database::new().await;
    let (told, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&told), Arc::clone(&finish));
    let registry = doing(move |context: JobContext, _| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            context.stop.cancelled().await;
            tell.notify_one();
            wait.notified().await;
            done()
        }
    });
    let mut config = config("zombie");
    config.worker_count = 1;
    config.grace = Duration::from_hours(1);
    let handle = runner_on(&db, db.store.clone(), registry, config)
        .start()
        .unwrap();
    let id = db.store.job_enqueue(analysis()).await.unwrap().job.id;
    until(&db, id, JobStatus::Processing).await;
    // Its lease runs out before its next heartbeat, and somebody else takes the job.
    soon(async {
        loop {
            db.advance(Duration::from_hours(1));
            if db.store.job_rescue(10).await.unwrap().retaken == 1 {
                break;
            }
        }
    })
    .await;
    let claim = Claim {
        queues: &["default"],
        worker: "other",
        limit: 1,
        lease: Duration::from_mins(1),
        reads: None,
    };
    let [mine] = &db.store.job_claim(claim).await.unwrap().jobs[..] else {
        panic!("not claimed")
    };
    soon(told.notified()).await;
    finish.notify_one();
    soon(handle.stop(Duration::from_hours(1))).await;
    let running = job(&db, id).await;
    assert_eq!(
        (running.status, running.worker.as_deref()),
        (JobStatus::Processing, Some("other"))
    );
    let mine = (id, mine.lease, Settlement::Complete { result: None });
    let settled = db.store.job_settle(vec![mine]).await.unwrap();
    assert_eq!(settled, [Settled::Accepted(JobStatus::Completed)]);
    assert_eq!(job(&db, id).await.result, None);
    db.close().await;
}

#[tokio::test]
async fn two_runners_never_run_one_job_at_the_same_time() {
    let db = Database::new().await;
    // Job → (runs now, runs ever).
    let runs: Arc<Mutex<HashMap<i64, (u32, u32)>>> = Arc::default();
    let mut handles = Vec::new();
    let stores = [db.another().await, db.another().await];
    for (number, store) in stores.iter().enumerate() {
        let runs = Arc::clone(&runs);
        let registry = doing(move |context: JobContext, _| {
            let runs = Arc::clone(&runs);
            async move {
                {
                    let mut runs = runs.lock().unwrap();
                    let job = runs.entry(context.job_id).or_default();
                    *job = (job.0 + 1, job.1 + 1);
                    assert_eq!(job.0, 1, "two runs of one job at the same time");
                }
                tokio::task::yield_now().await;
                runs.lock().unwrap().entry(context.job_id).or_default().0 -= 1;
                done()
            }
        });
        let config = config(&format!("runner-{number}"));
        handles.push(
            runner_on(&db, store.clone(), registry, config)
                .start()
                .unwrap(),
        );
    }
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(db.store.job_enqueue(analysis()).await.unwrap().job.id);
    }
    for id in &ids {
        until(&db, *id, JobStatus::Completed).await;
    }
    for handle in &handles {
        soon(handle.stop_now()).await;
    }
    let runs = runs.lock().unwrap().clone();
    assert_eq!(runs.len(), 100);
    assert!(
        runs.values().all(|(now, ever)| (*now, *ever) == (0, 1)),
        "{runs:?}"
    );
    for store in stores {
        store.close().await;
    }
    db.close().await;
}
