//! What got a 2xx survives SIGKILL: real processes, killed at random moments under load.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use lockstep::{
    clock::SystemClock,
    model::{AttemptOutcome, JobFilter, JobStatus},
    store::{Store, StoreConfig},
};
use lockstep_client::{Client, Lockstep};

use crate::cli::binary::{Home, Process};

const ROUNDS: usize = 12;
const CLIENTS: usize = 4;

/// What the clients were told.
#[derive(Default)]
struct Told {
    /// Ids of users whose creation was answered with 201.
    users: Mutex<BTreeSet<u64>>,
    answers: AtomicUsize,
    stop: AtomicBool,
}

fn serve(home: &Home, workers: bool) -> (Process, Client) {
    let mut arguments = vec!["serve", "--port", "0"];
    if !workers {
        arguments.push("--no-workers");
    }
    let (process, ready) =
        home.start_telling(&arguments, &[("LEASE_SECONDS", "1"), ("LOG_LEVEL", "info")]);
    let address = ready["listening"].as_str().unwrap().to_owned();
    let url = if address.starts_with("http") {
        address
    } else {
        format!("http://{address}")
    };
    (process, Lockstep::new(url).client().unwrap())
}

/// Creates users until told to stop or until the server is gone.
async fn create_users(client: Client, round: usize, number: usize, told: Arc<Told>) {
    for count in 0.. {
        let email = format!("u{round}-{number}-{count}@example.com");
        let body = client
            .create_user()
            .body_map(|user| user.email(email.as_str()).age(30));
        let Ok(user) = body.send().await else { return };
        told.users.lock().unwrap().insert(user.id.get());
        told.answers.fetch_add(1, Ordering::Relaxed);
        if told.stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9() {
    let home = Home::on_either();
    let told = Arc::new(Told::default());
    for round in 0..ROUNDS {
        let (server, client) = serve(&home, true);
        let before = told.answers.load(Ordering::Relaxed);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                tokio::spawn(create_users(
                    client.clone(),
                    round,
                    number,
                    Arc::clone(&told),
                ))
            })
            .collect();
        // At another moment in each round: after so many answers, while more are under way.
        while told.answers.load(Ordering::Relaxed) < before + 1 + round * 7 % 40 {
            tokio::task::yield_now().await;
        }
        server.signal("KILL");
        for client in clients {
            client.await.unwrap();
        }
        drop(server);
    }
    check(&home, &told).await;
}

/// Every acknowledged user is stored, every stored user has exactly one job, and the counters are exact.
async fn check(home: &Home, told: &Told) {
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let config = StoreConfig::new(home.place().url());
    let store = Store::open(&config, Arc::new(SystemClock), &log)
        .await
        .unwrap();
    assert_eq!(store.findings().await.unwrap(), [] as [String; 0]);
    assert_eq!(store.job_counts_check().await.unwrap(), []);
    let mut stored = BTreeSet::new();
    let mut after = 0;
    while let Some(last) = {
        let page = store.user_scan(after, 500).await.unwrap();
        stored.extend(
            page.iter()
                .map(|record| u64::try_from(record.user.id).unwrap()),
        );
        page.last().map(|record| record.user.id)
    } {
        after = last;
    }
    let told = told.users.lock().unwrap().clone();
    assert!(told.len() >= ROUNDS, "{} acknowledged", told.len());
    let lost: Vec<_> = told.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged, but lost: {lost:?}");
    let mut jobs: BTreeMap<u64, usize> = BTreeMap::new();
    let mut before = None;
    loop {
        let page = store
            .job_list(JobFilter::default(), before, 500)
            .await
            .unwrap();
        let Some(oldest) = page.last() else { break };
        before = Some(oldest.id);
        for job in page {
            let payload: serde_json::Value = serde_json::from_str(&job.payload).unwrap();
            *jobs
                .entry(payload["user_id"].as_u64().unwrap())
                .or_default() += 1;
        }
    }
    let with_job: BTreeSet<_> = jobs.keys().copied().collect();
    assert_eq!(with_job, stored, "every user has a job");
    assert!(jobs.values().all(|count| *count == 1), "and only one");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_survive_a_killed_and_a_frozen_worker() {
    const JOBS: usize = 60;
    let home = Home::on_either();
    let (server, client) = serve(&home, false);
    let variables = [("LEASE_SECONDS", "1"), ("WORKER_COUNT", "4")];
    let mut workers: Vec<_> = (0..3)
        .map(|_| home.start(&["worker"], &variables))
        .collect();
    for count in 0..JOBS {
        let enqueue = || client.enqueue_data_analysis().body_map(|body| body).send();
        while enqueue().await.is_err() {
            // Frozen in the middle of a commit, with SQLite's lock: that is another test's business.
            workers[0].signal("CONT");
            workers[0].signal("STOP");
        }
        if count == JOBS / 3 {
            workers.remove(0).signal("KILL");
            workers[0].signal("STOP");
        }
    }
    // The one that is left does everything, what the dead and the frozen one held included.
    loop {
        let stats = client.get_job_stats().send().await.unwrap();
        if stats.total.completed == i64::try_from(JOBS).unwrap() {
            break;
        }
        tokio::task::yield_now().await;
    }
    // The frozen one wakes up and settles late: nothing changes.
    workers[0].signal("CONT");
    workers[0].signal("TERM");
    assert_eq!(workers.remove(0).end(), Some(0));
    drop(workers);
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let config = StoreConfig::new(home.place().url());
    let store = Store::open(&config, Arc::new(SystemClock), &log)
        .await
        .unwrap();
    let filter = JobFilter::of_status(JobStatus::Completed);
    let completed = store.job_list(filter, None, JOBS * 2).await.unwrap();
    assert_eq!(completed.len(), JOBS);
    for job in completed {
        let runs = store.job_attempts(job.id, 100).await.unwrap();
        let accepted = runs
            .iter()
            .filter(|run| run.outcome == Some(AttemptOutcome::Completed))
            .count();
        assert_eq!(
            accepted, 1,
            "job {} has one accepted outcome: {runs:?}",
            job.id
        );
    }
    assert_eq!(store.job_counts_check().await.unwrap(), []);
    store.close().await;
}
