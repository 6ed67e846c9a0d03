//! Leases: order, heartbeats, expiry, two stores on one file.

use std::{collections::HashSet, time::Duration};

use chrono::TimeDelta;
use lockstep::{
    model::{ClaimedJob, JobStatus, LeaseState, Settled, Settlement},
    queue::EnqueueOptions,
    store::{Claim, Store},
};

use crate::support::database::{Database, analysis, analysis_with, start};

pub(super) const LEASE: Duration = Duration::from_secs(30);

pub(super) async fn claim(store: &Store, limit: usize) -> Vec<ClaimedJob> {
    let claim = Claim {
        queues: &["default"],
        worker: "worker-1",
        limit,
        lease: LEASE,
        reads: None,
    };
    store.job_claim(claim).await.unwrap().jobs
}

#[tokio::test]
async fn jobs_come_by_priority_then_time_then_id() {
    let database = Database::new().await;
    let times = [(0, 0), (5, -10), (5, -60), (0, -60), (5, -60)];
    for (priority, seconds) in times {
        let options = EnqueueOptions {
            priority: Some(priority),
            scheduled_at: Some(start() + TimeDelta::seconds(seconds)),
            ..EnqueueOptions::default()
        };
        database
            .store
            .job_enqueue(analysis_with(options))
            .await
            .unwrap();
    }
    let claimed = claim(&database.store, 10).await;
    assert_eq!(
        claimed.iter().map(|job| job.id).collect::<Vec<_>>(),
        [3, 5, 2, 4, 1]
    );
    database.close().await;
}

#[tokio::test]
async fn waiting_outweighs_priority_in_the_end() {
    let database = Database::new().await;
    let with = |priority| EnqueueOptions {
        priority: Some(priority),
        ..EnqueueOptions::default()
    };
    database
        .store
        .job_enqueue(analysis_with(with(0)))
        .await
        .unwrap();
    database.advance(Duration::from_secs(24 * 3600 + 1));
    database
        .store
        .job_enqueue(analysis_with(with(1)))
        .await
        .unwrap();
    assert_eq!(claim(&database.store, 1).await[0].id, 1);
    database.close().await;
}

#[tokio::test]
async fn a_job_of_the_future_waits_for_its_time() {
    let database = Database::new().await;
    let later = start() + TimeDelta::seconds(60);
    let options = EnqueueOptions {
        scheduled_at: Some(later),
        ..EnqueueOptions::default()
    };
    let job = database
        .store
        .job_enqueue(analysis_with(options))
        .await
        .unwrap()
        .job;
    assert_eq!(job.status, JobStatus::Scheduled);
    assert_eq!(claim(&database.store, 1).await, []);
    let early = database.store.job_promote(100).await.unwrap();
    assert_eq!((early.jobs, early.next_due), (0, Some(later)));
    database.advance(Duration::from_mins(1));
    let due = database.store.job_promote(100).await.unwrap();
    assert_eq!((due.jobs, due.next_due), (1, None));
    assert_eq!(claim(&database.store, 1).await.len(), 1);
    database.close().await;
}

#[tokio::test]
async fn a_claim_takes_only_its_queues_and_its_limit() {
    let database = Database::new().await;
    for _ in 0..3 {
        database.store.job_enqueue(analysis()).await.unwrap();
    }
    let other = Claim {
        queues: &["other"],
        worker: "w",
        limit: 9,
        lease: LEASE,
        reads: None,
    };
    assert_eq!(database.store.job_claim(other).await.unwrap().jobs, []);
    assert_eq!(claim(&database.store, 2).await.len(), 2);
    assert_eq!(claim(&database.store, 2).await.len(), 1);
    assert_eq!(claim(&database.store, 2).await.len(), 0);
    database.close().await;
}

#[tokio::test]
async fn every_acquisition_has_a_token_of_its_own() {
    let database = Database::new().await;
    for _ in 0..20 {
        database.store.job_enqueue(analysis()).await.unwrap();
    }
    let jobs = claim(&database.store, 20).await;
    let tokens: HashSet<_> = jobs.iter().map(|job| job.lease).collect();
    assert_eq!(tokens.len(), 20);
    database.close().await;
}

#[tokio::test]
async fn a_heartbeat_extends_and_tells_of_a_cancellation() {
    let database = Database::new().await;
    for _ in 0..2 {
        database.store.job_enqueue(analysis()).await.unwrap();
    }
    let jobs = claim(&database.store, 2).await;
    let leases: Vec<_> = jobs.iter().map(|job| (job.id, job.lease)).collect();
    database.store.job_cancel(2).await.unwrap();
    database.advance(Duration::from_secs(20));
    let states = database
        .store
        .job_heartbeat(leases.clone(), LEASE)
        .await
        .unwrap();
    assert_eq!(states, [LeaseState::Live, LeaseState::CancelRequested]);
    database.advance(Duration::from_secs(20));
    assert_eq!(database.store.job_rescue(9).await.unwrap().retaken, 0);
    database.advance(Duration::from_secs(20));
    assert_eq!(database.store.job_rescue(9).await.unwrap().retaken, 2);
    let states = database.store.job_heartbeat(leases, LEASE).await.unwrap();
    assert_eq!(states, [LeaseState::Lost, LeaseState::Lost]);
    let cancelled = database.store.job_get(2).await.unwrap().unwrap();
    assert_eq!(cancelled.status, JobStatus::Cancelled);
    database.close().await;
}

