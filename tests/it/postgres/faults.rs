//! Connections that are killed, servers that are restarted, transactions that are refused: callers hear the truth, and mostly
//! that all is well.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use lockstep::{
    model::{JobFilter, NewJob, Settled, Settlement},
    store::{Claim, Store, StoreError},
};
use tokio::{sync::Mutex, time::timeout};

use super::conventions::open;
use crate::{
    cluster::{own_cluster::OwnCluster, proxy::Proxy},
    support::{
        database::analysis,
        place::{Place, client},
        process::until,
    },
};

/// Every connection to the database but the one that says so.
const TERMINATE: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid()";
/// Statements that wait for somebody's lock.
const WAITING: &str =
    "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
fn named(name: &str) -> NewJob {
    NewJob {
        payload: format!(r#"{{"message":"{name}"}}"#),
        ..analysis()
    }
}

/// A job that is stored, noted and committed by one statement when it is alone, and one that is not: it has a tag.
pub(super) fn both(name: &str) -> [NewJob; 2] {
    let tagged = NewJob {
        tags: vec!["tag".to_owned()],
        ..named(name)
    };
    [named(name), tagged]
}

/// How many jobs have each message.
async fn messages(store: &Store) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let mut before = None;
    loop {
        let page = store.job_list(JobFilter::default(), before, 500).await;
        let page = page.unwrap();
        let Some(last) = page.last() else {
            return found;
        };
        before = Some(last.id);
        for job in page {
            let payload: serde_json::Value = serde_json::from_str(&job.payload).unwrap();
            let message = payload["message"].as_str().unwrap().to_owned();
            *found.entry(message).or_default() += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_loses_nothing_that_was_acknowledged_and_doubles_nothing() {
    const CLIENTS: usize = 8;
    let cluster = Arc::new(OwnCluster::start());
    let place = Place::Url(cluster.url());
    let store = open(&place).await;
    let told = Arc::new(Mutex::new((BTreeSet::new(), Vec::new())));
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (store, told, stop) = (store.clone(), Arc::clone(&told), Arc::clone(&stop));
            tokio::spawn(async move {
                for count in 0.. {
                    let name = format!("{number}-{count}");
                    // Whoever is not told that it was stored does not ask again: another try would be another job.
                    match store.job_enqueue(named(&name)).await {
                        Ok(_) => told.lock().await.0.insert(name),
                        Err(error) => {
                            told.lock().await.1.push(error);
                            true
                        }
                    };
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            })
        })
        .collect();
    for round in 1..=3 {
        let (before, failed) = {
            let told = told.lock().await;
            (told.0.len(), told.1.len())
        };
        let goes_on = async || {
            let told = told.lock().await;
            told.0.len() >= before + 50 * round || told.1.len() >= failed + 1000
        };
        until("jobs are stored", goes_on).await;
        let ends = [OwnCluster::restart_immediately, OwnCluster::kill_and_start][round % 2];
        let cluster = Arc::clone(&cluster);
        let ended = tokio::task::spawn_blocking(move || ends(&cluster));
        ended.await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let (acknowledged, errors) = &*told.lock().await;
    for error in errors {
        assert!(error.retryable(), "{error:?}");
    }
    let stored = messages(&store).await;
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|name| !stored.contains_key(*name))
        .collect();
    assert!(lost.is_empty(), "acknowledged, but lost: {lost:?}");
    let double: Vec<_> = stored.iter().filter(|(_, count)| **count > 1).collect();
    assert!(double.is_empty(), "{double:?}");
    // What nobody was told of may be there or not.
    assert!(stored.len() <= acknowledged.len() + errors.len());
    assert_eq!(store.job_counts_check().await.unwrap(), []);
    store.close().await;
}

#[tokio::test]
async fn killed_connections_are_made_anew_and_nobody_notices() {
    let place = Place::new_postgres();
    let store = open(&place).await;
    for round in 1..=3 {
        place.execute(TERMINATE);
        let id = store.job_enqueue(analysis()).await.unwrap().job.id;
        assert!(store.job_get(id).await.unwrap().is_some());
        // A lane and a reader that were not killed when they were used.
        let run = claim(&store, 10).await.remove(0);
        place.execute(TERMINATE);
        let page = store.job_list(JobFilter::default(), None, 9).await;
        assert_eq!(page.unwrap().len(), round);
        let done = (run.0, run.1, Settlement::Complete { result: None });
        let settled = store.job_settle(vec![done]).await.unwrap();
        assert!(matches!(settled[0], Settled::Accepted(_)), "{settled:?}");
    }
    store.close().await;
    place.remove();
}

pub(super) async fn claim(store: &Store, limit: usize) -> Vec<(i64, lockstep::model::LeaseToken)> {
    let claim = Claim {
        queues: &["default"],
        worker: "here",
        limit,
        lease: Duration::from_mins(1),
        reads: None,
    };
    let claimed = store.job_claim(claim).await.unwrap().jobs;
    claimed.into_iter().map(|job| (job.id, job.lease)).collect()
}

#[tokio::test]
async fn a_statement_whose_connection_is_killed_is_run_again() {
    let place = Place::new_postgres();
    let store = open(&place).await;
    let id = store.job_enqueue(named("first")).await.unwrap().job.id;
    let holder = client(&place.url()).await;
    // Not even reading gets past it.
    let lock = "BEGIN; LOCK TABLE job_queue IN ACCESS EXCLUSIVE MODE";
    holder.batch_execute(lock).await.unwrap();
    let (writing, reading) = (store.clone(), store.clone());
    let write = tokio::spawn(async move { writing.job_enqueue(named("second")).await });
    let read = tokio::spawn(async move { reading.job_get(id).await });
    until("both wait", async || place.count(WAITING) == 2).await;
    let victims = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event_type = 'Lock'";
    place.execute(victims);
    holder.batch_execute("ROLLBACK").await.unwrap();
    write.await.unwrap().unwrap();
    assert_eq!(read.await.unwrap().unwrap().unwrap().id, id);
    assert!(messages(&store).await.values().all(|count| *count == 1));
    assert_eq!(place.count("job_queue"), 2);
    store.close().await;
    place.remove();
}

/// Two transactions that wait for each other: ours is the one that gives way, and begins again.
#[tokio::test]
async fn a_deadlock_is_none_of_the_callers_business() {
    let place = Place::new_postgres();
    let store = open(&place).await;
    for name in ["first", "second"] {
        let tagged = NewJob {
            concurrency_key: Some("k".to_owned()),
            ..named(name)
        };
        store.job_enqueue(tagged).await.unwrap();
    }
    let runs = claim(&store, 10).await;
    assert_eq!(runs.len(), 2);
    let other = client(&place.url()).await;
    // It is patient: it is not the one that looks for deadlocks.
    let begin = "SET deadlock_timeout = '1min'; SET lock_timeout = 0; BEGIN; \
         SELECT id FROM job_queue WHERE id = 2 FOR UPDATE";
    other.batch_execute(begin).await.unwrap();
    let settling = store.clone();
    let settle = tokio::spawn(async move {
        let done = |(id, lease)| (id, lease, Settlement::Complete { result: None });
        settling
            .job_settle(runs.into_iter().map(done).collect())
            .await
    });
    until("ours waits for the second", async || {
        place.count(WAITING) == 1
    })
    .await;
    let first = "SELECT id FROM job_queue WHERE id = 1 FOR UPDATE; COMMIT";
    other.batch_execute(first).await.unwrap();
    let settled = settle.await.unwrap().unwrap();
    assert!(
        settled
            .iter()
            .all(|one| matches!(one, Settled::Accepted(_))),
        "{settled:?}"
    );
    let deadlocks = "pg_stat_database WHERE datname = current_database() AND deadlocks > 0";
    until("the server counts it", async || place.count(deadlocks) == 1).await;
    store.close().await;
    place.remove();
}

/// The first transactions to store a job are refused as they are where somebody asks for a stricter isolation.
#[tokio::test]
async fn what_cannot_be_serialised_is_begun_again() {
    let place = Place::new_postgres();
    let store = open(&place).await;
    // A sequence counts refused transactions, too.
    place.execute(
        "CREATE SEQUENCE tries; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF nextval('tries') <= 3 THEN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001'; END IF; \
         RETURN NULL; END $$; \
         CREATE TRIGGER refuse AFTER INSERT ON job_queue FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
    );
    let enqueued = join_all((0..20).map(|_| store.job_enqueue(analysis()))).await;
    let ids: BTreeSet<_> = enqueued
        .into_iter()
        .map(|one| one.unwrap().job.id)
        .collect();
    assert_eq!((ids.len(), place.count("job_queue")), (20, 20));
    assert!(
        place.count("tries WHERE last_value > 3") == 1,
        "nothing was refused"
    );
    assert_eq!(store.job_counts_check().await.unwrap(), []);
    store.close().await;
    place.remove();
}

/// The same, where it shows only when they are to be committed: nobody is told that they are stored before that.
#[tokio::test]
async fn what_is_refused_at_the_commit_is_not_acknowledged() {
    let place = Place::new_postgres();
    let store = open(&place).await;
    place.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$; \
         CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON job_queue DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    for job in both("refused") {
        let refused = store.job_enqueue(job).await;
        assert!(
            matches!(refused, Err(StoreError::Internal(_))),
            "{refused:?}"
        );
    }
    assert_eq!(place.count("job_queue"), 0);
    store.close().await;
    place.remove();
}

/// The server takes what it is told and says nothing any more: no caller waits for it for ever.
#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    let place = Place::new_postgres();
    let proxy = Proxy::new(&place.url()).await;
    let url = format!("{}&statement_timeout=1000", proxy.url(&place.url()));
    let store = open(&Place::Url(url)).await;
    let id = store.job_enqueue(analysis()).await.unwrap().job.id;
    assert!(store.job_get(id).await.unwrap().is_some());
    proxy.cut();
    let silent = async { tokio::join!(store.job_enqueue(analysis()), store.job_get(id)) };
    let (enqueued, read) = timeout(Duration::from_secs(40), silent).await.unwrap();
    for error in [enqueued.unwrap_err(), read.unwrap_err()] {
        assert!(error.retryable(), "{error:?}");
    }
    proxy.restore();
    until("it works again", async || {
        store.job_enqueue(analysis()).await.is_ok() && store.job_get(id).await.is_ok()
    })
    .await;
    store.close().await;
    place.remove();
}
