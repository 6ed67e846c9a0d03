//! Workers killed a hundred times while they have jobs: each job ends once, and a limit holds all the while.

use lockstep::{
    model::{
        AttemptOutcome, ControlKind, ControlLimits, JobAttempt, JobCounts, JobFilter, JobStatus,
        NewItem,
    },
    store::Store,
};
use rand::Rng;

use crate::support::{
    database::analysis,
    place::on_postgres,
    process::{Home, Process, until},
};

const KILLS: usize = 100;
const WORKERS: usize = 3;
/// Jobs that may run at the same time, in all workers.
const LIMIT: u32 = 10;

/// With a limit, each job of the thousands is a few commits: on PostgreSQL that is some milliseconds.
fn jobs() -> usize {
    if on_postgres() { 2_000 } else { 5_000 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_jobs_end_once_each_though_a_hundred_workers_are_killed() {
    let home = Home::new();
    let store = home.store().await;
    let limits = ControlLimits {
        concurrency: Some(LIMIT),
        ..ControlLimits::default()
    };
    let job_type = "data_analysis".to_owned();
    store
        .control_limit(ControlKind::JobType, job_type, limits)
        .await
        .unwrap();
    let work = async || home.start(&["worker"], &[("WORKER_COUNT", "8")]).await;
    let mut workers: Vec<Process> = Vec::new();
    for _ in 0..WORKERS {
        workers.push(work().await);
    }
    for _ in 0..KILLS {
        enqueue(&store, jobs() / KILLS).await;
        until("a worker has a job", async || {
            let counts = counts(&store).await;
            assert!(counts.processing <= i64::from(LIMIT), "{counts:?}");
            counts.processing > 0
        })
        .await;
        let victim = rand::rng().random_range(0..workers.len());
        workers.swap_remove(victim).kill();
        workers.push(work().await);
    }
    until("every job has ended", async || {
        let counts = counts(&store).await;
        counts.completed + counts.failed == i64::try_from(jobs()).unwrap()
    })
    .await;
    drop(workers);
    let lost = check(&store).await;
    assert!(lost > 0, "no worker died with a job");
    assert_eq!(store.job_counts_check().await.unwrap(), []);
    assert_eq!(store.findings().await.unwrap(), [] as [String; 0]);
    store.close().await;
}

async fn enqueue(store: &Store, count: usize) {
    let item = || NewItem {
        job: analysis(),
        after_items: Vec::new(),
    };
    let items = (0..count).map(|_| item()).collect();
    store.job_enqueue_all(items, None).await.unwrap();
}

async fn counts(store: &Store) -> JobCounts {
    let types = store.job_counts().await.unwrap();
    types
        .first()
        .map(|of_type| of_type.counts)
        .unwrap_or_default()
}

/// Looks at every job's history. Answers how many runs were lost.
async fn check(store: &Store) -> usize {
    let (mut seen, mut lost, mut before) = (0, 0, None);
    loop {
        let page = store
            .job_list(JobFilter::default(), before, 500)
            .await
            .unwrap();
        let Some(oldest) = page.last() else { break };
        before = Some(oldest.id);
        for job in page {
            let runs = store.job_attempts(job.id, 100).await.unwrap();
            lost += of(&runs, AttemptOutcome::Lost);
            let completed = of(&runs, AttemptOutcome::Completed);
            match job.status {
                JobStatus::Completed => assert_eq!(completed, 1, "{job:?} {runs:?}"),
                // The third worker died with it.
                JobStatus::Failed => assert_eq!((completed, job.lease_losses), (0, 3), "{job:?}"),
                _ => panic!("{job:?}"),
            }
            assert_eq!(
                runs.len(),
                usize::try_from(job.attempt).unwrap(),
                "{runs:?}"
            );
            for pair in runs.windows(2) {
                let overlap = pair[0].finished_at.unwrap() - pair[1].started_at;
                assert!(overlap <= chrono::TimeDelta::zero(), "{runs:?}");
            }
            seen += 1;
        }
    }
    assert_eq!(seen, jobs());
    lost
}

fn of(runs: &[JobAttempt], outcome: AttemptOutcome) -> usize {
    let with = |run: &&JobAttempt| run.outcome == Some(outcome);
    runs.iter().filter(with).count()
}