/// A worker can hold an old lease and, unknowingly, have got the same job again.
#[tokio::test]
async fn a_heartbeat_tells_an_old_lease_from_the_new_one_of_the_same_job() {
    let database = Database::new().await;
    database.store.job_enqueue(analysis()).await.unwrap();
    let old = claim(&database.store, 1).await.remove(0);
    database.advance(LEASE);
    database.store.job_rescue(9).await.unwrap();
    let new = claim(&database.store, 1).await.remove(0);
    let leases = vec![(1, old.lease), (1, new.lease), (1, old.lease)];
    let states = database.store.job_heartbeat(leases, LEASE).await.unwrap();
    assert_eq!(
        states,
        [LeaseState::Lost, LeaseState::Live, LeaseState::Lost]
    );
    database.close().await;
}

#[tokio::test]
async fn a_worker_that_was_given_up_changes_nothing() {
    let database = Database::new().await;
    database.store.job_enqueue(analysis()).await.unwrap();
    let first = claim(&database.store, 1).await.remove(0);
    database.advance(LEASE);
    assert_eq!(database.store.job_rescue(9).await.unwrap().retaken, 1);
    let second = claim(&database.store, 1).await.remove(0);
    assert_ne!(first.lease, second.lease);
    assert_eq!(second.attempt, 2);
    let complete = Settlement::Complete { result: None };
    let late = vec![(first.id, first.lease, complete.clone())];
    assert_eq!(
        database.store.job_settle(late).await.unwrap(),
        [Settled::Stale]
    );
    assert_eq!(
        database.store.job_get(1).await.unwrap().unwrap().status,
        JobStatus::Processing
    );
    let live = vec![
        (second.id, second.lease, complete.clone()),
        (second.id, second.lease, complete),
    ];
    let settled = database.store.job_settle(live).await.unwrap();
    assert_eq!(
        settled,
        [Settled::Accepted(JobStatus::Completed), Settled::Stale]
    );
    database.close().await;
}

#[tokio::test]
async fn the_third_lost_worker_quarantines_the_job() {
    let database = Database::new().await;
    database.store.job_enqueue(analysis()).await.unwrap();
    for lost in 1..=3 {
        assert_eq!(claim(&database.store, 1).await.len(), 1);
        database.advance(LEASE);
        let rescued = database.store.job_rescue(9).await.unwrap();
        assert_eq!(
            (rescued.retaken, rescued.quarantined),
            if lost < 3 { (1, 0) } else { (0, 1) }
        );
    }
    let job = database.store.job_get(1).await.unwrap().unwrap();
    assert_eq!(
        (job.status, job.lease_losses, job.retry_count),
        (JobStatus::Failed, 3, 0)
    );
    assert!(job.error_message.unwrap().starts_with("worker_lost"));
    let runs = database.store.job_attempts(1, 10).await.unwrap();
    assert_eq!(runs.len(), 3);
    // By hand it gets all its chances back.
    let job = database.store.job_retry(1).await.unwrap();
    assert_eq!(
        (job.status, job.lease_losses, job.completed_at),
        (JobStatus::Pending, 0, None)
    );
    database.close().await;
}

#[tokio::test]
async fn two_stores_on_one_file_never_claim_a_job_twice() {
    let database = Database::new().await;
    let other = database.another().await;
    for _ in 0..200 {
        database.store.job_enqueue(analysis()).await.unwrap();
    }
    let take = async |store: &Store| {
        let mut ids = Vec::new();
        loop {
            let jobs = claim(store, 3).await;
            if jobs.is_empty() {
                return ids;
            }
            ids.extend(jobs.into_iter().map(|job| job.id));
        }
    };
    let (here, there) = tokio::join!(take(&database.store), take(&other));
    let distinct: HashSet<_> = here.iter().chain(&there).collect();
    assert_eq!((distinct.len(), here.len() + there.len()), (200, 200));
    other.close().await;
    database.close().await;
}

#[tokio::test]
async fn another_store_on_the_file_is_woken() {
    let database = Database::new().await;
    let other = database.another().await;
    let mut wakeups = other.subscribe();
    database.store.job_enqueue(analysis()).await.unwrap();
    wakeups.changed().await;
    assert_eq!(claim(&other, 1).await.len(), 1);
    drop(wakeups);
    other.close().await;
    database.close().await;
}
