//! Three servers and four workers on one PostgreSQL are killed at random, and the database is restarted as if the power
//! had gone, and killed: what was acknowledged is done, once, within its limits, and soon.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "one story, whose seed and figures are told, and whose seed can be given again"
)]

use std::{
    env,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use lockstep::{
    model::{ControlKind, ControlLimits, NewItem},
    store::Store,
};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::json;

use super::{
    crew::Crew,
    load::{NARROW, Told, client, requests},
    own_cluster::OwnCluster,
    verdict::{begun_since, check, count, tried_again},
    watcher::{Watcher, completed, try_connect},
};
use crate::support::{
    database::analysis,
    place::Place,
    process::{Home, Process, until},
};

const JOBS: i64 = 20_000;
const SERVERS: usize = 3;
const WORKERS: usize = 4;
const CLIENTS: usize = 6;
const KILLS: i64 = 20;
/// Jobs of the type, in all workers: fewer than those have slots.
const LIMIT: u32 = 150;
/// Jobs of the narrow queue.
const NARROW_LIMIT: u32 = 20;
/// Jobs beside those of the clients that wait when the database goes away.
const WAITING: usize = 1_000;
/// From the moment that the database accepts connections again to the next job that completes.
const RECOVERY: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_jobs_end_once_each_whoever_is_killed() {
    let seed = env::var("LOCKSTEP_TEST_SEED").map_or_else(
        |_| rand::random::<u32>().into(),
        |seed| seed.parse().unwrap(),
    );
    println!("LOCKSTEP_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let cluster = Arc::new(OwnCluster::start());
    let home = Home::at(Place::Url(cluster.url()));
    let store = home.store().await;
    for (kind, name, limit) in [
        (ControlKind::JobType, "data_analysis", LIMIT),
        (ControlKind::Queue, NARROW, NARROW_LIMIT),
    ] {
        let limits = ControlLimits {
            concurrency: Some(limit),
            ..ControlLimits::default()
        };
        let ordered = store.control_limit(kind, name.to_owned(), limits);
        ordered.await.unwrap();
    }
    let mut crew = Crew::start(home, SERVERS, WORKERS).await;
    let watcher = Watcher::start(cluster.url());
    let schedule = schedule(&crew).await;

    let began = Instant::now();
    let (early, late) = requests(&mut random);
    let told = Arc::new(Mutex::new(Told::default()));
    let mut clients = send(&crew, early, &told);
    for kill in 0..KILLS {
        watcher.reaches(kill * JOBS / KILLS).await;
        if kill == KILLS / 2 {
            break;
        }
        crew.kill_one(&mut random).await;
    }
    // The rest is sent while the database is away.
    clients.extend(send(&crew, late, &told));
    let mut recovery = vec![outage(&cluster, &store, OwnCluster::restart_immediately).await];
    for kill in KILLS / 2..KILLS {
        watcher.reaches(kill * JOBS / KILLS).await;
        if kill == KILLS * 3 / 4 {
            recovery.push(outage(&cluster, &store, OwnCluster::kill_and_start).await);
        }
        crew.kill_one(&mut random).await;
    }
    for client in clients {
        client.await.unwrap();
    }
    let http = reqwest::Client::new();
    until("the schedule is paused", async || {
        let pause = format!("{}/schedules/{schedule}/pause", address(&crew));
        let paused = Process::post(&http, &pause, &json!({})).await;
        paused.is_some_and(|(status, _)| status == 200)
    })
    .await;
    let database = try_connect(&cluster.url()).await.unwrap();
    let ended = "job_queue WHERE status IN ('completed', 'failed', 'cancelled')";
    let all = count(&database, "job_queue").await;
    watcher
        .reaches(i64::try_from(all * 99 / 100).unwrap())
        .await;
    until("every job has ended", async || {
        let waiting = tried_again(&database).await;
        assert!(waiting.is_empty(), "a run failed by itself: {waiting:#?}");
        count(&database, ended).await == count(&database, "job_queue").await
    })
    .await;
    let took = began.elapsed();

    let told = Arc::into_inner(told).unwrap().into_inner().unwrap();
    assert!(i64::try_from(told.created.len()).unwrap() >= JOBS);
    let ticks = check(&database, &told.created).await;
    let most = watcher.most();
    assert!(most.of_type <= LIMIT.into() && most.narrow <= NARROW_LIMIT.into());
    assert_eq!(store.job_counts_check().await.unwrap(), []);
    assert_eq!(store.findings().await.unwrap(), [] as [String; 0]);
    let failed = count(&database, "job_queue WHERE status = 'failed'").await;
    let lost = count(&database, "job_attempts WHERE outcome = 'lost'").await;
    println!(
        "{} jobs, {} by their unique key there already, {ticks} ticks in {took:.1?}; {} requests sent again; \
         {lost} runs lost, {failed} jobs failed; at most {} ran at once, {} of the narrow queue ({} looks)\n\
         {recovery:.1?} from the database's return to the next completed job, and to the next that had begun since",
        told.created.len(),
        told.existing,
        told.repeats,
        most.of_type,
        most.narrow,
        most.looks,
    );
    for [_, begun] in &recovery {
        assert!(*begun <= RECOVERY, "{recovery:?}");
    }
    store.close().await;
}

fn send(
    crew: &Crew,
    requests: Vec<super::load::Request>,
    told: &Arc<Mutex<Told>>,
) -> Vec<tokio::task::JoinHandle<()>> {
    let requests = Arc::new(Mutex::new(requests));
    (0..CLIENTS / 2)
        .map(|_| {
            let sending = client(crew.addresses(), Arc::clone(&requests), Arc::clone(told));
            tokio::spawn(sending)
        })
        .collect()
}

fn address(crew: &Crew) -> String {
    crew.addresses().lock().unwrap()[0].clone()
}

/// One that ticks every second, and makes up for every tick that it missed.
async fn schedule(crew: &Crew) -> i64 {
    let body = json!({
        "name": "every second", "job_type": "data_analysis", "payload": {"message": "tick"},
        "every_seconds": 1, "misfire": "all",
    });
    let url = format!("{}/schedules", address(crew));
    let (status, answer) = Process::post(&reqwest::Client::new(), &url, &body)
        .await
        .unwrap();
    assert_eq!(status, 201, "{answer}");
    answer["id"].as_i64().unwrap()
}

/// How long after the database's return the next job had completed, and the next that had also begun since.
async fn outage(
    cluster: &Arc<OwnCluster>,
    store: &Store,
    happens: fn(&OwnCluster),
) -> [Duration; 2] {
    let url = cluster.url();
    let before = try_connect(&url).await.unwrap();
    // Work that waits, however far the clients are.
    let item = || NewItem {
        job: analysis(),
        after_items: Vec::new(),
    };
    let items = (0..WAITING).map(|_| item()).collect();
    store.job_enqueue_all(items, None).await.unwrap();
    let restarting = {
        let cluster = Arc::clone(cluster);
        tokio::task::spawn_blocking(move || happens(&cluster))
    };
    until("the database goes away", async || {
        before.simple_query("").await.is_err()
    })
    .await;
    let there = Mutex::new(None);
    until("the database is back", async || {
        let connected = try_connect(&url).await;
        let back = connected.is_some();
        *there.lock().unwrap() = connected;
        back
    })
    .await;
    let back = Instant::now();
    let database = there.into_inner().unwrap().unwrap();
    let done = completed(&database).await.unwrap();
    until("a job completes", async || {
        completed(&database).await.unwrap() > done
    })
    .await;
    let next = back.elapsed();
    until("a job begins and completes", async || {
        begun_since(&database, back.elapsed()).await
    })
    .await;
    restarting.await.unwrap();
    [next, back.elapsed()]
}
